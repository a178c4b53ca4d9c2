"""Addresses of configurations (manual 2.9). Verdicts and words of errors are those of the haproxy program."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.config.addresses import parse_addresses, resolve
from pointsman.core.address import AF_INET, AF_INET6, AddressSpec
from pointsman.core.diagnostics import NOWHERE, ConfigError, Position
from pointsman.core.words import Word


def word(text: str) -> Word:
    return Word(text, Position("test.cfg", 7, 9, len(text), f"   bind {text}"))


def listening(text: str) -> list[AddressSpec]:
    return parse_addresses(word(text), default_port=None, listening=True)


def connecting(text: str, default_port: int | None = None) -> AddressSpec:
    (spec,) = parse_addresses(word(text), default_port=default_port, listening=False)
    return spec


def inet(host: str, port: int | None, family: int = 0) -> AddressSpec:
    return AddressSpec("inet", host, port, family)


@pytest.mark.parametrize(
    "text, spec",
    [
        ("mptcp@127.0.0.1:80", AddressSpec("inet", "127.0.0.1", 80, mptcp=True)),
        ("mptcp4@:80", AddressSpec("inet", "", 80, AF_INET, mptcp=True)),
        ("mptcp6@:80", AddressSpec("inet", "::", 80, AF_INET6, mptcp=True)),
    ],
)
def test_mptcp(text: str, spec: AddressSpec) -> None:
    assert parse_addresses(Word(text, NOWHERE), default_port=None, listening=True) == [spec]
    assert parse_addresses(Word(text, NOWHERE), default_port=None, listening=False) == [spec]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("*:80", [inet("", 80)]),
        (":80", [inet("", 80)]),
        ("0.0.0.0:18080", [inet("", 18080)]),
        ("ip@:80", [inet("", 80)]),
        ("ipv4@:80", [inet("", 80, AF_INET)]),
        ("ipv6@:80", [inet("::", 80, AF_INET6)]),
        ("ipv6@*:80", [inet("::", 80, AF_INET6)]),
        ("127.0.0.1:080", [inet("127.0.0.1", 80)]),
        ("127.1:1800", [inet("127.0.0.1", 1800)]),
        ("::1:80", [inet("::1", 80)]),
        ("[::1]:80", [inet("::1", 80)]),
        (":::80", [inet("::", 80)]),
        ("::ffff:1.2.3.4:80", [inet("::ffff:1.2.3.4", 80)]),
        (":80-82,:90", [inet("", 80), inet("", 81), inet("", 82), inet("", 90)]),
        ("127.0.0.1:80,[::1]:81", [inet("127.0.0.1", 80), inet("::1", 81)]),
        ("tcp@:80", [inet("", 80)]),
        ("tcp4@:80", [inet("", 80, AF_INET)]),
        ("tcp6@:80", [inet("::", 80, AF_INET6)]),
        ("stream+ipv4@:80", [inet("", 80, AF_INET)]),
        ("udp@:514", [AddressSpec("inet", "", 514, 0, datagram=True)]),
        ("dgram+ipv4@:514", [AddressSpec("inet", "", 514, AF_INET, datagram=True)]),
        ("/tmp/x", [AddressSpec("unix", "/tmp/x")]),
        ("unix@x", [AddressSpec("unix", "x")]),
        ("uxst@/tmp/foo", [AddressSpec("unix", "/tmp/foo")]),
        ("uxdg@/dev/log", [AddressSpec("unix", "/dev/log", datagram=True)]),
        ("abns@foo:80", [AddressSpec("abns", "foo:80")]),
        ("abnsz@foo", [AddressSpec("abnsz", "foo")]),
        ("unix@foo,:80", [AddressSpec("unix", "foo"), inet("", 80)]),
    ],
)
def test_listening(text: str, expected: list[AddressSpec]) -> None:
    assert listening(text) == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "'' resolves to an empty address (environment variable missing?)"),
        (":80,,:81", "'' resolves to an empty address (environment variable missing?)"),
        ("127.0.0.1", "missing port specification in '127.0.0.1'"),
        (":", "missing port specification in ':'"),
        ("*", "missing port specification in '*'"),
        ("[::1]", "missing port specification in '[::1]'"),
        ("::", "missing port specification in '::'"),
        (":0", "invalid port '0'"),
        (":70000", "invalid port '70000'"),
        (":65536", "invalid port '65536'"),
        ("*:80-", "invalid port ''"),
        ("*:90-80", "invalid port range '90-80'"),
        (":+80", "port offset not permitted here in ':+80'"),
        (":-80", "port offset not permitted here in ':-80'"),
        ("1:2:3", "invalid address: '1:2' in '1:2:3'"),
        ("foo@:80", "invalid address: 'foo@' in 'foo@:80'"),
        ("ipv4@[::1]:80", "invalid address: '[::1]' in 'ipv4@[::1]:80'"),
        ("ipv6@127.0.0.1:80", "invalid address: '127.0.0.1' in 'ipv6@127.0.0.1:80'"),
        ("nosuchhost.invalid:80", "invalid address: 'nosuchhost.invalid' in 'nosuchhost.invalid:80'"),
        ("127.0.0.1:http", "invalid character 'h' in port number 'http' in '127.0.0.1:http'"),
        ("*:18080:18081", "invalid address: '*:18080' in '*:18080:18081'"),
        ("::1%lo:80", "invalid address: '::1%lo' in '::1%lo:80'"),
        ("2001:db8::1", "invalid address: '2001:db8:' in '2001:db8::1'"),
        ("192.168.1.300:80", "invalid address: '192.168.1.300' in '192.168.1.300:80'"),
        ("fd@x", "file descriptor 'x' is not a valid integer in 'fd@x'"),
        ("fd@99999999", "cannot use file descriptor '99999999' : Bad file descriptor."),
        ("unix@", "missing path or name in 'unix@'"),
        ("quic4@:443", "QUIC is not built yet: 'quic4@:443' (manual 2.9.3)"),
        ("quic+ipv6@:443", "QUIC is not built yet: 'quic+ipv6@:443' (manual 2.9.3)"),
        ("sockpair@x", "file descriptor 'x' is not a valid integer in 'sockpair@x'"),
        ("sockpair@65000", "cannot use file descriptor '65000' : Bad file descriptor."),
        ("mptcp4@[::1]:80", "invalid address: '[::1]' in 'mptcp4@[::1]:80'"),
        (
            "rhttp@be/srv",
            "'rhttp' addresses are not supported: reverse HTTP is an experiment of HAProxy's, and not spoken here",
        ),
        ("/" + "x" * 107, f"socket path '/{'x' * 107}' too long (max 107)"),
    ],
)
def test_listening_errors(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        listening(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text, expected",
    [
        ("127.0.0.1:8080", inet("127.0.0.1", 8080)),
        ("127.0.0.1", inet("127.0.0.1", None)),
        ("127.0.0.1:", inet("127.0.0.1", None)),
        ("127.0.0.1:0", inet("127.0.0.1", None)),
        ("127.0.0.1:+1000", AddressSpec("inet", "127.0.0.1", 1000, 0, True)),
        ("127.0.0.1:-1000", AddressSpec("inet", "127.0.0.1", -1000, 0, True)),
        ("*", inet("", None)),
        (":80", inet("", 80)),
        ("0.0.0.0", inet("", None)),
        ("ipv4@", inet("", None, AF_INET)),
        ("::1:", inet("::1", None)),
        ("[::1]", inet("::1", None)),
        ("[2001:db8::1]:443", inet("2001:db8::1", 443)),
        ("no-such.host_name:80", inet("no-such.host_name", 80)),
        ("ipv6@example.org:80", inet("example.org", 80, AF_INET6)),
        ("unix@/x", AddressSpec("unix", "/x")),
    ],
)
def test_connecting(text: str, expected: AddressSpec) -> None:
    assert connecting(text) == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("127.0.0.1:80-81", "port range not permitted here in '127.0.0.1:80-81'"),
        ("127.0.0.1:80,127.0.0.1:81", "invalid address: '127.0.0.1:80,127.0.0.1' in '127.0.0.1:80,127.0.0.1:81'"),
        ("::1", "invalid address: ':' in '::1'"),
        ("a b", "invalid address: 'a b' in 'a b'"),
    ],
)
def test_connecting_errors(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connecting(text)
    assert str(caught.value) == message


def test_bare_ipv6_gets_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        connecting("::1")
    assert "'[address]'" in caught.value.finding.hint


def test_default_port() -> None:
    assert connecting("10.0.0.1", 514) == inet("10.0.0.1", 514)
    assert parse_addresses(word("10.0.0.1"), default_port=514, listening=True) == [inet("10.0.0.1", 514)]


def test_the_wrong_part_of_a_list_is_underlined() -> None:
    with pytest.raises(ConfigError) as caught:
        listening(":80,:99999")
    assert caught.value.finding.position.column == 9 + 4
    assert caught.value.finding.position.length == len(":99999")


def test_inherited_sockets() -> None:
    with socket.socket() as inherited:
        assert listening(f"fd@{inherited.fileno()}") == [AddressSpec("fd", "", inherited.fileno())]
    with open(os.devnull) as file:
        with pytest.raises(ConfigError) as caught:
            listening(f"fd@{file.fileno()}")
        assert str(caught.value) == f"cannot use file descriptor '{file.fileno()}' : Socket operation on non-socket."


def test_host_names_resolve_where_something_listens() -> None:
    assert listening("localhost:80") == [inet("127.0.0.1", 80)]
    assert resolve("nosuchhost.invalid") is None


@given(
    st.text(alphabet="0123456789abcdefx.:[]@+-,*/ipvunxfd", max_size=30).filter(
        lambda text: "@" in text or not any(character in "abcdefxipvun" for character in text)
    ),
    st.booleans(),
)
def test_any_word_is_an_address_or_a_configuration_error(text: str, where: bool) -> None:
    try:
        specs = parse_addresses(word(text), default_port=None, listening=where and "@" not in text)
    except ConfigError as error:
        assert error.finding.position.line == 7
    else:
        assert specs and all(
            spec.port is None or spec.port_offset or 0 < spec.port < 65536 or spec.kind == "fd" for spec in specs
        )


@given(st.integers(1, 65535), st.integers(0, 20))
def test_ranges_unfold(first: int, more: int) -> None:
    last = min(first + more, 65535)
    assert [spec.port for spec in listening(f"*:{first}-{last}")] == list(range(first, last + 1))
