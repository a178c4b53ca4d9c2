"""Servers that fail in every way there is, by plan, and remember what they were asked.

    with FaultyServers(plan, "a", "b") as servers:        # two ports, served by one thread
        servers.ports["a"] ...
        servers.asked["17"]                               # [("a", "fin"), ("b", "none")]: what became of each attempt

A request names itself: its path is /<backend>/<name>. `plan` says what becomes of it, by server, name and the number of
the attempt. Each answer ends its connection, so that an attempt is one connection. A server called ABORTS resets each
connection as soon as it is there.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from support.threaded_servers import ThreadedServers

Plan = Callable[[str, str, int], str]  # server, name, attempt from 0 on: a fault

GOOD: Final = "none"
ABORTS: Final = "aborts"
_HEAD: Final = b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
SENT: Final[Mapping[str, bytes]] = {  # what is sent before the connection is closed
    "fin": b"",
    "half-line": b"HTTP/1.1 20",
    "half-head": b"HTTP/1.1 200 OK\r\nContent-",
    "junk": b"nonsense\r\n\r\n",
    "bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "oversize": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
    "switched": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "hint-fin": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "half-body": _HEAD % (200, 50) + b"half",
}


class FaultyServers(ThreadedServers):
    def __init__(self, plan: Plan, *names: str) -> None:
        self.plan = plan
        super().__init__(*names)
        self.asked: dict[str, list[tuple[str, str]]] = defaultdict(list)

    async def talk(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if server == ABORTS:
            writer.transport.abort()
            return
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.partition(b":")[2]))
            name = head.split(b" ", 2)[1].decode().rpartition("/")[2]
            attempts = self.asked[name]
            fault = self.plan(server, name, len(attempts))
            attempts.append((server, fault))
            await self._answer(fault, name, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _answer(fault: str, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fault == "rst":
            writer.transport.abort()
        elif fault == "hang":
            await reader.read()  # until the other side has had enough
        elif fault == "half-hang":
            writer.write(SENT["half-head"])
            await reader.read()
        elif fault in SENT:
            writer.write(SENT[fault])
        else:
            body = name.encode()
            writer.write(_HEAD % (200 if fault == GOOD else int(fault), len(body)) + body)
