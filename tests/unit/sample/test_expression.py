"""Expressions: parsing, casts between converters, errors with places."""

import pytest
from exchanges import exchange, sample, shown, word, words
from hypothesis import example, given
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.casts import find_cast
from pointsman.sample.expression import parse_expression, parse_words
from pointsman.sample.fetch import request
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.types import Reads, Type, Where


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # Measured on the program: what a string, a boolean, an address is as something else.
        ("str(-5x),add(0)", b"-5"),
        ("str(5x),add(0)", b"5"),
        ("str(abc),add(0)", b"0"),
        ("str(),add(0)", None),
        ("str(99999999999999999999),add(0)", b"9223372036854775807"),
        ("str(+5),add(0)", b"5"),
        ("str(-),add(0)", b"0"),
        ("str(0x10),add(0)", b"0"),
        ("bool(true)", b"1"),
        ("bool(0)", b"0"),
        ("bool(true),add(1)", b"2"),
        ("bool(true),hex", b"0000000000000001"),
        ("int(65),hex", b"0000000000000041"),
        ("int(-1),hex", b"F" * 16),
        ("int(5),iif(a,b)", b"a"),
        ("str(true),iif(a,b)", b"b"),
        ("str(1),iif(a,b)", b"a"),
        ("str(5x),bool", b"1"),
        ("ipv4(1.2.3.4),add(0)", b"16909060"),
        ("int(16909060),ipmask(24)", b"1.2.3.0"),
        ("int(-1),ipmask(32)", b"255.255.255.255"),
        ("str(1.2.3.4),ipmask(24)", b"1.2.3.0"),
        ("str(1.2),ipmask(24)", None),
        ("str(5),ipmask(32)", None),
        ("str(::1),ipmask(24,64)", b"0.0.0.0"),  # 3.2; 2.6 says "::"
        ("str(localhost),ipmask(24)", None),
        ("method,length", b"3"),
        ("src", b"127.0.0.1"),
        ("ipv6(2002:102:304::),ipmask(24)", b"1.2.3.0"),  # 3.2
        ("str(a),,lower", b"a"),
    ],
)
def test_values_are_cast_where_converters_meet(text: str, value: bytes | None) -> None:
    assert shown(text) == value


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Type.BOOL, Type.ADDR),
        (Type.IPV6, Type.SINT),
        (Type.IPV6, Type.BOOL),
        (Type.IPV4, Type.BOOL),
        (Type.BIN, Type.SINT),
        (Type.BIN, Type.ADDR),
        (Type.METH, Type.SINT),
        (Type.ADDR, Type.BOOL),
    ],
)
def test_impossible_casts(given: Type, wanted: Type) -> None:
    assert find_cast(given, wanted) is None


def test_an_impossible_cast_is_an_error_at_the_converter() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_expression(word("bin(41),add(1)"), Where.EVERYWHERE)
    finding = caught.value.finding
    assert finding.message == "converter 'add' cannot be applied"
    assert (finding.position.column, finding.position.length) == (9, 6)


@pytest.mark.parametrize(
    ("text", "message", "column", "hint"),
    [
        ("pth", "unknown fetch method 'pth'", 1, "did you mean 'path'?"),
        ("path,lowr", "unknown converter 'lowr'", 6, "did you mean 'lower'?"),
        ("path,mqtt_is_valid", "converter 'mqtt_is_valid' is not built yet (manual 7.3.1)", 6, ""),
        ("res.comp", "fetch method 'res.comp' is not built yet (manual 7.3.6)", 1, ""),
        ("path,", "unknown converter ''", 6, ""),
        ("", "missing fetch method", 1, ""),
        (" path", "missing fetch method", 1, ""),
        ("str(a)b", "unexpected 'b' after 'str(a)'", 7, ""),
        ("str(a) ,lower", "unexpected ' ,lower' after 'str(a)'", 7, ""),
        ("str(a), lower", "unknown converter ''", 8, ""),
    ],
)
def test_errors_point_into_the_word(text: str, message: str, column: int, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_expression(word(text), Where.EVERYWHERE)
    finding = caught.value.finding
    assert (finding.message, finding.position.column, finding.hint) == (message, column, hint)


def test_a_fetch_outside_its_places_is_refused() -> None:
    with pytest.raises(ConfigError, match="sample fetch <path> may not be reliably used here"):
        parse_expression(word("path"), Where.HTTP_RES)
    with pytest.raises(ConfigError, match=r"res\.hdr"):
        parse_expression(word("res.hdr(a)"), Where.HTTP_REQ)
    assert parse_expression(word("src"), Where.HTTP_RES).type == Type.ADDR


def test_what_an_expression_tells_of_itself() -> None:
    expression = parse_expression(word("req.hdr(Host),lower,length"), Where.HTTP_REQ)
    assert expression.fetch == "req.hdr"
    assert expression.arguments == ["Host"]
    assert expression.converters == ["lower", "length"]
    assert (expression.type, expression.reads, expression.many, expression.http) == (
        Type.SINT,
        Reads.HEADER_BLOCK,
        True,
        True,
    )
    assert not parse_expression(word("req.proto_http"), Where.HTTP_REQ).http
    assert parse_expression(word("str(a),upper"), Where.HTTP_REQ).constant


def test_references_to_other_objects() -> None:
    references = parse_expression(word("http_auth(admins)"), Where.HTTP_REQ).references
    assert [(one.kind, one.name, one.at.column) for one in references] == [("user list", "admins", 1)]


def test_get_keeps_the_type_and_get_bytes_is_text() -> None:
    ctx = exchange()
    assert sample("dst_port", ctx) == 8080
    assert shown("dst_port", ctx) == b"8080"
    assert sample("src", ctx) == bytes([127, 0, 0, 1])


@pytest.mark.skipif(not request.__file__.endswith(".py"), reason="compiled functions have no docstrings")
def test_every_fetch_and_converter_is_documented() -> None:
    for name in FETCHES:
        fetch = FETCHES.get(name)
        assert fetch is not None
        assert fetch.documentation, name
        assert fetch.manual.startswith("7.3."), name
    for name in CONVERTERS:
        converter = CONVERTERS.get(name)
        assert converter is not None
        assert converter.documentation, name


@pytest.mark.parametrize(
    ("text", "used", "value"),
    [
        ("path, upper if x", 2, b"/"),
        ("method lower", 2, b"get"),
        ("method, lower,length rest", 2, 3),
        ("method lower length if", 3, 3),
        ("method", 1, b"GET"),
        ("method if", 1, b"GET"),
        ("method lowercase", 1, b"GET"),
        ("str(a),upper concat(x) if", 2, b"Ax"),
    ],
)
def test_converters_in_words_of_their_own(text: str, used: int, value: object) -> None:
    expression, count = parse_words(words(text), Where.HTTP_REQ)
    assert (count, expression.get(exchange())) == (used, value)


PARTS = st.sampled_from(
    [
        "path",
        "str",
        "req.hdr",
        "(",
        ")",
        ",",
        "lower",
        "field",
        "1",
        "-2",
        "/",
        '"',
        "'",
        "\\",
        " ",
        "a",
        "regsub",
        "[",
        "int",
        "json",
        "add",
        "src",
        "ipmask",
        "acl",
        "x",
        "%",
        "é",
        "\udce9",
        "bytes",
        ".",
    ]
)


@given(st.one_of(st.text(max_size=30), st.lists(PARTS, max_size=14).map("".join)))
@example("str(a),regsub('(',x)")
@example("acl(a)")
def test_any_text_is_an_expression_or_a_config_error(text: str) -> None:
    ctx = exchange(answer="HTTP/1.1 200 OK")
    try:
        expression = parse_expression(word(text), Where.EVERYWHERE)
    except ConfigError:
        return
    value = expression.get_bytes(ctx)
    assert value is None or isinstance(value, bytes)
    assert len(expression.values(ctx)) <= 1 or expression.many
