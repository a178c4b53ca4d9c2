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
import threading
from typing import Final

_GONE: Final = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class GatedServers:
    def __init__(self, *names: str) -> None:
        self.names = names
        self.ports: dict[str, int] = {}
        self.arrived: list[tuple[str, str]] = []
        self.busy: dict[str, set[int]] = {name: set() for name in names}  # descriptors, of each server
        self.most = dict.fromkeys(names, 0)
        self.gates: list[asyncio.Event] = []  # of requests that wait
        self.time = -1.0  # s; negative: until they are released
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> GatedServers:
        self.thread.start()
        assert self.ready.wait(15)
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(15)

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

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self.stopped = asyncio.Event()
        servers = []
        for name in self.names:

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name) -> None:
                await self._talk(name, reader, writer)

            server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
            self.ports[name] = server.sockets[0].getsockname()[1]
            servers.append(server)
        self.ready.set()
        await self.stopped.wait()
        for server in servers:
            server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _talk(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
