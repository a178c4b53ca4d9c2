"""Log-formats: items, flags, escapes,
JSON and CBOR (manual 8.2.6 and 8.6). Escapes were compared with the program's."""

import json

import pytest
from exchanges import exchange, word, words
from hypothesis import given
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.context import Context
from pointsman.sample.encode import cbor_value, encode_capture, json_value, typed
from pointsman.sample.format import Format, parse_format
from pointsman.sample.tag import TAGS
from pointsman.sample.types import Reads, Type, Where

ODD = exchange("GET / HTTP/1.1", b'x: a"b#c{d}|\\e]f\x7f\xe9 g%\nn: 7\ne:', answer="HTTP/1.1 200 OK")


def made(text: str, where: Where = Where.HTTP_REQ, merge: bool = False) -> Format:
    return parse_format(word(text), where, merge_spaces=merge)


def logged(text: str, ctx: Context = ODD) -> bytes:
    return parse_format(word(text), Where.EVERYWHERE, merge_spaces=True).render_log(ctx)


@pytest.mark.parametrize(
    ("text", "value"),
    [("", b""), ("abc", b"abc"), ("100%%", b"100%"), ("%%[x]", b"%[x]"), ("é", "é".encode()), ("a{b}(c)", b"a{b}(c)")],
)
def test_constants_are_folded(text: str, value: bytes) -> None:
    form = made(text)
    assert (form.constant, form.reads) == (value, Reads.NOTHING)
    assert form.render(ODD) == form.render_header(ODD) == form.render_log(ODD) == value


@pytest.mark.parametrize(
    ("text", "plain", "header"),
    [
        ("%[req.fhdr(x)]", b'a"b#c{d}|\\e]f\x7f\xe9 g%', b'a"b#c{d}|\\e]f%7F\xe9 g%'),
        ("<%[req.hdr(none)]>", b"<>", b"<>"),
        ("<%{+Q}[req.hdr(none)]>", b'<"">', b"<>"),
        ("%[src]:%[dst_port]", b"127.0.0.1:8080", b"127.0.0.1:8080"),
        ('%[str("\\n\\t")]', b"\n\t", b"%0A\t"),
        ("%[bool(true)]%[int(-3)]", b"1-3", b"1-3"),
        ("%[req.hdr(x),length]", b"18", b"18"),
        ("%{+E}[str('a\"]\\')]", b'a\\"\\]\\\\', b'a\\"\\]\\\\'),
        ("%[str(])]", b"]", b"]"),
        ("a  b", b"a  b", b"a  b"),
    ],
)
def test_values_and_headers(text: str, plain: bytes, header: bytes) -> None:
    form = parse_format(word(text), Where.EVERYWHERE)
    assert form.constant is None or form.constant == plain
    assert (form.render(ODD), form.render_header(ODD)) == (plain, header)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<%[req.fhdr(x)]>", b'<a"b#c{d}|\\e]f#7F\xe9 g%>'),
        ("<%[req.hdr(none)]>", b"<->"),
        ("<%{+Q}[req.hdr(none)]>", b'<"">'),
        ("<%{+Q}[int(5)]>", b'<"5">'),
        ("<%{+X}[int(255)]>", b"<255>"),
        ("<%{+Q}[req.hdr(e)]>", b'<"">'),
        ("<%[req.hdr(e)]>", b"<->"),
        ("a   b  %[int(1)]   %[int(2)]", b"a b 1 2"),
        ("  %[int(1)]  ", b"1 "),
        ("a  %{+Q}o  %[int(1)] %{-Q}[int(2)]", b'a "1" 2'),
        ("%{+Q,+E}[req.fhdr(x)]", b'"a\\"b#c{d}|\\\\e\\]f#7F\xe9 g%"'),
        ('%[str("a\\nb")]', b"a#0Ab"),
        ("%(name)[int(1)]", b"1"),
        ("%(n:sint){+Q}[int(1)]", b'"1"'),
        ("%{+Q,}[int(1)]", b'"1"'),
    ],
)
def test_logs(text: str, line: bytes) -> None:
    assert logged(text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%ci:%cp", b"127.0.0.1:40000"),
        ("%{+X}ci:%{+X}cp", b"7F000001:9C40"),
        ("%{+X}o %ci %[src] %{-X}ci", b"7F000001 127.0.0.1 127.0.0.1"),
        ("%{+Q}ci", b'"127.0.0.1"'),
        ("%{+Q}cp", b"40000"),
        ("%ci%cp", b"127.0.0.140000"),
        ("%b_%f", b"back_front"),
        ("%ci[x]", b"127.0.0.1[x]"),
    ],
)
def test_tags(text: str, line: bytes) -> None:
    assert logged(text) == line


def test_text_of_the_network_is_encoded_in_tags() -> None:
    ctx = exchange('GET /a"#?q={x|y} HTTP/1.1')
    assert logged("%HU", ctx) == b"/a#22#23?q={x|y}"
    assert logged("%{+Q}HU", ctx) == b'"/a#22#23?q={x|y}"'
    assert encode_capture(b'a"{|}\n') == b"a#22#7B#7C#7D#0A"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("abc%", "truncated line after '%'", 4),
        ("a %zz", "unknown log-format tag 'zz'", 3),
        ("%cii", "unknown log-format tag 'cii'", 1),
        ("% x", "unexpected variable name near ' '", 1),
        ("%{+Q}", "truncated line after '%'", 1),
        ("%{+Q}%%", "unexpected variable name", 1),
        ("%{+Q", "truncated line after '+Q'", 2),
        ("%{+Z}ci", "unknown flag '+Z'", 3),
        ("%{+Q,*E}ci", "unknown flag '*E'", 6),
        ("%[foo]", "unknown fetch method 'foo'", 3),
        ("%[src", "missing ']' after 'src'", 1),
        ("%[src,lowr]", "unknown converter 'lowr'", 7),
        ("%[src x]", "expected ']' after 'src', but found ' '", 6),
        ("%(a:int)ci", "unknown type 'int'", 5),
        ("%(a", "missing ')'", 2),
        ("%[res.hdr(a)]", "sample fetch <res.hdr> may not be reliably used here", 3),
    ],
)
def test_errors_point_at_the_item(text: str, message: str, column: int) -> None:
    with pytest.raises(ConfigError) as caught:
        made(text)
    assert caught.value.finding.message.startswith(message)
    assert caught.value.finding.position.column == column


def test_what_a_format_reads() -> None:
    assert made("%ci %[path]").reads == Reads.CONNECTION | Reads.REQUEST_LINE
    assert made("%HM").http == ["HM"]
    assert [one.name for one in made("%[http_auth(x)]").references] == ["x"]


def test_json_of_a_whole_line() -> None:
    line = logged(
        "%{+json}o ignored %(ip)ci %ci %(port)cp %(t)[bool(true)] %(none)[req.hdr(zz)] %(s)[req.fhdr(x)] "
        "%(text:str)[int(5)] %(n:sint)[req.hdr(n)] %(yes:bool)[req.hdr(n)]"
    )
    assert json.loads(line) == {
        "ip": "127.0.0.1",
        "port": 40000,
        "t": True,
        "none": None,
        "s": 'a"b#c{d}|\\e]f\x7f g%',
        "text": "5",
        "n": 7,
        "yes": True,
    }


def test_json_of_one_item() -> None:
    assert logged('{"a": %{+json}[req.hdr(n)], "b": %(:sint){+json}[req.hdr(n)]}') == b'{"a": "7", "b": 7}'


def test_cbor() -> None:
    # {"ip": "127.0.0.1", "n": 500, "neg": -2, "t": true, "none": null} in an indefinite map (RFC 8949, appendix A).
    text = "%(ip)ci %(n)[int(500)] %(neg)[int(-2)] %(t)[bool(true)] %(none)[req.hdr(zz)]"
    document = b"\xbf\x62ip\x69127.0.0.1\x61n\x19\x01\xf4\x63neg\x21\x61t\xf5\x64none\xf6\xff"
    assert logged("%{+cbor}o " + text) == document.hex().upper().encode()
    assert logged("%{+cbor,+bin}o " + text) == document
    assert cbor_value(1 << 40) == bytes.fromhex("1b0000010000000000")
    assert cbor_value(b"\xff") == bytes.fromhex("41ff")
    assert cbor_value(b"ab", binary=True) == bytes.fromhex("426162")


def test_types_of_items() -> None:
    assert typed(b"12", Type.SINT) == 12
    assert typed(b"+1_0", Type.SINT) is None
    assert typed(b"true", Type.BOOL) is True
    assert typed(7, Type.STR) == b"7"
    assert typed(None, Type.STR) is None
    assert json_value(b"\xc3\xa9\xff") == b'"\\u00e9"'


ITEMS = st.sampled_from(
    [
        "%",
        "[",
        "]",
        "{+Q}",
        "{",
        "}",
        "ci",
        "o",
        " ",
        "  ",
        "%%",
        "(a)",
        "(a:str)",
        "src",
        ",",
        "lower",
        "x",
        "%[src]",
        "%ci",
        "{+json}",
        "{+cbor,+bin}",
        "%{+Q}o",
        "req.hdr(host)",
        "é",
    ]
)


@given(st.one_of(st.text(max_size=20), st.lists(ITEMS, max_size=10).map("".join)))
def test_any_text_is_a_format_or_a_config_error(text: str) -> None:
    try:
        form = parse_format(word(text), Where.EVERYWHERE, merge_spaces=True)
    except ConfigError:
        return
    for line in (form.render(ODD), form.render_header(ODD), form.render_log(ODD)):
        assert isinstance(line, bytes)


@given(st.text(st.characters(blacklist_characters="%", blacklist_categories=["Cs"]), max_size=30))
def test_text_without_items_is_kept(text: str) -> None:
    assert made(text).constant == text.encode()


def test_tags_are_known() -> None:
    assert len(words("a b")) == 2
    assert "ci" in TAGS
