"""Never come back."""


def attack():
    while True:
        pass
