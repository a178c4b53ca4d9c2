"""Which messages about servers are sent by mail, and of which level they are (manual 4.2, email-alert level). HAProxy
2.6 and 3.2 send these."""

from scripted import Farm

import pointsman.keywords
from pointsman.server.checks.agent import Agent, AgentTarget, AgentTimes
from pointsman.server.checks.status import Result
from pointsman.server.server import RUNNING, STOPPED, STOPPING

assert pointsman.keywords

PASS = Result("L4OK")
REFUSED = Result("L4CON", 0, "Connection refused")


class MailedFarm(Farm):
    """`mailed`: the first words of each message, with its level."""

    def __init__(self, lines: str = "", *servers: str) -> None:
        super().__init__(lines, list(servers) or ["check", "check"], list(range(1, 3)))
        self.mailed: list[str] = []
        self.backend.alert = self._mail
        self.health = self.checkers[0].health

    def _mail(self, level: int, text: bytes) -> None:
        self.mailed.append(f"{level} {text.decode()}")

    def new(self) -> list[str]:
        found, self.mailed = self.mailed, []
        self.lines = []
        return [line.partition(".")[0] for line in found]


def test_up_and_down_by_checks() -> None:
    made = MailedFarm()
    for result in (REFUSED, REFUSED, REFUSED):
        made.health.note(result, 0)
    text = made.lines[-1]
    assert made.mailed == [f"{text[0]} {text[1]}"]  # what was logged, as a whole
    assert made.new() == [
        '1 Server b/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms'
    ]
    for result in (PASS, PASS):
        made.health.note(result, 0)
    assert made.new() == ["5 Server b/s1 is UP, reason: Layer4 check passed, check duration: 0ms"]


def test_every_check_that_is_logged() -> None:
    made = MailedFarm("option log-health-checks")
    made.health.note(PASS, 0)
    made.health.note(REFUSED, 0)
    made.health.note(REFUSED, 0)
    assert [line[:2] for line in made.new()] == ["6 "] * 3
    made.health.note(REFUSED, 0)
    assert made.new() == [
        '6 Health check for server b/s1 failed, reason: Layer4 connection problem, info: "Connection refused", '
        "check duration: 0ms, status: 0/2 DOWN",
        "1 Server b/s1 is DOWN",
    ]


def test_a_server_that_gets_no_new_work_goes_down_quietly() -> None:
    made = MailedFarm()
    made.health.become(STOPPING, 0)
    assert made.new() == []
    made.health.become(STOPPED, 0)
    assert made.new() == ["5 Server b/s1 is DOWN, changed from CLI"]
    made.health.become(RUNNING, 0)
    assert made.new() == ["5 Server b/s1 is UP, changed from CLI"]
    made.health.to_drain(0)
    assert made.new() == ["5 Server b/s1 enters drain state"]
    made.health.become(STOPPED, 0)
    assert made.new() == ["5 Server b/s1 is DOWN, changed from CLI"]
    made.health.to_ready(0)
    assert made.new() == []


def test_maintenance_is_the_operators_own() -> None:
    made = MailedFarm()
    made.health.to_maintenance(0)
    made.health.to_ready(0)
    made.health.lose_address(0, "No IP for server")
    made.health.regain_address(0)
    assert made.lines and made.new() == []


def test_the_last_server_is_told_of_once() -> None:
    """The message that none is left is not sent."""
    made = MailedFarm("", "check")
    made.health.become(STOPPED, 0)
    assert made.new() == ["1 Server b/s1 is DOWN, changed from CLI"]


def test_followers() -> None:
    made = MailedFarm()
    made.checkers[1].health.follow(made.health, False)
    made.health.become(STOPPED, 0)
    made.health.become(RUNNING, 0)
    made.health.to_drain(0)
    assert made.new() == [
        "1 Server b/s1 is DOWN, changed from CLI",
        "1 Server b/s2 is DOWN via b/s1",
        "5 Server b/s1 is UP, changed from CLI",
        "5 Server b/s2 is UP via b/s1",
        "5 Server b/s1 enters drain state",
        "5 Server b/s2 enters drain state via b/s1",
    ]


def test_agents() -> None:
    made = MailedFarm("option log-health-checks")
    agent = Agent(made.health, AgentTarget("127.0.0.1", 1), AgentTimes(1000))
    for line in (b"down", b"up", b"drain", b"maint"):
        agent.take(Result("CHECKED"), line, 0)
    assert made.new() == [
        '6 Agent check for server b/s1 failed, reason: Layer7 wrong status, code: 0, info: "via agent : down", check '
        "duration: 0ms, status: 0/1 DOWN",
        "1 Server b/s1 is DOWN",
        '6 Agent check for server b/s1 succeeded, reason: Layer7 check passed, code: 0, info: "via agent : up", check '
        "duration: 0ms, status: 1/1 UP",
        "5 Server b/s1 is UP",
        "5 Server b/s1 enters drain state",
    ]
