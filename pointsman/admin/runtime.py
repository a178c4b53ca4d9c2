"""The stats sockets of a process: who may connect, how many, and with which rights (manual 3.1 `stats socket`).

The sockets are opened with all others, before privileges are dropped; here they are only served, on asyncio. Where
`stats maxconn` connections are open, the next one of each socket waits, and others in the kernel's queue. A connection
that has not said a whole command yet does not keep others out for long: while somebody waits, the oldest of these is
closed.
"""

import asyncio
import socket
import sys
import traceback
from dataclasses import dataclass
from typing import Final

from pointsman.admin.console import LONGEST_LINE, LONGEST_PAYLOAD, RuntimeConnection, SocketConnection
from pointsman.admin.gauge import Gauge
from pointsman.admin.view import ConsoleView, View
from pointsman.listener.sockets import Opening
from pointsman.net.clock import monotonic_ms

_REST: Final = 0.1  # s without accepting where descriptors have run out
_GRACE: Final = 100  # ms in which a connection may say its first command although others wait


@dataclass(frozen=True, slots=True)
class StatsListener:
    """A stats socket: its opening, and what its clients may do."""

    opening: Opening
    level: str
    severity_output: str
    exposes: bool = False  # expose-fd listeners


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection that is being served."""

    sock: socket.socket
    console: RuntimeConnection
    seen: ConsoleView

    def cut(self) -> None:
        """The console reads the end of what the client says."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the client has left by itself


class StatsSockets:
    """Serves the connections to all stats sockets."""

    def __init__(
        self,
        view: View,
        gauge: Gauge,
        sockets: list[StatsListener],
        limit: int,
        timeout: int,
        longest_line: int = LONGEST_LINE,
        longest_payload: int = LONGEST_PAYLOAD,
    ) -> None:
        self.view = view
        self.gauge = gauge
        self.sockets = sockets
        self.limit = limit  # stats maxconn
        self.timeout = timeout  # stats timeout, ms
        self.longest_line = longest_line
        self.longest_payload = longest_payload
        self.connections: list[_Connection] = []  # the oldest first
        self.tasks: set[asyncio.Task[None]] = set()
        self.listening: list[asyncio.Task[None]] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is about to run; the sockets are open."""
        places = asyncio.Semaphore(self.limit)
        for number, stats_socket in enumerate(self.sockets, 1):
            if stats_socket.opening.sock is not None:
                self.listening.append(
                    loop.create_task(self._listen(loop, number, stats_socket, stats_socket.opening.sock, places))
                )

    def stop(self) -> None:
        """Accept no more; who is connected may finish."""
        for task in self.listening:
            task.cancel()
        self.listening = []
        for stats_socket in self.sockets:
            if stats_socket.opening.sock is not None:
                stats_socket.opening.sock.close()
                stats_socket.opening.sock = None
        self.view.sockets.clear()

    async def _listen(
        self,
        loop: asyncio.AbstractEventLoop,
        number: int,
        stats_socket: StatsListener,
        listening: socket.socket,
        places: asyncio.Semaphore,
    ) -> None:
        while True:
            try:
                sock, _ = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(_REST)
                continue
            try:
                await self._enter(places)
            except asyncio.CancelledError:
                sock.close()
                raise
            self.view.process.counters.cli_sessions += 1
            task = loop.create_task(self._serve(number, stats_socket, sock, places))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _enter(self, places: asyncio.Semaphore) -> None:
        """Wait until one more connection may be open; the oldest that says nothing is closed for it."""
        while places.locked():
            silent = next((connection for connection in self.connections if not connection.console.heard), None)
            wait = _GRACE if silent is None else silent.seen.began + _GRACE - monotonic_ms()
            if silent is not None and wait <= 0:
                self.connections.remove(silent)
                silent.cut()
                break
            try:
                await asyncio.wait_for(places.acquire(), max(1, wait) / 1000)
                return
            except TimeoutError:
                continue
        await places.acquire()

    async def _serve(
        self, number: int, stats_socket: StatsListener, sock: socket.socket, places: asyncio.Semaphore
    ) -> None:
        sock.setblocking(False)
        console = RuntimeConnection(
            self.view,
            self.gauge,
            stats_socket.level,
            stats_socket.severity_output,
            self.timeout,
            longest_line=self.longest_line,
            longest_payload=self.longest_payload,
            exposes=stats_socket.exposes,
        )
        seen = ConsoleView(
            self.view.process.counters.cli_sessions,
            number,
            sock.fileno(),
            int(sock.family),
            _source(sock, number),
            monotonic_ms(),
            console,
        )
        connection = _Connection(sock, console, seen)
        self.connections.append(connection)
        self.view.consoles.append(connection.seen)
        try:
            await console.run(SocketConnection(sock))
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            if connection in self.connections:
                self.connections.remove(connection)
            self.view.consoles.remove(connection.seen)
            sock.close()
            places.release()


def _source(sock: socket.socket, number: int) -> str:
    """The address of a client; on a UNIX socket, where no client has one, the number of the socket."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{number}"
    try:
        host, port = sock.getpeername()[:2]
    except OSError:
        return "unknown"
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"
