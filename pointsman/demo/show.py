"""The demonstration: starts three servers and a balancer, says what to try, and ends all of it at Ctrl-C.

    servers (this process, asyncio)  <--  pointsman -db -f haproxy.cfg (a process of its own)  <--  curl, a browser

The balancer's log goes to this terminal, one line a request.
"""
import argparse
import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pointsman.demo.server import DemoServer

CONFIGURATION: Final = Path(__file__).with_name("haproxy.cfg")
NAMES: Final = ("one", "two", "three")
PATIENCE: Final = 15.0  # s for the balancer to listen
GRACE: Final = 5.0  # s for it to end


def free_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1, or a free one where it is taken (or 0)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def text(port: int, statistics: int, servers: Sequence[DemoServer], admin: str) -> str:
    """What there is to try."""
    two = servers[1].port
    return f"""
Pointsman balances http://127.0.0.1:{port}/ over three servers. Configuration: {CONFIGURATION}

In another terminal, or in a browser:

  curl http://127.0.0.1:{port}/            again and again: one, two, three in turn
  curl http://127.0.0.1:{port}/third       a rule sends this path to server three
  curl -i http://127.0.0.1:{port}/admin    allowed from here only
  http://127.0.0.1:{statistics}/                 the statistics page
  echo "show stat" | socat - {admin}
                                           the same numbers on the runtime socket

A server falls ill, is left out within two seconds, and comes back:

  curl -X POST http://127.0.0.1:{two}/off
  curl -X POST http://127.0.0.1:{two}/on

Each request writes a line below. Ctrl-C ends it all.
"""


class Demo:
    """Servers and balancer while they run."""

    def __init__(self, port: int, statistics: int, folder: str) -> None:
        self.port = free_port(port)
        self.statistics = free_port(statistics)
        self.admin = os.path.join(folder, "admin.sock")
        self.servers = [DemoServer(name) for name in NAMES]
        self.process: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Until a signal comes, or the balancer ends by itself. Returns the exit status."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        for server in self.servers:
            await server.start()
        try:
            await self._start()
            return await self._wait(stop)
        finally:
            await self._stop()

    async def _start(self) -> None:
        variables = {f"DEMO_SERVER_{number}": str(server.port) for number, server in enumerate(self.servers, 1)}
        variables |= {"DEMO_PORT": str(self.port), "DEMO_STATS_PORT": str(self.statistics), "DEMO_SOCKET": self.admin}
        # A session of its own: Ctrl-C in the terminal is for us, who then end it in order.
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pointsman", "-db", "-f", str(CONFIGURATION), env={**os.environ, **variables},
            start_new_session=True)

    async def _wait(self, stop: asyncio.Event) -> int:
        assert self.process is not None
        ended = asyncio.ensure_future(self.process.wait())
        stopped = asyncio.ensure_future(stop.wait())
        listening = asyncio.ensure_future(self._listening())
        try:
            await asyncio.wait((ended, stopped, listening), return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
            if listening.done():
                print(text(self.port, self.statistics, self.servers, self.admin), flush=True)
                await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                print("\nThe demo is over.", flush=True)
                return 0
            print("The balancer has ended." if ended.done() else "The balancer does not listen.", file=sys.stderr)
            return 1
        finally:
            for future in (ended, stopped, listening):
                future.cancel()

    async def _listening(self) -> None:
        """Returns as soon as the balanced port takes connections."""
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return

    async def _stop(self) -> None:
        process = self.process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), GRACE)
            except TimeoutError:
                process.kill()
                await process.wait()
        for server in self.servers:
            await server.stop()


def main(words: Sequence[str] | None = None) -> int:
    """Run the demonstration; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pointsman.demo", description="Three servers behind a balancer.")
    parser.add_argument("--port", type=int, default=8080, help="of the balancer; 0, or a taken one: any free port")
    parser.add_argument("--statistics", type=int, default=8404, help="port of the statistics page")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="pointsman-demo-") as folder:
        return asyncio.run(Demo(options.port, options.statistics, folder).run())
