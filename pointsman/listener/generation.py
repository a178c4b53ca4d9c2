"""What one process runs: built by assemble.py, driven by worker/.

    built --(openings opened)--> start --> running --soft_stop--> stopping --idle--> the process ends
                                             |  ^
                                       pause '--' resume

This base knows the sockets; what else is alive (checks, runtime sockets, logs) is added by whoever extends it.
"""
import asyncio
from collections.abc import Callable

from pointsman.listener.listener import Listener
from pointsman.listener.sockets import Opening
from pointsman.net.reactor import Reactor
from pointsman.stream.acceptor import Room


class Generation:
    def __init__(self, reactor: Reactor, room: Room) -> None:
        self.reactor = reactor
        self.room = room
        self.listeners: list[Listener] = []
        self.other_openings: list[Opening] = []  # sockets that are not a frontend's: stats sockets
        self.checks = 0  # health checks: each may need a descriptor
        self.settle: Callable[[], None] = lambda: None  # the reactor looks at what was changed from outside; by worker

    def openings(self) -> list[Opening]:
        """All sockets to open, in the order of the configuration."""
        return [listener.opening for listener in self.listeners] + self.other_openings

    def open_sinks(self) -> list[str]:
        """Log targets are opened before chroot. What went wrong, a text each; no reason not to start."""
        return []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """All is open, privileges are dropped: begin to accept and to check. The loop is about to run."""
        for listener in self.listeners:
            listener.start()

    def soft_stop(self) -> None:
        """Stop listening, close idle connections; what is at work may finish (management manual 4)."""
        self.room.stopping = True
        for listener in self.listeners:
            listener.stop()

    def idle(self) -> bool:
        """Nothing is left to finish."""
        return self.room.connections == 0

    def pause(self) -> None:
        """SIGTTOU: a new process wants the addresses."""
        for listener in self.listeners:
            listener.pause()

    def resume(self) -> bool:
        """SIGTTIN: it failed to start. False: not all addresses could be taken again."""
        return all([listener.resume() for listener in self.listeners])

    def dump(self) -> None:
        """SIGHUP: the state of the servers goes to the log."""

    def flush(self) -> None:
        """The process ends: write what logs still hold."""
