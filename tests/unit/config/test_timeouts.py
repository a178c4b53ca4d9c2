"""`timeout` lines (manual 4.2), and the spellings that HAProxy removed."""
import pytest
from support.configs import good, only_error, section

from pointsman.config.timeouts import TIMEOUTS, Timeout, timeout


@pytest.mark.parametrize("text, milliseconds", [("0", 0), ("30", 30), ("5s", 5000), ("1m", 60_000), ("1us", 1),
                                                ("1500us", 2), ("24d", 24 * 86_400_000)])
def test_times(text: str, milliseconds: int) -> None:
    assert timeout(good("listen", f"timeout connect {text}").proxy, "connect") == milliseconds


def test_every_name() -> None:
    for name in TIMEOUTS:
        assert timeout(good("listen", f"timeout {name} 7s").proxy, name) == 7000


@pytest.mark.parametrize("kind, name, side", [
    ("frontend", "connect", "backend"), ("frontend", "server", "backend"), ("frontend", "queue", "backend"),
    ("frontend", "check", "backend"), ("frontend", "tunnel", "backend"), ("frontend", "server-fin", "backend"),
    ("backend", "client", "frontend"), ("backend", "client-fin", "frontend"), ("backend", "client-hs", "frontend")])
def test_the_wrong_side_is_a_warning(kind: str, name: str, side: str) -> None:
    loaded = section(kind, f"timeout {name} 3s")
    assert loaded.errors == []
    assert loaded.warnings == [f"'timeout {name}' ignored because {kind} 'x' has no {side} capability."]
    assert loaded.proxy.one(Timeout, name) is None


def test_one_that_has_no_effect_is_noticed() -> None:
    assert good("frontend", "timeout client-hs 3s").notices == [
        "'timeout client-hs' is for TLS handshakes, which do not exist here yet, and has no effect (manual 4.2)"]


def test_both_sides_have_the_timeouts_of_http() -> None:
    for kind in ("frontend", "backend", "listen"):
        lines = [f"timeout {name} 3s" for name in ("http-request", "http-keep-alive", "tarpit")]
        assert good(kind, *lines).warnings == []


def test_defaults_and_what_is_not_said() -> None:
    proxy = good("backend", "timeout server 2s", before="defaults\n timeout server 9s\n timeout connect 1s\n").proxy
    assert (timeout(proxy, "server"), timeout(proxy, "connect"), timeout(proxy, "queue", 5)) == (2000, 1000, 5)


@pytest.mark.parametrize("line, message", [
    ("timeout connect", "'timeout connect' expects an integer value (in milliseconds)"),
    ("timeout connect x", "'x' is not a time"),
    ("timeout connect 30d", "timer overflow in '30d'"),
    ("timeout connect 1s 2s", "'timeout connect' cannot handle unexpected argument '2s'"),
])
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
