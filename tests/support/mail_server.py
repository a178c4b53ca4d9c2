"""A server of mails by SMTP that keeps what it gets, and may be made to answer badly.

`replies`: what it says to a command, by its first word (b"" is the connection itself, b"." the end of a mail); "" there
is no reply at all. Each connection has a thread of its own.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

GOOD = {b"": b"220 ready\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


@dataclass
class Received:
    """What came by one connection."""

    commands: list[bytes] = field(default_factory=list)
    content: bytes = b""  # of a mail that came to its end
    taken: bool = False  # its sender was told so
    over: bool = False  # the connection was closed

    @property
    def header(self) -> dict[str, str]:
        lines = self.content.decode().partition("\r\n\r\n")[0].split("\r\n")
        return {name: value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def subject(self) -> str:
        return self.header["Subject"]


class MailServer:
    def __init__(self, replies: Mapping[bytes, bytes] | None = None) -> None:
        self.replies = {**GOOD, **(replies or {})}
        self.received: list[Received] = []
        self.open = threading.Event()  # until it is set, nobody is answered
        self.open.set()
        self.ended = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    @property
    def subjects(self) -> list[str]:
        """Of all mails that it has taken, in their order."""
        return [one.subject for one in list(self.received) if one.taken]

    def __enter__(self) -> MailServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.ended.set()
        self.open.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.threads[0].join(15)
        self.listener.close()
        for thread in self.threads[1:]:
            thread.join(15)

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        one = Received()
        self.received.append(one)
        self.open.wait()
        with connection, suppress(OSError):
            self._talk(connection, one)
        one.over = True

    def _talk(self, connection: socket.socket, one: Received) -> None:
        connection.settimeout(0.05)
        connection.sendall(self.replies[b""])
        buffer, data = b"", False
        while not self.ended.is_set():
            try:
                more = connection.recv(65536)
            except TimeoutError:
                continue
            if not more:
                return
            buffer += more
            while (end := b"\r\n.\r\n" if data else b"\r\n") in buffer:
                part, buffer = buffer.split(end, 1)
                if data:
                    one.content = part + b"\r\n"
                    word, data = b".", False
                else:
                    one.commands.append(part)
                    word = part.partition(b" ")[0].upper()
                reply = self.replies.get(word, b"250 fine\r\n")
                data = word == b"DATA" and reply.startswith(b"3")
                one.taken = one.taken or (word == b"." and reply.startswith(b"2"))
                connection.sendall(reply)
