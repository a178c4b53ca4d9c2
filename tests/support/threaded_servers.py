"""Servers of a test, each at a port of its own, all in one thread.

class Echoes(ThreadedServers):
    async def talk(self, server, reader, writer): ...

with Echoes("a", "b") as servers:
    servers.ports["a"] ...
"""

from __future__ import annotations

import asyncio
import threading
from typing import Self


class ThreadedServers:
    """Base: `talk` serves one connection of the server of that name. Who is still at it when the block ends is
    cancelled."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.ports: dict[str, int] = {}
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run)

    async def talk(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.thread.start()
        assert self.ready.wait(15)
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(15)

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self.stopped = asyncio.Event()
        servers = []
        for name in self.names:

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name) -> None:
                await self.talk(name, reader, writer)

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
