"""A test's end of frames (frames.py), and a stand whose clients and servers speak them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable

from pointsman.net.wire import NOBODY, Wire
from support.frame_sides import PLACES, FrameFront, FrameSpeaker
from support.frames import CREDIT, DATA, END, HEAD, RESET, Cutter, asking, frame
from support.stand import End, Stand


class FramePeer:
    """A client or a server of frames."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.cutter = Cutter()
        self.grants = True  # credit is given for what comes
        self.trailers: dict[int, list[list[str]]] = {}
        self.heads: dict[int, list[dict[str, object]]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.reset: set[int] = set()
        self.credit: dict[int, int] = {}

    def ask(self, number: int, uri: str = "/", method: str = "GET", *fields: tuple[str, str], end: bool = True) -> None:
        self.put(HEAD, number, asking(uri, method, [["host", "h"], *map(list, fields)], end))

    def answer(self, number: int, status: int = 200, *fields: tuple[str, str], end: bool = False) -> None:
        self.put(HEAD, number, json.dumps({"status": status, "fields": [*map(list, fields)], "end": end}).encode())

    def data(self, number: int, payload: bytes) -> None:
        self.put(DATA, number, payload)

    def finish(self, number: int, *trailers: tuple[str, str]) -> None:
        self.put(END, number, json.dumps([*map(list, trailers)]).encode())

    def drop(self, number: int) -> None:
        self.put(RESET, number)

    def grant(self, number: int, count: int) -> None:
        self.put(CREDIT, number, struct.pack(">I", count))

    def put(self, kind: int, number: int, payload: bytes = b"") -> None:
        self.end.send_all(frame(kind, number, payload))

    def look(self) -> FramePeer:
        """Take in what has arrived."""
        while True:
            data = self.end.take()
            if not data:
                return self
            for kind, number, payload in self.cutter.feed(data):
                self._came(kind, number, payload)

    def _came(self, kind: int, number: int, payload: bytes) -> None:
        if kind == HEAD:
            head = json.loads(payload)
            self.heads.setdefault(number, []).append(head)
            if head["end"]:
                self.ended.add(number)
        elif kind == DATA:
            self.bodies[number] = self.bodies.get(number, b"") + payload
            if self.grants:
                self.grant(number, len(payload))
        elif kind == END:
            self.ended.add(number)
            self.trailers[number] = json.loads(payload)
        elif kind == RESET:
            self.reset.add(number)
        else:
            self.credit[number] = self.credit.get(number, 0) + struct.unpack(">I", payload)[0]

    # What has arrived so far.

    def uris(self) -> dict[int, str]:
        """Of the requests, by their places."""
        return {number: str(heads[-1]["uri"]) for number, heads in self.look().heads.items()}

    def place(self, uri: str) -> int:
        """Where a request for that stands."""
        (found,) = [number for number, one in self.uris().items() if one == uri]
        return found

    def statuses(self, number: int) -> list[object]:
        return [head["status"] for head in self.look().heads.get(number, [])]

    def header(self, number: int, name: str) -> str | None:
        fields = self.look().heads[number][-1]["fields"]
        assert isinstance(fields, list)
        return next((str(value) for one, value in fields if one == name), None)

    def body(self, number: int) -> bytes:
        self.look()
        return self.bodies.get(number, b"")


def whole(server: FramePeer, place: int, body: bytes = b"body") -> None:
    """A response."""
    server.answer(place)
    server.data(place, body)
    server.finish(place)


class FrameStand(Stand):
    """A stand whose servers of these names speak frames, and whose clients may."""

    def __init__(self, text: str, *names: str, speaks: Iterable[str] = (), most: int = PLACES) -> None:
        super().__init__(text, *names)
        self.speakers: dict[str, FrameSpeaker] = {}
        for name in speaks:
            self.speakers[name] = self.server(name).speaker = FrameSpeaker(most)
        self.fronts: list[FrameFront] = []

    def frame_client(self, buffers: int = 0) -> FramePeer:
        """A client's connection that carries frames."""
        end, arrival = self.arrive(buffers=buffers)
        session = self.frontend().welcome(arrival)
        wire = Wire(self.reactor, arrival.fd, NOBODY)
        self.reactor.add(wire)
        self.fronts.append(FrameFront(session, self.reactor, wire))
        return FramePeer(end)

    def frame_server(self, name: str, buffers: int = 0) -> FramePeer:
        return FramePeer(self.accept(name, buffers))
