"""Agent checks (manual 5.2, agent-check): a process beside a server, or anywhere, is asked what the server's state,
weight and limit shall be. They run beside health checks and whether there are any, in maintenance too, for only an
agent takes back what it has said.
"""

from dataclasses import dataclass
from typing import Final

from pointsman.log.target import INFO, NOTICE
from pointsman.server.backend import LiveServer
from pointsman.server.checks.agent_report import AgentReport, read_report, whole_line
from pointsman.server.checks.health import Health
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.checks.run import CheckRun, Target
from pointsman.server.checks.status import CHECKED, Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, Expect, SendData
from pointsman.server.server import RUNNING, STOPPED
from pointsman.server.weights import said_maxconn, said_weight

EMPTY: Final = "TCPCHK got an empty response at step 2"
INCOMPLETE: Final = "Ignoring incomplete line from agent"


@dataclass(frozen=True, slots=True)
class AgentTarget:
    """Where an agent is asked, and with which bytes: the runtime socket changes them."""

    address: str = ""  # "": the server's
    port: int = 0
    send: bytes = b""


@dataclass(frozen=True, slots=True)
class AgentTimes:
    """Milliseconds. 0: not said."""

    interval: int
    connect: int = 0
    read: int = 0


class AgentRun(CheckRun):
    """One question to an agent."""

    def __init__(self, server: LiveServer, target: AgentTarget, times: AgentTimes) -> None:
        steps: list[CheckStep] = [Connect(own=True)]
        if target.send:
            steps.append(SendData(data=CheckText(target.send)))
        steps.append(Expect())
        plan = CheckPlan(tuple(steps), connect_timeout=times.connect, read_timeout=times.read)
        super().__init__(server, plan, Target(target.address, target.port), times.interval, b"")
        self.line: bytes | None = None  # what it said

    def _judge(self, step: Expect) -> Result | None:
        self.line = whole_line(self.data)
        if self.line is not None:
            return Result(CHECKED)
        if not self.ended and len(self.data) < self.plan.size and b"\0" not in self.data:
            return None
        return Result(CHECKED, 0, INCOMPLETE) if self.data else Result("L7RSP", 0, EMPTY)


class Agent:
    """The agent of one server: what it has said, and what becomes of that."""

    def __init__(self, health: Health, target: AgentTarget, times: AgentTimes, attached: bool = False) -> None:
        self.health = health
        self.target = target
        self.times = times
        server = health.server
        server.agent = True
        if not attached:
            server.agent_health = 1
            server.agent_status = "INI"

    async def ask(self) -> tuple[Result, bytes | None]:
        """Once; what came of it, and the line that was said."""
        run = AgentRun(self.health.server, self.target, self.times)
        result = await run.perform()
        return result, run.line

    def take(self, result: Result, line: bytes | None, now: int) -> None:
        """An answer, or none, which is no fault: health checks are there for that."""
        server = self.health.server
        if line is None:
            status = server.agent_status if result.info == INCOMPLETE else result.status
            self._remember(Result(status, 0, result.info, result.duration), server.agent_health, now)
            return
        report = read_report(line)
        if server.agent_paused:  # while it was asked: weights are the operator's now (management manual 9.3)
            report.weight = None
            report.admin = "" if report.admin == "drain" else report.admin
        warning = self._set(report)
        self._administer(report.admin, now)
        status, health = CHECKED, server.agent_health
        if report.state:
            status, health = ("L7OK", 1) if report.up else ("L7STS", 0)
        self._remember(Result(status, 0, report.info(warning), result.duration), health, now)

    def _set(self, report: AgentReport) -> str:
        """Weight and limit. What is wrong with them, "": nothing."""
        server, backend = self.health.server, self.health.backend
        warning = ""
        weight, maxconn = server.weight, server.maxconn
        try:
            if report.maxconn is not None:
                maxconn = said_maxconn(report.maxconn)
        except ValueError as error:
            warning = str(error)
        try:
            if report.weight is not None:
                weight = said_weight(report.weight, server, backend.static_weights)
        except ValueError as error:
            warning = str(error)
        if (weight, maxconn) != (server.weight, server.maxconn):
            messages = self.health.messages
            alive = messages.alive
            server.weight, server.maxconn = weight, maxconn
            backend.changed(server)
            messages.tell_if_empty(alive)
        return warning

    def _administer(self, state: str, now: int) -> None:
        if state == "ready":
            self.health.to_ready(now)
        elif state == "drain":
            self.health.to_drain(now)
        elif state == "maint":
            self.health.to_maintenance(now)

    def _remember(self, result: Result, health: int, now: int) -> None:
        server = self.health.server
        changed = result.status not in (server.agent_status, CHECKED) or health != server.agent_health
        server.agent_status = result.status
        server.agent_duration = result.duration
        server.last_agent = result.info
        server.agent_health = health
        if changed and self.health.log_all:
            self._log(result)
        self.health.agent_said(result, now)

    def _log(self, result: Result) -> None:
        server = self.health.server
        kind = "backup server" if server.backup else "server"
        verb = "succeeded" if result.passed else "failed"
        state = "1/1 UP" if server.agent_health else "0/1 DOWN"
        text = f"Agent check for {kind} {server.route.decode()} {verb}, {result.reason()}, status: {state}."
        self.health.messages.tell(NOTICE, text.encode("latin-1", "replace"))
        self.health.messages.mail(INFO, text.encode("latin-1", "replace"))

    def force(self, up: bool, now: int) -> None:
        """`set server ... agent up|down`: until it says otherwise."""
        self.health.server.agent_health = int(up)
        self.health.become(RUNNING if up else STOPPED, now)
