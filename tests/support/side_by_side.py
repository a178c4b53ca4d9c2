"""haproxy and Pointsman with the same configuration at the same time, and what their tables hold (tests/peer)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.dumps import dump
from support.programs import HAPROXY, POINTSMAN, Program

PATIENCE = 3.0  # s for tables to become equal: what ends is counted a moment later


@contextmanager
def both(text: str, folder: Path) -> Iterator[tuple[Program, Program]]:
    """Theirs and ours, at work; their stats sockets are `s` in their folders."""
    theirs, ours = (Program(kind, text, folder / kind.name) for kind in (HAPROXY, POINTSMAN))
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        list(pool.map(stack.enter_context, (theirs, ours)))
        yield theirs, ours


def tables(program: Program, names: Iterable[str]) -> dict[str, object]:
    """Their entries."""
    return {name: dump(program.folder / "s", name) for name in names}


def settled(programs: tuple[Program, Program], names: Iterable[str]) -> tuple[dict[str, object], dict[str, object]]:
    """The tables of both, as soon as they are equal, or as they are after a while."""
    names = list(names)
    limit = time.monotonic() + PATIENCE
    while True:
        theirs, ours = (tables(one, names) for one in programs)
        if ours == theirs or time.monotonic() >= limit:
            return theirs, ours
        time.sleep(0.03)


class Connections:
    """Of a client to the port `front` of a program, by numbers; made when they are needed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.open: dict[int, socket.socket] = {}

    def get(self, number: int) -> socket.socket:
        connection = self.open.get(number)
        if connection is None:
            address = ("127.0.0.1", self.program.ports["front"])
            connection = self.open[number] = socket.create_connection(address, 10)
        return connection

    def drop(self, number: int) -> None:
        """It is over."""
        self.open.pop(number).close()

    def close(self) -> None:
        for connection in self.open.values():
            connection.close()
