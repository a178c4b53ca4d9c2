"""Frames of HTTP/2 (proto/h2_endpoint.py), at both ends: an endpoint lets no exception out, whatever comes, and what
it says is made of whole frames."""

from typing import Final

from pointsman.proto import h2
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import H2Stream
from pointsman.proto.h2_users import PlainEndpointUser
from pointsman.proto.hpack import Block

_HEAD: Final = b"\x82\x87\x84\x41\x01h"
_OPENED: Final = b"\x00" + h2.PREFACE + h2.settings([])
SEEDS: Final = (
    _OPENED + h2.frame(h2.HEADERS, 5, 1, _HEAD),
    _OPENED + h2.frame(h2.HEADERS, 4, 1, _HEAD) + h2.frame(h2.DATA, 9, 1, b"\x02xyz\0\0") + h2.ping(bytes(8), False),
    _OPENED + h2.frame(h2.HEADERS, 1, 1, _HEAD[:2]) + h2.frame(h2.CONTINUATION, 4, 1, _HEAD[2:]),
    _OPENED + h2.settings([(4, 0), (1, 0), (5, 16_384)]) + h2.window_update(0, 9) + h2.reset(1, 8) + h2.goaway(0, 0),
    b"\x01" + h2.settings([(3, 2)]) + h2.frame(h2.HEADERS, 4, 1, b"\x88") + h2.frame(h2.DATA, 1, 1, b"body"),
    b"\x03" + h2.settings([]) + h2.goaway(1, 2) + h2.frame(h2.PRIORITY, 0, 3, bytes(5)),
)


class _User(PlainEndpointUser):
    """Answers requests, and takes what comes."""

    def __init__(self, lazy: bool) -> None:
        self.lazy = lazy
        self.endpoint: H2Endpoint | None = None
        self.streams: list[H2Stream] = []

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        if block.over:
            raise ProtocolError("too large")
        stream.user = self
        self.streams.append(stream)
        assert self.endpoint is not None
        self.endpoint.send_head(stream, b"\x88", False)
        self.endpoint.send(stream, b"answer")
        self.endpoint.finish(stream, b"")

    def head_came(self, block: Block, ended: bool) -> None:
        for stream in self.streams:
            stream.headed = True

    def payload_came(self) -> None:
        assert self.endpoint is not None
        if not self.lazy:
            for stream in self.streams:
                while data := stream.take(100):
                    self.endpoint.eaten(stream, len(data))

    def reset_came(self, code: int) -> None:
        pass

    def credit_came(self, all_gone: bool) -> None:
        pass


def fuzz_one(data: bytes) -> None:
    """The first byte says which end it is, whether bodies are taken, and how the rest is cut."""
    how = data[0] if data else 0
    data = data[1:]
    user = _User(how & 2 != 0)
    endpoint = user.endpoint = H2Endpoint(user, H2Options(), how & 1 != 0, 16_384)
    if endpoint.client:
        for _ in range(2):
            stream = endpoint.open()
            stream.user = user
            user.streams.append(stream)
            endpoint.send_head(stream, _HEAD, True)
    step = (how >> 2) * 7 or len(data) or 1
    for at in range(0, len(data), step):
        endpoint.take(data[at : at + step])
        said = endpoint.give(1 << 20)
        if said.startswith(h2.PREFACE):
            said = said[len(h2.PREFACE) :]
        while said:
            size = int.from_bytes(said[:3], "big")
            if len(said) < 9 + size or size > 65_536:
                raise AssertionError("not a whole frame")
            said = said[9 + size :]
        if len(endpoint.streams) > 100 or endpoint.grant < 0:
            raise AssertionError("a limit does not hold")
    endpoint.end_all()
