"""Network namespaces that tests make, join by cables and go into: they need root.

A network has a name of its own on the machine (`ip netns`), for programs that are told names. Whoever is `inside` makes
its sockets and starts its programs there; a socket stays where it was made.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pointsman.net.tcp_options import sign_for_all
from support.programs import POINTSMAN, Kind

# Programs are started by this process, in the network that it is in, and not by one that stands elsewhere (forked.py).
POINTSMAN_INSIDE = Kind(POINTSMAN.name, POINTSMAN.command)
_CLONE_NEWNET = 0x40000000  # <sched.h>
_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS = itertools.count()


def _signs() -> bool:
    with socket.socket() as sock:
        try:
            sign_for_all(sock, socket.AF_INET, b"password")
        except OSError:
            return False
        return True


SIGNS = _signs()  # the kernel signs segments of TCP (tcp-md5sig)


def ip(*words: str) -> None:
    """The program ip(8), which has to succeed."""
    done = subprocess.run(["ip", *words], capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


class Network:
    """A network namespace with a loopback interface. Use as a context."""

    def __init__(self) -> None:
        self.name = f"pointsman-test-{os.getpid()}-{next(_NUMBERS)}"
        ip("netns", "add", self.name)
        self._namespace = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> None:
        """ip(8) there."""
        ip("-n", self.name, *words)

    def address(self, address: str, device: str = "lo") -> None:
        """One more address there, as in "10.1.0.1/24"."""
        self.ip("address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in that network."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _enter(self._namespace)
            yield
        finally:
            _enter(before)
            os.close(before)

    def close(self) -> None:
        """It lasts for as long as somebody is there."""
        os.close(self._namespace)
        ip("netns", "delete", self.name)

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def cable(one: Network, device: str, other: Network, other_device: str) -> None:
    """A cable between two networks, by the names of its ends."""
    one.ip("link", "add", device, "type", "veth", "peer", "name", other_device, "netns", other.name)
    one.ip("link", "set", device, "up")
    other.ip("link", "set", other_device, "up")


class Mirror:
    """A server of HTTP that answers each request with where its connection comes from: "10.1.0.1 4711"."""

    def __init__(self, address: str, port: int) -> None:
        self._listener = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=64
        )
        self.seen: list[tuple[str, int]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, address = self._listener.accept()
            except OSError:
                return
            self.seen.append((str(address[0]), int(address[1])))
            threading.Thread(target=_reflect, args=(sock, "{} {}".format(*address)), daemon=True).start()

    def close(self) -> None:
        """It accepts no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _reflect(sock: socket.socket, text: str) -> None:
    data = b""
    answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()
    with sock:
        try:
            while received := sock.recv(65536):
                data += received
                while b"\r\n\r\n" in data:
                    data = data.partition(b"\r\n\r\n")[2]
                    sock.sendall(answer)
        except OSError:
            return
