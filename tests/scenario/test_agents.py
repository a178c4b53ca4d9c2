"""agent-check: an agent says what a server's state, weight and limit are, in all lanes; and goes on doing so when
control was killed, with what the runtime socket has changed about it."""

from __future__ import annotations

import csv
import os
import re
import signal
import urllib.request
from collections.abc import Iterator

import pytest
from support.agents import SpeakingAgent
from support.counting import CountingOrigin
from support.crowd import children, get, until
from support.programs import POINTSMAN, Program
from support.receiver import LogReceiver
from support.scenario import query, show_stat

PATIENCE = 15.0  # s
TEXT = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    log {log} local0
    balance roundrobin
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout check 15s
frontend metrics
    bind 127.0.0.1:{port:metrics}
    http-request use-service prometheus-exporter
listen web
    bind 127.0.0.1:{port:web}
    server s1 {up} weight 50 agent-check agent-port {agent} agent-inter 100ms agent-send "web/s1\\n"
    server s2 {up} weight 10
listen both
    bind 127.0.0.1:{port:both}
    option log-health-checks
    server s1 {up} check inter 50ms weight 50 agent-check agent-port {agent} agent-inter 100ms
listen slow
    bind 127.0.0.1:{port:slow}
    server s1 {up} weight 50 slowstart 600s agent-check agent-port {agent} agent-inter 100ms
listen quiet
    bind 127.0.0.1:{port:quiet}
    timeout check 0ms
    server s1 {up} agent-check agent-port {quiet} agent-inter 100ms
listen static
    bind 127.0.0.1:{port:static}
    balance static-rr
    server s1 {up} weight 50 agent-check agent-port {agent} agent-inter 100ms
"""


class Stand:
    def __init__(self, program: Program, agent: SpeakingAgent, log: LogReceiver) -> None:
        self.program = program
        self.agent = agent
        self.log = log
        self.seen = 0

    def ask(self, command: str) -> str:
        return query(self.program.folder / "stats", command)

    def row(self, server: str) -> dict[str, str]:
        return show_stat(self.program.folder / "stats")[server]

    def state(self, server: str) -> dict[str, str]:
        """Its line of `show servers state`."""
        lines = self.ask("show servers state").splitlines()
        head = lines[1].removeprefix("# ").split()
        rows = [dict(zip(head, line.split())) for line in lines[2:] if line]
        return next(row for row in rows if f"{row['be_name']}/{row['srv_name']}" == server)

    def becomes(self, server: str, **columns: str) -> None:
        """Columns of `show stat` come to that."""
        found: dict[str, str] = {}

        def right() -> bool:
            row = self.row(server)
            found.update({name: row[name] for name in columns})
            return found == columns

        try:
            until(right, PATIENCE)
        except AssertionError:
            assert found == columns

    def said(self, *wanted: str) -> None:
        """These messages have come since the last look, in this order, whatever else has."""
        found: list[str] = []

        def all_there() -> bool:
            found[:] = [text(line) for line in self.log.wait(0)[self.seen :]]
            rest = iter(found)
            return all(any(one == other for other in rest) for one in wanted)

        try:
            until(all_there, PATIENCE)
        except AssertionError:
            assert found == list(wanted)
        self.seen = len(self.log.wait(0))


def text(line: str) -> str:
    """A message with its level; how long a check took is chance."""
    level, _, rest = line.partition(">")
    return re.sub(r"duration: \d+ms", "duration: Nms", f"{level}> {rest.partition(']: ')[2]}")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    log, agent, quiet = LogReceiver(), SpeakingAgent(), SpeakingAgent(None)
    with CountingOrigin() as origin:
        values = {"log": log.where, "up": f"127.0.0.1:{origin.port}"}
        values |= {"agent": str(agent.port), "quiet": str(quiet.port)}
        with Program(POINTSMAN, TEXT, tmp_path_factory.mktemp("agents"), values) as program:
            until(lambda: len(children(program.pid)) == 3, PATIENCE)
            yield Stand(program, agent, log)
    agent.close()
    quiet.close()
    log.close()


@pytest.fixture(autouse=True)
def fresh(stand: Stand) -> None:
    """All servers are up, by their agent's word."""
    stand.agent.says(b"up ready 100% maxconn:0\n")
    for server in ("web/s1", "both/s1", "slow/s1"):
        assert stand.ask(f"enable agent {server}") == "\n"
        stand.becomes(server, agent_status="L7OK", uweight="50", slim="")
    stand.becomes("both/s1", status="UP")
    stand.becomes("web/s1", status="no check")
    stand.seen = len(stand.log.wait(0))


def served(stand: Stand) -> set[int]:
    """Statuses of requests that both lanes see."""
    return {get(stand.program.ports["both"], "/") for _ in range(8)}


REASON = 'reason: Layer7 wrong status, code: 0, info: "via agent : down (why)", check duration: Nms'
LOST = "0 sessions active, 0 requeued, 0 remaining in queue."


def test_down_and_up(stand: Stand) -> None:
    assert served(stand) == {200}
    stand.agent.says(b"down # why\n")
    stand.becomes(
        "both/s1",
        status="DOWN (agent)",
        agent_status="L7STS",
        agent_code="0",
        agent_desc="Layer7 wrong status",
        agent_rise="1",
        agent_fall="1",
        agent_health="0",
        last_agt="via agent : down (why)",
        check_health="4",
    )
    stand.becomes("web/s1", status="DOWN (agent)", check_status="", chkdown="", agent_health="0")
    stand.said(f"<129> Server web/s1 is DOWN, {REASON}. 1 active and 0 backup servers left. {LOST}")
    until(lambda: served(stand) == {503}, PATIENCE)
    assert stand.state("both/s1")["srv_agent_state"] == "22"
    stand.agent.says(b"up\n")
    stand.becomes("both/s1", status="UP", agent_health="1", last_agt="via agent : up")
    stand.said(
        '<133> Agent check for server both/s1 succeeded, reason: Layer7 check passed, code: 0, info: "via agent : up", '
        "check duration: Nms, status: 1/1 UP.",
        "<133> Server both/s1 is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
    )
    until(lambda: served(stand) == {200}, PATIENCE)
    assert stand.agent.heard == b"web/s1\n"


def test_weights_and_limits(stand: Stand) -> None:
    for say, columns in [
        (b"75%\n", {"weight": "37", "slim": "", "agent_status": "CHECKED", "agent_desc": "No status change"}),
        (b"weight:20 maxconn:30\n", {"weight": "20", "slim": "30", "agent_code": "", "last_agt": ""}),
        (b"weight:300 maxconn:5\n", {"weight": "20", "slim": "5"}),
        (b"maxconn:x\n", {"slim": "5", "last_agt": "agent warns : maxconn string empty or preceded by garbage"}),
        (b"1000%\n", {"weight": "256", "slim": "5"}),
        (b"0% nonsense\n", {"weight": "0", "last_agt": "agent reports an error : nonsense"}),
        (b"100% up maxconn:0 # all\n", {"weight": "50", "slim": "", "last_agt": "via agent : up (all)"}),
    ]:
        stand.agent.says(say)
        stand.becomes("web/s1", **columns)
    stand.becomes("static/s1", weight="50", last_agt="via agent : up (all)")  # it was asked since 0%, too
    stand.agent.says(b"75%\n")
    stand.becomes(
        "static/s1",
        weight="50",
        last_agt="agent warns : Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.",
    )


def test_a_weight_goes_through_slowstart(stand: Stand) -> None:
    """What is set is what it comes to in the end; in force is a part of it."""
    stand.agent.says(b"down\n")
    stand.becomes("slow/s1", status="DOWN (agent)")
    stand.agent.says(b"up weight:160\n")
    stand.becomes("slow/s1", uweight="160", weight="10", throttle="6")
    stand.agent.says(b"up weight:32\n")
    stand.becomes("slow/s1", uweight="32", weight="2", throttle="6")


def test_administrative_words(stand: Stand) -> None:
    stand.agent.says(b"drain\n")
    stand.becomes("both/s1", status="DRAIN (agent)")
    assert stand.state("both/s1")["srv_admin_state"] == "8"
    stand.said(
        "<133> Server web/s1 enters drain state. 1 active and 0 backup servers online. "
        "0 sessions requeued, 0 total in queue."
    )
    stand.agent.says(b"drain maint\n")
    stand.becomes("both/s1", status="MAINT", agent_status="CHECKED")
    assert (stand.state("both/s1")["srv_admin_state"], stand.state("web/s1")["srv_check_state"]) == ("1", "0")
    stand.agent.says(b"down\n")
    stand.becomes("both/s1", status="MAINT", agent_health="0")
    stand.agent.says(b"ready\n")
    stand.becomes("both/s1", status="DOWN (agent)", agent_health="0")
    stand.said("<133> Server both/s1 is DOWN/READY (leaving forced maintenance).")
    stand.agent.says(b"up\n")
    stand.becomes("both/s1", status="UP")


def test_what_is_no_word_of_an_agent_changes_nothing(stand: Stand) -> None:
    for say, status, told in [
        (b"", "L7RSP", "TCPCHK got an empty response at step 2"),
        (b"down", "L7RSP", "Ignoring incomplete line from agent"),
        (b"\xff\x00down\n", "L7RSP", "Ignoring incomplete line from agent"),
        (b"\n", "CHECKED", ""),
        (b"x" * 100_000, "CHECKED", "Ignoring incomplete line from agent"),
    ]:
        stand.agent.says(say)
        stand.becomes("web/s1", status="no check", agent_status=status, agent_health="1", last_agt=told)
    stand.becomes("quiet/s1", status="no check", agent_status="L7TOUT", agent_desc="Layer7 timeout", agent_health="1")


def test_the_runtime_socket(stand: Stand) -> None:
    for command, complaint in [
        ("enable agent web/s2", "Agent was not configured on this server, cannot enable."),
        ("set server web/s2 agent up", "agent checks are not enabled on this server."),
        ("set server web/s2 agent-port 3", "agent checks are not enabled on this server"),
        ("set server web/s1 agent", "'set server <srv> agent' expects 'up' or 'down'."),
        ("set server web/s1 agent-addr", "set server <b>/<s> agent-addr requires an address and optionally a port."),
        ("set server web/s1 agent-addr nobody.invalid", "invalid addr 'nobody.invalid'"),
        ("set server web/s1 agent-addr 127.0.0.1 port", "provided port is not an integer"),
        ("set server web/s1 agent-port 70000", "provided port is invalid"),
        ("set server web/s1 agent-port", "set server <b>/<s> agent-port requires a port."),
    ]:
        assert stand.ask(command).strip() == complaint
    assert stand.ask("disable agent web/s2") == "\n"
    stand.agent.says(b"\n")
    stand.becomes("both/s1", agent_status="CHECKED")
    assert stand.ask("set server both/s1 agent down") == "\n"
    stand.becomes("both/s1", status="DOWN (agent)", agent_health="0")
    stand.said(f"<129> Server both/s1 is DOWN, changed from CLI. 0 active and 0 backup servers left. {LOST}")
    assert stand.ask("disable agent both/s1") == "\n"
    stand.becomes("both/s1", status="UP", agent_status="", agent_health="", last_agt="")  # nothing is against it
    assert stand.state("both/s1")["srv_agent_state"] == "18"
    assert stand.ask("set server both/s1 agent down").strip() == "agent checks are not enabled on this server."
    assert stand.ask("enable agent both/s1") == "\n"
    stand.becomes("both/s1", status="UP", agent_health="0")  # it has not said anything new
    assert stand.ask("set server both/s1 agent up") == "\n"
    stand.becomes("both/s1", agent_health="1")


@pytest.mark.timeout(120)
def test_an_agent_goes_on_when_control_was_killed(stand: Stand) -> None:
    """With its address and what it is sent as the runtime socket has changed them, paused or not as it was."""
    other = SpeakingAgent(b"down # other\n")
    assert stand.ask(f"set server web/s1 agent-addr localhost port {other.port}") == "\n"
    assert stand.ask("set server web/s1 agent-send moved") == "\n"
    assert stand.ask("disable agent slow/s1") == "\n"
    stand.becomes("web/s1", last_agt="via agent : down (other)")
    for round_ in range(2):
        before = children(stand.program.pid)
        os.kill(before[-1 if not round_ else 0], signal.SIGKILL)
        until(lambda old=before: len(set(children(stand.program.pid)) - set(old)) == 1, PATIENCE)
        other.says(b"up\n")
        stand.becomes("web/s1", status="no check", last_agt="via agent : up")
        other.says(b"down # other\n")
        stand.becomes("web/s1", status="DOWN (agent)", last_agt="via agent : down (other)")
    assert other.heard == b"moved"
    found = stand.state("web/s1")
    assert (found["srv_agent_addr"], found["srv_agent_port"]) == ("127.0.0.1", str(other.port))
    stand.becomes("slow/s1", agent_status="")
    assert stand.ask(f"set server web/s1 agent-port {stand.agent.port}") == "\n"
    other.close()
    stand.becomes("web/s1", status="no check", last_agt="via agent : up")


def test_what_an_agent_says_is_shown_as_it_is(stand: Stand) -> None:
    """Commas and quotes of the statistics' own format are no danger, and nothing of it gets into a page unescaped."""
    stand.agent.says(b'down # a,"b",<i>\n')
    stand.becomes("web/s1", last_agt='via agent : down (a,"b",<i>)')
    rows = list(csv.reader(stand.ask("show stat").splitlines()))
    assert len({len(row) for row in rows if row}) == 1


def test_metrics(stand: Stand) -> None:
    """Of servers with an agent alone, as HAProxy's."""
    stand.agent.says(b"down\n")
    stand.becomes("web/s1", agent_status="L7STS")
    with urllib.request.urlopen(f"http://127.0.0.1:{stand.program.ports['metrics']}/metrics", timeout=15) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("haproxy_server_agent_") and 'proxy="web"' in line]
    assert 'haproxy_server_agent_status{proxy="web",server="s1",state="L7STS"} 1' in found
    assert 'haproxy_server_agent_status{proxy="web",server="s1",state="L7OK"} 0' in found
    assert 'haproxy_server_agent_code{proxy="web",server="s1"} 0' in found
    assert any(line.startswith('haproxy_server_agent_duration_seconds{proxy="web",server="s1"} 0.') for line in found)
    assert not any('server="s2"' in line for line in found)
