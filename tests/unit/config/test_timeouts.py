"""`timeout` lines (manual 4.2), and the spellings that HAProxy removed."""

import pytest
from support.configs import good, only_error, section

from pointsman.config.server_line import ServerLine
from pointsman.config.timeouts import TIMEOUTS, Timeout, timeout


@pytest.mark.parametrize(
    "text, milliseconds",
    [("0", 0), ("30", 30), ("5s", 5000), ("1m", 60_000), ("1us", 1), ("1500us", 2), ("24d", 24 * 86_400_000)],
)
def test_times(text: str, milliseconds: int) -> None:
    assert timeout(good("listen", f"timeout connect {text}").proxy, "connect") == milliseconds


def test_every_name() -> None:
    for name in TIMEOUTS:
        assert timeout(good("listen", f"timeout {name} 7s").proxy, name) == 7000


@pytest.mark.parametrize(
    "kind, name, side",
    [
        ("frontend", "connect", "backend"),
        ("frontend", "server", "backend"),
        ("frontend", "queue", "backend"),
        ("frontend", "check", "backend"),
        ("frontend", "tunnel", "backend"),
        ("frontend", "server-fin", "backend"),
        ("backend", "client", "frontend"),
        ("backend", "client-fin", "frontend"),
        ("backend", "client-hs", "frontend"),
    ],
)
def test_the_wrong_side_is_a_warning(kind: str, name: str, side: str) -> None:
    loaded = section(kind, f"timeout {name} 3s")
    assert loaded.errors == []
    assert loaded.warnings == [f"'timeout {name}' ignored because {kind} 'x' has no {side} capability."]
    assert loaded.proxy.one(Timeout, name) is None


def test_both_sides_have_the_timeouts_of_http() -> None:
    for kind in ("frontend", "backend", "listen"):
        lines = [f"timeout {name} 3s" for name in ("http-request", "http-keep-alive", "tarpit")]
        assert good(kind, *lines).warnings == []


def test_defaults_and_what_is_not_said() -> None:
    proxy = good("backend", "timeout server 2s", before="defaults\n timeout server 9s\n timeout connect 1s\n").proxy
    assert (timeout(proxy, "server"), timeout(proxy, "connect"), timeout(proxy, "queue", 5)) == (2000, 1000, 5)


@pytest.mark.parametrize(
    "line, message",
    [
        ("timeout connect", "'timeout connect' expects an integer value (in milliseconds)"),
        ("timeout connect x", "'x' is not a time"),
        ("timeout connect 30d", "timer overflow in '30d'"),
        ("timeout connect 1s 2s", "'timeout connect' cannot handle unexpected argument '2s'"),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert only_error("listen", line) == message


def test_a_misspelt_name() -> None:
    (finding,) = section("listen", "timeout conect 3s").diagnostics.findings
    assert finding.message.startswith("'timeout' supports ") and finding.message.endswith("(got 'conect')")
    assert finding.hint == "did you mean 'connect'?"


@pytest.mark.parametrize("old, name", [("contimeout", "connect"), ("clitimeout", "client"), ("srvtimeout", "server")])
def test_old_spellings_work_with_a_warning(old: str, name: str) -> None:
    loaded = good("listen", f"{old} 5000")
    assert timeout(loaded.proxy, name) == 5000
    assert loaded.warnings == [f"'{old}' is an old spelling that HAProxy removed in 2.1. Use 'timeout {name}'."]


SUFFIX = (
    "unexpected character '{}' after the timer value '{}', only (us=microseconds,ms=milliseconds,s=seconds,"
    "m=minutes,h=hours,d=days) are supported. This will be reported as an error in next versions."
)


@pytest.mark.parametrize(
    ("text", "character", "milliseconds"),
    [
        ("5sec", "e", 5000),
        ("5min", "i", 300_000),
        ("1h30m", "3", 3_600_000),
        ("5msec", "e", 5),
        ("5usec", "e", 1),
        ("2days", "a", 172_800_000),
        ("5ss", "s", 5000),
        ("5mn", "n", 300_000),
    ],
)
def test_what_follows_a_unit_is_ignored_with_a_warning(text: str, character: str, milliseconds: int) -> None:
    """As in HAProxy 2.6 to 3.5; manual 2.5 knows one number and one unit."""
    loaded = good("listen", f"timeout connect {text}", f"server s :1 slowstart {text}", f"clitcpka-idle {text}")
    assert timeout(loaded.proxy, "connect") == milliseconds
    assert loaded.proxy.all(ServerLine)[0].parameters.slowstart == milliseconds
    assert loaded.warnings == [SUFFIX.format(character, text)] * 3


@pytest.mark.parametrize("text", ["5u", "5S", "1.5s", "s5", "3xyz", "+5", "-5", "0x5", "5\udce9", "٣s"])
def test_no_times(text: str) -> None:
    assert only_error("listen", f"timeout connect '{text}'") == f"'{text}' is not a time"


SMALL = (
    "'{} {}' in {} is suspiciously small for a value in milliseconds. Please use an explicit unit ('{}ms') if "
    "that was the intent."
)


def test_small_times_without_a_unit() -> None:
    """The same words as 3.5's."""
    assert good("listen", "timeout client 30").warnings == [SMALL.format("timeout client", "30", "proxy 'x'", 30)]
    assert good("frontend", "timeout client 05").warnings == [SMALL.format("timeout client", "05", "frontend 'x'", 5)]
    assert good("backend", "timeout check 99").warnings == [SMALL.format("timeout check", "99", "backend 'x'", 99)]
    assert good("backend", "server s :1 inter 5").warnings == [SMALL.format("inter", "5", "server 's'", 5)]
    assert good("backend", "default-server downinter 7").warnings == [
        SMALL.format("downinter", "7", "server 'default-server'", 7)
    ]


def test_times_that_are_meant() -> None:
    assert (
        good(
            "listen",
            "timeout client 100",
            "timeout server 99ms",
            "timeout connect 0",
            "server s :1 inter 20ms",
            "clitcpka-idle 5",
        ).warnings
        == []
    )
