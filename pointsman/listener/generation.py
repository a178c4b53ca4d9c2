"""What one process runs: built by assemble.py, driven by worker/.

    built --(openings opened)--> start --> running --soft_stop--> stopping --idle--> the process ends
                                             |  ^
                                       pause '--' resume

With several lanes one generation is one image in several processes, all forked by a keeper (master/keeper.py):

    keeper    lane -1          opens the sockets, then only watches the others; no loop ever runs in it
    lanes     lane 0 to n - 1  accept and serve connections
    control   lane n           checks, runtime sockets, everything that runs once

    in the keeper   share_out --> fork --> (lane_ended --> fork)*
    in a child      become_lane | become_control --> start --> ...

Where a generation is one single process it is lane 0 of one, and does everything.

This base knows the sockets; the class that extends it adds what else runs (checks, runtime sockets, logs).
"""

import asyncio
import os
from collections.abc import Callable

from pointsman.core.handed import Handed
from pointsman.listener.listener import Listener, YieldingListeners
from pointsman.listener.sockets import Opening
from pointsman.net.clock import monotonic_ms
from pointsman.net.reactor import Reactor
from pointsman.stream.acceptor import ProcessState
from pointsman.stream.share import Heartbeat


class Generation:
    def __init__(self, reactor: Reactor, process: ProcessState) -> None:
        self.reactor = reactor
        self.process = process
        self.listeners: list[Listener] = []
        self.other_openings: list[Opening] = []  # sockets that are not a frontend's: stats sockets
        self.handed: list[Handed] = []  # memory that the next generation goes on with
        self.exposes = False  # it may be fetched from a stats socket
        self.rights: dict[str, str] = {}  # capabilities that are needed while it runs, and the line that asks for each
        self.checks = 0  # health checks: each may need a descriptor
        self.tls_sides = 0  # 1: clients or servers speak TLS; 2: both
        self.lanes = 1  # traffic processes
        self.lane = 0  # the number of this process
        self.serves = True  # this process accepts connections
        self.controls = True  # this process does what runs once
        self.wakeups: list[int] = []  # an eventfd for each lane, the last one for control; none in a single process
        self.settle: Callable[[], None] = lambda: None  # the reactor looks at what was changed from outside; by worker

    def openings(self) -> list[Opening]:
        """All sockets to open, in the order of the configuration."""
        return [listener.opening for listener in self.listeners] + self.other_openings

    def limit_connections(self, maxconn: int) -> None:
        """Before anything is forked: how many the process may hold."""
        self.process.limit = maxconn

    def hand_on(self) -> None:
        """Before anything is forked, and before connections: there may be a next generation that asks for memory."""
        for memory in self.handed:
            memory.hand_on()

    def open_sinks(self) -> list[str]:
        """Log targets are opened before chroot. What went wrong, a text each; no reason not to start."""
        return []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """All is open, privileges are dropped: begin to accept and to check. The loop is about to run."""
        if self.serves:
            for listener in self.listeners:
                listener.start()

    # Several processes.

    def share_out(self, lanes: int) -> None:
        """In the keeper, before anything is forked: what the processes will share."""
        self.lanes = lanes
        self.lane = -1
        self.serves = self.controls = False
        self.wakeups = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(lanes + 1)]

    def become_lane(self, number: int) -> None:
        """In a child, before `start`: it serves connections and nothing else."""
        self.lane = number
        self.serves = True
        self.reactor.reopen()
        for opening in self.other_openings:
            opening.close()
        yielding = YieldingListeners(self.process.share)
        self.reactor.hooks.append(yielding)
        for listener in self.listeners:
            listener.yielding = yielding
        self.enter_lane(number)
        self.process.share.enter()
        self.reactor.stays = False

    def become_control(self) -> None:
        """In a child, before `start`: it does what runs once."""
        self.lane = self.lanes
        self.controls = True
        self.reactor.reopen()
        for listener in self.listeners:
            listener.opening.close()
        self.enter_control()

    def begun(self) -> None:
        """In a child: it runs, and will accept."""
        heartbeat = Heartbeat(self.process.share)
        heartbeat.after(monotonic_ms())
        self.reactor.heartbeat = heartbeat
        self.process.share.begun()

    def is_alive(self, number: int) -> bool:
        """In the keeper: whether that process has begun."""
        return self.process.share.is_alive(number)

    def last_turn(self, number: int) -> int:
        """In the keeper: when that process's loop has turned (monotonic ms), to a second; 0: it has not begun to."""
        return self.process.share.last_turn(number)

    def in_the_way(self) -> set[int]:
        """In the keeper: processes that hold a lock for which another one waits."""
        return self.process.arena.in_the_way()

    def obstinate(self) -> set[int]:
        """In the keeper: processes that did not let go of a lock which it needed to release what another one held."""
        found, self.process.arena.obstinate = self.process.arena.obstinate, set()
        return found

    def release_lane(self, number: int) -> None:
        """In the keeper: that process has ended, and its successor has not begun."""
        self.process.share.release_lane(number)
        self.lane_ended(number)

    def enter_lane(self, number: int) -> None:
        """For what extends this: in a lane, before `start`."""

    def enter_control(self) -> None:
        """For what extends this: in control, before `start`."""

    def lane_ended(self, number: int) -> None:
        """For the class that extends this: in the keeper, after a process has ended, before its successor is forked."""

    def close_sockets(self) -> None:
        """In the keeper: a soft stop begins; while it held a socket, connections would wait in it for ever."""
        for opening in self.openings():
            opening.close()

    def note(self, level: int, text: bytes) -> None:
        """A line for the log of the process, given away at once: in the keeper, which runs no loop."""

    def soft_stop(self) -> None:
        """Stop listening, close idle connections; what is at work may finish (management manual 4)."""
        self.process.stopping = True
        self.process.spread_from = monotonic_ms()
        for listener in self.listeners:
            listener.stop()

    def idle(self) -> bool:
        """Nothing is left to finish. Asked several times a second while a soft stop goes on."""
        return self.process.share.held == 0

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
        """Write what logs still hold."""

    def end(self) -> None:
        """A process that serves, or controls, ends: it leaves nothing running and nothing unwritten."""
        self.flush()
