"""Servers for health checks whose every answer is scripted.

A script is played to each connection: bytes are sent; UNTIL(b"...") reads until that has come, EOF until the end;
RESET, END and HOLD say how it goes on at the end: broken, ended, left open. All servers of a run live in one thread.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

from support.ports import free_port

PATIENCE = 15.0
RESET = "reset"
END = "end"
HOLD = "hold"
EOF = "eof"


@dataclass(frozen=True)
class Until:
    """Read until this has come."""

    text: bytes


Step = bytes | str | Until
COLUMNS = ("status", "check_status", "check_code", "last_chk", "check_desc", "check_health", "chkfail", "chkdown")


@dataclass(frozen=True)
class CheckCase:
    """One backend `rules` with one server; `words` stand behind its address.

    `script` is None where nobody listens at its port. `newer`: older peers say something else.
    """

    rules: str = ""
    script: Sequence[Step] | None = ()
    words: str = ""
    newer: tuple[int, int] = (0, 0)
    seen: bool = True  # what the server has received counts, too


@dataclass
class Checked:
    """What came of one: columns of `show stat`, log lines without their times, what the server has received."""

    columns: tuple[str, ...]
    lines: tuple[str, ...]
    seen: tuple[bytes, ...]


class CheckServers:
    """One server for each script, each at a port of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.seen: dict[int, list[bytearray]] = {}
        self.sockets: list[socket.socket] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def add(self, script: Sequence[Step], *later: Sequence[Step]) -> int:
        """Begin; its port. `later`: what is played to the connections behind the first; the last one from then on."""
        sock = socket.socket()
        port = free_port()  # one that no other test run has: a stranger's connection would be played a script
        sock.bind(("127.0.0.1", port))
        sock.listen(64)
        sock.setblocking(False)
        self.sockets.append(sock)
        self.seen[port] = []
        asyncio.run_coroutine_threadsafe(
            self._begin(sock, port, [tuple(one) for one in (script, *later)]), self.loop
        ).result()
        return port

    async def _begin(self, sock: socket.socket, port: int, scripts: list[tuple[Step, ...]]) -> None:
        self._keep(self._accept(sock, port, scripts))

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _accept(self, sock: socket.socket, port: int, scripts: list[tuple[Step, ...]]) -> None:
        while True:
            conn, _ = await self.loop.sock_accept(sock)
            received = bytearray()
            self.seen[port].append(received)
            self._keep(self._play(conn, received, scripts.pop(0) if len(scripts) > 1 else scripts[0]))

    async def _play(self, conn: socket.socket, received: bytearray, script: tuple[Step, ...]) -> None:
        try:
            mark = 0
            for step in script:
                if isinstance(step, bytes):
                    await self.loop.sock_sendall(conn, step)
                elif isinstance(step, Until):
                    while (place := received.find(step.text, mark)) < 0:
                        if not await self._more(conn, received):
                            return
                    mark = place + len(step.text)
                elif step == RESET:
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                elif step == END:
                    return
                else:
                    while await self._more(conn, received):
                        pass
                    if step == HOLD:
                        await asyncio.sleep(PATIENCE)
        except OSError:
            pass
        finally:
            conn.close()

    async def _more(self, conn: socket.socket, received: bytearray) -> bytes:
        data = await self.loop.sock_recv(conn, 65536)
        received += data
        return data

    def close(self) -> None:
        async def end() -> None:
            tasks = list(self.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        for sock in self.sockets:
            sock.close()
