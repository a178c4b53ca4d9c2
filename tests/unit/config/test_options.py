"""`option` lines (manual 4.2)."""

import ipaddress

import pytest
from support.configs import Loaded, good, only_error, read, section

from pointsman.config.options import (
    OPTIONS,
    ConnectionMode,
    ForwardForSetting,
    Option,
    OriginalToSetting,
    Redispatch,
    RestrictHeaderNames,
    connection_mode,
    option,
)
from pointsman.config.vocabulary import lookup

BUILT = sorted(name for name, switch in OPTIONS.items() if not switch.hint)
HINTS = sorted(name for name, switch in OPTIONS.items() if switch.hint)


@pytest.mark.parametrize("name", BUILT)
def test_on_off_and_as_if_never_said(name: str) -> None:
    assert option(good("listen", f"option {name}").proxy, name)
    assert not option(good("listen", f"no option {name}").proxy, name, True)
    assert option(good("listen").proxy, name, True) and not option(good("listen").proxy, name)
    assert option(good("listen", f"default option {name}", before=f"defaults\n no option {name}\n").proxy, name, True)


@pytest.mark.parametrize("name", BUILT)
def test_the_nearest_word_wins(name: str) -> None:
    before = f"defaults\n option {name}\n"
    assert option(good("listen", before=before).proxy, name)
    assert not option(good("listen", f"no option {name}", before=before).proxy, name)


@pytest.mark.parametrize("name", HINTS)
def test_hints_are_noticed_and_change_nothing(name: str) -> None:
    loaded = good("listen", f"option {name}")
    assert loaded.notices == [f"'option {name}' tunes what does not exist here and has no effect (manual 4.2)"]
    assert loaded.proxy.one(Option, name) is None
    assert good("listen", f"no option {name}").notices == []


@pytest.mark.parametrize("name", sorted(name for name in OPTIONS if not name.startswith("pointsman-")))
def test_places_are_those_of_the_manual(name: str) -> None:
    entry = lookup("proxy", f"option {name}")
    assert entry is not None
    for kind, other in (("frontend", "backend"), ("backend", "frontend")):
        expected = [] if kind in entry.where else [f"'{name}' ignored because {kind} 'x' has no {other} capability."]
        assert section(kind, f"option {name}").warnings == expected


@pytest.mark.parametrize(
    "line, message",
    [
        ("option", "'option' expects an option name."),
        ("option foo", "unknown option 'foo'."),
        ("option dontlognull x", "'option dontlognull' cannot handle unexpected argument 'x'"),
        ("no option tcpka", "negation/default is not supported for option 'tcpka'."),
        ("no option forwardfor", "negation/default is not supported for option 'forwardfor'."),
        (
            "option forwardfor foo",
            "'option forwardfor' only supports optional values: 'except', 'header' and 'if-none'.",
        ),
        ("option forwardfor except", "'option forwardfor except' expects <address>[/mask] as argument."),
        ("option forwardfor except x", "'option forwardfor except' expects <address>[/mask] as argument."),
        ("option forwardfor except 10.0.0.0/33", "'option forwardfor except' expects <address>[/mask] as argument."),
        ("option forwardfor header", "'option forwardfor header' expects <header_name> as argument."),
        ("option originalto if-none", "'option originalto' only supports optional values: 'except' and 'header'."),
        (
            "option http-restrict-req-hdr-names",
            "missing parameter. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option.",
        ),
        ("option redispatch x", "'option redispatch': 'x' is not a number"),
        ("option forceclose", "The 'option forceclose' directive is not supported anymore since HAProxy 2.0."),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert only_error("listen", line) == message


def test_tcpka_is_both_sides_that_there_are() -> None:
    def sides(loaded: Loaded) -> tuple[bool, bool]:
        return option(loaded.proxy, "clitcpka"), option(loaded.proxy, "srvtcpka")

    assert sides(good("listen", "option tcpka")) == (True, True)
    assert sides(good("frontend", "option tcpka")) == (True, False)
    assert sides(good("backend", "option tcpka")) == (False, True)
    assert sides(good("frontend", before="defaults\n option tcpka\n")) == (True, True)


@pytest.mark.parametrize(
    "lines, mode",
    [
        ((), "keep-alive"),
        (("option http-keep-alive",), "keep-alive"),
        (("option http-server-close",), "server-close"),
        (("option httpclose",), "close"),
        (("option httpclose", "option http-server-close"), "server-close"),
        (("option http-server-close", "no option httpclose"), "server-close"),
        (("option http-server-close", "no option http-server-close"), "keep-alive"),
        (("option httpclose", "option http-keep-alive"), "keep-alive"),
    ],
)
def test_connection_modes_replace_each_other(lines: tuple[str, ...], mode: str) -> None:
    assert connection_mode(good("listen", *lines).proxy) == mode


def test_connection_modes_of_defaults_are_replaced_and_taken_back() -> None:
    before = "defaults\n option http-server-close\n"
    assert connection_mode(good("listen", before=before).proxy) == "server-close"
    assert connection_mode(good("listen", "no option http-server-close", before=before).proxy) == "keep-alive"
    assert connection_mode(good("listen", "no option httpclose", before=before).proxy) == "server-close"
    assert good("listen", "option httpclose", before=before).proxy.one(ConnectionMode) is not None


@pytest.mark.parametrize(
    "front, back, mode",
    [
        ("http-keep-alive", "http-server-close", "server-close"),
        ("http-server-close", "httpclose", "close"),
        ("httpclose", "http-keep-alive", "close"),
        ("http-keep-alive", "http-keep-alive", "keep-alive"),
    ],
)
def test_connection_modes_of_both_sides(front: str, back: str, mode: str) -> None:
    loaded = read(f"frontend f\n option {front}\nbackend b\n option {back}\n")
    assert connection_mode(*loaded.configuration.proxies) == mode


@pytest.mark.parametrize(
    "line, interval",
    [
        ("option redispatch", -1),
        ("option redispatch 3", 3),
        ("option redispatch -2", -2),
        ("option redispatch 0", 0),
        ("no option redispatch", 0),
    ],
)
def test_redispatch(line: str, interval: int) -> None:
    found = good("backend", line).proxy.one(Redispatch)
    assert found is not None and found.interval == interval


def test_forwardfor() -> None:
    plain = good("listen", "option forwardfor").proxy.one(ForwardForSetting)
    assert plain is not None and (plain.header, plain.excluded, plain.if_none) == (b"", None, False)
    full = good("listen", "option forwardfor except 10.0.0.1/8 header X-Client-IP if-none").proxy.one(ForwardForSetting)
    assert full is not None and full.header == b"x-client-ip" and full.if_none
    assert full.excluded == ipaddress.ip_network("10.0.0.0/8")


def test_originalto() -> None:
    found = good("listen", "option originalto except ::1 header X-To").proxy.one(OriginalToSetting)
    assert found is not None and found.header == b"x-to" and found.excluded == ipaddress.ip_network("::1/128")


def test_restricted_header_names() -> None:
    found = good("listen", "option http-restrict-req-hdr-names delete").proxy.one(RestrictHeaderNames)
    assert found is not None and found.policy == "delete"


def test_small_buffers_are_noticed() -> None:
    assert len(good("listen", "option use-small-buffers queue check").notices) == 1
    assert only_error("listen", "option use-small-buffers x") == "'option use-small-buffers': unknown place 'x'"


@pytest.mark.parametrize("side", ["request", "response"])
def test_deprecated_spellings(side: str) -> None:
    """They warn, and mean the option that has replaced them (manual 4.2)."""
    name = f"accept-unsafe-violations-in-http-{side}"
    loaded = good("listen", f"option accept-invalid-http-{side}")
    assert option(loaded.proxy, name)
    assert loaded.warnings == [
        f"option 'accept-invalid-http-{side}' is deprecated. please use 'option {name}' if absolutely needed."
    ]
    assert not option(good("listen", f"no option accept-invalid-http-{side}").proxy, name, True)
