"""Cuts HTTP/1 messages out of raw bytes, for test clients and test servers.

Deliberately simple and independent of the package under test. The head is kept as the exact bytes received; a chunked
body is shown as its data and its trailers, because where a sender cuts its chunks is its own affair.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_BODYLESS = frozenset({204, 304})


class Incomplete(Exception):
    """More bytes are needed."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: exact head, decoded body, how the body was framed, trailer lines."""

    head: bytes
    body: bytes = b""
    framing: str = "none"
    trailers: bytes = b""

    @property
    def status(self) -> int:
        """The status code, 0 of a request."""
        words = self.head.split(b" ", 2)
        return int(words[1]) if words[0].startswith(b"HTTP/") and words[1].isdigit() else 0

    @property
    def path(self) -> str:
        """The request target."""
        return self.head.split(b" ", 2)[1].decode("latin-1")

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        found = re.search(rb"(?im)^" + re.escape(name.encode()) + rb"[ \t]*:[ \t]*(.*?)[ \t]*\r?$", self.head)
        return found[1].decode("latin-1") if found else None

    def lines(self) -> list[str]:
        """The message for a transcript, one line a list element."""
        shown = [printable(line) for line in self.head.rstrip(b"\r\n").split(b"\r\n")]
        if self.framing != "none":
            shown.append(f"[{self.framing}] {show(self.body)}")
        if self.trailers:
            shown.append(f"[trailers] {self.trailers!r}")
        return shown


def printable(line: bytes) -> str:
    """A header line as text, control and high bytes as \\xNN."""
    return re.sub(r"[\x00-\x1f\x7f-\xff]", lambda match: f"\\x{ord(match[0]):02x}", line.decode("latin-1"))


def show(data: bytes) -> str:
    """Bytes for a transcript: themselves when short, else length and digest."""
    if len(data) <= 600:
        return repr(data)[1:]
    return f"{len(data)} bytes, sha1 {hashlib.sha1(data).hexdigest()[:12]}"


def head_end(data: bytes) -> int:
    """Where the head ends, behind its empty line; -1 as long as that has not come."""
    found = re.search(rb"\r?\n\r?\n", data)
    return found.end() if found else -1


def cut(data: bytes, *, head_only: bool = False, ended: bool = False) -> tuple[Message, bytes]:
    """The first message of `data` and what follows it; raises Incomplete.

    head_only: the answer to a HEAD request. ended: no more bytes will come, which completes a close-delimited body.
    """
    end = head_end(data)
    if end < 0:
        raise Incomplete
    head, rest = data[:end], data[end:]
    bare = Message(head)
    response = head.startswith(b"HTTP/")
    if response and (head_only or bare.status < 200 or bare.status in _BODYLESS):
        return bare, rest
    if "chunked" in (bare.header("transfer-encoding") or "").lower():
        body, trailers, rest = _chunked(rest)
        return Message(head, body, "chunked", trailers), rest
    length = bare.header("content-length")
    if length is not None and length.isdigit():
        if len(rest) < int(length):
            raise Incomplete
        return Message(head, rest[: int(length)], "length"), rest[int(length) :]
    if not response:
        return bare, rest
    if not ended:
        raise Incomplete
    return Message(head, rest, "close"), b""


def _chunked(data: bytes) -> tuple[bytes, bytes, bytes]:
    body = b""
    while True:
        line, found, data = data.partition(b"\r\n")
        if not found:
            raise Incomplete
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        if len(data) < size + 2:
            raise Incomplete
        body += data[:size]
        data = data[size + 2 :]
    if data.startswith(b"\r\n"):
        return body, b"", data[2:]
    end = head_end(data)
    if end < 0:
        raise Incomplete
    return body, data[: end - 2], data[end:]
