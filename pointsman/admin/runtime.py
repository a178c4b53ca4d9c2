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

from pointsman.admin.console import LONGEST_LINE, LONGEST_PAYLOAD, Console, SocketWire
from pointsman.admin.gauge import Gauge
from pointsman.admin.view import ConsoleView, View
from pointsman.listener.sockets import Opening
from pointsman.net.clock import monotonic_ms

_REST: Final = 0.1  # s without accepting where descriptors have run out
_GRACE: Final = 100  # ms in which a connection may say its first command although others wait


@dataclass(frozen=True, slots=True)
class StatsDoor:
    """A stats socket: its opening, and what whoever comes in may do."""

    opening: Opening
    level: str
    severity_output: str


@dataclass(slots=True, eq=False)
class _Guest:
    """A connection that is being served."""

    sock: socket.socket
    console: Console
    seen: ConsoleView

    def cut(self) -> None:
        """The console reads the end of what the client says."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has left by itself


class Runtime:
    """Serves all of them."""

    def __init__(
        self,
        view: View,
        gauge: Gauge,
        doors: list[StatsDoor],
        limit: int,
        timeout: int,
        longest_line: int = LONGEST_LINE,
        longest_payload: int = LONGEST_PAYLOAD,
    ) -> None:
        self.view = view
        self.gauge = gauge
        self.doors = doors
        self.limit = limit  # stats maxconn
        self.timeout = timeout  # stats timeout, ms
        self.longest_line = longest_line
        self.longest_payload = longest_payload
        self.guests: list[_Guest] = []  # the oldest first
        self.tasks: set[asyncio.Task[None]] = set()
        self.listening: list[asyncio.Task[None]] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is about to run; the sockets are open."""
        room = asyncio.Semaphore(self.limit)
        for number, door in enumerate(self.doors, 1):
            if door.opening.sock is not None:
                self.listening.append(loop.create_task(self._listen(loop, number, door, door.opening.sock, room)))

    def stop(self) -> None:
        """Accept no more; who is connected may finish."""
        for task in self.listening:
            task.cancel()
        self.listening = []
        for door in self.doors:
            if door.opening.sock is not None:
                door.opening.sock.close()
                door.opening.sock = None
        self.view.sockets.clear()

    async def _listen(
        self,
        loop: asyncio.AbstractEventLoop,
        number: int,
        door: StatsDoor,
        listening: socket.socket,
        room: asyncio.Semaphore,
    ) -> None:
        while True:
            try:
                sock, _ = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(_REST)
                continue
            try:
                await self._enter(room)
            except asyncio.CancelledError:
                sock.close()
                raise
            self.view.room.counters.cli_sessions += 1
            task = loop.create_task(self._serve(number, door, sock, room))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _enter(self, room: asyncio.Semaphore) -> None:
        """Wait until there is room for one more, and see to it that those who say nothing make some."""
        while room.locked():
            silent = next((guest for guest in self.guests if not guest.console.heard), None)
            wait = _GRACE if silent is None else silent.seen.began + _GRACE - monotonic_ms()
            if silent is not None and wait <= 0:
                self.guests.remove(silent)
                silent.cut()
                break
            try:
                await asyncio.wait_for(room.acquire(), max(1, wait) / 1000)
                return
            except TimeoutError:
                continue
        await room.acquire()

    async def _serve(self, number: int, door: StatsDoor, sock: socket.socket, room: asyncio.Semaphore) -> None:
        sock.setblocking(False)
        console = Console(
            self.view,
            self.gauge,
            door.level,
            door.severity_output,
            self.timeout,
            longest_line=self.longest_line,
            longest_payload=self.longest_payload,
        )
        seen = ConsoleView(
            self.view.room.counters.cli_sessions,
            number,
            sock.fileno(),
            int(sock.family),
            _source(sock, number),
            monotonic_ms(),
            console,
        )
        guest = _Guest(sock, console, seen)
        self.guests.append(guest)
        self.view.consoles.append(guest.seen)
        try:
            await console.run(SocketWire(sock))
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            if guest in self.guests:
                self.guests.remove(guest)
            self.view.consoles.remove(guest.seen)
            sock.close()
            room.release()


def _source(sock: socket.socket, number: int) -> str:
    """Who is connected: of a UNIX socket that is its number, as everybody there looks alike."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{number}"
    try:
        host, port = sock.getpeername()[:2]
    except OSError:
        return "unknown"
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"
