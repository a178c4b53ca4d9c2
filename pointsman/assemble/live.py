"""What runs: one generation with everything in it."""

import asyncio
import os
import random
from collections.abc import Callable
from typing import Final

from pointsman.admin.links import Links
from pointsman.assemble.tables import Expiry
from pointsman.config.setting import Section
from pointsman.core.columns import DROPPED_LOGS, EXHAUSTED_REGEXES, SPLICED
from pointsman.core.counters import Counters
from pointsman.core.h2_cells import H2Cells
from pointsman.core.regex import EXHAUSTED
from pointsman.core.reserve import Reserve
from pointsman.listener.generation import Generation
from pointsman.listener.listener import Listener
from pointsman.log.events import EventLogger
from pointsman.log.logger import Logger
from pointsman.log.sinks import SinkSet
from pointsman.log.target import NOTICE, WARNING
from pointsman.net.answering import AnsweringEnd
from pointsman.net.clock import wall_ms
from pointsman.net.questions import QUESTIONS, Incarnations, QuestionLinks
from pointsman.net.reactor import IN, Channel, Hook, Reactor
from pointsman.proto.hpack_memory import SHARED as HEADER_BLOCKS
from pointsman.resolve.resolution import RESOLVERS
from pointsman.sample.context import Names
from pointsman.sample.encode import LINE_UNSAFE
from pointsman.sample.fetch.lane import THIS_LANE
from pointsman.sample.passwords import PASSWORDS
from pointsman.server.backend import LiveServer
from pointsman.server.checks.checks import Checks, TrafficLook
from pointsman.server.checks.external import end_programs
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.state_file import SavedState
from pointsman.stream.acceptor import STOPPED_TEXT, ProcessState
from pointsman.stream.connections import ClientConnection, client_connections
from pointsman.stream.endings import Endings
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.h1front import FORGETS
from pointsman.stream.progress import look
from pointsman.stream.proxies import BackendProxy, Program
from pointsman.tables.stick_tables import TABLES
from pointsman.tls.back import ServerContexts
from pointsman.tls.front import FrontTls
from pointsman.tls.sessions import SessionCache
from pointsman.tls.store import Store
from pointsman.tls.tickets import Tickets

SECOND: Final = 1_000  # ms


class EverySecond(Hook):
    """What happens once a second: the wall clock is looked at, what lasts is counted, idle connections and
    remembered lines grow old."""

    def __init__(self, live: "Live") -> None:
        super().__init__()
        self.live = live
        self.due = live.reactor.now + SECOND
        self.forget_at = 0  # when the first heads of connections are forgotten
        live.program.date_offset = wall_ms() - live.reactor.now

    def after(self, now: int) -> None:
        self.due = now + SECOND
        program = self.live.program
        program.date_offset = wall_ms() - now
        if program.glitches is not None:
            program.glitches.sample(now)
        if program.h2_glitches is not None:
            program.h2_glitches.sample(now)
        program.request_lines.age(now)
        program.response_lines.age(now)
        HEADER_BLOCKS.age(now)
        for counters in self.live.every_counters():
            counters.session_rate.tick(now)
            counters.connection_rate.tick(now)
            counters.request_rate.tick(now)
        self.live.process.tls.counters.tick(now)
        TABLES.settle(now)
        look(self.live.reactor, now)
        self.live.tell_lost_lines()
        pipe = self.live.reactor.pipe
        if pipe.passed:
            self.live.process.counters.tally(SPLICED, pipe.passed)
            pipe.passed = 0
        if EXHAUSTED.count:
            self._tell_exhausted()
        if PASSWORDS.given_up:
            self._tell_unchecked()
        if now >= self.forget_at:
            self._forget(now)
        self._forget_outcomes(now)
        for backend in self.live.backends:
            for server in backend.servers:
                if server.pool.top is not None or server.pool.stacks:
                    server.pool.purge(now)
                server.forget_answers(now - FORGETS)

    def _tell_exhausted(self) -> None:
        """Matches of regular expressions were given up during the last second."""
        count, pattern = EXHAUSTED.count, EXHAUSTED.pattern
        EXHAUSTED.clear()
        self.live.process.counters.tally(EXHAUSTED_REGEXES, count)
        self.live.note(
            WARNING,
            b"Matches of regular expressions given up after too many steps: %d, the first of "
            b"them that of '%b'." % (count, LINE_UNSAFE.sub(b"?", pattern)),
        )

    def _tell_unchecked(self) -> None:
        """Clients were taken for strangers during the last second, because their passwords could not be checked."""
        count, PASSWORDS.given_up = PASSWORDS.given_up, 0
        self.live.note(
            WARNING,
            b"Encrypted passwords not checked, as too many are waiting or computing them takes too long: %d." % count,
        )

    def _forget_outcomes(self, now: int) -> None:
        """What no connection has begun with for a while."""
        for frontend in self.live.frontends:
            if frontend.kept is not None and now - frontend.kept.used > FORGETS:
                frontend.kept = None
            if frontend.h2_kept is not None and now - frontend.h2_kept.used > FORGETS:
                frontend.h2_kept = None

    def _forget(self, now: int) -> None:
        """No head, which may hold cookies, lies about for long."""
        self.forget_at = now + FORGETS
        for frontend in self.live.frontends:
            frontend.model = None
            frontend.first_block = b""
            frontend.h2_block = None
        for backend in self.live.backends:
            for server in backend.servers:
                server.model = None
                server.first_raw = b""
                server.first_block = None


class BackgroundService:
    """Something that begins and ends with the generation: stats sockets."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listeners are open. The loop is about to run."""
        raise NotImplementedError

    def stop(self) -> None:
        """A soft stop: let nobody new in."""
        raise NotImplementedError


class Bell(Channel):
    """The eventfd by which other processes of the generation call for attention."""

    def __init__(self, live: "Live", fd: int) -> None:
        super().__init__(fd)
        self.live = live

    def ready(self, events: int) -> None:
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return
        self.live.look()

    def broken(self) -> None:
        """What it called for went wrong and was reported; it will ring again."""


class Live(Generation):
    def __init__(
        self, reactor: Reactor, process: ProcessState, program: Program, sinks: SinkSet, logger: Logger
    ) -> None:
        super().__init__(reactor, process)
        self.program = program
        self.resolves = True  # look up names of servers
        self.sinks = sinks
        self.lost_lines = 0  # log lines of this process that the counters know of
        self.logger = logger  # of the process
        self.frontends: list[LiveFrontend] = []
        self.backends: list[BackendProxy] = []
        self.loggers: dict[int, Logger | None] = {}  # of backends, by id(): for messages about their servers
        self.tls_store = Store()  # certificates and authorities in memory
        self.server_contexts = ServerContexts(self.tls_store)
        self.reserve: Reserve | None = None  # of cells for servers and backends that are added at run time
        self.links: Links | None = None  # between control and lanes, where there are several processes
        self.incarnations = Incarnations(process.arena)
        self.question_links: QuestionLinks | None = None  # where lanes ask control
        self.answering: AnsweringEnd | None = None  # in the process that answers
        self.bell: Bell | None = None
        self.health: Checks | None = None
        self.names = Names()  # all proxies, for expressions
        self.end_sessions: Callable[[list[LiveServer], int], None] | None = None  # see Backend.end_sessions
        # What server-state files say, by the names of backends and servers.
        self.saved: dict[str, dict[str, SavedState]] = {}
        self.close_kept: Callable[[LiveServer], None] | None = None  # see Backend.close_kept
        self.check_plans: dict[int, CheckPlan] = {}  # by id() of the backend
        self.dh: bytes | int = 0  # for suites with DHE, where certificates bring no parameters (Context.dh); 0: none
        self.fronts: list[FrontTls] = []  # of bind lines
        self.pins: dict[int, frozenset[int]] = {}  # cpu-map: CPUs by lane, from 1 on
        self.groups: list[list[int]] = []  # thread groups: their lanes, from 1 on
        self.sections: dict[int, Section] = {}  # by id() of the frontend or backend
        self.tickets = Tickets()  # keys of TLS tickets
        self.sessions: SessionCache | None = None  # of TLS clients
        self.services: list[BackgroundService] = []  # what begins and ends with the generation
        self.processes = -1  # cells: the numbers of this generation's processes, by their places
        self.expiry: Expiry | None = None  # of entries of stick tables
        self.looked = reactor.now  # in a soft stop: when it was last looked whether all is over (monotonic ms)
        self.resting: set[ClientConnection] = set()  # in a soft stop: connections that were idle at the last look

    def limit_connections(self, maxconn: int) -> None:
        super().limit_connections(maxconn)
        for backend in self.backends:
            if not backend.full_connections:
                backend.full_connections = self._full_connections(backend)

    def _full_connections(self, backend: BackendProxy) -> int:
        """Where no fullconn is said: a tenth of what the frontends that may come here hold (manual 4.2, fullconn)."""
        held = sum(
            frontend.limit or self.process.limit
            for frontend in self.frontends
            if frontend.default_backend is backend or any(route.target is backend for route in frontend.use_backend)
        )
        return max(1, -(-held // 10))

    def tell_lost_lines(self) -> None:
        """The other processes shall know how many log lines this one has lost."""
        lost = self.sinks.dropped - self.lost_lines
        if lost:
            self.process.counters.tally(DROPPED_LOGS, lost)
            self.lost_lines += lost

    def dropped_logs(self) -> int:
        """Log lines that all processes have lost; what another one has lost in this second is not known yet."""
        self.tell_lost_lines()
        return self.process.counters.totals.dropped_logs

    def every_counters(self) -> list[Counters]:
        """The counters of the process, the sockets, the proxies and the servers."""
        found = [self.process.counters, *[listener.bind_state.counters for listener in self.listeners]]
        found += [frontend.counters for frontend in self.frontends]
        for backend in self.backends:
            found.append(backend.counters)
            found += [server.counters for server in backend.servers]
        return found

    def every_h2(self) -> list[H2Cells]:
        """What is counted of HTTP/2, for each proxy."""
        return [*[frontend.h2 for frontend in self.frontends], *[backend.h2 for backend in self.backends]]

    def take_row(self, number: int, bells: list[int]) -> None:
        """After a fork: this process writes that row of the arena, and wakes up when its bell is rung."""
        arena = self.process.arena
        arena.lane = number
        arena.bells = bells
        for counters in self.every_counters():
            counters.move()
        for cells in self.every_h2():
            cells.move()
        self.process.tls.counters.move()
        arena.cells.store(self.processes + number, os.getpid())
        TABLES.enter_process(os.getpid())
        self.bell = Bell(self, bells[number])
        self.reactor.add(self.bell, IN)

    def share_out(self, lanes: int) -> None:
        super().share_out(lanes)
        self.process.arena.become_keeper()
        self.processes = self.process.arena.take(lanes + 1)
        self.links = Links(lanes)
        self.question_links = QuestionLinks(lanes, self.incarnations)
        self.process.arena.seal()

    def enter_lane(self, number: int) -> None:
        self.take_row(number, self.wakeups)
        if self.sessions is not None:
            self.sessions.enter_lane()
        self.pin(number + 1)
        THIS_LANE.be(number, next((group for group, lanes in enumerate(self.groups) if number + 1 in lanes), 0))
        here: list[Listener] = []
        for listener in self.listeners:
            if listener.lanes is not None:
                listener.yielding = None  # who could take what this lane leaves is not known
            if listener.lanes is None or number + 1 in listener.lanes:
                here.append(listener)
            else:
                listener.opening.close()
        self.listeners = here

    def pin(self, lane: int) -> None:
        """cpu-map: on which CPUs this lane, counted from 1 on, runs."""
        cpus = self.pins.get(lane)
        if cpus is None:
            return
        try:
            os.sched_setaffinity(0, cpus)
        except OSError as error:
            self.note(WARNING, b"Cannot bind lane %d to its CPUs: %b" % (lane, (error.strerror or "").encode()))

    def enter_control(self) -> None:
        self.take_row(self.lanes, self.wakeups)

    def look(self) -> None:
        """Another process has changed a state, granted a slot or made room."""
        for backend in self.backends:
            backend.look()
        for listener in self.listeners:
            listener.again()
        if self.health is not None and self.controls:
            self.health.look()
        if self.serves:
            QUESTIONS.look()
        if self.answering is not None:
            self.answering.look()

    def lane_ended(self, number: int) -> None:
        """In the keeper: what the lane held is given back; what it had counted stays.

        What was added at run time is known here when the log of changes was read, which may take a while: so the rest
        is given back before.
        """
        arena = self.process.arena
        arena.bells = self.wakeups
        self.incarnations.died(number)
        self._release(number)
        arena.release_lane(number)
        if self.links is not None and self.links.look_on():
            self._release(number)
            arena.release_lane(number)
        TABLES.process_ended(arena.cells.load(self.processes + number))
        for lane in range(len(arena.bells)):
            arena.ring(lane)

    def _release(self, number: int) -> None:
        for counters in self.every_counters():
            counters.release_lane(number)
        for cells in self.every_h2():
            cells.release_lane(number)
        self.process.tls.counters.release_lane(number)
        for backend in self.backends:
            backend.release_lane(number)

    def open_sinks(self) -> list[str]:
        """Before chroot: log targets. What went wrong, a text each."""
        return self.sinks.open()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.links is None:
            self.pin(1)
            TABLES.enter_process(os.getpid())
        if self.controls and TABLES.by_name:
            self.expiry = Expiry(loop)
        self.tls_store.passphrases.close()
        self.sinks.attach(self.reactor)
        self.reactor.hooks.append(EverySecond(self))
        if self.serves:
            self._begin_endings()
        self._open_questions(loop)
        if self.controls:
            RESOLVERS.start(loop)
        super().start(loop)
        for service in self.services:
            service.start(loop)
        if self.health is not None and self.controls:
            if self.serves:
                self.health.own_look = TrafficLook(self.health, self.reactor)
            loop.call_soon(self.health.start)
        self.process.arena.seal()

    def _begin_endings(self) -> None:
        """From here on what runs on servers ends when they are marked down, or others up."""
        endings = Endings(self.reactor)
        for backend in self.backends:
            backend.notice_endings()
            backend.end_sessions = endings.gather
            backend.close_kept = endings.close_kept
        self.end_sessions = endings.gather
        self.close_kept = endings.close_kept

    def _open_questions(self, loop: asyncio.AbstractEventLoop) -> None:
        """From here on lanes may ask control; with one process it asks itself."""
        links = self.question_links
        if links is None:
            links = self.question_links = QuestionLinks(1, self.incarnations)
        else:
            links.keep(self.lane)
        if self.serves:
            QUESTIONS.attach(self.reactor, links, self.lane)
        if self.controls:
            self.answering = AnsweringEnd(links)
            self.answering.start(loop)

    def soft_stop(self) -> None:
        super().soft_stop()
        for service in self.services:
            service.stop()
        if self.controls:
            self._tell_end()

    def _tell_end(self) -> None:
        """Each proxy has stopped; a listen section is one."""
        twins = {id(self.sections[id(backend)]): backend for backend in self.backends}
        for frontend in self.frontends:
            twin = twins.pop(id(self.sections[id(frontend)]), None)
            EventLogger(frontend.logger)(
                WARNING,
                STOPPED_TEXT
                % (
                    frontend.name,
                    frontend.counters.totals.sessions,
                    0 if twin is None else twin.counters.totals.sessions,
                ),
            )
        for backend in twins.values():
            EventLogger(self.loggers[id(backend)])(
                WARNING, STOPPED_TEXT % (backend.name, 0, backend.counters.totals.sessions)
            )

    def idle(self) -> bool:
        """Each look closes the connections that wait for another request, and did so at the look before, too.

        Not those that are idle just now: the client may be about to send. Its next response would tell it to close
        (management manual 4). What has come in before the very end is read, and answered. Who has not yet sent a
        first request may do so. With close-spread-time only a part of them each time.
        """
        before, self.resting = self.resting, set()
        for connection in client_connections(self.reactor):
            session = connection.of_session()
            if connection.is_idle() and not (session.first or session.frontend.close_idle_on_response):
                self.resting.add(connection)
        now = self.reactor.now
        share = self.process.idle_share(now - self.looked)
        self.looked = now
        for connection in client_connections(self.reactor):
            if share == 1.0 or random.random() < share:
                connection.stop()
        for connection in before & self.resting:
            if random.random() >= share:
                continue
            connection.look()
            if connection.is_idle():
                connection.close()
        if before:
            self.settle()
        over = super().idle()
        if over:
            self._part_from_servers()
        return over

    def _part_from_servers(self) -> None:
        """The process ends: servers that are told so where their protocol has a word for it are told."""
        for backend in self.backends:
            for server in backend.servers:
                server.pool.close()
        self.settle()

    def flush(self) -> None:
        self.sinks.flush()

    def end(self) -> None:
        end_programs()
        super().end()

    def note(self, level: int, text: bytes) -> None:
        self.logger.event(level, text)
        self.sinks.flush()

    def dump(self) -> None:
        """SIGHUP: the state of every server goes to its backend's log (management manual 4)."""
        for backend in self.backends:
            logger = self.loggers.get(id(backend)) or self.logger
            for server in backend.servers:
                logger.event(
                    NOTICE,
                    b"SIGHUP: Server %b is %b. Conn: %d act, %d pend, %d tot."
                    % (
                        server.route,
                        b"UP" if server.up else b"DOWN",
                        server.connections,
                        server.queued,
                        server.counters.totals.sessions,
                    ),
                )
            if not backend.servers:
                logger.event(
                    NOTICE,
                    b"SIGHUP: Proxy %b has no servers. Conn: act(FE+BE): 0+%d, %d pend (%d unass), "
                    b"tot(FE+BE): 0+%d."
                    % (
                        backend.name,
                        backend.connections,
                        len(backend.queue),
                        len(backend.queue),
                        backend.counters.totals.sessions,
                    ),
                )
