"""Changes of state and what is logged of them. The transcripts are those of HAProxy 2.6, with its levels."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Farm, Scripted, with_server

import pointsman.keywords
from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.server.checks.status import STATUSES, Result
from pointsman.server.queue import QueueWaiter
from pointsman.server.server import FORCED_MAINT, RUNNING, STARTING, STOPPED, STOPPING, Server

assert pointsman.keywords

PASS = Result("L4OK")
REFUSED = Result("L4CON", 0, "Connection refused")
OOPS = Result("L7STS", 500, "Oops")
FINE = Result("L7OK", 200)
GONE = Result("L7OKC", 404)


def farm(lines: str = "", *servers: str) -> Farm:
    names = list(servers) or ["check"]
    return Farm(lines, names, list(range(1, 1 + len(names))))


def note(made: Farm, *results: Result, server: int = 0, at: int = 0) -> list[str]:
    """What is logged while these results come in."""
    made.now = at or made.now
    for result in results:
        made.checkers[server].health.note(result, made.now)
    return made.said()


def test_it_falls_and_rises() -> None:
    made = farm("option log-health-checks", "check", "check")
    assert note(made, PASS) == [
        "5 Health check for server b/s1 succeeded, reason: Layer4 check passed, check duration: 0ms, status: 3/3 UP."
    ]
    assert note(made, PASS) == []
    assert note(made, REFUSED, REFUSED, REFUSED) == [
        '5 Health check for server b/s1 failed, reason: Layer4 connection problem, info: "Connection refused", '
        "check duration: 0ms, status: 2/3 UP.",
        '5 Health check for server b/s1 failed, reason: Layer4 connection problem, info: "Connection refused", '
        "check duration: 0ms, status: 1/3 UP.",
        '5 Health check for server b/s1 failed, reason: Layer4 connection problem, info: "Connection refused", '
        "check duration: 0ms, status: 0/2 DOWN.",
        "1 Server b/s1 is DOWN. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, "
        "0 remaining in queue.",
    ]
    assert note(made, REFUSED) == []
    assert [server.name for server in made.backend.usable] == [b"s2"]
    assert (made.server.check_fails, made.server.downs, made.server.check_health) == (3, 1, 0)
    assert note(made, PASS, PASS) == [
        "5 Health check for server b/s1 succeeded, reason: Layer4 check passed, check duration: 0ms, status: 1/2 DOWN.",
        "5 Health check for server b/s1 succeeded, reason: Layer4 check passed, check duration: 0ms, status: 3/3 UP.",
        "5 Server b/s1 is UP. 2 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
    ]
    assert len(made.backend.usable) == 2


def test_without_the_option_the_reason_stands_in_the_message() -> None:
    made = farm("", "check", "check")
    assert note(made, PASS, REFUSED, REFUSED) == []
    assert note(made, REFUSED) == [
        '1 Server b/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. '
        "1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
    ]
    assert note(made, FINE, FINE) == [
        "5 Server b/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 2 active and 0 backup "
        "servers online. 0 sessions requeued, 0 total in queue."
    ]


def test_the_first_result_decides() -> None:
    made = farm("", "check rise 3 fall 4")
    assert made.server.check_status == "INI"
    assert made.server.usable
    assert note(made, OOPS) == [
        '1 Server b/s1 is DOWN, reason: Layer7 wrong status, code: 500, info: "Oops", check duration: 0ms. 0 active '
        "and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
        "0 backend b has no server available!",
    ]
    server = made.server
    assert (server.state, server.check_fails, server.check_code, server.check_status) == (STOPPED, 1, 500, "L7STS")


def test_a_flap_heals_at_once() -> None:
    made = farm("option log-health-checks")
    note(made, FINE)
    assert [line[-14:] for line in note(made, OOPS, FINE)] == ["tatus: 2/3 UP.", "tatus: 3/3 UP."]
    assert made.server.check_fails == 1


def test_backups() -> None:
    made = farm("", "check", "check backup", "check backup")
    down = '{}, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. '
    assert note(made, REFUSED) == [
        "1 " + down.format("Server b/s1 is DOWN") + "0 active and 2 backup servers left. Running on backup. "
        "0 sessions active, 0 requeued, 0 remaining in queue."
    ]
    assert note(made, REFUSED, server=1) == [
        "1 " + down.format("Backup Server b/s2 is DOWN") + "0 active and 1 backup servers left. Running on backup. "
        "0 sessions active, 0 requeued, 0 remaining in queue."
    ]
    assert note(made, REFUSED, server=2)[1:] == ["0 backend b has no server available!"]
    assert note(made, PASS, PASS, server=1) == [
        "5 Backup Server b/s2 is UP, reason: Layer4 check passed, check duration: 0ms. 0 active and 1 backup servers "
        "online. Running on backup. 0 sessions requeued, 0 total in queue."
    ]
    assert note(made, PASS, PASS) == [
        "5 Server b/s1 is UP, reason: Layer4 check passed, check duration: 0ms. 1 active and 1 backup servers online. "
        "0 sessions requeued, 0 total in queue."
    ]


def test_backup_servers_in_check_lines() -> None:
    made = farm("option log-health-checks", "check backup")
    assert note(made, FINE) == [
        "5 Health check for backup server b/s1 succeeded, reason: Layer7 check passed, "
        "code: 200, check duration: 0ms, status: 3/3 UP."
    ]


def test_404_stops_and_200_resumes() -> None:
    made = farm("option httpchk|http-check disable-on-404", "check", "check")
    note(made, FINE)
    assert note(made, GONE, GONE) == [
        "5 Server b/s1 is stopping, reason: Layer7 check conditionally passed, code: 404, check duration: 0ms. "
        "1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
    ]
    assert made.server.state == STOPPING
    assert note(made, FINE) == [
        "5 Server b/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 2 active and 0 backup "
        "servers online. 0 sessions requeued, 0 total in queue."
    ]
    assert made.server.state == RUNNING
    note(made, GONE)
    assert note(made, OOPS, OOPS, OOPS) == [  # it was expected: a notice
        '5 Server b/s1 is DOWN, reason: Layer7 wrong status, code: 500, info: "Oops", check duration: 0ms. 1 active '
        "and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
    ]
    assert made.server.state == STOPPED


def test_conditional_passes_bring_a_server_back_to_stopping() -> None:
    """As `ok-status L7OKC` has them. A 404 under disable-on-404 is none for a server that is down (judge_reply)."""
    made = farm("option httpchk", "check", "check")
    note(made, OOPS, OOPS, OOPS)
    assert made.server.state == STOPPED
    assert note(made, GONE) == []
    assert note(made, GONE) == [
        "5 Server b/s1 is stopping, reason: Layer7 check conditionally passed, code: 404, check duration: 0ms. "
        "1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
    ]
    assert made.server.state == STOPPING


def test_404_of_the_last_server() -> None:
    made = farm("option httpchk|http-check disable-on-404|option log-health-checks")
    note(made, FINE)
    assert note(made, GONE) == [
        "5 Health check for server b/s1 conditionally succeeded, reason: Layer7 check conditionally passed, code: 404, "
        "check duration: 0ms, status: 3/3 UP.",
        "5 Server b/s1 is stopping. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
        "0 backend b has no server available!",
    ]
    assert note(made, OOPS, OOPS, OOPS)[-1].startswith("5 Server b/s1 is DOWN. 0 active")


class Waiting(QueueWaiter):
    """A stream that waits and is sent away."""

    requeued = False

    def grant(self, server: Server) -> None:
        raise AssertionError("nobody may be let in")

    def requeue(self) -> None:
        self.requeued = True


def test_sessions_and_queues_are_counted() -> None:
    made = farm("", "check maxconn 1", "check maxconn 1")
    server = made.server
    server.connections = 3
    made.backend.servers[1].connections = 1
    own, other = Waiting(), Waiting()
    made.backend.wait(own, server)
    made.backend.wait(other, None)
    [line] = note(made, REFUSED)
    assert line.endswith("3 sessions active, 1 requeued, 1 remaining in queue.")
    assert own.requeued
    assert not other.requeued


@pytest.mark.parametrize(
    ("word", "state", "health", "results", "final"),
    [
        ("none", RUNNING, 2, [REFUSED], STOPPED),
        ("up", RUNNING, 2, [REFUSED], STOPPED),
        ("fully-up", RUNNING, 4, [REFUSED, REFUSED], RUNNING),
        ("fully-up", RUNNING, 4, [REFUSED, REFUSED, REFUSED], STOPPED),
        ("down", STOPPED, 1, [PASS], RUNNING),
        ("fully-down", STOPPED, 0, [PASS], STOPPED),
        ("fully-down", STOPPED, 0, [PASS, PASS], RUNNING),
    ],
)
def test_initial_states(word: str, state: int, health: int, results: list[Result], final: int) -> None:
    """Manual 5.2 init-state."""
    made = farm("", f"check init-state {word}")
    assert (made.server.state, made.server.check_health) == (state, health)
    note(made, *results)
    assert made.server.state == final


def test_slowstart() -> None:
    """32 sixteenths of weight... from 1 to 16 of 16 over a second; maxconn likewise."""
    made = farm("", "check slowstart 1s weight 32 maxconn 32")
    server = made.server
    note(made, PASS, at=1000)
    assert (server.state, server.share) == (RUNNING, 16)  # not at start-up
    note(made, REFUSED, REFUSED, REFUSED, at=2000)
    note(made, PASS, PASS, at=3000)
    assert (server.state, server.effective, server.slots) == (STARTING, 32, 2)
    assert made.backend.usable == [server]
    note(made, PASS, at=3250)
    assert (server.state, server.effective, server.slots) == (STARTING, 4 * 32, 8)
    note(made, PASS, at=3999)
    assert (server.state, server.effective) == (STARTING, 15 * 32)
    assert note(made, PASS, at=4000) == [
        "5 Server b/s1 is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
    ]
    assert (server.state, server.effective, server.slots) == (RUNNING, 16 * 32, 32)


def test_times_of_servers_and_backends() -> None:
    made = farm()

    async def scene() -> None:
        made.checks.start()
        await made.checks.stop()

    asyncio.run(scene())
    note(made, REFUSED, at=1000)
    assert (made.backend.downs, made.backend.last_change, made.server.last_change) == (1, 1000, 1000)
    note(made, PASS, PASS, at=5000)
    assert (made.backend.down_time, made.backend.last_change, made.server.down_time) == (4000, 5000, 4000)


def test_maintenance_hides_results() -> None:
    made = farm()
    made.server.admin = FORCED_MAINT
    assert note(made, REFUSED, REFUSED, REFUSED) == []
    assert made.server.state == RUNNING


@pytest.mark.parametrize(
    ("results", "interval"),
    [
        ([], 20),  # yet unchecked
        ([PASS], 10),
        ([PASS, REFUSED], 20),
        ([PASS, REFUSED, REFUSED, REFUSED], 30),
        ([PASS, REFUSED, REFUSED, REFUSED, PASS], 20),
        ([PASS, REFUSED, REFUSED, REFUSED, PASS, PASS], 10),
    ],
)
def test_intervals(results: list[Result], interval: int) -> None:
    """Manual 5.2 inter: the table."""
    made = farm("", "check inter 10ms fastinter 20ms downinter 30ms")
    note(made, *results)
    assert made.checkers[0].pause() == interval
    plain = farm("", "check inter 10ms")
    note(plain, *results)
    assert plain.checkers[0].pause() == 10


def test_spread() -> None:
    made = farm("", "check inter 1000")
    made.checks.spread = 20
    pauses = [made.checkers[0].pause() for _ in range(300)]
    assert 800 <= min(pauses) < 850
    assert 1150 < max(pauses) <= 1200


@given(st.integers(1, 5), st.integers(1, 5), st.lists(st.sampled_from([PASS, FINE, REFUSED, OOPS]), max_size=40))
def test_rise_and_fall_are_counted_in_a_row(rise: int, fall: int, results: list[Result]) -> None:
    """Up: `fall` failures in a row take it down; down: `rise` passes in a row bring it up; the first result decides."""
    made = farm("", f"check rise {rise} fall {fall}")
    up, row, first = True, 0, True
    for result in results:
        note(made, result)
        if result.passed == up:
            row = 0
        else:
            row += 1
            if row >= (fall if up else rise) or (first and up):
                up, row = not up, 0
        first = False
        assert made.server.usable == up
        assert 0 <= made.server.check_health < rise + fall
        assert (made.server.check_health >= rise) == up


def test_every_status_has_words() -> None:
    for status, (words, passed, _) in STATUSES.items():
        assert Result(status).reason().startswith(f"reason: {words}")
        assert passed == status.endswith(("OK", "OKC"))


def test_a_server_without_a_port() -> None:
    made = farm()
    made.server.dial.follow_port = True
    checker = made.checkers[0]
    with pytest.raises(ConfigError, match="server 's1' has neither service port nor check port"):
        made.checks.add(
            made.backend, made.server, checker.parameters, made.plan, lambda level, text, shown=b"": None, NOWHERE
        )
    explicit = farm("option tcp-check|tcp-check connect port 7")
    explicit.server.dial.follow_port = True
    assert (
        explicit.checks.add(
            explicit.backend,
            explicit.server,
            checker.parameters,
            explicit.plan,
            lambda level, text, shown=b"": None,
            NOWHERE,
        ).target.port
        == 0
    )


def test_the_task_finds_a_death_and_a_return() -> None:
    script = Scripted(early=True)

    async def scene() -> None:
        made = Farm("", ["check inter 20ms rise 1 fall 1"], [script.port])
        made.checks.start()
        try:
            await until(lambda: made.server.check_status == "L4OK")
            await script.stop()
            await until(lambda: made.server.state == STOPPED)
            await script.start()
            await until(lambda: made.server.state == RUNNING)
        finally:
            await made.checks.stop()
        said = [line[:19] for line in made.said()]
        assert said == ["1 Server b/s1 is DO", "0 backend b has no ", "5 Server b/s1 is UP"]

    with_server(script, scene)


async def until(test: Callable[[], bool]) -> None:
    for _ in range(400):
        if test():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")
