"""The demonstration: starts three servers and a balancer, says what to try, and ends all of it at Ctrl-C.

    servers (this process, asyncio)  <--  pointsman -db -f haproxy.cfg (a process of its own)  <--  curl, a browser

The balancer's log goes to this terminal, one line a request.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pointsman.demo.balancer import balance, free_port
from pointsman.demo.server import DemoServer

CONFIGURATION: Final = Path(__file__).with_name("haproxy.cfg")
WITH_TLS: Final = Path(__file__).with_name("tls.cfg")
NAMES: Final = ("one", "two", "three")


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


def tls_text(port: int, secure: int, admin: str) -> str:
    """The same where clients speak TLS."""
    return f"""
Pointsman ends TLS at https://localhost:{secure}/ for three servers. Configuration: {WITH_TLS}

In another terminal:

  curl -i http://localhost:{port}/page     sent to https
  curl -k https://localhost:{secure}/      the certificate was made for the occasion: -k takes it
  curl -kL http://localhost:{port}/page    both
  curl -kv --tls-max 1.2 https://localhost:{secure}/
                                           an older version, another cipher; the log lines below tell
  echo "show ssl cert" | socat - {admin}
                                           what certificates there are

Each request writes a line below. Ctrl-C ends it all.
"""


async def show_tls(wanted: int, secured: int, folder: str) -> int:
    """The demonstration of TLS: as `show`."""
    port, secure = free_port(wanted), free_port(secured)
    admin = os.path.join(folder, "admin.sock")
    servers, variables = await started(admin)
    variables |= {"DEMO_PORT": str(port), "DEMO_TLS_PORT": str(secure)}
    try:
        return await balance(str(WITH_TLS), secure, tls_text(port, secure, admin), variables)
    finally:
        for server in servers:
            await server.stop()


async def started(admin: str) -> tuple[list[DemoServer], dict[str, str]]:
    """The servers, and the variables that both configurations read."""
    servers = [DemoServer(name) for name in NAMES]
    for server in servers:
        await server.start()
    variables = {f"DEMO_SERVER_{number}": str(server.port) for number, server in enumerate(servers, 1)}
    return servers, variables | {"DEMO_SOCKET": admin}


async def show(wanted: int, statistics: int, folder: str) -> int:
    """Run it all until a signal comes. Ports that are taken are replaced. Returns the exit status."""
    port, statistics = free_port(wanted), free_port(statistics)
    admin = os.path.join(folder, "admin.sock")
    servers, variables = await started(admin)
    variables |= {"DEMO_PORT": str(port), "DEMO_STATS_PORT": str(statistics)}
    try:
        return await balance(str(CONFIGURATION), port, text(port, statistics, servers, admin), variables)
    finally:
        for server in servers:
            await server.stop()


def main(words: Sequence[str] | None = None) -> int:
    """Run the demonstration; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pointsman.demo", description="Three servers behind a balancer.")
    parser.add_argument("--port", type=int, default=8080, help="of the balancer; 0, or a taken one: any free port")
    parser.add_argument("--statistics", type=int, default=8404, help="port of the statistics page")
    parser.add_argument("--tls", action="store_true", help="clients speak TLS, on another port")
    parser.add_argument("--tls-port", type=int, default=8443, help="that port")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="pointsman-demo-") as folder:
        if options.tls:
            return asyncio.run(show_tls(options.port, options.tls_port, folder))
        return asyncio.run(show(options.port, options.statistics, folder))
