"""A backend: its servers, which of them may be used now, who picks one, and who waits for one.

`refresh` is called whenever a state or a weight changes: it gives the algorithm the servers that may be used (the
active ones; if there is none, the first backup, or all of them under `option allbackups`).

A server's slots are counted in `Server.connections`: a stream reserves one when it is assigned and gives it back by
`release`, which hands it to the first waiter of the server's queue or of the backend's, whoever came first.
"""
from collections.abc import Callable, Collection

from pointsman.core.counters import Counters
from pointsman.sample.context import Context, ProxyFacts
from pointsman.server.algorithm import Algorithm
from pointsman.server.connection import SAFE, Dial, Pool
from pointsman.server.queue import Queue, Waiter
from pointsman.server.server import RUNNING, Server


class LiveServer(Server):
    """A server with its way in: address, pool, queue."""

    def __init__(self, name: str, number: int, backend: "Backend", dial: Dial, weight: int) -> None:
        super().__init__(name, number, backend.name.decode(), weight)
        self.backend = backend
        self.dial = dial
        self.pool = Pool()
        self.queue = Queue()
        self.max_reuse = -1  # exchanges of a connection behind its first; -1: no limit
        self.send_proxy = 0  # version of the PROXY header that is sent first; 0: none

    @property
    def full(self) -> bool:
        return 0 < self.slots <= self.connections

    @property
    def queued(self) -> int:
        return len(self.queue)


class Backend(ProxyFacts):
    def __init__(self, name: str, number: int, http: bool, algorithm: Algorithm) -> None:
        super().__init__(name, number, http)
        self.servers: list[LiveServer] = []
        self.algorithm = algorithm
        self.queue = Queue()
        self.counters = Counters()
        self.all_backups = False
        self.reuse = SAFE
        self.arrivals = 0
        self.usable: list[Server] = []
        self.on_change: list[Callable[[Server], None]] = []  # called behind each `changed`
        self.last_change = 0  # monotonic ms
        self.down_time = 0
        self.downs = 0

    def find(self, name: bytes) -> LiveServer | None:
        for server in self.servers:
            if server.name == name:
                return server
        return None

    # States.

    def refresh(self) -> None:
        """Give the algorithm the servers that may be used now."""
        usable: list[Server] = [server for server in self.servers if server.usable and not server.backup]
        if not usable:
            usable = [server for server in self.servers if server.usable and server.backup]
            if not self.all_backups:
                usable = usable[:1]
        self.usable = usable
        self.algorithm.rebuild(usable)

    def changed(self, server: Server) -> None:
        """A server's state, weight or limit has changed."""
        self.refresh()
        live = self._live(server)
        if live is not None:
            if not live.up:
                live.pool.close()
            if not live.usable:
                for waiter in list(live.queue.waiters):
                    live.queue.leave(waiter)
                    waiter.requeue()
            else:
                self.hand_out(live)
        for call in self.on_change:
            call(server)

    def _live(self, server: Server) -> LiveServer | None:
        return server if isinstance(server, LiveServer) else None

    @property
    def up(self) -> bool:
        return not self.servers or any(server.up for server in self.servers)

    # Choice.

    def pick(self, context: Context, avoid: Collection[Server]) -> LiveServer | None:
        """The algorithm's choice, whether it is full or not. None: there is nobody."""
        server = self.algorithm.pick(context, avoid)
        if server is None:
            return None
        live = self._live(server)
        if live is not None and live.full and not self.algorithm.sticky:
            full = [one for one in self.usable if 0 < one.slots <= one.connections]
            if len(full) < len(self.usable):
                again = self.algorithm.pick(context, [*avoid, *full])
                if again is not None:
                    return self._live(again)
        return live

    def reserve(self, server: LiveServer) -> None:
        """Count a stream in."""
        server.connections += 1
        if server.connections > server.counters.highest:
            server.counters.highest = server.connections
        self.algorithm.took(server)

    def release(self, server: LiveServer) -> None:
        """A stream leaves: the slot goes to the first waiter."""
        server.connections -= 1
        self.algorithm.left(server)
        if len(server.queue) or len(self.queue):
            self.hand_out(server)

    def hand_out(self, server: LiveServer) -> None:
        """Free slots of a server, to those who wait, in their order of arrival."""
        while not server.full and (server.state == RUNNING or server.usable):
            own = server.queue.first()
            any_one = self.queue.first() if server.usable and server in self.usable else None
            if own is None and any_one is None:
                return
            waiter = own
            if own is None or any_one is not None and any_one.arrival < own.arrival:
                waiter = any_one
            assert waiter is not None and waiter.queue is not None
            waiter.queue.leave(waiter)
            self.reserve(server)
            waiter.grant(server)

    def wait(self, waiter: Waiter, server: LiveServer | None) -> int:
        """Stand in the server's queue, or in the backend's. Returns how many stand before."""
        self.arrivals += 1
        waiter.arrival = self.arrivals
        return (self.queue if server is None else server.queue).enter(waiter)
