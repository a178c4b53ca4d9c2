"""Consumers of bodies (stream/bodies.py) that only tests have."""

from __future__ import annotations

from pointsman.proto.consumer import PORTION, RESIZES, SEES, UNSEEN, BodyConsumer, BodyError
from pointsman.proto.message import Field, Head, field


def doubled(payload: bytes) -> bytes:
    made = bytearray(2 * len(payload))
    made[::2] = made[1::2] = payload
    return bytes(made)


class Noting(BodyConsumer):
    """Leaves all as it is, and notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.largest = 0  # bytes that it was fed at once
        self.fed = 0

    def begin(self, head: Head, resizable: bool) -> int:
        self.told.append("begin" if resizable else "begin, sized")
        return SEES

    def feed(self, payload: bytes) -> bytes:
        self.fed += len(payload)
        self.largest = max(self.largest, len(payload))
        return payload

    def end(self, trailers: list[Field]) -> tuple[bytes, list[Field]]:
        self.told.append("end")
        return b"", trailers

    def abort(self) -> None:
        self.told.append("abort")


class Indifferent(Noting):
    """Does not want to see it."""

    def begin(self, head: Head, resizable: bool) -> int:
        return UNSEEN


class Upper(Noting):
    """Upper case: the length stays."""

    def feed(self, payload: bytes) -> bytes:
        return super().feed(payload).upper()


class Resizing(Noting):
    def begin(self, head: Head, resizable: bool) -> int:
        super().begin(head, resizable)
        return RESIZES if resizable else UNSEEN


class Doubling(Resizing):
    """Each byte twice."""

    def feed(self, payload: bytes) -> bytes:
        return doubled(super().feed(payload))


class Swallowing(Resizing):
    """Nothing goes on."""

    def feed(self, payload: bytes) -> bytes:
        super().feed(payload)
        return b""


class Late(Resizing):
    """Each piece when the next one comes; the last one at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = b""

    def feed(self, payload: bytes) -> bytes:
        given, self.kept = self.kept, super().feed(payload)
        return given

    def end(self, trailers: list[Field]) -> tuple[bytes, list[Field]]:
        super().end(trailers)
        return self.kept, trailers


class Sealing(Resizing):
    """Writes something behind it, and a trailer."""

    def end(self, trailers: list[Field]) -> tuple[bytes, list[Field]]:
        super().end(trailers)
        return b"[end]", [*trailers, field(b"x-seal", b"yes")]


class Reversing(Resizing):
    """All of it, backwards: keeps it to the end, and gives it in portions."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = b""

    def feed(self, payload: bytes) -> bytes:
        self.kept = super().feed(payload)[::-1] + self.kept
        return b""

    def end(self, trailers: list[Field]) -> tuple[bytes, list[Field]]:
        super().end(trailers)
        self.holding = len(self.kept) > 0
        return b"", trailers

    def more(self) -> bytes:
        size = len(self.kept) // 3 + 1
        given, self.kept = self.kept[:size], self.kept[size:]
        self.holding = len(self.kept) > 0
        return given


class Multiplying(Resizing):
    """So many times as much, in portions: what a small compressed body may hold."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.owed = 0

    def feed(self, payload: bytes) -> bytes:
        self.owed += len(super().feed(payload)) * self.times
        return self.more()

    def more(self) -> bytes:
        size = min(self.owed, PORTION)
        self.owed -= size
        self.holding = self.owed > 0
        return b"x" * size


class Satisfied(Noting):
    """Has seen enough after so many bytes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def feed(self, payload: bytes) -> bytes:
        super().feed(payload)
        self.finished = self.fed >= self.size
        return payload


class Failing(Noting):
    """Will not let more than so many bytes go on; -1: not even the head."""

    def __init__(self, size: int, status: int = 0) -> None:
        super().__init__()
        self.size = size
        self.status = status

    def begin(self, head: Head, resizable: bool) -> int:
        super().begin(head, resizable)
        if self.size < 0:
            raise BodyError("not this one", self.status)
        return SEES

    def feed(self, payload: bytes) -> bytes:
        if self.fed + len(payload) > self.size:
            raise BodyError("no more of it", self.status)
        return super().feed(payload)


class Lying(Noting):
    """Says that the length stays, and adds so many bytes, or drops the first ones."""

    def __init__(self, more: int) -> None:
        super().__init__()
        self.by = more

    def feed(self, payload: bytes) -> bytes:
        payload = super().feed(payload)
        if self.by < 0:
            dropped = min(-self.by, len(payload))
            self.by += dropped
            return payload[dropped:]
        added, self.by = b"!" * self.by, 0
        return payload + added
