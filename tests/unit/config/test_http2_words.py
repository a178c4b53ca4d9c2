"""What bind, server and check lines say of HTTP/2, and the modes that it fits: messages as the haproxy program (3.2)
has them."""

import pytest
from support.configs import Loaded, good, only_error

from pointsman.assemble import assembled
from pointsman.config.bind import Bind
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration
from pointsman.config.tls_front import front_tls
from pointsman.core.tls import MISSING
from pointsman.rules.layer4 import SwitchMode
from pointsman.rules.rule import Rule
from pointsman.server.checks.plan import CheckRule
from pointsman.server.checks.steps import Connect
from pointsman.tls.options import NO_PROTOCOLS, BindTls, under

CHECKED = "server s 127.0.0.1:1 check"


def late_errors(loaded: Loaded) -> list[str]:
    """What is found when the sections are put together."""
    assert loaded.errors == []
    live = assembled(loaded.configuration, loaded.diagnostics)
    assert live is not None
    live.reactor.epoll.close()
    return loaded.errors


@pytest.mark.parametrize("proto", ["h1", "h2", "none"])
def test_proto_is_kept(proto: str) -> None:
    (bind,) = good("frontend", f"bind :80 proto {proto} proto {proto}").proxy.all(Bind)
    assert bind.parameters.proto == proto
    (line,) = good("backend", f"server s 127.0.0.1:1 proto {proto}").proxy.all(ServerLine)
    assert line.parameters.proto == proto


@pytest.mark.parametrize("mode, fitting", [("http", ("h1", "h2")), ("tcp", ("none",))])
@pytest.mark.parametrize("proto", ["h1", "h2", "none"])
def test_proto_has_to_fit_the_mode(mode: str, fitting: tuple[str, ...], proto: str) -> None:
    found = late_errors(good("frontend", f"mode {mode}", "timeout client 1s", f"bind 127.0.0.1:1 proto {proto}"))
    said = f"frontend 'x' : MUX protocol '{proto}' is not usable for 'bind 127.0.0.1:1' at [haproxy.cfg:4]."
    assert found == ([] if proto in fitting else [said])
    found = late_errors(good("backend", f"mode {mode}", f"server s 127.0.0.1:1 proto {proto}"))
    said = f"backend 'x' : MUX protocol '{proto}' is not usable for server 's' at [haproxy.cfg:3]."
    assert found == ([] if proto in fitting else [said])


def test_words_of_servers() -> None:
    text = "server s 127.0.0.1:443 ssl verify none ws h2 alpn h2,http/1.1 check-alpn h2 check-proto h2 idle-ping 3s"
    (line,) = good("backend", text).proxy.all(ServerLine)
    said = line.parameters
    assert (said.ws, said.check_proto, said.idle_ping) == ("h2", "h2", 3000)
    assert (said.tls.alpn, said.tls.check_alpn) == (b"\x02h2\x08http/1.1", b"\x02h2")
    (other,) = good("backend", "server s 127.0.0.1:80").proxy.all(ServerLine)
    assert (other.parameters.ws, other.parameters.proto, other.parameters.idle_ping) == ("auto", "", 0)


@pytest.mark.parametrize(
    "mode, lines, error",
    [
        ("http", ["option httpchk", f"{CHECKED} check-proto h2"], ""),
        ("tcp", ["option httpchk", f"{CHECKED} check-proto h2"], ""),
        ("http", [f"{CHECKED} check-proto h2"], "uses an incompatible MUX protocol for the selected check type"),
        ("tcp", ["option tcp-check", f"{CHECKED} check-proto h2"], "uses an incompatible MUX protocol"),
        ("http", ["option httpchk", "http-check connect proto h2", CHECKED], ""),
    ],
)
def test_protocols_of_checks(mode: str, lines: list[str], error: str) -> None:
    found = late_errors(good("backend", f"mode {mode}", *lines))
    assert [error in one for one in found] == ([True] if error else [])


def test_connections_of_checks_keep_their_protocol() -> None:
    loaded = good("backend", "option httpchk", "http-check connect proto h2 ssl alpn h2", "server s 127.0.0.1:1")
    steps = [rule.step for rule in loaded.proxy.all(CheckRule) if isinstance(rule.step, Connect)]
    assert [(one.proto, one.alpn) for one in steps] == [("h2", b"\x02h2")]
    said = "'tcp-check connect' : 'proto' : invalid MUX protocol 'h2' for tcp-check."
    assert only_error("backend", "option tcp-check", "tcp-check connect proto h2") == said


@pytest.mark.parametrize("words, is_http2", [("", False), (" proto h1", False), (" proto h2", True)])
def test_switch_mode(words: str, is_http2: bool) -> None:
    loaded = good("frontend", "mode tcp", f"tcp-request content switch-mode http{words}")
    (rule,) = loaded.proxy.all(Rule)
    assert isinstance(rule.action, SwitchMode) and (rule.action.proto == "h2") == is_http2


def test_an_option_turns_off_the_preface() -> None:
    for line, upgrades in (("option disable-h2-upgrade", False), ("no option disable-h2-upgrade", True)):
        loaded = good("frontend", "mode http", "timeout client 1s", line)
        assert loaded.notices == []
        live = assembled(loaded.configuration, loaded.diagnostics)
        assert live is not None and live.frontends[0].upgrades_h2 == upgrades
        live.reactor.epoll.close()


@pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")
@pytest.mark.parametrize(
    "words, http, offer",
    [
        ("", True, b"\x02h2\x08http/1.1"),
        ("proto h1", True, b"\x08http/1.1"),
        ("proto h2", True, b"\x02h2"),
        ("", False, NO_PROTOCOLS),
        ("proto h1 alpn h2,http/1.1", True, b"\x02h2\x08http/1.1"),
        ("no-alpn", True, NO_PROTOCOLS),
        ("alpn h2", True, b"\x02h2"),
        ("alpn h2,http/1.1", False, b"\x02h2\x08http/1.1"),
    ],
)
def test_what_alpn_offers(words: str, http: bool, offer: bytes) -> None:
    loaded = good("frontend", f"bind :443 ssl {words}")
    found = front(loaded, http)
    assert (found.alpn, loaded.warnings) == (offer, [])
    assert under(found, BindTls(alpn=b"\x02h2")).alpn == b"\x02h2"  # a line of a crt-list


def front(loaded: Loaded, http: bool) -> BindTls:
    configuration: Configuration = loaded.configuration
    return front_tls(configuration, loaded.proxy, loaded.proxy.all(Bind)[-1], http, loaded.diagnostics)


@pytest.mark.parametrize("word", ["qmux", "quic", "fcgi", "spop"])
@pytest.mark.parametrize("line", ["server s 127.0.0.1:1 proto", "server s 127.0.0.1:1 check-proto"])
def test_other_protocols_are_refused_by_name(line: str, word: str) -> None:
    name = line.rpartition(" ")[2]
    assert only_error("backend", f"{line} {word}") == (
        f"'server x/s' : '{name}' : protocol '{word}' is not built yet (manual 5.2)"
    )


@pytest.mark.parametrize(
    "kind, line, word, reason",
    [
        ("frontend", "bind quic4@127.0.0.1:443 ssl", "quic4@127.0.0.1:443", "QUIC"),
        ("frontend", "bind quic6@[::1]:443 ssl", "quic6@[::1]:443", "QUIC"),
        ("frontend", "bind :80 quic-cc-algo cubic", "quic-cc-algo", "QUIC"),
        ("frontend", "bind :80 quic-force-retry", "quic-force-retry", "QUIC"),
        ("frontend", "bind :80 quic-socket listener", "quic-socket", "QUIC"),
        ("frontend", "quic-initial reject if { src 10.0.0.1 }", "quic-initial", "QUIC"),
        ("backend", "server s quic4@127.0.0.1:443", "quic4@127.0.0.1:443", "QUIC"),
        ("backend", "server s 127.0.0.1:443 quic-cc-algo cubic", "quic-cc-algo", "QUIC"),
        ("frontend", "bind :80 nbconn 3", "nbconn", "reverse HTTP"),
        ("frontend", "bind rhttp@b/s", "rhttp", "reverse HTTP"),
        ("frontend", "tcp-request session attach-srv b/s", "attach-srv", "reverse HTTP"),
        ("backend", "server s rhttp@", "rhttp", "reverse HTTP"),
    ],
)
def test_quic_and_reverse_http_are_refused_by_name(kind: str, line: str, word: str, reason: str) -> None:
    error = only_error(kind, line)
    assert word in error and reason in error
