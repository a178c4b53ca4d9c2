"""A small program with the life of a real one: what a connection sends comes back, with the pid at first.

    python echo_program.py '{"port": 20000, "plan": {...}}'

The generation and its frontend are as small as can be; everything around them is the real thing.
"""

import asyncio
import json
import os
import signal
import socket
import sys

from pointsman.core.address import AddressSpec
from pointsman.listener.generation import Generation
from pointsman.listener.listener import Listener
from pointsman.listener.sockets import Opening, SocketOptions
from pointsman.net.reactor import Channel, Reactor
from pointsman.stream.acceptor import Acceptor, Arrival, BindState, ProcessState
from pointsman.worker.console import Console
from pointsman.worker.limits import Wanted
from pointsman.worker.plan import ProcessPlan
from pointsman.worker.privileges import Privileges
from pointsman.worker.process import run


class Echo(Channel):
    def __init__(self, frontend: "EchoFrontend", fd: int, bind_state: BindState) -> None:
        super().__init__(fd)
        self.frontend = frontend
        self.bind_state = bind_state
        os.write(fd, f"{os.getpid()}\n".encode())

    def ready(self, events: int) -> None:
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            os.write(self.fd, data)
        else:
            self.frontend.reactor.close(self)
            self.frontend.closed(self.bind_state)


class EchoFrontend(Acceptor):
    def __init__(self, reactor: Reactor) -> None:
        super().__init__("echo", 2, False)
        self.reactor = reactor

    def open(self, arrival: Arrival) -> None:
        self.reactor.add(Echo(self, arrival.fd, arrival.bind_state))


class EchoGeneration(Generation):
    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        super().start(loop)
        print("ready", os.getpid(), os.getuid(), os.getgid(), self.process.limit, flush=True)

    def dump(self) -> None:
        print("dumped", flush=True)

    def flush(self) -> None:
        print("flushed", flush=True)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asked = json.loads(sys.argv[1])
    reactor = Reactor()
    process = ProcessState(reactor)
    generation = EchoGeneration(reactor, process)
    frontend = EchoFrontend(reactor)
    specs = [AddressSpec("inet", "127.0.0.1", port) for port in asked.get("ports", [])]
    specs += [AddressSpec("unix", path) for path in asked.get("paths", [])]
    for number, spec in enumerate(specs, 1):
        opening = Opening(spec, SocketOptions(reuse_port=asked.get("reuse_port", True)), "echo.cfg:1", "frontend echo")
        generation.listeners.append(Listener(reactor, frontend, BindState("", number, process), opening))
    words = dict(asked.get("plan", {}))
    plan = ProcessPlan(
        privileges=Privileges(**words.pop("privileges", {})), wanted=Wanted(**words.pop("wanted", {})), **words
    )
    console = Console()
    console.quiet = bool(asked.get("quiet", False))
    return run(generation, plan, console)


if __name__ == "__main__":
    assert socket.has_ipv6 is not None  # loaded before a chroot
    sys.exit(main())
