"""A backend: its servers, which of them may be used now, who picks one, and who waits for one.

`refresh` is called whenever a state or a weight changes: it gives the algorithm the servers that may be used (the
active ones; if there is none, the first backup, or all of them under `option allbackups`).

States are cells that the control process writes; `changed` raises the backend's version and rings the lanes, and each
of them catches up (`look`) at its bell or at its next pick, whichever comes first.

A server with a `maxconn` has slots: a stream reserves one under the backend's lock and gives it back by `release`,
which hands it to the earliest waiter of all lanes (queue.py). A server without one is only counted.
"""

from collections.abc import Callable, Collection
from functools import partial

from pointsman.core.arena import Arena
from pointsman.core.columns import HELD, LINK, NOTHING
from pointsman.core.wishes import WISHES
from pointsman.net.transport import Transports
from pointsman.proto.hpack import Block
from pointsman.proto.message import Response
from pointsman.sample.context import Context, ProxyFacts
from pointsman.server.algorithm import Algorithm
from pointsman.server.connection import RAW, Speaker, Spoken
from pointsman.server.dial import Dial
from pointsman.server.dynamic_cookie import dynamic_cookie
from pointsman.server.observer import Observer
from pointsman.server.outgoing_header import OutgoingHeader
from pointsman.server.pool import REUSE_SAFE, Pool
from pointsman.server.pool_key import KeyPart, Marks, key_of
from pointsman.server.queue import ORDER_BITS, Grants, Queue, QueueWaiter
from pointsman.server.server import MAINT, RUNNING, Server
from pointsman.server.server_name import ServerName
from pointsman.server.socks4 import Socks4Proxy


class Remembered:
    """What is remembered of an exchange, to be used again by another connection."""

    def __init__(self) -> None:
        self.used = 0  # when it was made or taken over (monotonic ms)


class LiveServer(Server):
    """A server with its way in: address, pool, queue."""

    def __init__(self, name: str, number: int, backend: "Backend", dial: Dial, weight: int) -> None:
        super().__init__(name, number, backend.name.decode(), weight, backend.arena)
        self.backend = backend
        self.counters.join(backend.counters)
        self.dial = dial
        self.pool = Pool(self)
        self.queue = Queue(backend.arena)
        # The first response on the newest connection: later ones are read by its shape. `first_raw`: its bytes.
        self.model: Response | None = None
        self.first_raw = b""
        self.first_block: Block | None = None  # the same of the newest one that speaks HTTP/2
        self.idle_ping = 0  # ms after which a silent connection of HTTP/2 is asked whether it is there; 0: never
        self.max_reuse = -1  # exchanges of a connection behind its first; -1: no limit
        self.kept: Remembered | None = None  # the last answer (stream/outcome.py)
        self.kept_answer: Remembered | None = None  # the last one of a connection that speaks HTTP/2
        self.speaker: Speaker = RAW  # what is spoken on its connections
        self.transports: Transports | None = None  # what their bytes pass through; None: they are plain
        self.websockets: Spoken | None = None  # what WebSockets go by, if by something else (ws)
        self.socks4: Socks4Proxy | None = None  # what its connections go by
        self.encrypting: Transports | None = None  # that of TLS, switched on or not; None: there is none
        self.server_name: ServerName | None = None  # for whom connections are where they are encrypted
        self.early_data = False  # requests may go there along with the hello (allow-0rtt)
        self.header: OutgoingHeader | None = None  # the PROXY header that its connections begin with
        self.pool_name: KeyPart | None = None  # which of them are alike, whomever they are for (pool-conn-name)
        self.key_parts: list[KeyPart] = []  # in what else its connections may differ
        self.redirect_prefix = b""  # in front of what GET and HEAD ask for, where it `redirects`
        self.said_cookie = b""  # what its line says
        self.cookie = b""  # what names it in persistence cookies: that, or a dynamic one; b"": nothing
        self.observer: Observer | None = None  # traffic shows how it is (observe); None: it does not
        self.tracks: LiveServer | None = None  # whose state is its own (track)
        self.ends_sessions = False  # what runs on it ends when it goes down (on-marked-down)
        self.ends_backups = False  # what runs on backup servers ends when it comes back (on-marked-up)
        self.ended = self.returned = 0  # as last looked at: how often that was
        self.said_id = False  # its line says its number
        self.restored = False  # its last change may be older than the program: a server-state file has told of it
        self.fqdn = ""  # the name that its address comes from; "": none does
        self.service = ""  # the name whose SRV records say what `fqdn` and port are; "": none
        self.settle()

    def settle(self) -> None:
        """Where it is was set, or in what its connections may differ: idle ones to where it was are closed."""
        dial = self.dial
        parts = self.key_parts
        name = self.server_name
        if self.pool_name is not None:
            parts = [*parts, self.pool_name]
        elif name is not None and name.varies and self.transports is not None:
            parts = [*parts, name]
        if dial.presented is not None and dial.presented.varies:
            parts = [*parts, dial.presented]
        if WISHES.server_marks:
            parts = [*parts, Marks()]
        key = key_of(dial.follow_address, dial.follow_port, self.header, parts)
        self.pool.apart = self.websockets is not None
        self.pool.set_key(key if self.backend.http else None)  # in TCP mode a connection is its client's
        self.settle_cookie()

    def forget_answers(self, moment: int) -> None:
        """Those that no connection has taken over since then (monotonic ms)."""
        if self.kept is not None and self.kept.used < moment:
            self.kept = None
        if self.kept_answer is not None and self.kept_answer.used < moment:
            self.kept_answer = None

    def settle_cookie(self) -> None:
        """Where it is was set, or what dynamic cookies are made of."""
        backend = self.backend
        made = (
            dynamic_cookie(backend.cookie_key, self.dial) if backend.dynamic_cookies and not self.said_cookie else b""
        )
        self.cookie = self.said_cookie or made

    def host_name(self, context: Context) -> bytes:
        """For whom a connection is that this exchange begins; b"": it names nobody."""
        return self.server_name.value(context) if self.server_name is not None else b""

    def encrypt(self, on: bool) -> None:
        """Connections yet to come are encrypted, or plain. Those of the other kind are not used again."""
        self.transports = self.encrypting if on else None
        websockets = self.websockets
        if websockets is not None:
            websockets.transports = websockets.encrypting if on else None
        self.dial.renew()
        self.settle()

    @property
    def slots(self) -> int:
        """Its maxconn, less during slowstart; 0: no limit. With a minconn it is on the ramp between both, by the load
        of the backend, until that is at its fullconn (manual 5.2, minconn; the formula was observed)."""
        limit = self.row.maxconn
        if not limit:
            return 0
        if self.minconn:
            backend = self.backend
            load = backend.connections
            if load < backend.full_connections:
                limit = min(limit, max(self.minconn, load * limit // backend.full_connections))
        return max(1, limit * self.row.share // 16)

    @property
    def full(self) -> bool:
        if not self.limited:
            return False
        return 0 < self.slots <= self.counters.held + self.backend.grants.pending(self.granted_as)

    @property
    def queued(self) -> int:
        return len(self.queue)

    @property
    def may_be_awaited(self) -> bool:
        """Its maxqueue lets another one wait for it."""
        return not 0 < self.maxqueue <= len(self.queue)


class Backend(ProxyFacts):
    def __init__(self, name: str, number: int, http: bool, algorithm: Algorithm, arena: Arena | None = None) -> None:
        self.arena = arena if arena is not None else Arena(1, 1 << 14)
        super().__init__(name, number, http, self.arena)
        self.servers: list[LiveServer] = []
        self.roster = 0  # how often some have come, gone, or got another name while running
        self.algorithm = algorithm
        algorithm.share(self.arena)
        self.queue = Queue(self.arena)
        self.grants = Grants(self.arena)
        self.lock = self.arena.take_lock()
        self.version = self.arena.take(1)  # of the servers' states
        self.latest = self.arena.cells.at(self.version).load  # without a look-up each time
        self.arrivals = self.arena.take(1)
        self.arrived = self.arena.cells.at(self.arrivals).load
        self.times = self.arena.take(3)  # last change of state (monotonic ms), ms down, times down
        self.said_id = False  # its section says its number
        self.seen = 0  # the version that this process has caught up with
        self.all_backups = False
        self.full_connections = 0  # at how many streams servers with a minconn take their maxconn (fullconn)
        self.static_weights = False  # its algorithm cannot follow weights that change
        self.reuse = REUSE_SAFE
        self.honours_down = False  # some may go to servers that are down: option persist, force-persist
        self.dynamic_cookies = False  # servers whose lines name none have a cookie of their own
        self.cookie_key = b""  # dynamic-cookie-key
        self.spellings: dict[bytes, bytes] | None = None  # of names of fields, where its servers want them so
        self.ramps = False  # some of its servers have a minconn
        self.strict = False  # some of its servers are
        self.usable: list[Server] = []
        self.loose: list[LiveServer] = []  # granted to waiters who had left
        self.generation = 0  # as a server's (`Server.generation`)
        self.watched = False  # its own times are kept here (checks/health.py)
        self.astray = False  # a grant was for a server that is no more: whom it was for shows no head any more
        self.on_change: list[Callable[[Server], None]] = []  # called behind each `changed`
        # In a lane: what has all that runs on these servers end, with a letter for the log (stream/endings.py).
        self.end_sessions: Callable[[list[LiveServer], int], None] | None = None
        # In a lane: what closes idle connections to this server that are kept for one client each.
        self.close_kept: Callable[[LiveServer], None] | None = None
        # In control: who sends messages about its servers by mail, of which level they are, and their text.
        self.alert: Callable[[int, bytes], None] | None = None

    @property
    def last_change(self) -> int:
        return self.arena.cells.load(self.times)

    @last_change.setter
    def last_change(self, moment: int) -> None:
        self.arena.cells.store(self.times, moment)

    @property
    def down_time(self) -> int:
        return self.arena.cells.load(self.times + 1)

    @down_time.setter
    def down_time(self, milliseconds: int) -> None:
        self.arena.cells.store(self.times + 1, milliseconds)

    @property
    def downs(self) -> int:
        return self.arena.cells.load(self.times + 2)

    @downs.setter
    def downs(self, count: int) -> None:
        self.arena.cells.store(self.times + 2, count)

    def find(self, name: bytes) -> LiveServer | None:
        for server in self.servers:
            if server.name == name:
                return server
        return None

    # States.

    def refresh(self) -> None:
        """Give the algorithm the servers that may be used now."""
        for server in self.servers:
            server.refresh()
        usable: list[Server] = [server for server in self.servers if server.usable and not server.backup]
        if not usable:
            usable = [server for server in self.servers if server.usable and server.backup]
            if not self.all_backups:
                usable = usable[:1]
        self.usable = usable
        self.ramps = any([server.minconn for server in self.servers])
        self.strict = any([server.strict for server in self.servers])
        self.algorithm.rebuild(usable)

    def changed(self, server: Server) -> None:
        """A server's state, weight or limit has changed: here, and every lane is told."""
        self.seen = self.arena.cells.add(self.version, 1)
        self._catch_up()
        self.arena.ring_others()
        for call in self.on_change:
            call(server)

    def look(self) -> None:
        """Catch up with what other processes have changed or granted."""
        if self.strict:
            self._make_room()
        version = self.arena.cells.load(self.version)
        if version != self.seen:
            self.seen = version
            self._catch_up()
        elif self._somebody_waits():
            self._locked(self._share_out)

    def keep_up(self) -> None:
        """Before anything is decided by the servers' states."""
        if self.latest() != self.seen:
            self.look()

    def _somebody_waits(self) -> bool:
        """In any lane, or for this one to take up what it was granted.

        Its own waiters are asked, not only the cells: a lane that crashed while it granted something to one of them may
        have taken that one out of the cells already.
        """
        if self.queue.waiters or len(self.queue) or self.grants.waiting_for(self.arena.lane):
            return True
        return any([server.queue.waiters or len(server.queue) for server in self.servers])

    def _catch_up(self) -> None:
        self.refresh()
        self.notice_endings()
        for server in self.servers:
            if not server.up:
                server.pool.close()
                if server.links and server.admin & MAINT and self.close_kept is not None:
                    self.close_kept(server)
            if not server.usable and server.queue.waiters:
                self._locked(partial(self._dismiss, server))
        if self._somebody_waits():
            self._locked(self._share_out)

    def notice_endings(self) -> None:
        """Servers may have been marked down, or up, so that what runs on them, or on backups, has to end. A lane calls
        it also when it begins: what was before is none of its business."""
        for server in self.servers:
            ended, returned = server.row.ended, server.row.returned
            if ended != server.ended:
                server.ended = ended
                if self.end_sessions is not None:
                    self.end_sessions([server], 0x44)  # D
            if returned != server.returned:
                server.returned = returned
                if self.end_sessions is not None:
                    self.end_sessions([one for one in self.servers if one.backup], 0x55)  # U

    def forget(self, server: LiveServer) -> None:
        """It was deleted. Exchanges that are under way there go on to their ends."""
        self.servers.remove(server)
        self.roster += 1
        if server.queue.waiters:
            self._locked(partial(self._dismiss, server))
        server.pool.close()
        server.end()
        self.refresh()

    def _dismiss(self, server: LiveServer) -> None:
        """Have those that wait for a server which takes nothing any more choose again."""
        for waiter in list(server.queue.waiters.values()):
            server.queue.leave(waiter)
            waiter.requeue()

    def _live(self, server: Server) -> LiveServer | None:
        return server if isinstance(server, LiveServer) else None

    @property
    def up(self) -> bool:
        return not self.servers or any(server.up for server in self.servers)

    # Choice.

    def pick(self, context: Context, avoid: Collection[Server]) -> LiveServer | None:
        """The algorithm's choice, whether it is full or not. None: there is nobody."""
        self.keep_up()
        server = self.algorithm.pick(context, avoid)
        if server is None:
            return None
        live = self._live(server)
        if live is not None and live.full and not self.algorithm.sticky:
            full = self._exhausted()
            if live in full and self._has_others(live, full, avoid):
                again = self.algorithm.pick(context, [*avoid, *full])
                if again is not None:
                    return self._live(again)
        return live

    def _exhausted(self) -> list[LiveServer]:
        """The servers that an algorithm without affinity passes by: they are full. One that fills their queues first
        passes them by when these are full as well."""
        if not self.algorithm.fills_queues:
            return [one for one in self.servers if one.full]
        return [one for one in self.servers if one.full and not (one.maxqueue and one.may_be_awaited)]

    def _has_others(self, server: Server, full: Collection[Server], avoid: Collection[Server]) -> bool:
        """Whether somebody is there to turn to from a server that is full: none that has failed, unless all have."""
        return any([one not in full and (one not in avoid or server in avoid) for one in self.usable])

    def queue_of(self, server: LiveServer, wanted: bool) -> LiveServer | None:
        """Whose queue an exchange stands in that cannot go to this server at once: the server's, where it is `wanted`
        or nobody else will do; else the backend's (None)."""
        if wanted or self.algorithm.sticky or self.algorithm.fills_queues and server.maxqueue:
            return server
        return None

    def peek(self, context: Context, avoid: Collection[Server] = ()) -> list[LiveServer]:
        """What `pick` would choose, with nothing moved: nobody, one, or several of which it draws one
        (`Algorithm.peek`)."""
        self.keep_up()
        full = self._exhausted()
        found: list[LiveServer] = []
        for first in self.algorithm.peek(context, avoid):
            servers = [first]
            if first in full and not self.algorithm.sticky and self._has_others(first, full, avoid):
                servers = self.algorithm.peek(context, [*avoid, *full], avoid) or servers
            for server in servers:
                live = self._live(server)
                if live is not None and live not in found:
                    found.append(live)
        return found

    def reserve(self, server: LiveServer) -> bool:
        """Count a stream in; False: it is full. A server without a limit need not be asked: see `Exchange.assigned`."""
        return self._locked(lambda: self._reserve(server))

    def _reserve(self, server: LiveServer) -> bool:
        if server.full:
            return False
        if server.minconn and (len(server.queue) or len(self.queue)):
            return False  # it is this one that has raised the limit, but others have waited longer
        server.counters.enter()
        self.algorithm.took(server)
        if self.ramps:  # it has raised the load, and with it the limits of others
            for one in self.servers:
                if one.minconn:
                    self._hand_out(one)
        return True

    def release(self, server: LiveServer, pooled: bytes = NOTHING) -> int:
        """A stream leaves: the slot goes to the first waiter. `pooled`: what `Pool.give` said of its connection.

        Returns how many streams others have there.
        """
        if server.limited or self.arrived() and (len(server.queue) or len(self.queue)):
            others = server.step(pooled, NOTHING, NOTHING) - 1
            self._locked(lambda: self._release(server))
        else:
            others = server.step(pooled, HELD, NOTHING)
            self.algorithm.left(server)
        return others

    def _release(self, server: LiveServer) -> bool:
        server.counters.leave()
        self.algorithm.left(server)
        self._hand_out(server)
        return True

    # Connections to servers with strict-maxconn.

    def take_link(self, server: LiveServer) -> bool:
        """Count a connection that is about to be opened; False: there are as many as its maxconn, in all lanes."""
        return self._locked(lambda: self._take_link(server))

    def _take_link(self, server: LiveServer) -> bool:
        if 0 < server.maxconn <= server.counters.totals.links:
            return False
        server.row.wanted_links = 0
        server.step(LINK, NOTHING, NOTHING)
        return True

    def want_link(self, server: LiveServer) -> None:
        """Ask other lanes to close one that is idle."""
        server.row.wanted_links = 1
        self.arena.ring_others()

    def _make_room(self) -> None:
        """Another lane may have asked for it."""
        for server in self.servers:
            if server.strict and server.row.wanted_links and server.pool.make_room():
                server.row.wanted_links = 0

    # Waiting.

    def _locked(self, step: Callable[[], object]) -> bool:
        """Do it under the backend's lock."""
        self.arena.hold(self.lock)
        try:
            self._take_up()  # first, or a waiter that was granted a slot would be published again
            return bool(step())
        finally:
            self.arena.unlock(self.lock)

    def _share_out(self) -> bool:
        """Show who waits, and hand out what is free."""
        self.queue.publish()
        for server in self.servers:
            server.queue.publish()
        for server in self.servers:
            self._hand_out(server)
        return True

    def _take_up(self) -> None:
        """What others have granted this lane."""
        if self.grants.waiting_for(self.arena.lane):
            self.grants.take(self._granted)
            loose, self.loose = self.loose, []
            if self.astray:
                self.astray = False
                self._share_out()
            for server in loose:
                self._hand_out(server)

    def _granted(self, granted: int, arrival: int) -> None:
        """Another lane has granted a slot to one of our waiters. It may have left meanwhile: then others get it. The
        server may have been deleted meanwhile: then the waiter waits on."""
        for server in self.servers:
            if server.granted_as == granted:
                waiter = self.queue.waiters.get(arrival) or server.queue.waiters.get(arrival)
                if waiter is not None and waiter.queue is not None:
                    server.counters.enter()
                    self.algorithm.took(server)
                    waiter.queue.serve(waiter)
                    waiter.grant(server)
                else:
                    self.loose.append(server)
                return
        self.astray = True

    def _hand_out(self, server: LiveServer) -> None:
        """Free slots of a server, to those who wait, in their order of arrival over all lanes."""
        here = self.arena.lane
        while not server.full and (server.state == RUNNING or server.usable or self.honours_down):
            queue = server.queue
            arrival, lane = queue.earliest()
            if server.usable and server in self.usable:
                other, owner = self.queue.earliest()
                if other and (not arrival or other < arrival):
                    queue, arrival, lane = self.queue, other, owner
            if not arrival:
                return
            if lane == here:
                waiter = queue.waiters.get(arrival)
                if waiter is None:  # a head of a former life of this lane
                    queue.publish()
                    continue
                queue.serve(waiter)
                server.counters.enter()
                self.algorithm.took(server)
                waiter.grant(server)
            elif self.grants.has_room(lane):
                queue.take_head(lane, arrival)
                self.grants.put(lane, server.granted_as, arrival)
                self.arena.ring(lane)
            else:
                return

    def wait(self, waiter: QueueWaiter, server: LiveServer | None) -> bool:
        """Stand in the server's queue, or in the backend's. False: as many wait for the server as may."""

        def enter() -> bool:
            if server is not None and not server.may_be_awaited:
                self._hand_out(server)  # its limit may have risen with the load
                if not server.may_be_awaited:
                    return False
            arrival = self.arena.cells.add(self.arrivals, 1)
            waiter.arrival = waiter.rank | arrival & (1 << ORDER_BITS) - 1 if waiter.rank else arrival
            (self.queue if server is None else server.queue).enter(waiter)
            for one in self.servers if server is None else [server]:  # one may have become free meanwhile
                self._hand_out(one)
            return True

        return self._locked(enter)

    def stop_waiting(self, waiter: QueueWaiter) -> None:
        """Take a waiter out of its queue: its time is up, or its client has left."""
        queue = waiter.queue
        if queue is not None:
            self._locked(lambda: queue.leave(waiter))

    def release_lane(self, lane: int) -> None:
        """In the keeper: a lane (or control) has ended. What it held is free again; the caller rings the others' bells.

        The lock is taken over from it and given back at the end, so that no lane grants anything to a row that is being
        cleared. It may have ended between a change of state and its announcement: so that is made now.
        """
        mine = self.arena.take_over(self.lock, lane)
        self.counters.release_lane(lane)
        self.queue.release_lane(lane)
        self.grants.release_lane(lane)
        for server in self.servers:
            server.counters.release_lane(lane)
            server.queue.release_lane(lane)
        self.arena.cells.add(self.version, 1)
        if mine:
            self.arena.unlock(self.lock)
