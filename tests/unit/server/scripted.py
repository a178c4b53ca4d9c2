"""A backend with one checked server whose answers are scripted, and the lines that its checks log."""

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable

from pointsman.assemble.backends import outgoing_header
from pointsman.balance.roundrobin import RoundRobin
from pointsman.config.load import load_text
from pointsman.config.server_line import ServerLine
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.checks.checks import Checker, Checks
from pointsman.server.checks.plan import make_plan
from pointsman.server.dial import Dial

RESET = b"<reset>"


class Scripted:
    """What the server says: `answer` to each connection; `early` before it has read anything, else after a request.

    `hold`: it leaves the connection open. RESET as the answer resets it.
    """

    def __init__(self, answer: bytes = b"", *, early: bool = False, hold: bool = False) -> None:
        self.answer = answer
        self.early = early
        self.hold = hold
        self.requests: list[bytes] = []
        self.server: asyncio.Server | None = None
        self.port = 0
        self.serving = 0

    async def settle(self) -> None:
        """Until every connection that is under way has been served."""
        await asyncio.sleep(0.005)
        while self.serving and not self.hold:
            await asyncio.sleep(0.001)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving += 1
        try:
            if not self.early:
                self.requests.append(await reader.read(65536))
            if self.answer == RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return
            writer.write(self.answer)
            await writer.drain()
            if self.hold:
                while data := await reader.read(65536):
                    self.requests.append(data)
        except ConnectionError:
            pass
        finally:
            self.serving -= 1
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                pass


class Farm:
    """A backend made of configuration lines, with its checks. Server n listens at `ports[n]`."""

    def __init__(self, lines: str, servers: list[str], ports: list[int]) -> None:
        text = "backend b\n " + lines.replace("|", "\n ") + "\n"
        for number, words in enumerate(servers, 1):
            text += f" server s{number} 127.0.0.1:{ports[number - 1]} {words}\n"
        self.diagnostics = Diagnostics()
        section = load_text(text, self.diagnostics).proxies[0]
        assert [one.render() for one in self.diagnostics.findings if one.severity > Severity.WARNING] == []
        self.plan = make_plan(section, self.diagnostics, 500, 0)
        self.backend = Backend("b", 2, True, RoundRobin())
        self.lines: list[tuple[int, str]] = []
        self.now = 0
        self.checks = Checks(lambda: self.now, node="node")
        self.checkers: list[Checker] = []
        for number, line in enumerate(section.all(ServerLine), 1):
            dial = Dial()
            dial.target = ("127.0.0.1", line.address.port or 0)
            server = LiveServer(line.name, number, self.backend, dial, line.parameters.weight)
            server.backup = line.parameters.backup
            server.maxconn = line.parameters.maxconn
            server.header = outgoing_header(line.parameters)
            self.backend.servers.append(server)
            self.checkers.append(self.checks.add(self.backend, server, line.parameters, self.plan, self._log, line.at))
        self.backend.refresh()

    def _log(self, level: int, text: bytes, shown: bytes = b"") -> None:
        self.lines.append((level, re.sub(r"duration: \d+ms", "duration: 0ms", text.decode())))

    def said(self) -> list[str]:
        """What was logged since the last call, with levels: "5 Server b/s1 is UP..."."""
        lines, self.lines = self.lines, []
        return [f"{level} {text}" for level, text in lines]

    @property
    def server(self) -> LiveServer:
        return self.backend.servers[0]


def with_server(script: Scripted, scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene while the server listens."""

    async def play() -> None:
        await script.start()
        try:
            await scene()
            await script.settle()
        finally:
            await script.stop()

    asyncio.run(play())
