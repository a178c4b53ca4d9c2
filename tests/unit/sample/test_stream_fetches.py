"""Fetches of streams (manual 7.3.3, 7.3.4): what they are for HTTP/1 and TCP is what the haproxy program (3.2) says."""

import pytest
from exchanges import exchange, shown
from support.contract import SomeStreams

from pointsman.core.wishes import Wishes
from pointsman.sample.context import Context

FRONT = ("fs.id", "fs.aborted", "fs.rst_code", "fc_nb_streams", "fc_settings_streams_limit", "fc_http_major")
BACK = ("bs.id", "bs.aborted", "bs.rst_code", "bc_nb_streams", "bc_settings_streams_limit", "bc_http_major")


def said(ctx: Context, names: tuple[str, ...]) -> list[bytes | None]:
    return [shown(name, ctx) for name in names]


def answered() -> Context:
    return exchange(answer="HTTP/1.1 200 OK")


def test_one_exchange_at_a_time() -> None:
    ctx = answered()
    assert said(ctx, FRONT) == [b"0", b"0", None, b"1", b"1", b"1"]
    assert said(ctx, BACK) == [b"0", b"0", None, b"1", b"1", b"1"]
    ctx.server = None
    assert said(ctx, BACK) == [None, b"0", None, None, None, None]


def test_bytes_without_a_protocol() -> None:
    ctx = answered()
    ctx.frontend.http = False
    assert ctx.backend is not None
    ctx.backend.http = False
    assert said(ctx, FRONT) == [b"0", b"0", None, b"1", b"1", None]
    assert said(ctx, BACK) == [b"0", b"0", None, b"1", b"1", None]


def test_http2_in_front() -> None:
    ctx = answered()
    ctx.session.streams, ctx.session.major = SomeStreams(3, 100), 2
    ctx.client_stream = 17
    assert said(ctx, FRONT) == [b"17", b"0", None, b"3", b"100", b"2"]
    ctx.client_reset = 8
    assert said(ctx, FRONT) == [b"17", b"1", b"8", b"3", b"100", b"2"]
    ctx.client_reset = 0  # NO_ERROR is a code as well
    assert said(ctx, FRONT)[1:3] == [b"1", b"0"]
    assert said(ctx, BACK) == [b"0", b"0", None, b"1", b"1", b"1"]


def test_http2_behind() -> None:
    ctx = answered()
    ctx.server_streams = SomeStreams(2, 50)
    ctx.server_stream, ctx.server_reset = 9, 11
    assert said(ctx, BACK) == [b"9", b"1", b"11", b"2", b"50", b"2"]
    assert said(ctx, FRONT) == [b"0", b"0", None, b"1", b"1", b"1"]


@pytest.mark.parametrize("name", BACK)
def test_what_is_asked_of_the_server_s_stream_is_noted(name: str) -> None:
    wishes = Wishes()
    wishes.fetched(name)
    assert wishes.sending


def test_what_is_asked_of_the_client_s_costs_nothing() -> None:
    wishes = Wishes()
    for name in FRONT:
        wishes.fetched(name)
    assert not wishes.sending
