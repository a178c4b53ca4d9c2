"""Server lines (manual 4.2, 5.2). Words of errors are those of the haproxy program where it has some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.configs import good, only_error, read, section

from pointsman.config.server_line import DefaultServer, ServerLine, server_ids
from pointsman.config.server_words import ServerParameters
from pointsman.config.source_address import SourceAddress
from pointsman.core.address import AF_INET6, AddressSpec


def servers(*lines: str, before: str = "") -> list[ServerLine]:
    return good("backend", *lines, before=before).proxy.all(ServerLine)


def parameters(words: str) -> ServerParameters:
    return servers(f"server s 10.0.0.1:80 {words}")[0].parameters


@pytest.mark.parametrize(
    "words, expected",
    [
        ("", ServerParameters()),
        ("check", ServerParameters(check=True)),
        ("check no-check", ServerParameters()),
        ("weight 0", ServerParameters(weight=0)),
        ("weight 256 maxconn 30", ServerParameters(weight=256, maxconn=30)),
        ("backup disabled", ServerParameters(backup=True, disabled=True)),
        ("backup disabled no-backup enabled", ServerParameters()),
        (
            "inter 3s fastinter 500 downinter 1m",
            ServerParameters(interval=3000, fast_interval=500, down_interval=60_000),
        ),
        ("rise 3 fall 5", ServerParameters(rise=3, fall=5)),
        ("port 8080 addr 127.0.0.2", ServerParameters(check_port=8080, check_address="127.0.0.2")),
        ("addr ::1", ServerParameters(check_address="::1")),
        ("addr 1.2.3.4:90", ServerParameters(check_address="1.2.3.4", check_port=90)),
        ("slowstart 30s", ServerParameters(slowstart=30_000)),
        ("send-proxy", ServerParameters(send_proxy=1)),
        ("send-proxy-v2 check-send-proxy", ServerParameters(send_proxy=2, check_send_proxy=True)),
        ("send-proxy-v2 no-send-proxy", ServerParameters(send_proxy=2)),
        ("send-proxy-v2 no-send-proxy-v2", ServerParameters()),
        ("send-proxy no-send-proxy", ServerParameters()),
        ("send-proxy send-proxy-v2 no-send-proxy", ServerParameters(send_proxy=2)),
        ("send-proxy-v2 send-proxy no-send-proxy-v2", ServerParameters(send_proxy=1)),
        ("send-proxy-v2-ssl", ServerParameters(send_proxy=2, proxy_options=frozenset(("ssl",)))),
        ("send-proxy-v2-ssl no-send-proxy-v2-ssl", ServerParameters()),
        ("send-proxy-v2-ssl-cn", ServerParameters(send_proxy=2, proxy_options=frozenset(("ssl", "cert-cn")))),
        ("send-proxy-v2-ssl-cn no-send-proxy-v2-ssl-cn", ServerParameters()),
        ("send-proxy-v2-ssl-cn no-send-proxy-v2-ssl", ServerParameters(proxy_options=frozenset(("cert-cn",)))),
        ("send-proxy-v2-ssl no-send-proxy-v2", ServerParameters(proxy_options=frozenset(("ssl",)))),
        ("proxy-v2-options crc32c,unique-id", ServerParameters(proxy_options=frozenset(("crc32c", "unique-id")))),
        (
            "proxy-v2-options cert-key proxy-v2-options authority",
            ServerParameters(proxy_options=frozenset(("ssl", "cert-key", "authority"))),
        ),
        (
            "cc reno namespace blue tcp-md5sig x",
            ServerParameters(congestion="reno", namespace="blue", password="x"),
        ),
        ("redir http://a.example ws h1 ws auto", ServerParameters(redirect="http://a.example")),
        ("id 7 guid srv:one.a_b-c", ServerParameters(id=7, guid="srv:one.a_b-c")),
        ("init-addr last,libc,none", ServerParameters(init_addr=("last", "libc", "none"))),
        ("init-addr last,,1.2.3.4", ServerParameters(init_addr=("last", "1.2.3.4"))),
        ("init-state down hash-key addr", ServerParameters(init_state="down", hash_key="addr")),
        ("tfo tcp-ut 20s", ServerParameters(tfo=True, user_timeout=20_000)),
        ("tfo no-tfo", ServerParameters()),
        (
            "pool-purge-delay 0 pool-max-conn 10 pool-low-conn 2 max-reuse 5",
            ServerParameters(pool_purge_delay=0, pool_max_conn=10, pool_low_conn=2, max_reuse=5),
        ),
        ("proto h1", ServerParameters(proto="h1")),
        ("idle-ping 5s", ServerParameters(idle_ping=5000)),
        ("source 1.2.3.4", ServerParameters(source=SourceAddress(address=AddressSpec("inet", "1.2.3.4")))),
        ("source ::1", ServerParameters(source=SourceAddress(address=AddressSpec("inet", "::1")))),
        (
            "source 1.2.3.4:10-20 interface eth0",
            ServerParameters(
                source=SourceAddress(address=AddressSpec("inet", "1.2.3.4", 10), last_port=20, interface="eth0")
            ),
        ),
        ("source 0.0.0.0:1024", ServerParameters(source=SourceAddress(address=AddressSpec("inet", "", 1024)))),
    ],
)
def test_parameters(words: str, expected: ServerParameters) -> None:
    assert parameters(words) == expected


SAID = "'server x/s'"


@pytest.mark.parametrize(
    "words, message",
    [
        ("foo", f"{SAID} : unknown keyword 'foo'"),
        ("weight 257", f"{SAID} : 'weight' : invalid value 257, allowed range is 0..256"),
        ("weight", f"{SAID} : 'weight' : missing value"),
        ("maxconn 2x", f"{SAID} : 'maxconn' : '2x' is not a number"),
        ("inter 0", f"{SAID} : 'inter' : invalid value 0 for argument 'inter'"),
        ("inter", f"{SAID} : 'inter' : 'inter' expects a delay as argument."),
        ("inter x", "'x' is not a time"),
        ("inter 30d", "timer overflow in '30d'"),
        ("rise 0", f"{SAID} : 'rise' : has to be > 0"),
        ("fall -1", f"{SAID} : 'fall' : has to be > 0"),
        ("id", f"{SAID} : 'id' : expects an integer argument"),
        ("id 0", f"{SAID} : 'id' : custom id has to be > 0"),
        ("port 70000", f"{SAID} : 'port' : invalid value 70000, allowed range is 0..65535"),
        ("addr", f"{SAID} : 'addr' : expects <ipv4|ipv6> as argument"),
        ("addr nosuch.invalid", f"{SAID} : 'addr' : invalid address: 'nosuch.invalid' in 'nosuch.invalid'"),
        (
            "init-addr foo",
            f"{SAID} : 'init-addr' : unknown init-addr method 'foo', supported methods are 'libc', 'last', 'none'.",
        ),
        (
            "source",
            f"{SAID} : 'source' : expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' "
            "<name> as argument.",
        ),
        ("source nosuch.invalid", f"{SAID} : 'source' : invalid address: 'nosuch.invalid' in 'nosuch.invalid'"),
        ("source 1.2.3.4 interface", f"{SAID} : 'interface' : missing interface name"),
        ("redir", f"{SAID} : 'redir' : expects <prefix> as argument."),
        ("shard x", f"{SAID} : 'shard' : 'x' is not a number"),
        ("ws", f"{SAID} : 'ws' : has to be 'auto', 'h1' or 'h2'"),
        ("cc", f"{SAID} : 'cc' : missing TCP congestion control algorithm"),
        ("namespace", f"{SAID} : 'namespace' : expects <name> as argument"),
        ("namespace *", f"{SAID} : 'namespace' : what a PROXY header says of namespaces is not followed here"),
        ("pool-conn-name", f"{SAID} : 'pool-conn-name' : expects <value> as argument"),
        ("pool-conn-name foo", "unknown fetch method 'foo'"),
        ("tcp-md5sig", f"{SAID} : 'tcp-md5sig' : missing TCP MD5 signature password"),
        ("usesrc clientip", f"{SAID} : 'usesrc' : only allowed after a 'source' statement"),
        (
            "source 1.2.3.4 usesrc nosuch.invalid",
            f"{SAID} : 'usesrc' : invalid address: 'nosuch.invalid' in 'nosuch.invalid'",
        ),
        ("source 1.2.3.4:20-10", f"{SAID} : 'source' : invalid port range in '1.2.3.4:20-10'"),
        ("pool-max-conn -2", f"{SAID} : 'pool-max-conn' : must be >= -1"),
        ("pool-max-conn", f"{SAID} : 'pool-max-conn' : expects <value> as argument"),
        ("proto foo", f"{SAID} : 'proto' : unknown MUX protocol 'foo'"),
        ("guid a/b", "'guid': invalid value 'a/b'"),
        ("observe", f"{SAID} : 'observe' : expects one of 'none', 'layer4', 'layer7' but got ''"),
        ("observe layer5", f"{SAID} : 'observe' : expects one of 'none', 'layer4', 'layer7' but got 'layer5'"),
        ("error-limit 0", f"{SAID} : 'error-limit' : has to be > 0"),
        (
            "on-error x",
            f"{SAID} : 'on-error' : expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down' but got "
            "'x'",
        ),
        ("agent-check agent-inter 0", f"{SAID} : 'agent-inter' : invalid value 0 for argument 'agent-inter'"),
        ("agent-inter", f"{SAID} : 'agent-inter' : 'agent-inter' expects a delay as argument."),
        ("agent-port", f"{SAID} : 'agent-port' : expects a port number as argument."),
        ("agent-port 70000", f"{SAID} : 'agent-port' : invalid value 70000, allowed range is 0..65535"),
        ("agent-send", f"{SAID} : 'agent-send' : expects a string as argument."),
        ("agent-addr", f"{SAID} : 'agent-addr' : expects an address as argument."),
        (
            "agent-addr 127.0.0.1:80",
            f"{SAID} : parsing agent-addr failed. Check if '127.0.0.1:80' is correct address.",
        ),
        ("on-marked-down", f"{SAID} : 'on-marked-down' : expects 'shutdown-sessions' but got ''"),
        ("on-marked-down x", f"{SAID} : 'on-marked-down' : expects 'shutdown-sessions' but got 'x'"),
        ("on-marked-up x", f"{SAID} : 'on-marked-up' : expects 'shutdown-backup-sessions' but got 'x'"),
        ("proxy-v2-options", f"{SAID} : 'proxy-v2-options' : expects a comma-delimited list of options"),
        ("proxy-v2-options nope", f"{SAID} : 'proxy-v2-options' : unknown option 'nope' of PROXY protocol version 2"),
        (
            "proxy-v2-options ssl,,crc32c",
            f"{SAID} : 'proxy-v2-options' : unknown option '' of PROXY protocol version 2",
        ),
        ("set-proxy-v2-tlv-fmt x", f"{SAID} : 'set-proxy-v2-tlv-fmt' : expects 'set-proxy-v2-tlv-fmt(<id>)'"),
        ("set-proxy-v2-tlv-fmt(1 x", f"{SAID} : 'set-proxy-v2-tlv-fmt(1' : expects 'set-proxy-v2-tlv-fmt(<id>)'"),
        ("set-proxy-v2-tlv-fmt() x", f"{SAID} : 'set-proxy-v2-tlv-fmt()' : '' is no TLV ID"),
        ("set-proxy-v2-tlv-fmt(SSL) x", f"{SAID} : 'set-proxy-v2-tlv-fmt(SSL)' : 'SSL' is no TLV ID"),
        ("set-proxy-v2-tlv-fmt(256) x", f"{SAID} : 'set-proxy-v2-tlv-fmt(256)' : the maximum allowed TLV ID is 255"),
        ("set-proxy-v2-tlv-fmt(1)", f"{SAID} : 'set-proxy-v2-tlv-fmt(1)' : expects a log-format"),
        ("set-proxy-v2-tlv-fmt(1) %[nosuch]", "unknown fetch method 'nosuch'"),
        (
            "set-proxy-v2-tlv-fmt(1) %[status]",
            "sample fetch <status> may not be reliably used here because it is not available in tcp-request content "
            "rules, http-request rules",
        ),
        ("send-proxy(1)", f"{SAID} : unknown keyword 'send-proxy(1)'"),
    ],
)
def test_errors(words: str, message: str) -> None:
    assert only_error("backend", f"server s 10.0.0.1:80 {words}") == message


@pytest.mark.parametrize(
    "lines, message",
    [
        (("server",), "'server' expects <name> and <addr>[:<port>] as arguments."),
        (("server a",), "'server' expects <name> and <addr>[:<port>] as arguments."),
        (("server a/b 1.2.3.4:80",), "character '/' is not permitted in server name 'a/b'."),
        (("server a@b 1.2.3.4:80",), "character '@' is not permitted in server name 'a@b'."),
        (("server 'a b' 1.2.3.4:80",), "character ' ' is not permitted in server name 'a b'."),
        (("server a fd@3",), "'server x/a' : a file descriptor is not acceptable here in 'fd@3'"),
        (("server a udp@1.2.3.4:80",), "'server x/a' : dgram-type address not acceptable in 'udp@1.2.3.4:80'"),
        (("server a 1.2.3.4:80-81",), "'server x/a' : port range not permitted here in '1.2.3.4:80-81'"),
        (
            ("server a 1.2.3.4:80", "server a 1.2.3.5:80"),
            "backend 'x', another server named 'a' was already defined at line 2, please use distinct names.",
        ),
        (
            ("server a 1.2.3.4:80 id 1", "server b 1.2.3.5:80 id 1"),
            "'server x/b' : 'id' : custom id 1 already used at haproxy.cfg:2 ('server a').",
        ),
        (("server-template a",), "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments."),
        (("server-template a x 1.2.3.4:80",), "Wrong server-template number or range arg 'x'."),
        (("server-template a 0 foo:80",), "Wrong server-template number or range arg '0'."),
        (("server-template a 3-1 localhost:80",), "Wrong server-template number or range arg '3-1'."),
        (("server-template a -3 localhost:80",), "Wrong server-template number or range arg '-3'."),
        (("server-template a 3- localhost:80",), "Wrong server-template number or range arg '3-'."),
        (
            ("server a2 1.2.3.4:80", "server-template a 3 1.2.3.4:80"),
            "backend 'x', another server named 'a2' was already defined at line 2, please use distinct names.",
        ),
        (("default-server 1.2.3.4:80",), "'default-server' : unknown keyword '1.2.3.4:80'"),
    ],
)
def test_line_errors(lines: tuple[str, ...], message: str) -> None:
    assert only_error("backend", *lines) == message


def test_addresses() -> None:
    lines = servers("server a 127.0.0.1:+1000", "server b *", "server c unix@/x", "server d ipv6@host.example:1")
    assert [line.address for line in lines] == [
        AddressSpec("inet", "127.0.0.1", 1000, 0, True),
        AddressSpec("inet", "", None),
        AddressSpec("unix", "/x"),
        AddressSpec("inet", "host.example", 1, AF_INET6),
    ]


def test_a_frontend_has_no_servers() -> None:
    assert only_error("frontend", "server a 1.2.3.4:80") == (
        "'server' not allowed because frontend 'x' has no backend capability."
    )


def test_default_server_adds_up_and_holds_for_later_lines() -> None:
    first, second, third = servers(
        "server a 1.2.3.4:1",
        "default-server inter 1s weight 13",
        "server b 1.2.3.4:2 weight 5",
        "default-server check",
        "server c 1.2.3.4:3 no-check",
    )
    assert first.parameters == ServerParameters()
    assert second.parameters == ServerParameters(interval=1000, weight=5)
    assert third.parameters == ServerParameters(interval=1000, weight=13)


def test_an_id_of_all_servers_is_overlooked_with_a_warning() -> None:
    loaded = good("backend", "default-server id 3 weight 7", "server a 1.2.3.4:80")
    assert loaded.warnings == ["'id' option is not accepted in default-server sections"]
    assert loaded.proxy.all(ServerLine)[0].parameters == ServerParameters(weight=7)


def test_default_server_of_the_defaults_section() -> None:
    (line,) = servers(
        "default-server fall 2",
        "server a 1.2.3.4:80 rise 4",
        before="defaults\n default-server inter 3s fall 3 check\n",
    )
    assert line.parameters == ServerParameters(interval=3000, fall=2, rise=4, check=True)


def test_from_names_what_to_start_with() -> None:
    loaded = read("""
backend one
 default-server weight 9
 default-server name slow inter 10s
 server a 1.2.3.4:80 rise 7 id 3
 server b 1.2.3.4:81 from none fall 4
 server c 1.2.3.4:82 from srv:a
 server d 1.2.3.4:83 from srv:slow check
backend two
 server e 1.2.3.4:84 from be:one
 server f 1.2.3.4:85 from srv:one/b
 default-server from none maxconn 5
 server g 1.2.3.4:86
""")
    assert loaded.errors == []
    one, two = loaded.configuration.proxies
    assert {line.name: line.parameters for section in (one, two) for line in section.all(ServerLine)} == {
        "a": ServerParameters(weight=9, rise=7, id=3),
        "b": ServerParameters(fall=4),
        "c": ServerParameters(weight=9, rise=7),
        "d": ServerParameters(interval=10_000, check=True),
        "e": ServerParameters(weight=9),
        "f": ServerParameters(fall=4),
        "g": ServerParameters(maxconn=5),
    }
    assert one.one(DefaultServer, "slow") == DefaultServer(
        name="slow", parameters=ServerParameters(interval=10_000), at=one.all(DefaultServer)[1].at
    )


@pytest.mark.parametrize(
    "origin, message",
    [
        ("foo", "'from' : unknown origin 'foo'"),
        ("be:nosuch", "'from' : unknown backend 'nosuch' in 'be:nosuch'"),
        ("srv:nosuch", "'from' : unknown server or default-server 'nosuch' in 'srv:nosuch'"),
    ],
)
def test_from_errors(origin: str, message: str) -> None:
    assert only_error("backend", f"server a 1.2.3.4:80 from {origin}") == message


@pytest.mark.parametrize("numbers, names", [("3", ["a1", "a2", "a3"]), ("5-7", ["a5", "a6", "a7"]), ("2-2", ["a2"])])
def test_templates(numbers: str, names: list[str]) -> None:
    lines = servers(f"server-template a {numbers} host.example:80 check")
    assert [line.name for line in lines] == names
    assert all(
        line.template and line.parameters.check and line.address == AddressSpec("inet", "host.example", 80)
        for line in lines
    )


def test_ids_of_servers() -> None:
    assert server_ids(
        servers(
            "server a 1.2.3.4:1", "server b 1.2.3.4:1 id 2", "server c 1.2.3.4:1", "server-template t 2 1.2.3.4:1 id 10"
        )
    ) == [1, 2, 3, 10, 11]
    # What haproxy 2.6 and 3.2 say in `show servers state`: those with a number take their turns, too.
    said = {0: " id 10", 2: " id 2", 4: " id 3"}
    assert server_ids(servers(*[f"server s{one} 1.2.3.4:1{said.get(one, '')}" for one in range(6)])) == [
        10,
        4,
        2,
        6,
        3,
        8,
    ]


WORDS = st.sampled_from(
    [
        "check",
        "weight",
        "10",
        "inter",
        "3s",
        "source",
        "1.2.3.4",
        "from",
        "none",
        "ssl",
        "x",
        "id",
        "init-addr",
        "addr",
        "::1",
        "maxconn",
        "-1",
        "port",
        "guid",
        "backup",
        "99999999999999999999",
    ]
)


@given(st.lists(WORDS, max_size=6))
def test_any_words_give_a_server_or_an_error(words: list[str]) -> None:
    loaded = section("backend", "server s 10.0.0.1:80 " + " ".join(words))
    assert len(loaded.proxy.all(ServerLine)) + len(loaded.errors) == 1


def test_equal_words_mean_the_same_and_are_noticed_on_each_line() -> None:
    loaded = good(
        "backend",
        "server a 1.2.3.4:1 weight 5 log-proto legacy",
        "server b 1.2.3.4:2 weight 5 log-proto legacy",
        "default-server rise 9",
        "server c 1.2.3.4:3 weight 5",
        "server d 1.2.3.4:4 weight 5",
    )
    assert [line.parameters.rise for line in loaded.proxy.all(ServerLine)] == [2, 2, 9, 9]
    assert [line.parameters.weight for line in loaded.proxy.all(ServerLine)] == [5, 5, 5, 5]
    assert loaded.notices == [
        f"'server x/{name}' : 'log-proto' tunes what does not exist here and has no effect (manual 5.2)"
        for name in "ab"
    ]


def test_of_several_conflicts_the_first_line_is_named() -> None:
    assert only_error(
        "backend", "server a 1.2.3.4:1", "server b 1.2.3.4:2 id 7", "server c 1.2.3.4:3 id 8", "server c 1.2.3.4:4 id 7"
    ) == ("'server x/c' : 'id' : custom id 7 already used at haproxy.cfg:3 ('server b').")
