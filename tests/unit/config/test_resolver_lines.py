"""resolvers sections and dns-accept-family (manual 5.3.2, 3.1). Messages and values are those of the peer
program (3.2), but for words that it takes for a number or overlooks: this program says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.config import resolvers
from pointsman.config.load import load_text
from pointsman.config.resolvers import (
    AcceptedFamilies,
    Holds,
    NameServerLine,
    ResolversOptions,
    http_client_resolvers,
    resolver_options,
)
from pointsman.core.diagnostics import Diagnostics


@pytest.fixture(autouse=True)
def resolv_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr(resolvers, "RESOLV_CONF", str(path))
    return path


def sections(text: str) -> tuple[list[ResolversOptions], list[tuple[str, str]]]:
    diagnostics = Diagnostics()
    configuration = load_text(text, diagnostics, variables={"NS": "10.0.0.3"})
    found = resolver_options(configuration, diagnostics)
    return found, [(finding.severity.name, finding.message) for finding in diagnostics.findings]


def said(*lines: str) -> list[tuple[str, str]]:
    """What is said of lines in a section that has a name server."""
    return sections("\n ".join(["resolvers x", "nameserver n 127.0.0.1:53", *lines]) + "\n")[1]


def servers(*lines: str) -> list[tuple[str, str, int, bool]]:
    found, findings = sections("\n ".join(["resolvers x", *lines]) + "\n")
    assert findings == []
    return [(one.name, one.host, one.port, one.stream) for one in found[0].servers]


def test_the_section_of_the_manual() -> None:
    (found,), findings = sections(
        """
resolvers mydns
  nameserver dns1 10.0.0.1:53
  nameserver dns3 tcp@10.0.0.3:53
  resolve_retries       4
  accepted_payload_size 8192
  timeout resolve       2s
  timeout retry         300
  hold other           31s
  hold refused         32s
  hold nx              33s
  hold timeout         34s
  hold valid           11s
  hold obsolete        35s
"""
    )
    assert findings == []
    assert (found.name, [one.name for one in found.servers]) == ("mydns", ["dns1", "dns3"])
    assert (found.retries, found.payload, found.resolve, found.retry) == (4, 8192, 2000, 300)
    assert found.holds == Holds(nx=33000, refused=32000, timeout=34000, other=31000, valid=11000, obsolete=35000)


def test_what_holds_where_nothing_is_said() -> None:
    (found,), _ = sections("resolvers x\n nameserver n 127.0.0.1:53\n")
    assert (found.retries, found.payload, found.resolve, found.retry) == (3, 512, 1000, 1000)
    holds = found.holds
    assert (holds.valid, holds.obsolete) == (10_000, 0)
    assert {holds.of(status) for status in ("nx", "refused", "timeout", "other", "invalid")} == {30_000}


def test_addresses_of_name_servers() -> None:
    assert servers(
        "nameserver a udp@127.0.0.1:53",
        "nameserver b tcp@127.0.0.1:54",
        "nameserver c [::1]:53",
        "nameserver d ::1:55",
        "nameserver e tcp6@[::1]:53",
        "nameserver f udp4@127.0.0.3:53",
        "nameserver g stream+ipv4@127.0.0.3:53",
        "nameserver h localhost:53",
        'nameserver i "$NS":53',
    ) == [
        ("a", "127.0.0.1", 53, False),
        ("b", "127.0.0.1", 54, True),
        ("c", "::1", 53, False),
        ("d", "::1", 55, False),
        ("e", "::1", 53, True),
        ("f", "127.0.0.3", 53, False),
        ("g", "127.0.0.3", 53, True),
        ("h", "127.0.0.1", 53, False),
        ("i", "10.0.0.3", 53, False),
    ]


def test_parameters_of_name_servers_by_tcp() -> None:
    (found,), findings = sections("resolvers x\n nameserver a tcp@127.0.0.1:53 maxconn 3 source 127.0.0.2:0\n")
    assert findings == []
    assert (found.servers[0].most, found.servers[0].source) == (3, ("127.0.0.2", 0))


ALERTS = {
    "nameserver": "'nameserver' expects <name> and <addr>[:<port>] as arguments.",
    "nameserver a": "'nameserver' expects <name> and <addr>[:<port>] as arguments.",
    "nameserver a 127.0.0.1": "'nameserver a' : missing port specification in '127.0.0.1'",
    "nameserver a tcp@127.0.0.1": "'nameserver a' : missing port specification in 'tcp@127.0.0.1'",
    "nameserver n 127.0.0.2:53": ("nameserver 'n' has same name as another nameserver (declared at haproxy.cfg:2)."),
    "nameserver a no.such.host.invalid:53": (
        "'nameserver a' : invalid address: 'no.such.host.invalid' in 'no.such.host.invalid:53'"
    ),
    "nameserver a fd@3": "'nameserver a' : a file descriptor is not acceptable here in 'fd@3'",
    "nameserver a unix@/tmp/x": "'nameserver a' : 'unix@/tmp/x' is no address of the Internet",
    "nameserver a 127.0.0.1:53-55": "'nameserver a' : port range not permitted here in '127.0.0.1:53-55'",
    "nameserver a 127.0.0.1:+55": "'nameserver a' : port offset not permitted here in '127.0.0.1:+55'",
    "nameserver a 127.0.0.1:70000": "'nameserver a' : invalid port '70000'",
    "nameserver a/b 127.0.0.1:53": "character '/' is not permitted in server name 'a/b'.",
    "nameserver a tcp@127.0.0.1:53 ssl": "'nameserver a' : 'ssl' is not supported by name servers",
    "nameserver a tcp@127.0.0.1:53 maxcon 3": "'nameserver a' : 'maxcon' is not supported by name servers",
    "nameserver a tcp@127.0.0.1:53 maxconn x": "'nameserver a maxconn': 'x' is not a number",
    "accepted_payload_size": "'accepted_payload_size' expects <nb> as argument.",
    "accepted_payload_size 11": "'accepted_payload_size' must be between 12 and 65535 inclusive (was 11).",
    "accepted_payload_size 65536": "'accepted_payload_size' must be between 12 and 65535 inclusive (was 65536).",
    "accepted_payload_size abc": "'accepted_payload_size' must be between 12 and 65535 inclusive (was abc).",
    "resolve_retries": "'resolve_retries' expects <nb> as argument.",
    "resolve_retries abc": "'resolve_retries': 'abc' is not a number",
    "resolve_retries -1": "'resolve_retries': '-1' is not a number",
    "timeout": "'timeout' supports 'resolve' and 'retry' (got '')",
    "timeout foo 3s": "'timeout' supports 'resolve' and 'retry' (got 'foo')",
    "timeout resolve": "'timeout resolve' expects <time> as argument.",
    "timeout retry 3x": "'3x' is not a time",
    "timeout retry 100000d": "timer overflow in '100000d'",
    "hold": (
        "'hold' expects an <event> and a <time> as arguments. <event> can be either 'nx', 'refused', 'timeout', "
        "'valid', 'obsolete', or 'other'"
    ),
    "hold nx": (
        "'hold' expects an <event> and a <time> as arguments. <event> can be either 'nx', 'refused', 'timeout', "
        "'valid', 'obsolete', or 'other'"
    ),
    "hold foo 3s": (
        "'hold' unknown <event>: 'foo', expects either 'nx', 'refused', 'timeout', 'valid', 'obsolete' or 'other'."
    ),
    "hold nx 3x": "'3x' is not a time",
    "namserver a 127.0.0.1:53": "unknown keyword 'namserver' in 'resolvers' section",
    "disabled": "unknown keyword 'disabled' in 'resolvers' section",
    "no parse-resolv-conf": "negation/default is not supported for 'parse-resolv-conf'.",
}


@pytest.mark.parametrize("line", ALERTS)
def test_lines_that_are_wrong(line: str) -> None:
    assert said(line) == [("ALERT", ALERTS[line])]


WARNINGS = {
    "nameserver a 127.0.0.1:53 maxconn 3": (
        "'nameserver a' : parameter 'maxconn' is ignored, as this name server is asked by UDP"
    ),
    "accepted_payload_size 512 3": "'accepted_payload_size': argument '3' is ignored",
    "resolve_retries 5 6": "'resolve_retries': argument '6' is ignored",
    "timeout resolve 3s 4": "'timeout resolve': argument '4' is ignored",
    "hold nx 3s 4": "'hold': argument '4' is ignored",
    "hold nx 50": (
        "'hold nx 50' in resolvers 'x' is suspiciously small for a value in milliseconds. Please use an explicit unit "
        "('50ms') if that was the intent."
    ),
    "timeout retry 50": (
        "'timeout retry 50' in resolvers 'x' is suspiciously small for a value in milliseconds. Please use an explicit "
        "unit ('50ms') if that was the intent."
    ),
}


@pytest.mark.parametrize("line", WARNINGS)
def test_lines_that_are_odd(line: str) -> None:
    assert said(line) == [("WARNING", WARNINGS[line])]


@pytest.mark.parametrize(
    "line", ["resolve_retries 0", "timeout retry 0", "timeout resolve 0", "hold nx 0", "hold nx 10us"]
)
def test_lines_that_say_little(line: str) -> None:
    assert said(line) == []


def test_first_lines() -> None:
    assert sections("resolvers\n")[1] == [
        ("ALERT", "missing name for resolvers section."),
        ("WARNING", "resolvers '' [haproxy.cfg:1] has no nameservers configured!"),
    ]
    one = " nameserver n 127.0.0.1:53\n"
    assert sections(f"resolvers a b\n{one}")[1] == [("WARNING", "'resolvers': argument 'b' is ignored")]
    assert sections(f"resolvers a/b\n{one}")[1] == [
        ("ALERT", "character '/' is not permitted in 'resolvers' name 'a/b'.")
    ]
    assert sections(f"resolvers a\n{one}resolvers a\n{one}")[1] == [
        ("ALERT", "resolvers 'a' has same name as another resolvers (declared at haproxy.cfg:1).")
    ]


def test_a_section_that_asks_nobody(resolv_conf: Path) -> None:
    warning = ("WARNING", "resolvers 'x' [haproxy.cfg:1] has no nameservers configured!")
    assert sections("resolvers x\n") == ([ResolversOptions(name="x", at=sections("resolvers x\n")[0][0].at)], [warning])
    assert sections("resolvers x\n parse-resolv-conf\n")[1] == [
        ("ALERT", f"failed to open {resolv_conf}: No such file or directory.")
    ]
    resolv_conf.write_text("search a\n")
    assert sections("resolvers x\n parse-resolv-conf\n")[1] == [warning]


RESOLV_CONF = """# hi
 ; x
search a b
nameserver
nameserver foo
nameserver localhost
nameserver fe80::1%nosuch0
nameserver fe80::1%lo
nameserver ::1 and more
 nameserver 10.0.0.5
nameserver\t10.0.0.6
nameserver 10.0.0.7#c
NAMESERVER 10.0.0.8
nameserver 10.1
nameserver 10.0.0.9:54
nameserver 10.0.0.6
nameserver 10.0.0.1"""


def test_what_the_system_asks(resolv_conf: Path) -> None:
    """In the order of the file; what it cannot be asked about is left out, and said."""
    resolv_conf.write_text(RESOLV_CONF)
    (found, _), findings = sections("resolvers x\n nameserver 10.0.0.1 127.0.0.1:53\n parse-resolv-conf a\n")
    assert [(one.name, one.host, one.port) for one in found.servers] == [
        ("10.0.0.1", "127.0.0.1", 53),
        ("localhost", "127.0.0.1", 53),
        ("fe80::1%lo", "fe80::1%lo", 53),
        ("::1", "::1", 53),
        ("10.0.0.5", "10.0.0.5", 53),
        ("10.0.0.6", "10.0.0.6", 53),
        ("10.1", "10.0.0.1", 53),
    ]
    path = str(resolv_conf)
    unclear = "could not be recognized, nameserver will be excluded."
    assert [text for _, text in findings] == [
        "'parse-resolv-conf': argument 'a' is ignored",
        f"parsing [{path}:4] : nameserver line is missing address.",
        f"parsing [{path}:5] : address 'foo' {unclear}",
        f"parsing [{path}:7] : address 'fe80::1%nosuch0' {unclear}",
        f"parsing [{path}:12] : address '10.0.0.7#c' {unclear}",
        f"parsing [{path}:15] : address '10.0.0.9:54' {unclear}",
        f"Parsing [{path}:16] : generated name for {path} nameserver '10.0.0.6' conflicts with another nameserver "
        f"(declared at {path}:11), it appears to be a duplicate and will be excluded.",
        f"Parsing [{path}:17] : generated name for {path} nameserver '10.0.0.1' conflicts with another nameserver "
        "(declared at haproxy.cfg:2), it appears to be a duplicate and will be excluded.",
    ]


def test_the_section_that_nobody_writes(resolv_conf: Path) -> None:
    """ "default" is made of /etc/resolv.conf, behind all others, and says nothing."""
    assert sections("") == ([], [])
    resolv_conf.write_text("nameserver 10.0.0.5\nnameserver foo\n")
    found, findings = sections("resolvers x\n nameserver n 127.0.0.1:53\n")
    assert findings == []
    assert [(one.name, [server.name for server in one.servers]) for one in found] == [
        ("x", ["n"]),
        ("default", ["10.0.0.5"]),
    ]
    found, _ = sections("resolvers default\n nameserver n 127.0.0.1:53\n")
    assert [(one.name, [server.name for server in one.servers]) for one in found] == [("default", ["n"])]


@pytest.mark.parametrize(
    "word, families, auto",
    [("ipv4", {4}, False), ("ipv6", {6}, False), ("ipv4,ipv6", {4, 6}, False), ("auto", {4, 6}, True)],
)
def test_families_that_are_accepted(word: str, families: set[int], auto: bool) -> None:
    configuration = load_text(f"global\n dns-accept-family {word}\n", Diagnostics())
    found = configuration.main.one(AcceptedFamilies)
    assert found is not None and (set(found.families), found.auto) == (families, auto)


def test_families_that_there_are_not() -> None:
    assert sections("global\n dns-accept-family ipv4,ipv5\n")[1] == [
        ("ALERT", "'dns-accept-family' expects a comma-delimited list of 'ipv4', 'ipv6' and 'auto' (got 'ipv5')")
    ]
    assert sections("global\n dns-accept-family\n")[1] == [("ALERT", "'dns-accept-family' expects <family>[,...]")]


def test_how_names_of_responders_are_resolved(resolv_conf: Path) -> None:
    resolv_conf.write_text("nameserver 10.0.0.5\n")
    text = "global\n httpclient.resolvers.id x\n httpclient.resolvers.prefer ipv4\n httpclient.resolvers.disabled on\n"
    configuration = load_text(text, Diagnostics())
    found = http_client_resolvers(configuration)
    assert (found.id, found.prefer, found.disabled) == ("x", 4, True)
    assert resolver_options(configuration, Diagnostics()) == []  # not even "default"
    assert http_client_resolvers(load_text("", Diagnostics())).prefer == 6


@pytest.mark.parametrize(
    "line, message",
    [
        ("disabled", "'httpclient.resolvers.disabled' expects either 'on' or 'off' but got ''."),
        ("disabled foo", "'httpclient.resolvers.disabled' expects either 'on' or 'off' but got 'foo'."),
        ("prefer ipv5", "'httpclient.resolvers.prefer' expects 'ipv4' or 'ipv6' as argument."),
        ("prefer ipv4 x", "'httpclient.resolvers.prefer' cannot handle unexpected argument 'x'"),
        ("id", "'httpclient.resolvers.id' expects <resolvers id>"),
    ],
)
def test_how_they_cannot_be(line: str, message: str) -> None:
    assert sections(f"global\n httpclient.resolvers.{line}\n")[1] == [("ALERT", message)]


def test_a_name_server_is_frozen() -> None:
    with pytest.raises(AttributeError):
        NameServerLine(name="a", host="127.0.0.1", port=53).port = 54  # type: ignore[misc]
