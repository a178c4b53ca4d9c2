"""tune.h2.header-table-size: what our SETTINGS say of the table holds when they are acknowledged (RFC 9113 6.5.3)."""

import hpack
import pytest
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, SettingsFrame

from pointsman.proto import h2
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import H2Stream
from pointsman.proto.h2_users import PlainEndpointUser
from pointsman.proto.hpack import Block

FIELDS = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "h"), ("x", "v" * 200)]
LIMIT = 16_384


class Heads(PlainEndpointUser):
    def __init__(self) -> None:
        self.heads: list[list[tuple[str, str]]] = []

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        self.heads.append([(one.name.decode(), one.value.decode()) for one in block.fields])


def endpoint(table_size: int) -> tuple[H2Endpoint, Heads]:
    options = H2Options()
    options.table_size = table_size
    user = Heads()
    made = H2Endpoint(user, options, False, LIMIT)
    made.take(h2.PREFACE + SettingsFrame().serialize())
    return made, user


def head(number: int, block: bytes) -> bytes:
    return bytes(HeadersFrame(number, block, flags=("END_HEADERS", "END_STREAM")).serialize())


ACKNOWLEDGED = SettingsFrame(flags=("ACK",)).serialize()


@pytest.mark.parametrize("size", [0, 100, 1024, 4096, 65536])
def test_a_client_uses_4096_bytes_until_it_knows_and_then_what_it_was_told(size: int) -> None:
    made, user = endpoint(size)
    encoder = hpack.Encoder()
    made.take(head(1, encoder.encode(FIELDS)))
    made.take(ACKNOWLEDGED)
    encoder.header_table_size = size
    for number in (3, 5, 7):
        made.take(head(number, encoder.encode(FIELDS)))
    assert not made.failed
    assert user.heads == [FIELDS] * 4
    assert made.decoder.room == size
    assert [one.name for one in made.decoder.entries] == [
        name for name, _ in reversed(encoder.header_table.dynamic_entries)
    ]


@pytest.mark.parametrize("block", [b"\x82\x86\x84\x41\x01h", b"\x3f\xe1\x07\x82\x86\x84\x41\x01h"])
def test_a_client_that_does_not_say_that_its_table_has_become_smaller(block: bytes) -> None:
    """RFC 7541 4.2; the second says 1024 where 100 is allowed."""
    made, user = endpoint(100)
    made.take(head(1, b"\x82\x86\x84\x41\x01h"))
    made.take(ACKNOWLEDGED)
    made.take(head(3, block))
    assert made.failed
    assert len(user.heads) == 1
    out, codes = made.give(1 << 20), []
    while out:
        frame, size = Frame.parse_frame_header(memoryview(out[:9]))
        frame.parse_body(memoryview(out[9 : 9 + size]))
        out = out[9 + size :]
        if isinstance(frame, GoAwayFrame):
            codes.append(frame.error_code)
    assert codes == [9]  # COMPRESSION_ERROR
