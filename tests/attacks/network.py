"""Reach the network, this machine's own ports and other processes' sockets."""

import contextlib
import socket
import urllib.request


def attack():
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 22)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("8.8.8.8", 53)),
        (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 80)),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0abstract"),
        (socket.AF_UNIX, socket.SOCK_STREAM, "/run/dbus/system_bus_socket"),
    ):
        with contextlib.suppress(OSError), socket.socket(family, kind) as connection:
            return connection.connect_ex(address) or True
    with contextlib.suppress(OSError):
        return urllib.request.urlopen("http://example.org", timeout=1)
    return False
