"""Commands of the runtime socket: each line has an answer, and none is an internal error."""

import asyncio
import errno
from collections.abc import Iterable
from typing import Final

import pointsman.keywords  # noqa: F401  # fills the registries
from fuzz.configuration import no_names
from pointsman.admin.command_line import split_commands
from pointsman.admin.console import RuntimeConnection
from pointsman.assemble import assemble
from pointsman.assemble.admin import Administration
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.core.handed import Handed
from pointsman.net.clock import monotonic_ms

TEXT: Final = """
global
    stats socket /nowhere level admin
    node here
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend f
    bind 127.0.0.1:1
    acl a path /a /b
    http-request deny if a
    default_backend b
backend b
    server s 127.0.0.1:81 weight 5
    server t 127.0.0.1:82 backup
"""
SEEDS: Final = [
    b"show info typed;show stat 2 3 -1 json\n",
    b"set server b/s state drain;show servers state b\n",
    b"set weight b/s 50%\n",
    b"set server b/s addr 127.0.0.2 port 83\n",
    b"show acl #0;add acl #0 /c\\ d;get acl #0 /a;del acl #0 /a\n",
    b"add acl #0 <<\n/x\n/y\n\n",
    b"prepare acl #0;commit acl @1 #0;clear acl #0\n",
    b"disable frontend f;enable frontend f;set maxconn frontend f 9\n",
    b"show sess all;shutdown session 0x1;shutdown sessions server b/s\n",
    b"clear counters all;show errors;show table\n",
    b"set rate-limit connections global 10;set timeout cli 5s\n",
    b"set server b/t health down;enable health b/t;help show\n",
    b"set severity-output string;prompt;expert-mode on;show version\n",
    b"get map m k;set map m k v;set var proc.a str(x);get var proc.a\n",
]


class Wire:
    """A client that has said all, and hears all."""

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.heard = b""

    async def receive(self) -> bytes:
        data, self.said = self.said, b""
        return data

    async def send(self, data: bytes) -> None:
        self.heard += data

    def give(self, memories: Iterable[Handed]) -> None:
        raise OSError(errno.ENOTSOCK, "nothing can be given")


async def converse(console: RuntimeConnection, wire: Wire) -> None:
    """A command that waits for something is left after a moment."""
    try:
        await asyncio.wait_for(console.run(wire), 0.2)
    except TimeoutError:
        pass


def fuzz_one(data: bytes) -> None:
    diagnostics = Diagnostics()
    live = assemble(load_text(TEXT, diagnostics, variables={}), diagnostics)
    try:
        administration = next(one for one in live.services if isinstance(one, Administration))
        administration.view.started = monotonic_ms()
        console = RuntimeConnection(administration.view, administration.gauge, "admin", "none", 1000)
        wire = Wire(data)
        with no_names():
            asyncio.run(converse(console, wire))
        assert b"Internal error." not in wire.heard
        for line in data.split(b"\n"):
            assert split_commands(line.decode("utf-8", "surrogateescape"))
    finally:
        live.reactor.epoll.close()
