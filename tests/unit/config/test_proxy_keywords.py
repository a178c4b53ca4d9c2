"""Keywords of proxies that say one thing each (manual 4.2). Words of errors are those of the haproxy program."""

import pytest
from support.configs import good, only_error, read, section

from pointsman.config.proxy import (
    Description,
    Disabled,
    Guid,
    HttpReuse,
    Mode,
    RetryOn,
    SourceSetting,
    number,
    proxy_ids,
)
from pointsman.config.source_address import Presented, SourceAddress
from pointsman.core.address import AddressSpec

USESRC = "<addr>[:<port>], 'client', 'clientip' or 'hdr_ip(<name>[,<number>])'"
HDR_IP = "hdr_ip(<name>[,<number>])"


@pytest.mark.parametrize(
    "line, name, value",
    [
        ("maxconn 100", "maxconn", 100),
        ("maxconn 0", "maxconn", 0),
        ("backlog 3", "backlog", 3),
        ("fullconn 9", "fullconn", 9),
        ("retries 0", "retries", 0),
        ("rate-limit sessions 10", "rate-limit sessions", 10),
        ("max-keep-alive-queue -1", "max-keep-alive-queue", -1),
        ("clitcpka-cnt 4", "clitcpka-cnt", 4),
        ("clitcpka-idle 30", "clitcpka-idle", 30),
        ("srvtcpka-intvl 2m", "srvtcpka-intvl", 120),
        ("srvtcpka-idle 1500ms", "srvtcpka-idle", 2),
    ],
)
def test_numbers(line: str, name: str, value: int) -> None:
    assert number(good("listen", line).proxy, name) == value


def test_numbers_that_are_not_said() -> None:
    proxy = good("listen", before="defaults\n fullconn 7\n").proxy
    assert [number(proxy, name) for name in ("maxconn", "retries", "max-keep-alive-queue", "fullconn")] == [0, 3, -1, 7]


@pytest.mark.parametrize(
    "line, message",
    [
        ("maxconn", "'maxconn' expects an integer argument."),
        ("maxconn 10 20", "'maxconn' cannot handle unexpected argument '20'"),
        ("maxconn x", "'maxconn': 'x' is not a number"),
        ("fullconn", "'fullconn' expects an integer argument."),
        ("backlog", "'backlog' expects an integer argument."),
        ("retries", "'retries' expects an integer argument (dispatch counts for one)."),
        ("rate-limit sessions x", "'rate-limit sessions': 'x' is not a number"),
        ("max-keep-alive-queue -2", "'max-keep-alive-queue': '-2' is not a number"),
        ("clitcpka-cnt", "'clitcpka-cnt' expects an integer value"),
        ("mode", "unknown proxy mode ''."),
        ("mode foo", "unknown proxy mode 'foo'."),
        ("mode log", "'mode log' is not built yet"),
        ("mode health", "'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead."),
        ("mode tcp x", "'mode' cannot handle unexpected argument 'x'"),
        ("retry-on", "'retry-on' needs at least one keyword to specify when to retry"),
        ("retry-on foo", "'retry-on': unknown keyword 'foo'"),
        ("retry-on 418", "'retry-on': unknown keyword '418'"),
        ("retry-on none conn-failure", "'retry-on' 'none' keyworld only usable alone"),
        ("source", "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>."),
        (
            "source nosuch.invalid",
            "'source' : 'nosuch.invalid' : invalid address: 'nosuch.invalid' in 'nosuch.invalid'",
        ),
        ("source 1.2.3.4:10-20", "port range not permitted here in '1.2.3.4:10-20'"),
        ("source 1.2.3.4 interface", "'source' : 'interface' : missing interface name"),
        ("source 1.2.3.4 usesrc", f"'source' : 'usesrc' : expects {USESRC} as argument."),
        ("source 1.2.3.4 usesrc a_é", "invalid address: 'a_é' in 'a_é'"),
        ("source 1.2.3.4 usesrc 1.2.3.4:1-2", "port range not permitted here in '1.2.3.4:1-2'"),
        ("source 1.2.3.4 usesrc unix@/a", "'source' : 'usesrc' : invalid address: '/a' in 'unix@/a'"),
        ("source 1.2.3.4 usesrc hdr_ip(a", f"'source' : 'usesrc' : 'hdr_ip(a' : expects {HDR_IP}"),
        ("source 1.2.3.4 usesrc hdr_ip()", f"'source' : 'usesrc' : 'hdr_ip()' : expects {HDR_IP}"),
        ("source 1.2.3.4 usesrc hdr_ip(a,b)", f"'source' : 'usesrc' : 'hdr_ip(a,b)' : expects {HDR_IP}"),
        (
            "source 1.2.3.4 usesrc hdr_ip(a,-11)",
            "'source' : 'usesrc' : hdr_ip(name,num) does not support numbers smaller than -10",
        ),
        ("source 1.2.3.4 foo", "'source' only supports optional keywords 'interface' and 'usesrc'."),
        ("http-reuse", "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'."),
        ("http-reuse foo", "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'."),
        ("id", "'id' expects an integer argument."),
        ("id 0", "custom id has to be > 0."),
        ("description", "'description' expects a string argument."),
        ("disabled x", "'disabled' cannot handle unexpected argument 'x'"),
        ("guid a/b", "'guid': invalid value 'a/b'"),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert only_error("listen", line) == message


@pytest.mark.parametrize(
    "kind, line, side",
    [
        ("frontend", "retries 3", "backend"),
        ("frontend", "fullconn 3", "backend"),
        ("frontend", "http-reuse safe", "backend"),
        ("frontend", "source 1.2.3.4", "backend"),
        ("backend", "maxconn 3", "frontend"),
        ("backend", "backlog 3", "frontend"),
        ("backend", "rate-limit sessions 3", "frontend"),
    ],
)
def test_the_wrong_side_is_a_warning(kind: str, line: str, side: str) -> None:
    loaded = section(kind, line)
    assert loaded.errors == []
    name = line.rpartition(" ")[0]
    assert loaded.warnings == [f"'{name}' ignored because {kind} 'x' has no {side} capability."]


@pytest.mark.parametrize(
    "words, reasons",
    [
        ("none", {"none"}),
        ("conn-failure", {"conn-failure"}),
        ("503 404 empty-response", {"503", "404", "empty-response"}),
        (
            "all-retryable-errors 404",
            {
                "conn-failure",
                "empty-response",
                "junk-response",
                "response-timeout",
                "0rtt-rejected",
                "500",
                "502",
                "503",
                "504",
                "404",
            },
        ),
    ],
)
def test_reasons_to_retry(words: str, reasons: set[str]) -> None:
    found = good("backend", "retry-on 401", f"retry-on {words}").proxy.one(RetryOn)
    assert found is not None
    assert found.reasons == reasons


def test_words() -> None:
    proxy = good(
        "listen",
        "mode http",
        "http-reuse always",
        "retry-on none",
        "description a  b",
        "guid px:1",
        "source 1.2.3.4:10 interface eth0",
        "enabled",
        before="defaults\n disabled\n mode tcp\n",
    ).proxy
    assert (proxy.one(Mode) or Mode(mode="")).mode == "http"
    assert (proxy.one(HttpReuse) or HttpReuse(policy="")).policy == "always"
    assert (proxy.one(RetryOn) or RetryOn(reasons=frozenset())).reasons == {"none"}
    assert (proxy.one(Description) or Description(text="")).text == "a b"
    assert (proxy.one(Guid) or Guid(text="")).text == "px:1"
    assert (proxy.one(Disabled) or Disabled(on=True)).on is False
    found = proxy.one(SourceSetting)
    assert found is not None and found.source == SourceAddress(
        address=AddressSpec("inet", "1.2.3.4", 10), interface="eth0"
    )


def test_ids_are_unique_and_the_others_count_from_two() -> None:
    loaded = read("frontend a\nbackend b\n id 2\nbackend c\n id 1\nbackend d\n")
    assert proxy_ids(loaded.configuration.proxies) == [3, 2, 1, 4]
    assert read("backend a\n id 5\nbackend b\n id 5\n").errors == [
        "custom id 5 for proxy b already used by proxy a (declared at haproxy.cfg:1)."
    ]


@pytest.mark.parametrize(
    "words, presented",
    [
        ("client", Presented(kind="client")),
        ("clientip", Presented(kind="clientip")),
        ("1.2.3.4", Presented(kind="address", address=AddressSpec("inet", "1.2.3.4"))),
        ("[::1]:80", Presented(kind="address", address=AddressSpec("inet", "::1", 80))),
        ("hdr_ip(X-Real-IP)", Presented(kind="header", field="X-Real-IP")),
        ("hdr_ip(a,3)", Presented(kind="header", field="a", occurrence=3)),
        ("hdr_ip(a,-10) interface lo", Presented(kind="header", field="a", occurrence=-10)),
        ("client usesrc clientip", Presented(kind="clientip")),
    ],
)
def test_whom_servers_see(words: str, presented: Presented) -> None:
    found = section("backend", f"source 0.0.0.0 usesrc {words}").proxy.one(SourceSetting)
    assert found is not None and found.source.presented == presented
    assert found.source.interface == ("lo" if "interface" in words else "")
