"""strict-maxconn (manual 5.2) over two lanes: what is idle in one of them is closed where the other one needs it."""

from __future__ import annotations

import asyncio
import select
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.crowd import get, until
from support.programs import POINTSMAN, Program
from support.scenario import show_stat

CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 15s
    timeout client 60s
    timeout server 60s
    timeout queue 60s
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    server a 127.0.0.1:{a} maxconn 3 strict-maxconn
"""
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL


class Connections:
    """A server that keeps its connections. `most`: at once, of those that the other side had not closed."""

    def __init__(self) -> None:
        self.most = self.total = self.port = 0
        self.open: set[int] = set()
        self.stop = asyncio.Event()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()

    async def serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stop.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fd: int = writer.get_extra_info("socket").fileno()
        self.total += 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.open.add(fd)
                self.open -= {one for one in self.open if _gone(one)}
                self.most = max(self.most, len(self.open))
                await asyncio.sleep(0.002)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(fd)
            writer.close()


def _gone(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, _GONE)
    return bool(poll.poll(0))


@contextmanager
def serving() -> Iterator[Connections]:
    connections = Connections()
    thread = threading.Thread(target=lambda: connections.loop.run_until_complete(connections.serve()))
    thread.start()
    try:
        assert connections.ready.wait(15)
        yield connections
    finally:
        connections.loop.call_soon_threadsafe(connections.stop.set)
        thread.join(15)
        connections.loop.close()


@pytest.mark.timeout(200)
def test_never_more_connections_than_maxconn(tmp_path: Path) -> None:
    """Each client is new: under `http-reuse safe` its first request may use no connection that is idle."""
    with serving() as origin, Program(POINTSMAN, CONFIG, tmp_path, {"a": str(origin.port)}) as program:
        port = program.ports["web"]
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: get(port, "/"), range(300)))
        assert statuses == [200] * 300
        assert 0 < origin.most <= 3
        assert origin.total > 3
        until(lambda: show_stat(tmp_path / "stats")["app/a"]["scur"] == "0", 15)
        row = show_stat(tmp_path / "stats")["app/a"]
        assert int(row["srv_icur"]) <= 3
        assert int(row["used_conn_cur"]) == 0
        assert (row["econ"], row["wretr"]) == ("0", "0")
