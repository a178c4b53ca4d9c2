"""A frontend that only remembers what it was given, and a reactor that runs until something holds."""

import os
import time
from collections.abc import Callable

from pointsman.core.address import AddressSpec, NetAddress
from pointsman.listener.listener import Listener
from pointsman.listener.sockets import Opening, SocketOptions
from pointsman.net.reactor import Reactor
from pointsman.stream.acceptor import Acceptor, Arrival, BindState, ProcessState


class Frontend(Acceptor):
    def __init__(self) -> None:
        super().__init__("www", 2, True)
        self.opened: list[tuple[int, NetAddress, NetAddress, bytes]] = []
        self.bind_states: list[BindState] = []
        self.tlvs: list[list[tuple[int, bytes]] | None] = []
        self.refusals: list[tuple[int, bool]] = []

    def open(self, arrival: Arrival) -> None:
        self.opened.append((arrival.fd, arrival.source, arrival.destination, arrival.pending))
        self.bind_states.append(arrival.bind_state)
        self.tlvs.append(arrival.tlvs)
        self.counters.sessions += 1

    def refused(self, arrival: Arrival, reason: int, silent: bool) -> None:
        self.refusals.append((reason, silent))

    def end(self, index: int = 0) -> None:
        """One of its connections ends."""
        fd = self.opened.pop(index)[0]
        os.close(fd)
        self.closed(self.bind_states.pop(index))


class House:
    """A reactor, a room, a frontend, and listeners as asked for."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.process = ProcessState(self.reactor)
        self.frontend = Frontend()
        self.listeners: list[Listener] = []

    def listener(
        self, kind: type[Listener] = Listener, spec: AddressSpec | None = None, options: SocketOptions | None = None
    ) -> Listener:
        opening = Opening(
            spec or AddressSpec("inet", "127.0.0.1", 0),
            options or SocketOptions(backlog=64),
            "web.cfg:3",
            "frontend www",
        )
        opening.open()
        opening.commit()
        bind_state = BindState("web", len(self.listeners) + 1, self.process)
        bind_state.proxied = kind is not Listener
        listener = kind(self.reactor, self.frontend, bind_state, opening)
        listener.start()
        self.listeners.append(listener)
        return listener

    def until(self, holds: Callable[[], bool], seconds: float = 5.0) -> None:
        """Turn until it holds; fails after so many seconds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it did not come about"
            self.reactor.turn(20)

    def rest(self, seconds: float = 0.15) -> None:
        """Turn for a while: for what must not happen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.reactor.turn(20)

    def close(self) -> None:
        while self.frontend.opened:
            self.frontend.end()
        for listener in self.listeners:
            listener.stop()
        for channel in self.reactor.channels:
            if channel.fd >= 0:
                self.reactor.close(channel)
        self.reactor.turn(0)
        while self.frontend.opened:
            self.frontend.end()
        self.reactor.epoll.close()
