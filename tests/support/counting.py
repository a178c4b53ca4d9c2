"""A server for tests of limits: it answers after a while, and knows how many requests it had at once."""

from __future__ import annotations

import asyncio
import select
import threading
from typing import Final

SLOW: Final = 0.004  # s for /slow
LATE: Final = 2.0  # s for what ends in /late
_GONE: Final = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class CountingOrigin:
    """`most`: of /slow requests whose client was still there, at once. Use as `with CountingOrigin() as origin:`."""

    def __init__(self) -> None:
        self.most = self.total = 0
        self.busy: set[int] = set()  # descriptors of connections with a /slow request at work
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> CountingOrigin:
        self.thread.start()
        self.ready.wait(5)
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(5)

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self.stopped = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopped.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

    def _begin(self, fd: int) -> None:
        self.busy.add(fd)
        if len(self.busy) > self.most:
            # Whose client has died counts no more: that is known here before the loop gets to it.
            self.busy -= {one for one in self.busy if _gone(one)}
            self.most = max(self.most, len(self.busy))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fd: int = writer.get_extra_info("socket").fileno()
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                slow = head.startswith(b"GET /slow")
                self.total += 1
                if slow:
                    self._begin(fd)
                try:
                    await asyncio.sleep(LATE if head.partition(b" HTTP")[0].endswith(b"/late") else SLOW if slow else 0)
                finally:
                    self.busy.discard(fd)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _gone(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, _GONE)
    return bool(poll.poll(0))
