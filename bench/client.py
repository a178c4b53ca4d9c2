"""One HTTP exchange with sockets that may block: for what is looked at outside of the load."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, whole."""

    status: int
    lines: list[bytes]
    body: bytes

    def has(self, name: bytes) -> bool:
        """Whether there is a header of that name (lower case)."""
        return any(line.lower().startswith(name + b":") for line in self.lines)


def content_length(lines: list[bytes]) -> int:
    """Of a response's header lines; 0 where there is none."""
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def exchange(sock: socket.socket, request: bytes) -> Answer:
    """Send a request, read its answer. EOFError if the other side closes before that."""
    sock.sendall(request)
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(sock)
    first, *lines = data[:end].split(b"\r\n")
    length = content_length(lines)
    body = data[end + 4 :]
    while len(body) < length:
        body += _more(sock)
    return Answer(int(first.split(b" ")[1]), lines, body)


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(262144)
    if not data:
        raise EOFError("closed before the end of an answer")
    return data


def trusting() -> ssl.SSLContext:
    """For clients that take any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def once(port: int, request: bytes, timeout: float = 10, tls: bool = False) -> Answer:
    """An exchange on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        if not tls:
            return exchange(sock, request)
        with trusting().wrap_socket(sock, server_hostname="www.example.com") as secured:
            return exchange(secured, request)
