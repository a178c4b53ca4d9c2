"""All checks of a process: when they start, how often they run, what servers are told of their state.

assemble adds each server that has `check`; `start` is called on the asyncio loop of control work. Each server then has
a task of its own, which sleeps between checks (manual 5.2 inter). The first ones are spread over the shortest interval
of all, so that a machine with many servers is not asked everything at once.
"""

import asyncio
import random
import socket
from collections.abc import Callable
from functools import partial

from pointsman.config.server_words import ServerParameters
from pointsman.core.arena import Arena
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.wishes import WISHES
from pointsman.net.clock import monotonic_ms
from pointsman.net.reactor import Job, Reactor
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.checks.agent import Agent, AgentTarget, AgentTimes
from pointsman.server.checks.external import ExternalCheck, ExternalRun, prepare_to_run_programs
from pointsman.server.checks.health import Health, watch
from pointsman.server.checks.kept import KeptConnection
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.checks.repeated import Repeated
from pointsman.server.checks.run import CheckRun, Target
from pointsman.server.checks.tls import CheckTls
from pointsman.server.observer import Observer
from pointsman.server.server import MAINT, STOPPING, Server
from pointsman.server.server_messages import Tell


class Checker(Repeated):
    """The health checks of one server."""

    def __init__(
        self,
        health: Health,
        plan: CheckPlan,
        parameters: ServerParameters,
        checks: "Checks",
        tls: CheckTls | None = None,
    ) -> None:
        super().__init__(health.server)
        self.room = checks.room
        self.health = health
        self.plan = plan
        self.parameters = parameters
        self.checks = checks
        self.target = Target(
            parameters.check_address,
            parameters.check_port,
            parameters.check_send_proxy,
            tls,
            parameters.check_via_socks4,
            parameters.check_proto,
            parameters.proto,
        )
        self.kept = KeptConnection() if _reuses(parameters, plan) else None

    @property
    def enabled(self) -> bool:
        """Neither in maintenance nor paused by `disable health`."""
        server = self.health.server
        return not server.admin & MAINT and not server.check_paused

    def end(self) -> None:
        super().end()
        if self.kept is not None:
            self.kept.close()

    async def once(self) -> None:
        """One check and its consequences."""
        state = state_header(self.health, self.checks.node) if self.plan.send_state else b""
        run = self.make_run(state)
        result = await run.perform()
        if self.enabled:
            if result.status == "L4TOUT" and self.checks.timed_out is not None:
                self.checks.timed_out(self.health.server)
            self.health.note(result, self.checks.clock())

    def make_run(self, state: bytes) -> CheckRun | ExternalRun:
        one = self.parameters
        server, external = self.health.server, self.plan.external
        if external is not None:
            return ExternalRun(server, external, one.interval, one.tls.ssl)
        return CheckRun(server, self.plan, self.target, one.interval, state, self.kept)

    def pause(self) -> float:
        """Milliseconds to the next check, more or less by spread-checks."""
        one = self.parameters
        return self.checks.spread_out(self.health.interval(one.interval, one.fast_interval, one.down_interval))

    def look(self) -> None:
        """Traffic may have shown too many errors."""
        observer = self.health.server.observer
        if observer is None:
            return
        while observer.take():
            self.health.observed(observer.reason, self.parameters.on_error, self.checks.clock())
            if self.checks.started:
                self.hurry(self.parameters.fast_interval or self.parameters.interval)


class AgentChecker(Repeated):
    """The agent checks of one server."""

    what = "agent check"

    def __init__(self, agent: Agent, checks: "Checks") -> None:
        super().__init__(agent.health.server)
        self.room = checks.room
        self.agent = agent
        self.checks = checks

    @property
    def enabled(self) -> bool:
        """In maintenance, too: it may be the agent that ends it."""
        return not self.server.agent_paused

    async def once(self) -> None:
        result, line = await self.agent.ask()
        self.agent.take(result, line, self.checks.clock())

    def pause(self) -> float:
        return self.checks.spread_out(self.agent.times.interval)


class TrafficLook(Job):
    """With one process: the same process sees errors and acts upon them, in a go of its own."""

    def __init__(self, checks: "Checks", reactor: Reactor) -> None:
        super().__init__()
        self.checks = checks
        self.reactor = reactor

    def soon(self) -> None:
        """A lane has seen something."""
        self.reactor.another(self)

    def go(self) -> None:
        self.checks.look()


class Checks:
    """`spread`: percent (spread-checks); `max_spread`: ms, 0: no bound (max-spread-checks); `most`: how many may be
    under way at once, 0: no limit (tune.max-checks-per-thread)."""

    def __init__(
        self,
        clock: Callable[[], int] = monotonic_ms,
        spread: int = 0,
        max_spread: int = 0,
        node: str = "",
        most: int = 0,
    ) -> None:
        self.clock = clock
        self.spread = spread
        self.max_spread = max_spread
        self.programs: ExternalCheck | None = None  # one of those that may be run, if there are any
        self.room = asyncio.Semaphore(most) if most else None
        self.node = node or socket.gethostname()
        self.checkers: dict[Server, Checker] = {}
        self.agents: dict[Server, AgentChecker] = {}
        self.healths: dict[Server, Health] = {}
        self.observing: dict[Server, Checker] = {}  # those whose traffic shows how they are
        self.own_look: TrafficLook | None = None
        self.started = False
        self.timed_out: Callable[[LiveServer], None] | None = None  # told of servers that do not answer at all

    def spread_out(self, interval: int) -> float:
        """So many ms, more or less by spread-checks."""
        spread = self.spread
        return max(1.0, interval + random.uniform(-interval, interval) * spread / 100 if spread else interval)

    def _health(
        self, backend: Backend, server: LiveServer, parameters: ServerParameters, plan: CheckPlan, tell: Tell
    ) -> Health:
        """That of a server, which its checks and its agent share."""
        found = self.healths.get(server)
        if found is None:
            found = self.healths[server] = Health(backend, server, tell)
            found.log_all = plan.log_all
            found.slowstart = parameters.slowstart
        return found

    def add_unchecked(
        self,
        backend: Backend,
        server: LiveServer,
        parameters: ServerParameters,
        plan: CheckPlan,
        tell: Tell,
        attached: bool = False,
    ) -> None:
        """A server without `check` whose line has an init-state. `attached`: its state is known."""
        self._health(backend, server, parameters, plan, tell).begin(parameters.init_state, attached)

    def follow(
        self,
        backend: Backend,
        server: LiveServer,
        leader: LiveServer,
        parameters: ServerParameters,
        tell: Tell,
        attached: bool = False,
    ) -> None:
        """A server with `track`. Its leader is here already. `attached`: its state is known."""
        health = self.healths.get(server)
        if health is None:
            health = self.healths[server] = Health(backend, server, tell)
            health.slowstart = parameters.slowstart
        health.follow(self.healths[leader], attached)

    def observe(self, checker: Checker, layer: int, limit: int) -> None:
        """Traffic of its server shows how it is, beside its checks."""
        server = checker.health.server
        arena = checker.health.backend.arena
        server.observer = Observer(arena, layer, limit, partial(self._look_soon, arena))
        self.observing[server] = checker
        WISHES.observes = WISHES.answers = True

    def _look_soon(self, arena: Arena) -> None:
        """In a lane, or in the only process."""
        if self.own_look is not None:
            self.own_look.soon()
        else:
            arena.ring(arena.rows - 1)

    def look(self) -> None:
        """In control: act upon what traffic has shown."""
        for checker in list(self.observing.values()):
            checker.look()

    def keeps_times(self, backend: Backend) -> bool:
        """As soon as it has begun: some of its servers are checked, or have an agent."""
        return any(health.backend is backend for health in self.healths.values())

    def add_agent(
        self,
        backend: Backend,
        server: LiveServer,
        parameters: ServerParameters,
        plan: CheckPlan,
        tell: Tell,
        attached: bool = False,
    ) -> AgentChecker:
        """A server with `agent-check`, whether it is checked otherwise or not. `attached`: its state is known."""
        target = AgentTarget(parameters.agent_address, parameters.agent_port, parameters.agent_send)
        times = AgentTimes(parameters.agent_interval, plan.connect_timeout, plan.read_timeout)
        agent = Agent(self._health(backend, server, parameters, plan, tell), target, times, attached)
        checker = AgentChecker(agent, self)
        self.agents[server] = checker
        return checker

    def add(
        self,
        backend: Backend,
        server: LiveServer,
        parameters: ServerParameters,
        plan: CheckPlan,
        tell: Tell,
        at: Position,
        tls: CheckTls | None = None,
        attached: bool = False,
    ) -> Checker:
        """A server with `check`. ConfigError if nothing says at which port; `at` is the place of its line. attached:
        another process has begun with it, and its cells say how it is."""
        dial = server.dial
        if dial.follow_port and not parameters.check_port and not plan.has_port and not (server.fqdn or server.service):
            raise ConfigError(
                f"config: backend '{backend.name.decode()}': server '{server.name.decode()}' has neither "
                "service port nor check port nor tcp_check rule 'connect' with port information.",
                at,
            )
        server.rise = parameters.rise
        server.fall = parameters.fall
        health = self._health(backend, server, parameters, plan, tell)
        if attached:
            server.checked = True
            health.init_state = parameters.init_state
        else:
            health.start(parameters.init_state, self.clock())
        checker = Checker(health, plan, parameters, self, tls)
        self.checkers[server] = checker
        if plan.external is not None and self.programs is None:
            self.programs = plan.external
            if self.started:  # the first server of this kind was added at run time
                prepare_to_run_programs(plan.external.setuid)
        return checker

    def begin(self, server: LiveServer) -> None:
        """It may be checked from now on: if it never was, that is done at once, whatever its interval."""
        checker = self.checkers.get(server)
        agent = self.agents.get(server)
        if not self.started:
            return
        if checker is not None and checker.enabled and not checker.health.checked:
            checker.end()
            checker.begin(0)
        if agent is not None and agent.enabled and server.agent_status == "INI":
            agent.end()
            agent.begin(0)

    def remove(self, server: LiveServer) -> None:
        """A server was deleted."""
        self.observing.pop(server, None)
        health = self.healths.pop(server, None)
        if health is not None:
            health.part()
        for repeated in (self.checkers.pop(server, None), self.agents.pop(server, None)):
            if repeated is not None:
                repeated.end()

    def start(self) -> None:
        """Begin, on the running loop. All backends are whole by now."""
        self.started = True
        if self.programs is not None:
            prepare_to_run_programs(self.programs.setuid)
        for backend in dict.fromkeys(health.backend for health in self.healths.values()):
            watch(backend, self.clock)
        intervals = [one.parameters.interval for one in self.checkers.values()]
        intervals += [one.agent.times.interval for one in self.agents.values()]
        shortest = min(intervals, default=0)
        if self.max_spread:
            shortest = min(shortest, self.max_spread)
        repeated: list[Repeated] = [*self.checkers.values(), *self.agents.values()]
        for place, one in enumerate(repeated):
            one.begin(shortest * place // len(repeated))
        self.look()

    async def stop(self) -> None:
        """End all tasks and wait for them."""
        repeated: list[Repeated] = [*self.checkers.values(), *self.agents.values()]
        tasks = [one.task for one in repeated if one.task is not None]
        for one in repeated:
            one.end()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reuses(parameters: ServerParameters, plan: CheckPlan) -> bool:
    """Checks take connections over (manual 5.2 check-reuse-pool): those of HTTP do, where neither the line nor a rule
    says how checks connect."""
    tls = parameters.tls
    own = (
        parameters.check_address
        or parameters.check_port
        or parameters.check_send_proxy
        or parameters.check_via_socks4
        or parameters.check_proto
        or tls.check
        or tls.check_alpn is not None
    )
    return parameters.check_reuse_pool and plan.http and not own and not plan.asks_own


def state_header(health: Health, node: str) -> bytes:
    """The value of x-haproxy-server-state (manual 4.2 http-check send-state)."""
    server, backend = health.server, health.backend
    level = server.check_health
    if server.state == STOPPING:
        text = "NOLB"
    elif level >= server.rise:
        text = "UP" if level == health.sound else f"UP {level - server.rise + 1}/{server.fall}"
    else:
        text = f"DOWN {level}/{server.rise}" if level else "DOWN"
    target = server.dial.target
    address, port = ("unix", "unix") if isinstance(target, str) else (target[0], str(target[1]))
    weights = sum(one.weight for one in backend.servers if one.usable and one.backup == server.backup)
    current = sum(one.connections for one in backend.servers)
    return (
        f"{text}; address={address}; port={port}; name={server.route.decode()}; node={node}; "
        f"weight={server.weight if server.usable else 0}/{weights}; scur={server.connections}/{current}; "
        f"qcur={server.queued}"
    ).encode("latin-1", "replace")
