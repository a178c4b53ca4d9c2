"""option forwarded (manual 4.2): the manual's examples, and what HAProxy 3.2 makes of samples of all kinds."""

import pytest
from rule_stand import exchange, fields
from support.configs import good, section

from pointsman.assemble.references import check_references
from pointsman.core.address import UNIX_ADDRESS, net_address
from pointsman.rules.forwarded_words import ForwardedSetting
from pointsman.rules.plan import CONNECTION, HEADER_BLOCK, MOVING
from pointsman.sample.context import Context

CALM = "timeout connect 1s", "timeout server 1s"


def made(words: str, ctx: Context | None = None, *lines: str) -> list[str]:
    """The values of Forwarded fields behind that option."""
    if ctx is None:
        ctx = exchange("GET / HTTP/1.1", "host: h.example:80", *lines)
    said = good("backend", "mode http", *CALM, f"option forwarded {words}").proxy.one(ForwardedSetting)
    assert said is not None and said.header is not None and ctx.request is not None
    assert said.header.apply(ctx, ctx.request)
    return [value for name, value in fields(ctx.request) if name == "forwarded"]


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("", "proto=http;for=192.0.2.7"),
        ("proto for", "proto=http;for=192.0.2.7"),
        ("proto", "proto=http"),
        ("for", "for=192.0.2.7"),
        ("host", 'host="h.example:80"'),
        ("by", "by=192.0.2.1"),
        ("by by_port", 'by="192.0.2.1:80"'),
        ("for for_port", 'for="192.0.2.7:40000"'),
        (
            "for for_port by by_port proto host",
            'proto=http;host="h.example:80";by="192.0.2.1:80";for="192.0.2.7:40000"',
        ),
        ("host-expr str(host.com) by-expr str(_haproxy) for for_port-expr int(10)", None),
        ("host for-expr src,xxh32,hex for_port", 'host="h.example:80";for="_00000000D0A3F92B:40000"'),
    ],
)
def test_parameters_stand_in_one_order(words: str, value: str | None) -> None:
    """The last ones are the manual's examples; their addresses are others."""
    if value is None:
        value = 'host="host.com";by=_haproxy;for="192.0.2.7:10"'
    if "xxh32" in words:
        [found] = made(words)
        assert found.startswith('host="h.example:80";for="_00000000') and found.endswith(':40000"')
    else:
        assert made(words) == [value]


def test_the_manuals_random_identifier() -> None:
    """for=_000000002B1F4D63, say."""
    [found] = made("for-expr rand,hex")
    assert found.startswith("for=_00000000") and len(found) == len("for=_000000002B1F4D63")


def test_over_ipv6_it_is_quoted() -> None:
    """As the manual's example has it: for="[::1]:10"."""
    ctx = exchange("GET / HTTP/1.1")
    ctx.source = net_address("::1", 9)
    ctx.destination = net_address("2001:db8::2", 443)
    assert made("for for_port-expr int(10) by", ctx) == ['by="[2001:db8::2]";for="[::1]:10"']


def test_a_unix_socket_is_unknown() -> None:
    ctx = exchange("GET / HTTP/1.1")
    ctx.source = ctx.destination = UNIX_ADDRESS
    assert made("for for_port by by_port", ctx) == ["by=unknown;for=unknown"]


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ("str(abc)", "_abc"),
        ("str(_abc)", "_abc"),
        ("str(_)", "__"),
        ("str(a-b.c_d)", "_a-b.c_d"),
        ("str()", "unknown"),
        ("str(unknown)", "unknown"),
        ("str(UnknowN)", "_UnknowN"),
        (r"str(a\ b)", "unknown"),
        ("str(a:b)", "unknown"),
        ("ipv6(::1)", '"[::1]"'),
        ("ipv4(1.2.3.4)", "1.2.3.4"),
        ("int(5)", "_5"),
        ("bool(true)", "_1"),
        ("bin(41)", "_A"),
        ("method", "_GET"),
        ("hdr(none)", "unknown"),
        ("str(1.2.3.4)", "1.2.3.4"),
        ("str(1.2.3)", "_1.2.3"),
        ("str(001.2.3.4)", "_001.2.3.4"),
        ("str(::1)", "unknown"),
        ("str([::1])", '"[::1]"'),
        ("str([::g])", "unknown"),
        ("str([::1]:7)", "unknown"),
        ("str(1.2.3.4:80)", "unknown"),
        ("str(2001:db8::g)", "unknown"),
        ("src", "192.0.2.7"),
    ],
)
def test_names_of_nodes(sample: str, name: str) -> None:
    """Seen of HAProxy 3.2."""
    assert made(f"for-expr {sample}") == [f"for={name}"]
    assert made(f"by-expr {sample}") == [f"by={name}"]


@pytest.mark.parametrize(
    ("sample", "port"),
    [
        ("int(1)", "1"),
        ("int(65535)", "65535"),
        ("int(0)", "_0"),
        ("int(-1)", "_-1"),
        ("int(65536)", "_65536"),
        ("int(70000)", "_70000"),
        ("str(80)", "80"),
        ("str(00080)", "00080"),
        ("str(0)", "_0"),
        ("str(def)", "_def"),
        ("str(_def)", "_def"),
        ("str(8x)", "_8x"),
        ("src", "_192.0.2.7"),
        ("bool(true)", "1"),
        ("method", "_GET"),
    ],
)
def test_ports_of_nodes(sample: str, port: str) -> None:
    """Seen of HAProxy 3.2."""
    assert made(f"for for_port-expr {sample}") == [f'for="192.0.2.7:{port}"']
    assert made(f"by-expr str(x) by_port-expr {sample}") == [f'by="_x:{port}"']


@pytest.mark.parametrize("sample", ["str()", r"str(a\ b)", "hdr(none)"])
def test_no_port(sample: str) -> None:
    """HAProxy quotes the name nevertheless; it is the same without."""
    assert made(f"for for_port-expr {sample}") == ["for=192.0.2.7"]
    assert made("for-expr hdr(none) for_port-expr int(7)") == ['for="unknown:7"']


@pytest.mark.parametrize("host", ["a", "a:80", "A.b", "[::1]", "[::1]:80", "127.0.0.1", "7", "a-b.example:65535"])
def test_hosts(host: str) -> None:
    assert made("host", None, f"host: {host}")[0] == 'host="h.example:80"'  # the first one
    assert made(f"host-expr str({host})") == [f'host="{host}"']


@pytest.mark.parametrize(
    "sample",
    [
        "hdr(none)",
        r"str(a\ b)",
        "str(a_b)",
        "str(http://a)",
        "str(a:99999)",
        "str(a:)",
        "str(a/b)",
        "str(a@b)",
        "str(a%41)",
    ]
    + ["str(a~!$&*+;=b)", "str([::g])", "bin(6122)", "bin(615c62)", "bin(610d0a62)"],
)
def test_what_is_no_host_is_an_empty_one(sample: str) -> None:
    """Seen of HAProxy 3.2."""
    assert made(f"host-expr {sample}") == ['host=""']


def test_without_a_host() -> None:
    assert made("host", exchange("GET / HTTP/1.0")) == ['host=""']


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["for=1.1.1.1"], ["for=1.1.1.1,proto=http"]),
        (["for=1.1.1.1,for=2.2.2.2"], ["for=1.1.1.1,for=2.2.2.2,proto=http"]),
        (["for=1.1.1.1, for=2.2.2.2"], ["for=1.1.1.1, for=2.2.2.2,proto=http"]),
        (['for="[::1]"'], ['for="[::1]",proto=http']),
        (['for=_a, for="_b:_c"'], ['for=_a, for="_b:_c",proto=http']),
        (["for=1.1.1.1", "for=2.2.2.2"], ["for=1.1.1.1", "for=2.2.2.2,proto=http"]),
        (["for=1.1.1.1", "zz"], ["for=1.1.1.1", "zz", "proto=http"]),
        (["zz", "for=1.1.1.1"], ["zz", "for=1.1.1.1", "proto=http"]),
        (["for=1.1.1.1,zz"], ["for=1.1.1.1,zz", "proto=http"]),
        (["for=1.1.1.1;for=2.2.2.2"], ["for=1.1.1.1;for=2.2.2.2", "proto=http"]),
        (["for=1.1.1.1 ,"], ["for=1.1.1.1 ,", "proto=http"]),
        (["for=1.1.1.1;"], ["for=1.1.1.1;", "proto=http"]),
        (["proto=custom"], ["proto=custom", "proto=http"]),
        ([""], ["", "proto=http"]),
        (['for="_a'], ['for="_a', "proto=http"]),
    ],
)
def test_what_is_there_is_followed_if_it_is_valid(before: list[str], after: list[str]) -> None:
    """Seen of HAProxy 3.2; nobody can open a quotation that swallows ours."""
    lines = [f"forwarded: {value}" for value in before]
    assert made("proto", None, *lines) == after


def test_what_it_depends_on() -> None:
    """Nothing else is remembered with a request that comes again."""
    for words, bits in (
        ("", HEADER_BLOCK),
        ("for host", HEADER_BLOCK),
        ("by", HEADER_BLOCK | CONNECTION),
        ("for for_port", HEADER_BLOCK | CONNECTION),
        ("for-expr rand", HEADER_BLOCK | MOVING),
        ("for for_port-expr rand", HEADER_BLOCK | MOVING),
    ):
        ctx = exchange("GET / HTTP/1.1")
        made(words, ctx)
        assert ctx.asked == bits, words
    ctx = exchange("GET / HTTP/1.1")
    ctx.frontend.secures = True  # some of its clients come by TLS
    made("proto", ctx)
    assert ctx.asked == HEADER_BLOCK | CONNECTION


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "foo",
            "'option forwarded' only supports optional values: 'proto', 'host', 'by', 'by_port', 'for', 'for_port', ",
        ),
        ("host-expr", "'option forwarded': 'host-expr' expects <expr> as argument."),
        ("for host-expr foo", "unknown fetch method 'foo'"),
    ],
)
def test_mistakes(words: str, message: str) -> None:
    [found] = section("backend", "mode http", *CALM, f"option forwarded {words}").errors
    assert found.startswith(message)


def test_what_an_expression_names_must_exist() -> None:
    loaded = good("backend", "mode http", *CALM, "option forwarded for-expr be_conn(nowhere)")
    check_references(loaded.configuration, loaded.diagnostics)
    assert loaded.errors == ["unable to find backend 'nowhere'"]


def test_a_port_without_a_name_is_ignored() -> None:
    for name in ("by", "for"):
        for end in ("", "-expr int(5)"):
            loaded = good("backend", "mode http", *CALM, f"option forwarded proto {name}_port{end}")
            assert loaded.warnings == [
                f"'option forwarded': '{name}_port' is ignored because both '{name}' and '{name}-expr' are unset"
            ]
    said = good("backend", "mode http", *CALM, "option forwarded by_port").proxy.one(ForwardedSetting)
    assert said is not None and said.header is None


def test_it_can_be_taken_back() -> None:
    loaded = good("backend", "mode http", *CALM, "no option forwarded", before="defaults\n option forwarded\n")
    said = loaded.proxy.one(ForwardedSetting)
    assert said is not None and said.header is None
