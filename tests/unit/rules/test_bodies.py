"""req.body and its kin (manual 7.3.6)."""

import pytest
from rule_stand import error, exchange, run, values

FORM = b"a=1&B=2%20x&c&d=&a=9"


@pytest.mark.parametrize(
    "expression, length, expected",
    [
        ("req.body", 20, FORM.decode()),
        ("req.body_len", 99, "20"),
        ("req.body_size", 99, "99"),
        ("req.body_size", -1, "20"),
        ("req.body_param(a)", 20, "1"),
        ("req.body_param(B)", 20, "2%20x"),
        ("req.body_param(b)", 20, ""),
        ("req.body_param(b,i)", 20, "2%20x"),
        ("req.body_param(d)", 20, ""),
        ("req.body_param", 20, "1"),
    ],
)
def test_fetches(expression: str, length: int, expected: str) -> None:
    ctx = exchange("POST / HTTP/1.1")
    assert ctx.request is not None
    ctx.request.length = length
    ctx.body = FORM
    run(ctx, f"http-request set-header x %[{expression}]")
    assert values(ctx.request, "x") == [expected]


@pytest.mark.parametrize(
    "condition, holds",
    [
        ("req.body -m sub 20x", True),
        ("req.body_len 20", True),
        ("req.body_param(a) -m str 9", True),  # ACLs look at all of them
        ("req.body_param(c) -m found", False),  # no "=", no parameter
        ("req.body_param(d) -m found", True),
    ],
)
def test_acls(condition: str, holds: bool) -> None:
    ctx = exchange("POST / HTTP/1.1")
    ctx.body = FORM
    run(ctx, f"http-request set-header x 1 if {{ {condition} }}")
    assert values(ctx.request, "x") == (["1"] if holds else [])


def test_errors() -> None:
    assert (
        error("http-request set-header x %[req.body_param(a,x)]")[0]
        == "invalid args in fetch method 'req.body_param' : unknown option 'x'"
    )
    assert error("http-response set-header x %[req.body]")[0].startswith("sample fetch <req.body> may not be reliably")
