"""What is remembered of header blocks does not outlive its use: what a connection keeps for itself goes when it is
idle, and what all share when nobody uses it."""

from __future__ import annotations

import gc

from support.h2_peer import headers
from support.h2_stand import H2Stand

from pointsman.assemble.live import EverySecond
from pointsman.proto.hpack_memory import PERIOD, SHARED
from pointsman.proto.message import Field
from pointsman.stream.h2front import FORGETS

CONFIG = """
defaults
    mode http
    timeout client 60s
    timeout http-keep-alive 60s
frontend f
    bind 127.0.0.1:1
    http-request return status 200 content-type text/plain string hello
"""


def kept(value: bytes) -> bool:
    """Some object holds it as a field."""
    gc.collect()
    return any(type(one) is Field and one.value == value for one in gc.get_objects())


def block(*fields: tuple[bytes, bytes, bytes]) -> bytes:
    """GET / of h, and literals with the octet that each begins with."""
    return b"\x82\x86\x84\x01\x01h" + b"".join(
        b"%b%c%b%c%b" % (first, len(name), name, len(value), value) for first, name, value in fields
    )


def test_a_secret_that_is_in_no_table_goes_when_its_connection_is_idle() -> None:
    value = b"Bearer of a test that it is idle"
    with H2Stand(CONFIG) as stand:
        client = stand.h2()
        for number in (1, 3, 5):
            client.put(headers(number, block((b"\x10", b"authorization", value)), True))
            assert client.answer(number).body == b"hello"
        stand.wait(FORGETS - 200)
        assert kept(value)
        stand.wait(400)
        assert not kept(value)
        client.put(headers(7, block((b"\x10", b"authorization", value)), True))
        assert client.answer(7).body == b"hello"


def test_blocks_that_nobody_sends_any_more_go() -> None:
    sent = block((b"\x40", b"x-of-this-test", b"y"))
    SHARED.turned = 0
    with H2Stand(CONFIG) as stand:
        stand.reactor.hooks.append(EverySecond(stand.live))
        for _ in range(3):
            client = stand.h2()
            client.put(headers(1, sent, True))
            assert client.answer(1).body == b"hello"
            client.end.close()
        assert sent in SHARED.steps.root.seen
        stand.wait(2 * PERIOD + 2000)
        assert sent not in SHARED.steps.root.seen
