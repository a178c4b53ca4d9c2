"""The stats sockets of a process: who may connect, how many, and with which rights (manual 3.1 `stats socket`).

The sockets are opened with all others, before privileges are dropped; here they are only served, on asyncio. Where
`stats maxconn` connections are open, the next one of each socket waits, and others in the kernel's queue.
"""
import asyncio
import socket
import sys
import traceback
from dataclasses import dataclass
from typing import Final

from pointsman.admin.console import Console
from pointsman.admin.gauge import Gauge
from pointsman.admin.view import View
from pointsman.listener.sockets import Opening

_REST: Final = 0.1  # s without accepting where descriptors have run out


@dataclass(frozen=True, slots=True)
class StatsDoor:
    """A stats socket: its opening, and what whoever comes in may do."""

    opening: Opening
    level: str
    severity_output: str


class Runtime:
    """Serves all of them."""

    def __init__(self, view: View, gauge: Gauge, doors: list[StatsDoor], limit: int, timeout: int) -> None:
        self.view = view
        self.gauge = gauge
        self.doors = doors
        self.limit = limit  # stats maxconn
        self.timeout = timeout  # stats timeout, ms
        self.open = 0  # connections
        self.tasks: set[asyncio.Task[None]] = set()
        self.listening: list[asyncio.Task[None]] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is about to run; the sockets are open."""
        room = asyncio.Semaphore(self.limit)
        for door in self.doors:
            if door.opening.sock is not None:
                self.listening.append(loop.create_task(self._listen(loop, door, door.opening.sock, room)))

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

    async def _listen(self, loop: asyncio.AbstractEventLoop, door: StatsDoor, listening: socket.socket,
                      room: asyncio.Semaphore) -> None:
        while True:
            try:
                sock, _ = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(_REST)
                continue
            try:
                await room.acquire()
            except asyncio.CancelledError:
                sock.close()
                raise
            task = loop.create_task(self._serve(door, sock, room))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _serve(self, door: StatsDoor, sock: socket.socket, room: asyncio.Semaphore) -> None:
        self.open += 1
        writer: asyncio.StreamWriter | None = None
        try:
            if sock.family == socket.AF_UNIX:
                reader, writer = await asyncio.open_unix_connection(sock=sock)
            else:
                reader, writer = await asyncio.open_connection(sock=sock)
            console = Console(self.view, self.gauge, door.level, door.severity_output, self.timeout)
            console.consoles = self.open
            await console.run(reader, writer)
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), self.timeout / 1000)
        except (ConnectionError, TimeoutError):
            pass
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            if writer is not None:
                writer.transport.abort()
            self.open -= 1
            room.release()
