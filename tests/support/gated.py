"""Servers that hold every request until they are told, or for a while, and count how many they have at once.

    with GatedServers("a", "b") as servers:
        servers.arrived            # names of requests, in the order in which they came: [("a", "17"), ...]
        servers.release()          # the one that has waited longest, of all servers, is answered
        servers.open(0.1)          # from now on each is answered after a tenth of a second; those that wait, too
        servers.most["a"]          # requests that it had at once, whose client was still there

A request is named by the last part of its path. All servers are in one thread.
"""

from __future__ import annotations

import asyncio
import select
from typing import Final

from support.threaded_servers import ThreadedServers

_GONE: Final = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class GatedServers(ThreadedServers):
    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.arrived: list[tuple[str, str]] = []
        self.busy: dict[str, set[int]] = {name: set() for name in names}  # descriptors, of each server
        self.most = dict.fromkeys(names, 0)
        self.gates: list[asyncio.Event] = []  # of requests that wait
        self.time = -1.0  # s; negative: until they are released

    def release(self) -> None:
        self.loop.call_soon_threadsafe(self._release)

    def open(self, time: float) -> None:
        self.loop.call_soon_threadsafe(self._open, time)

    def _release(self) -> None:
        if self.gates:
            self.gates.pop(0).set()

    def _open(self, time: float) -> None:
        self.time = time
        while self.gates:
            self._release()

    async def talk(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fd: int = writer.get_extra_info("socket").fileno()
        busy = self.busy[server]
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                busy.add(fd)
                if len(busy) > self.most[server]:
                    # Whose client has died counts no more: that is known here before the loop gets to it.
                    busy.difference_update([one for one in busy if _gone(one)])
                    self.most[server] = max(self.most[server], len(busy))
                self.arrived.append((server, head.split(b" ", 2)[1].decode().rpartition("/")[2]))
                try:
                    await self._hold()
                finally:
                    busy.discard(fd)
                writer.write(_ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _hold(self) -> None:
        if self.time >= 0:
            await asyncio.sleep(self.time)
        else:
            gate = asyncio.Event()
            self.gates.append(gate)
            await gate.wait()


def _gone(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, _GONE)
    return bool(poll.poll(0))
