"""set-src, set-dst and their ports (manual 4.4)."""

import pytest
from rule_stand import error, exchange, run

from pointsman.core.address import AF_INET, AF_INET6, UNIX_ADDRESS


@pytest.mark.parametrize(
    "rules, text, port, family",
    [
        (["set-src str(10.1.2.3)"], b"10.1.2.3", 40000, AF_INET),
        (["set-src src,ipmask(24)"], b"192.0.2.0", 40000, AF_INET),
        (["set-src str(::5)"], b"::5", 40000, AF_INET6),
        (["set-src str(bad)"], b"192.0.2.7", 40000, AF_INET),
        (["set-src req.hdr(none)"], b"192.0.2.7", 40000, AF_INET),
        (["set-src-port int(4000)"], b"192.0.2.7", 4000, AF_INET),
        (["set-src-port int(70000)"], b"192.0.2.7", 4464, AF_INET),
        (["set-src str(::1)", "set-src-port int(1)"], b"::1", 1, AF_INET6),
    ],
)
def test_sources(rules: list[str], text: bytes, port: int, family: int) -> None:
    ctx = exchange()
    run(ctx, *(f"http-request {rule}" for rule in rules))
    assert (ctx.source.text, ctx.source.port, ctx.source.family) == (text, port, family)
    assert ctx.session.source.text == b"192.0.2.7"


def test_destinations() -> None:
    ctx = exchange()
    run(ctx, "http-request set-dst str(10.9.9.9)", "http-request set-dst-port int(8080)")
    assert (ctx.destination.text, ctx.destination.port) == (b"10.9.9.9", 8080)


def test_what_has_no_address() -> None:
    """A port forces 0.0.0.0, an address leaves the port at 0 (manual 4.4, set-src-port and set-src)."""
    ctx = exchange()
    ctx.source = ctx.destination = UNIX_ADDRESS
    run(ctx, "http-request set-src-port int(5)", "http-request set-dst str(10.0.0.1)")
    assert (ctx.source.text, ctx.source.port, ctx.source.packed) == (b"0.0.0.0", 5, bytes(4))
    assert (ctx.destination.text, ctx.destination.port) == (b"10.0.0.1", 0)


@pytest.mark.parametrize("action", ["set-src", "set-src-port", "set-dst", "set-dst-port"])
def test_errors(action: str) -> None:
    name = f"http-request {action}"
    assert error(name) == (f"'{name}' expects <expr>", len(name) + 1)
    assert error(f"{name} nope") == ("unknown fetch method 'nope'", len(name) + 2)
    assert error(f"{name} src b") == (f"'{name}' cannot handle unexpected argument 'b'", len(name) + 6)
    assert error(f"http-response {action} src")[0] == f"'http-response': action '{action}' is not possible here"


def test_types_that_are_no_address() -> None:
    assert error("http-request set-src always_true") == ("'http-request set-src': 'always_true' yields no address", 22)
