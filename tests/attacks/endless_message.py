"""Raise an exception whose message never comes to an end."""


class Endless(Exception):
    def __str__(self):
        while True:
            pass


def attack():
    raise Endless
