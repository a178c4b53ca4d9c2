"""early-hint (manual 4.4): what is noted, in which response, and what may not be said."""

import pytest
from rule_stand import compiled, error, exchange, warnings

from pointsman.rules.plan import MOVING, run_steps, steps
from pointsman.sample.context import Context

HINT = "http-request early-hint"


def noted(*lines: str, target: str = "/") -> list[list[tuple[str, str]]]:
    """The fields of the responses that the client would get."""
    ctx = exchange(f"GET {target} HTTP/1.1", "x-a: one\r\ntwo")
    run_steps(steps(compiled(*lines)), ctx)
    return told(ctx)


def told(ctx: Context) -> list[list[tuple[str, str]]]:
    if ctx.hints is None:
        return []
    return [[(one.name.decode(), one.value.decode()) for one in fields] for fields in ctx.hints.responses]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([f"{HINT} Link %[path]"], [[("link", "/")]]),
        ([f"{HINT} a 1", f"{HINT} b 2"], [[("a", "1"), ("b", "2")]]),
        ([f"{HINT} a 1", f"{HINT} b 2 if TRUE"], [[("a", "1")], [("b", "2")]]),
        ([f"{HINT} a 1 if TRUE", f"{HINT} b 2"], [[("a", "1"), ("b", "2")]]),
        ([f"{HINT} a 1 if FALSE", f"{HINT} b 2", f"{HINT} c 3"], [[("b", "2"), ("c", "3")]]),
        ([f"{HINT} a 1", f"{HINT} b 2 if FALSE", f"{HINT} c 3"], [[("a", "1")], [("c", "3")]]),
        ([f"{HINT} a 1", "http-request set-header x y", f"{HINT} b 2"], [[("a", "1")], [("b", "2")]]),
        ([f"{HINT} a 1", "http-response set-header x y", f"{HINT} b 2"], [[("a", "1"), ("b", "2")]]),
        ([f"{HINT} a 1", "http-request allow", f"{HINT} b 2"], [[("a", "1")]]),
        ([f"{HINT} a 1 if FALSE"], []),
    ],
)
def test_which_rules_share_a_response(lines: list[str], found: list[list[tuple[str, str]]]) -> None:
    """As HAProxy 2.6 and 3.2 were seen to do."""
    assert noted(*lines) == found


def test_a_value_stays_on_its_line() -> None:
    [[(_, value)]] = noted(f"{HINT} x %[req.fhdr(x-a)]")
    assert "\r" not in value and "\n" not in value


def test_it_is_never_remembered_and_ends_with_its_exchange() -> None:
    ctx = exchange()
    run_steps(steps(compiled(f"{HINT} a 1")), ctx)
    assert ctx.asked & MOVING and told(ctx)
    ctx.reset()
    assert ctx.hints is None


@pytest.mark.parametrize("name", ["Connection", "Content-Length", "Transfer-Encoding"])
def test_what_frames_a_message_is_left_out(name: str) -> None:
    assert noted(f"{HINT} {name} 5") == []
    [said] = warnings(f"{HINT} {name} 5")
    assert said == f"'{HINT}': '{name.lower()}' is about this one message, and is left out"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", f"'{HINT}' expects <name>"),
        ("x", f"'{HINT}' expects <fmt>"),
        (r"bad\ name v", f"'{HINT}': 'bad name' is no header name"),
    ],
)
def test_mistakes(words: str, message: str) -> None:
    assert error(f"{HINT} {words}".strip())[0] == message


@pytest.mark.parametrize("list_", ["http-response", "http-after-response"])
def test_responses_are_too_late(list_: str) -> None:
    assert "is not possible here" in error(f"{list_} early-hint a b")[0]
