"""`bind` lines (manual 5.1). Words of errors are those of the haproxy program."""

import grp
import os
import pwd

import pytest
from support.configs import good, only_error, read, section

from pointsman.config.bind import Bind, BindParameters, SocketOwner, socket_ids
from pointsman.core.address import AddressSpec

SAID = "'bind :80' in section 'frontend'"


def parameters(words: str) -> BindParameters:
    (line,) = good("frontend", f"bind :80 {words}").proxy.all(Bind)
    return line.parameters


@pytest.mark.parametrize(
    "words, expected",
    [
        ("", BindParameters()),
        ("name web", BindParameters(name="web")),
        ("name x name y", BindParameters(name="y")),
        ("id 7", BindParameters(id=7)),
        ("maxconn 100 backlog 10", BindParameters(maxconn=100, backlog=10)),
        ("interface eth0", BindParameters(interface="eth0")),
        ("v4v6", BindParameters(v4v6=True)),
        ("v4v6 v6only", BindParameters(v4v6=True, v6only=True)),
        (
            "defer-accept tfo transparent accept-proxy",
            BindParameters(defer_accept=True, tfo=True, transparent=True, accept_proxy=True),
        ),
        ("mss 1400", BindParameters(mss=1400)),
        ("mss -40", BindParameters(mss=-40)),
        ("tcp-ut 30s", BindParameters(user_timeout=30_000)),
        ("mode 660 uid 12 gid 13", BindParameters(owner=SocketOwner(mode=0o660, uid=12, gid=13))),
        (
            "level admin severity-output number expose-fd listeners",
            BindParameters(level="admin", severity_output="number", expose_listeners=True),
        ),
        ("proto h1", BindParameters(proto="h1")),
        ("idle-ping 5s", BindParameters(idle_ping=5000)),
    ],
)
def test_parameters(words: str, expected: BindParameters) -> None:
    assert parameters(words) == expected


def test_user_and_group_by_name() -> None:
    me, mine = pwd.getpwuid(os.getuid()), grp.getgrgid(os.getgid())
    owner = parameters(f"user {me.pw_name} group {mine.gr_name}").owner
    assert owner == SocketOwner(uid=me.pw_uid, gid=mine.gr_gid)


@pytest.mark.parametrize(
    "words, message",
    [
        ("name", f"{SAID} : 'name' : missing name"),
        ("maxconn", f"{SAID} : 'maxconn' : missing value"),
        ("maxconn x", f"{SAID} : 'maxconn' : 'x' is not a number"),
        ("id", f"{SAID} : 'id' : expects an integer argument"),
        ("id 0", f"{SAID} : 'id' : custom id has to be > 0"),
        ("interface", f"{SAID} : 'interface' : missing interface name"),
        ("mss", f"{SAID} : 'mss' : missing MSS value"),
        ("mss 0", f"{SAID} : 'mss' : expects an MSS with and absolute value between 1 and 65535"),
        ("tcp-ut", f"{SAID} : 'tcp-ut' : missing TCP User Timeout value"),
        ("mode", f"{SAID} : 'mode' : missing or invalid mode '' (octal integer expected)"),
        ("mode 999", f"{SAID} : 'mode' : missing or invalid mode '999' (octal integer expected)"),
        ("user nosuch", f"{SAID} : 'user' : unknown user name 'nosuch'"),
        ("group nosuch", f"{SAID} : 'group' : unknown group name 'nosuch'"),
        ("level", f"{SAID} : 'level' : missing level"),
        ("level foo", f"{SAID} : 'level' : only supports 'user', 'operator', 'admin' (got 'foo')"),
        ("proto h3", f"{SAID} : 'proto' : unknown MUX protocol 'h3'"),
        ("proto quic", f"{SAID} : 'proto' : protocol 'quic' is not built yet (manual 5.1)"),
        ("idle-ping", f"{SAID} : 'idle-ping' : expects an argument"),
        ("idle-ping x", "'x' is not a time"),
        ("foo", f"{SAID} : unknown keyword 'foo'"),
        ("guid-prefix", f"{SAID} : 'guid-prefix' : expects an argument"),
        ("guid-prefix a/b", "'guid-prefix': invalid value 'a/b'"),
        (
            "nbconn 3",
            "bind option 'nbconn' is not supported: reverse HTTP is an experiment of HAProxy's, and not spoken here",
        ),
        ("namespace", f"{SAID} : 'namespace' : missing namespace id"),
        ("cc", f"{SAID} : 'cc' : missing TCP congestion control algorithm"),
        ("cc 0123456789abcdef", f"{SAID} : 'cc' : '0123456789abcdef' cannot be a congestion control algorithm"),
        ("tcp-md5sig", f"{SAID} : 'tcp-md5sig' : missing TCP MD5 signature password"),
        ("tcp-md5sig " + "a" * 81, f"{SAID} : 'tcp-md5sig' : a password has from 1 to 80 bytes"),
        ("accept-netscaler-cip", f"{SAID} : 'accept-netscaler-cip' : missing value"),
        ("tcp-ss", f"{SAID} : 'tcp-ss' : missing TCP Save SYN value"),
    ],
)
def test_errors(words: str, message: str) -> None:
    assert only_error("frontend", f"bind :80 {words}") == message


def test_a_misspelt_word_gets_the_nearest_one() -> None:
    (finding,) = section("frontend", "bind :80 defer-acept").diagnostics.findings
    assert finding.hint == "did you mean 'defer-accept'?"
    assert finding.position.column == 11 and finding.position.length == len("defer-acept")


def test_words_of_tls_mean_nothing_without_ssl() -> None:
    loaded = good("frontend", "bind :80 no-sslv3 alpn h2 maxconn 3")
    assert loaded.notices == [
        f"{SAID} : 'no-sslv3' has no effect without TLS (manual 5.1)",
        f"{SAID} : 'alpn' has no effect without TLS (manual 5.1)",
    ]
    assert loaded.proxy.all(Bind)[0].parameters.maxconn == 3


def test_hints_are_noticed() -> None:
    loaded = good("frontend", "bind :80 thread 1-2 shards 2 nice 5")
    assert [notice.split("'")[5] for notice in loaded.notices] == ["shards", "nice"]


def test_addresses_and_errors_of_addresses() -> None:
    (line,) = good("frontend", "bind :80,127.0.0.1:81-82 name a").proxy.all(Bind)
    assert line.addresses == (
        AddressSpec("inet", "", 80),
        AddressSpec("inet", "127.0.0.1", 81),
        AddressSpec("inet", "127.0.0.1", 82),
    )
    assert line.text == ":80,127.0.0.1:81-82"
    assert only_error("frontend", "bind") == (
        "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments."
    )
    assert only_error("frontend", "bind udp@:80") == "'bind' : dgram-type address not acceptable in 'udp@:80'"
    assert only_error("frontend", "bind :80, :81") == "'' resolves to an empty address (environment variable missing?)"


def test_ids_are_unique_and_of_one_socket() -> None:
    assert only_error("frontend", "bind :80 id 3", "bind :81 id 3") == (
        "'bind :81' in section 'frontend' : 'id' : custom id 3 already used at haproxy.cfg:2 ('bind :80')"
    )
    assert only_error("frontend", "bind :80-81 id 3") == (
        "'bind :80-81' in section 'frontend' : 'id' can only be used with a single socket"
    )


def test_ids_are_given_in_order() -> None:
    binds = good("frontend", "bind :80-82", "bind :90 id 2", "bind :91").proxy.all(Bind)
    assert socket_ids(binds) == [1, 3, 4, 2, 5]


def test_unix_bind_is_what_lines_behind_it_start_from() -> None:
    loaded = read(
        "global\n unix-bind prefix /run/p mode 604 gid 7\n"
        "frontend f\n bind unix@/a.sock\n bind /b.sock mode 600\n bind abns@x\n"
    )
    assert loaded.errors == []
    first, second, third = loaded.proxy.all(Bind)
    assert first.addresses == (AddressSpec("unix", "/run/p/a.sock"),)
    assert first.parameters.owner == SocketOwner(mode=0o604, gid=7)
    assert second.parameters.owner == SocketOwner(mode=0o600, gid=7)
    assert third.addresses == (AddressSpec("abns", "x"),)


def test_a_backend_does_not_listen() -> None:
    assert section("backend", "bind :80").warnings == ["'bind' ignored because backend 'x' has no frontend capability."]
