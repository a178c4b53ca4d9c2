"""set-status, set-log-level, set-nice, strict-mode (manual 4.4)."""

import pytest
from rule_stand import compiled, error, exchange, good, run

from pointsman.config.action import CONTINUE
from pointsman.sample.record import SILENT, UNSET


@pytest.mark.parametrize(
    "words, status, reason",
    [
        ("431", 431, b"Request Header Fields Too Large"),  # the manual's example
        ('503 reason "Slow Down"', 503, b"Slow Down"),
        ("299", 299, b"Success"),
        ("100", 100, b"Continue"),
        ("999", 999, b"Other"),
    ],
)
@pytest.mark.parametrize("rule_set", ["http-response", "http-after-response"])
def test_set_status(rule_set: str, words: str, status: int, reason: bytes) -> None:
    ctx = exchange(answer=("200 OK",))
    assert run(ctx, f"{rule_set} set-status {words}") == CONTINUE
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.reason, ctx.record.status) == (status, reason, status)


@pytest.mark.parametrize(
    "name, level",
    [
        ("emerg", 0),
        ("alert", 1),
        ("crit", 2),
        ("err", 3),
        ("warning", 4),
        ("notice", 5),
        ("info", 6),
        ("debug", 7),
        ("silent", SILENT),
    ],
)
@pytest.mark.parametrize("rule_set", ["http-request", "http-response", "http-after-response"])
def test_set_log_level(rule_set: str, name: str, level: int) -> None:
    ctx = exchange(answer=("200 OK",))
    assert ctx.record.level == UNSET
    run(ctx, f"{rule_set} set-log-level info", f"{rule_set} set-log-level {name}")
    assert ctx.record.level == level
    ctx.record.reset()
    assert ctx.record.level == UNSET


def test_disable_l7_retry() -> None:
    ctx = exchange()
    assert run(ctx, "http-request disable-l7-retry if { path /none }") == CONTINUE
    assert not ctx.no_retry
    assert run(ctx, "http-request disable-l7-retry") == CONTINUE
    assert ctx.no_retry


def test_what_changes_nothing_says_so() -> None:
    loaded = good("frontend", "mode http", "http-request set-nice -5", "http-response strict-mode off")
    assert loaded.notices == ["'set-nice' has no effect: exchanges are served in turn"]
    for rule in compiled("http-request set-nice 1024", "http-request strict-mode on"):
        assert rule.action.run(exchange()) == CONTINUE


@pytest.mark.parametrize(
    "line, message, column",
    [
        ("http-response set-status", "'http-response set-status' expects <status>", 25),
        ("http-response set-status 99", "'http-response set-status': '99' is not a number", 26),
        ("http-response set-status 1000", "'http-response set-status': '1000' is not a number", 26),
        ("http-response set-status 200 reason", "'http-response set-status' expects <str>", 36),
        ("http-response set-status 200 foo", "'http-response set-status' cannot handle unexpected argument 'foo'", 30),
        ("http-request set-status 200", "'http-request': action 'set-status' is not possible here", 14),
        ("http-request set-log-level", "'http-request set-log-level' expects <level>", 27),
        ("http-request set-log-level loud", "'http-request set-log-level': unknown level 'loud'", 28),
        (
            "http-request disable-l7-retry x",
            "'http-request disable-l7-retry' cannot handle unexpected argument 'x'",
            31,
        ),
        ("http-request set-nice x", "'http-request set-nice': 'x' is not a number", 23),
        ("http-request strict-mode", "'http-request strict-mode' expects <mode>", 25),
        ("http-request strict-mode maybe", "'http-request strict-mode': unknown mode 'maybe'", 26),
    ],
)
def test_errors(line: str, message: str, column: int) -> None:
    assert error(line) == (message, column)
