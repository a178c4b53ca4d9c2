"""What the peer program makes of values: one process that lives for a whole test, asked by requests.

    with Oracle(["var(txn.v),b64dec,lower"], folder) as oracle:
        oracle.ask({"v": base64})    what each expression yields: bytes as they are, or None: no sample

The fields of a request are variables. All expressions are evaluated for each request, and what they yield comes back in
hexadecimal digits.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from support.programs import HAPROXY, Kind, Program

CONFIG = """
global
    tune.http.maxhdr 32767
    tune.bufsize 8388608
    tune.maxrewrite 8000000
{more}
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout http-request 60s
    timeout http-keep-alive 300s
    timeout server 5s
{backends}
frontend f
    bind 127.0.0.1:{port:front}
{variables}
{lines}
    http-request return status 200
"""


class Oracle:
    """`more` and `backends` are further lines of the global section, and further sections."""

    def __init__(
        self,
        expressions: Sequence[str],
        folder: Path,
        kind: Kind = HAPROXY,
        more: str = "",
        backends: str = "",
        fields: Sequence[str] = ("v",),
    ) -> None:
        self.expressions = expressions
        lines = "\n".join(
            f"    http-after-response set-header x-{number} %[{quoted(text)},hex] if {{ {quoted(text)} -m found }}"
            for number, text in enumerate(expressions)
        )
        variables = "\n".join(f"    http-request set-var(txn.{name}) req.hdr({name})" for name in fields)
        text = CONFIG.replace("{lines}", lines).replace("{variables}", variables)
        text = text.replace("{more}", more).replace("{backends}", backends)
        self.program = Program(kind, text, folder, {})
        self.sock: socket.socket | None = None

    def __enter__(self) -> Oracle:
        self.program.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.sock is not None:
            self.sock.close()
        self.program.__exit__(kind, error, trace)

    def ask(self, fields: Mapping[str, bytes]) -> list[bytes | None]:
        """What each expression yields for a request with these fields."""
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.program.ports["front"]), 5)
        head = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in fields.items())
        self.sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n" + head + b"\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = self.sock.recv(1 << 20)
            if not data:
                raise EOFError(f"the program has closed the connection, after {answer!r}")
            answer += data
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"no answer to {fields!r}: {answer[:200]!r}")
        found: list[bytes | None] = [None] * len(self.expressions)
        for line in answer.split(b"\r\n"):
            name, _, value = line.partition(b": ")
            if name.startswith(b"x-"):
                found[int(name[2:])] = bytes.fromhex(value.decode())
        return found


def quoted(text: str) -> str:
    """As a word of a configuration: quotes, blanks and the rest are protected."""
    return "".join("\\" + char if char in " \"'\\#" else char for char in text)
