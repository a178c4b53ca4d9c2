"""add-headers-bin, set-headers-bin, del-headers-bin (manual 4.4): no HAProxy that is at hand has them, so what is
expected here comes from the manual, its description of req.hdrs_bin (7.3.6) and SPOE's of integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_stand import compiled, error, exchange, fields, run, values

from pointsman.config.verdict import CONTINUE, FAILED
from pointsman.proto.weight import Buffer
from pointsman.rules.headers_bin import strings
from pointsman.rules.plan import run_steps, steps
from pointsman.sample.fetch.headers import variable_integer


def packed(*texts: bytes) -> bytes:
    return b"".join([variable_integer(len(text)) + text for text in texts])


def hexed(*texts: bytes) -> str:
    return f"bin({packed(*texts).hex()})"


LINES = ("host: a.example", "accept: text/html", "user-agent: tool", "x-two: 1", "x-two: 2")
DELETED = [f"http-request del-header {name}" for name in ("Accept", "User-Agent", "Host")]


def test_the_manuals_example_of_setting() -> None:
    """Back to their initial values: what came several times is there as often."""
    ctx = exchange("GET / HTTP/1.1", *LINES)
    before = sorted(fields(ctx.request))
    rules = ["http-request set-var(txn.oldheaders) req.hdrs_bin", *DELETED, "http-request set-header accept other"]
    assert run(ctx, *rules, "http-request set-headers-bin var(txn.oldheaders)") == CONTINUE
    assert sorted(fields(ctx.request)) == before


def test_the_manuals_example_of_adding() -> None:
    """What was not deleted is there twice then."""
    ctx = exchange("GET / HTTP/1.1", *LINES)
    rules = ["http-request set-var(txn.oldheaders) req.hdrs_bin", *DELETED]
    assert run(ctx, *rules, "http-request add-headers-bin var(txn.oldheaders)") == CONTINUE
    assert values(ctx.request, "accept") == ["text/html"]
    assert values(ctx.request, "x-two") == ["1", "2", "1", "2"]


def test_a_prefix_chooses() -> None:
    ctx = exchange("GET / HTTP/1.1", "x-b: old")
    data = hexed(b"X-A", b"1", b"x-b", b"2", b"y", b"3", b"", b"")
    assert run(ctx, f"http-request set-headers-bin {data} prefix X-") == CONTINUE
    assert fields(ctx.request) == [("x-a", "1"), ("x-b", "2")]


def test_setting_the_host_names_it_everywhere() -> None:
    ctx = exchange("GET http://a.example/x HTTP/1.1", "host: a.example")
    assert run(ctx, f"http-request set-headers-bin {hexed(b'host', b'b.example')}") == CONTINUE
    assert ctx.request is not None
    assert (ctx.request.host, ctx.request.uri) == (b"b.example", b"http://b.example/x")


@pytest.mark.parametrize("rule_set", ["http-response", "http-after-response"])
def test_responses(rule_set: str) -> None:
    ctx = exchange("GET / HTTP/1.1", "x: 1", answer=("200 OK", "server: old"))
    rules = steps(compiled(f"{rule_set} set-headers-bin {hexed(b'server', b'new', b'a', b'b')}", kind="listen"))
    assert run_steps(rules, ctx) == CONTINUE
    assert fields(ctx.response) == [("server", "new"), ("a", "b")]
    assert fields(ctx.request) == [("x", "1")]


@pytest.mark.parametrize(
    "pair",
    [
        (b"bad name", b"1"),
        (b"na\r\nme", b"1"),
        (b":path", b"1"),
        (b"x:", b"1"),
        (b"x", b"1\r\nevil: 2"),
        (b"x", b"1\nevil: 2"),
        (b"x", b"1\0"),
    ],
)
def test_what_would_break_a_message_is_left_out(pair: tuple[bytes, bytes]) -> None:
    for action in ("add", "set"):
        ctx = exchange("GET / HTTP/1.1", "host: a")
        assert run(ctx, f"http-request {action}-headers-bin {hexed(*pair, b'good', b'2')}") == CONTINUE
        assert fields(ctx.request) == [("host", "a"), ("good", "2")]


@pytest.mark.parametrize(
    "sample",
    ["bin()", "hdr(none)", "bin(0000)", "bin(0578)", "bin(017801790478)", "bin(f0)", "bin(f0ffffffffff)", "bin(0178)"],
)
def test_what_is_cut_short_changes_nothing(sample: str) -> None:
    ctx = exchange("GET / HTTP/1.1", "host: a")
    assert run(ctx, f"http-request add-headers-bin {sample}") == CONTINUE
    assert fields(ctx.request) == [("host", "a")]


def test_nothing_behind_the_end_counts() -> None:
    ctx = exchange("GET / HTTP/1.1")
    assert run(ctx, f"http-request add-headers-bin {hexed(b'a', b'1', b'', b'', b'b', b'2')}") == CONTINUE
    assert fields(ctx.request) == [("a", "1")]


def test_more_than_fits_fails() -> None:
    ctx = exchange("GET / HTTP/1.1")
    ctx.request_captures = []
    big = packed(b"x", b"y" * 1_000)
    ctx.variables[b"txn.big"] = big * 40
    ctx.buffer = Buffer(16_384, 1_024)
    ctx.room = ctx.buffer.reserve
    assert run(ctx, "http-request add-headers-bin var(txn.big)") == FAILED
    assert fields(ctx.request) == []


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (hexed(b"x-a", b"HOST"), ["x-ab", "b-x-a"]),
        (hexed(b"x-a") + " -m str", ["host", "x-ab", "b-x-a"]),
        (hexed(b"x-a") + " -m beg", ["host", "b-x-a"]),
        (hexed(b"x-a") + " -m end", ["host", "x-ab"]),
        (hexed(b"x-a") + " -m sub", ["host"]),
        (hexed(b"x-a", b"ho") + " -m sub", []),
        (hexed(b""), ["host", "x-a", "x-ab", "b-x-a"]),
        ("bin(0578)", ["host", "x-a", "x-ab", "b-x-a"]),
        ("hdr(none)", ["host", "x-a", "x-ab", "b-x-a"]),
    ],
)
def test_deleting(words: str, left: list[str]) -> None:
    ctx = exchange("GET / HTTP/1.1", "host: a", "x-a: 1", "x-ab: 2", "b-x-a: 3")
    assert run(ctx, f"http-request del-headers-bin {words}") == CONTINUE
    assert [name for name, _ in fields(ctx.request)] == left


def test_the_connection_field_keeps_its_meaning() -> None:
    ctx = exchange("GET / HTTP/1.1")
    assert ctx.request is not None
    run(ctx, f"http-request add-headers-bin {hexed(b'connection', b'close')}")
    assert ctx.request.close_asked
    run(ctx, f"http-request del-headers-bin {hexed(b'connection')}")
    assert not ctx.request.close_asked


@given(st.lists(st.binary(max_size=5000), max_size=8))
def test_strings_come_back(texts: list[bytes]) -> None:
    assert strings(packed(*texts)) == texts


@given(st.binary(max_size=60))
def test_anything_may_come(data: bytes) -> None:
    """It is cut into strings that are in it, or taken for nothing."""
    found = strings(data)
    assert found is None or all(text in data for text in found)


@pytest.mark.parametrize("name", ["add-headers-bin", "set-headers-bin", "del-headers-bin"])
def test_mistakes(name: str) -> None:
    rule = f"http-request {name}"
    assert error(rule)[0] == f"'{rule}' expects <expr>"
    assert error(f"{rule} foo")[0] == "unknown fetch method 'foo'"
    if name == "del-headers-bin":
        assert error(f"{rule} req.hdrs_bin -m reg")[0] == f"'{rule}': unknown meth 'reg'"
    else:
        assert error(f"{rule} req.hdrs_bin prefix")[0] == f"'{rule}' expects <str>"
