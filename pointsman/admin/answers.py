"""Answers that are written beside everything else: the statistics page, Prometheus' metrics (rules/service.py).

    lane --(question, a socket)--> control: a task writes head and body to the socket, in slices, and a NUL at the end

With one process the same task runs there. A slice takes about a millisecond, then others have a go: checks, the runtime
socket, and, with one process, traffic. A writer waits for a client that takes its time; the lane closes the socket of
one that has left, or is too slow.
"""

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Final

from pointsman.core.registry import Registry
from pointsman.rules.service import Ask

SLICE: Final = 0.001  # s
PIECE: Final = 65_536  # characters that are sent at once
END: Final = b"\0"
Question = Mapping[str, str]


class AnswerWriter:
    """Where one answer is written."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self.loop = loop
        self.sock = sock
        self.waiting: list[str] = []
        self.size = 0
        self.since = monotonic()

    async def head(self, status: int, **fields: str) -> None:
        """The status and the fields; an underscore stands for a hyphen."""
        lines = [str(status), *[f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]]
        await self.write("\n".join(lines) + "\n\n")

    async def write(self, text: str) -> None:
        """A piece of the body. Others have a go, if it is time."""
        self.waiting.append(text)
        self.size += len(text)
        if self.size >= PIECE:
            await self.flush()
        await self.pause()

    async def flush(self) -> None:
        data = "".join(self.waiting).encode("utf-8", "surrogateescape").replace(END, b"?")
        self.waiting = []
        self.size = 0
        await self.loop.sock_sendall(self.sock, data)

    async def pause(self) -> None:
        """To be called in every step of a long work."""
        if monotonic() - self.since > SLICE:
            await asyncio.sleep(0)
            self.since = monotonic()

    async def end(self) -> None:
        await self.flush()
        await self.loop.sock_sendall(self.sock, END)


Writer = Callable[[AnswerWriter, Question], Awaitable[None]]


class Answers:
    """In the process that writes them. `writers`: by the name that questions carry."""

    def __init__(self) -> None:
        self.writers: Registry[Writer] = Registry("writer of answers")
        self.loop: asyncio.AbstractEventLoop | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.far: Ask | None = None  # in a lane: the way to that process

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def ask(self, name: str, question: Question) -> int:
        """A descriptor by which the answer of this writer comes; -1: it cannot be had."""
        if self.far is not None:
            return self.far(name, question)
        if self.loop is None:
            return -1
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError:
            return -1
        self.take(name, question, theirs)
        return ours.detach()

    def take(self, name: str, question: Question, sock: socket.socket) -> None:
        """A question has come."""
        assert self.loop is not None
        task = self.loop.create_task(self._write(name, question, sock))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _write(self, name: str, question: Question, sock: socket.socket) -> None:
        assert self.loop is not None
        with sock:
            writer = self.writers.get(name)
            assert writer is not None
            out = AnswerWriter(self.loop, sock)
            try:
                await writer(out, question)
                await out.end()
            except OSError:
                return  # the client has left
            except Exception:  # a bug: the client sees that the answer is not whole
                traceback.print_exc(file=sys.stderr)


def received(descriptors: list[int]) -> socket.socket | None:
    """The socket that came with a question."""
    for fd in descriptors[1:]:
        os.close(fd)
    if not descriptors:
        return None
    os.set_inheritable(descriptors[0], False)
    sock = socket.socket(fileno=descriptors[0])
    sock.setblocking(False)
    return sock
