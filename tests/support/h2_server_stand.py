"""A server of HTTP/2 in the test's own process (stand.py), with the words of a `FramePeer`, and a stand of such.

with H2ServerStand(CONFIG, "a", speaks="a") as stand:   # server a speaks HTTP/2, whatever its line says
    client = stand.client()
    client.send(b"GET /one HTTP/1.1\r\nHost: h\r\n\r\n")
    server = stand.h2_server("a")                 # its SETTINGS have been sent
    server.answer(server.place("/one"), 200, ("content-length", "0"), end=True)
    server.put(goaway(1))                         # any frames of h2_peer.py
"""

from __future__ import annotations

from collections.abc import Iterable

from hpack import Decoder, Encoder

from pointsman.stream.h2back import H2Speaker
from pointsman.stream.proxies import BackendProxy
from support.frame_sides import PLACES
from support.frame_stand import FramePeer, FrameStand
from support.h2_peer import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    LARGEST,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
    data,
    headers,
    ping,
    rst_stream,
    settings,
    window_update,
)
from support.stand import End


class H2Server(FramePeer):
    """The server's end of a connection."""

    def __init__(self, end: End, values: Iterable[tuple[int, int]] | None = ()) -> None:
        """`values`: of its SETTINGS; None: they are not sent yet."""
        super().__init__(end)
        self.buffer = b""
        self.frames: list[Frame] = []
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.block = b""
        self.greeted = False
        self.codes: dict[int, int] = {}  # of resets that came
        self.went: dict[int, int] = {}  # bytes of DATA that were sent
        self.owed = 0  # acknowledgements, which go behind our own SETTINGS
        self.set_up = False
        if values is not None:
            self.settle(values)

    def send(self, *frames: bytes) -> None:
        self.end.send_all(b"".join(frames))

    def settle(self, values: Iterable[tuple[int, int]]) -> None:
        """Its first SETTINGS."""
        self.set_up = True
        self.send(settings(list(values)), *[settings(ack=True)] * self.owed)

    # What a FramePeer says.

    def answer(self, number: int, status: int = 200, *fields: tuple[str, str], end: bool = False) -> None:
        block = self.encoder.encode([(":status", str(status)), *fields])
        self.send(headers(number, bytes(block), end=end))

    def data(self, number: int, payload: bytes) -> None:
        self.went[number] = self.went.get(number, 0) + len(payload)
        self.send(*[data(number, payload[at : at + LARGEST]) for at in range(0, len(payload), LARGEST)])

    def finish(self, number: int, *trailers: tuple[str, str]) -> None:
        if trailers:
            self.send(headers(number, bytes(self.encoder.encode(list(trailers)))))
        else:
            self.send(data(number, end=True))

    def drop(self, number: int) -> None:
        self.send(rst_stream(number))

    def grant(self, number: int, count: int) -> None:
        self.send(window_update(number, count))

    def look(self) -> H2Server:
        while True:
            received = self.end.take()
            if not received:
                return self
            self.feed(received)

    def feed(self, received: bytes) -> None:
        """Bytes of the connection."""
        self.buffer += received
        if not self.greeted and len(self.buffer) >= len(PREFACE):
            assert self.buffer.startswith(PREFACE), self.buffer
            self.buffer = self.buffer[len(PREFACE) :]
            self.greeted = True
        while self.greeted and len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            kind, flags = self.buffer[3], self.buffer[4]
            number = int.from_bytes(self.buffer[5:9], "big")
            frame = Frame(kind, flags, number, self.buffer[9 : 9 + length])
            self.buffer = self.buffer[9 + length :]
            self._took(frame)

    def _took(self, one: Frame) -> None:
        self.frames.append(one)
        number = one.stream
        if one.kind in (HEADERS, CONTINUATION):
            self.block += one.content if one.kind == HEADERS else one.payload
            if one.flags & END_HEADERS:
                block, self.block = self.block, b""
                self._head(number, self.decoder.decode(block), self._began(number).ends)
        elif one.kind == DATA:
            self.bodies[number] = self.bodies.get(number, b"") + one.content
            if one.ends:
                self.ended.add(number)
                self.trailers[number] = []
            if self.grants and self.set_up and one.payload:
                self.send(window_update(0, len(one.payload)))
                if not one.ends:
                    self.grant(number, len(one.payload))
        elif one.kind == RST_STREAM:
            self.reset.add(number)
            self.codes[number] = one.code
        elif one.kind == WINDOW_UPDATE:
            self.credit[number] = self.credit.get(number, 0) + one.increment
        elif one.kind == SETTINGS and not one.flags & ACK:
            if self.set_up:
                self.send(settings(ack=True))
            else:
                self.owed += 1
        elif one.kind == PING and not one.flags & ACK:
            self.send(ping(one.payload, ack=True))

    def _began(self, number: int) -> Frame:
        """The HEADERS that the head which has ended began with."""
        return next(one for one in reversed(self.frames) if one.kind == HEADERS and one.stream == number)

    def _head(self, number: int, pairs: Iterable[tuple[str, str]], ended: bool) -> None:
        found = [[str(name), str(value)] for name, value in pairs]
        if number in self.heads:
            self.trailers[number] = found
        else:
            pseudo = {name: value for name, value in found if name.startswith(":")}
            fields = [pair for pair in found if not pair[0].startswith(":")]
            uri = pseudo.get(":path", pseudo.get(":authority", ""))
            head = {"method": pseudo[":method"], "uri": uri, "fields": fields, "end": ended, **pseudo}
            self.heads.setdefault(number, []).append(head)
        if ended:
            self.ended.add(number)

    # More than that.

    def goaways(self) -> list[Frame]:
        return [one for one in self.look().frames if one.kind == GOAWAY]

    def said(self, number: int, name: str) -> object:
        """A pseudo-field of a request."""
        return self.look().heads[number][-1].get(name)


class H2ServerStand(FrameStand):
    """A stand whose servers of these names speak HTTP/2, `most` exchanges at once on a connection."""

    def __init__(self, text: str, *names: str, speaks: Iterable[str] = (), most: int = PLACES) -> None:
        super().__init__(text, *names)
        program = self.live.program
        program.h2_back.streams = most
        for name in speaks:
            server = self.server(name)
            assert isinstance(server.backend, BackendProxy)
            server.speaker = H2Speaker(server.backend, program)

    def frame_server(self, name: str, buffers: int = 0) -> FramePeer:
        return self.h2_server(name, buffers)

    def h2_server(self, name: str, buffers: int = 0, values: Iterable[tuple[int, int]] | None = ()) -> H2Server:
        """The next connection to it. `values`: of its SETTINGS; None: they are not sent yet."""
        return H2Server(self.accept(name, buffers), values)
