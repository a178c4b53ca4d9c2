"""http-request pause, wait-for-body, and the same of responses (manual 4.4): what is said, and what is waited for."""

import pytest
from rule_stand import compiled, error, exchange, run
from support.configs import section

from pointsman.config.verdict import CONTINUE, WAIT
from pointsman.rules.plan import MOVING, Cursor, go_on, run_steps, steps
from pointsman.sample.context import Context
from pointsman.sample.need import ENDLESS, REQUEST_BODY, RESPONSE_BODY, TIME, Need


def needed(context: Context, *lines: str) -> Need | None:
    """What these rules wait for first."""
    verdict = run_steps(steps(compiled(*lines)), context, Cursor())
    assert (verdict == WAIT) == (context.need is not None)
    return context.need


@pytest.mark.parametrize("rule_set", ["http-request", "http-response"])
@pytest.mark.parametrize(
    ("words", "time"),
    [
        ("50", 50),
        ("1s", 1000),
        ("int(300)", 300),
        ("int(2),mul(100)", 200),
        ("hdr(x-time)", 700),
        ("99999999", 99_999_999),
        ("int(99999999999)", (1 << 31) - 1),
        ("50 if { path /path }", 50),
        ("50 unless { path /other }", 50),
    ],
)
def test_a_pause(rule_set: str, words: str, time: int) -> None:
    if rule_set == "http-response":
        words = words.replace("hdr(", "res.hdr(").replace("path /path", "status 200").replace("path /other", "status 1")
    context = exchange("GET /path HTTP/1.1", "x-time: 700", answer=("200 OK", "x-time: 700"))
    need = needed(context, f"{rule_set} pause {words}")
    assert need is not None
    assert (need.kind, need.time, need.behind) == (TIME, time, True)
    assert context.asked & MOVING


@pytest.mark.parametrize(
    "words", ["hdr(none)", "int(-5)", "int(0)", "str(x)", "50 if { path /other }", "hdr(none),add(5)"]
)
def test_no_pause(words: str) -> None:
    context = exchange("GET /path HTTP/1.1")
    assert needed(context, f"http-request pause {words}") is None
    assert not context.asked & MOVING


def test_where_nobody_can_wait_a_pause_is_none() -> None:
    context = exchange()
    assert run(context, "http-request pause 50", "http-request wait-for-body time 1s") == CONTINUE
    assert context.need is None


@pytest.mark.parametrize(
    ("words", "time", "size"),
    [
        ("time 300", 300, 0),
        ("time 1s at-least 1k", 1000, 1024),
        ("at-least 10 time 1s", 1000, 10),
        ("time 1s at-least 0", 1000, 0),
        ("time 0", ENDLESS, 0),
        ("time 1s time 2s", 2000, 0),
    ],
)
def test_wait_for_body(words: str, time: int, size: int) -> None:
    context = exchange("POST / HTTP/1.1", answer=("200 OK",))
    assert context.request is not None
    context.request.length = 10
    need = needed(context, f"http-request wait-for-body {words}")
    assert need is not None
    assert (need.kind, need.time, need.size, need.behind) == (REQUEST_BODY, time, size, True)
    context.need = None
    need = needed(context, f"http-response wait-for-body {words}")
    assert need is not None
    assert (need.kind, need.time, need.size, need.behind) == (RESPONSE_BODY, time, size, True)


def test_what_has_no_body_is_not_waited_for() -> None:
    context = exchange("GET / HTTP/1.1", answer=("204 No Content",))
    assert context.response is not None
    context.response.empty = True
    assert needed(context, "http-request wait-for-body time 1s", "http-response wait-for-body time 1s") is None


def test_a_chunked_request_has_a_body() -> None:
    context = exchange("POST / HTTP/1.1")
    assert context.request is not None
    context.request.chunked = True
    assert needed(context, "http-request wait-for-body time 1s") is not None


def test_rules_behind_are_run_once_it_is_over() -> None:
    context, cursor = exchange("GET / HTTP/1.1"), Cursor()
    rules = steps(compiled("http-request pause 50", "http-request set-header x y"))
    assert run_steps(rules, context, cursor) == WAIT
    assert context.request is not None
    assert context.request.get(b"x") is None
    assert context.need is not None
    context.need.meet()
    assert go_on(context, cursor) == CONTINUE
    assert context.request.get(b"x") == b"y"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("http-request pause", "'http-request pause' expects <timeout> or <expr>"),
        ("http-request pause 0", "'http-request pause': null value is not valid for a pause"),
        ("http-request pause 12x", "'12x' is not a time"),
        ("http-request pause 99999999999", "timer overflow in '99999999999'"),
        ("http-request wait-for-body", "'http-request wait-for-body' expects 'time <time> [at-least <bytes>]'"),
        (
            "http-request wait-for-body at-least 5",
            "'http-request wait-for-body' expects 'time <time> [at-least <bytes>]'",
        ),
        ("http-request wait-for-body time", "'http-request wait-for-body' expects <time>"),
        ("http-request wait-for-body time x", "'x' is not a time"),
        ("http-request wait-for-body time 1s at-least", "'http-request wait-for-body' expects <bytes>"),
        ("http-request wait-for-body time 1s at-least x", "'x' is not a size"),
        (
            "http-request wait-for-body time 1s use-large-buffer",
            "'http-request wait-for-body': 'use-large-buffer' is not supported",
        ),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    assert error(line)[0] == message


@pytest.mark.parametrize("line", ["http-request pause 50 50", "http-request wait-for-body time 1s foo"])
def test_nothing_may_follow_but_a_condition(line: str) -> None:
    [message] = section("frontend", "mode http", line).errors
    assert "unexpected argument" in message


@pytest.mark.parametrize("name", ["pause 50", "wait-for-body time 1s"])
def test_what_is_said_behind_a_response_waits_for_nothing(name: str) -> None:
    [message] = section("frontend", "mode http", f"http-after-response {name}").errors
    assert "is not possible here" in message


def test_a_wait_for_the_handshake_is_none_where_nothing_came_early() -> None:
    assert needed(exchange("GET / HTTP/1.1"), "http-request wait-for-handshake") is None
    [message] = section("frontend", "mode http", "http-request wait-for-handshake foo").errors
    assert "unexpected argument" in message
    for rule_set in ("http-response", "http-after-response"):
        [message] = section("frontend", "mode http", f"{rule_set} wait-for-handshake").errors
        assert "is not possible here" in message
