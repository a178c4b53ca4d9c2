"""Cases of HTTP/2 as data: what one end sends, and what the program at the other end must do about it.

A case has steps. Bytes and frames are sent, all that stand side by side in one write; a step that is a function
is called with the connection, and waits for what it names:

    case("6.1", "DATA on stream 0", data(0, b"x"), breaks(PROTOCOL_ERROR))
    case("5.1", "DATA after END_STREAM", ask(1), data(1, b"x"), resets(1, STREAM_CLOSED))

The section is one of RFC 9113, or of RFC 7541 with "hpack" before it, or of RFC 8441 with "connect" before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from support.h2_peer import (
    ACK,
    CODES,
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PROTOCOL_ERROR,
    RST_STREAM,
    WINDOW_UPDATE,
    Answer,
    Frame,
    Pair,
    RawClient,
    RawConnection,
    Serialized,
    goaway_of,
    headers,
    ping,
    reset_of,
    settings_ack,
    settings_of,
)

Step = bytes | Serialized | Callable[[RawClient], object]
LATER = 1001  # the stream of a request that shows that the connection is in order


@dataclass(frozen=True, slots=True)
class Case:
    """One requirement that is met or broken."""

    section: str
    title: str
    steps: tuple[Step, ...]
    port: str = "clear"  # which of the program's
    preface: bytes | None = None  # what is sent first, in place of the preface and SETTINGS
    values: Mapping[int, int] | Sequence[tuple[int, int]] = ()  # the client's first SETTINGS
    polite: bool = True  # acknowledges SETTINGS and PING by itself
    haproxy: str = ""  # what haproxy does in place of that: it does not meet this case

    @property
    def name(self) -> str:
        return f"{self.section} {self.title}".replace(" ", "-")


def case(
    section: str,
    title: str,
    *steps: Step,
    port: str = "clear",
    preface: bytes | None = None,
    values: Mapping[int, int] | Sequence[tuple[int, int]] = (),
    polite: bool = True,
    haproxy: str = "",
) -> Case:
    return Case(section, title, steps, port, preface, values, polite, haproxy)


def play(client: RawClient, steps: Sequence[Step]) -> None:
    """All steps in turn; raises AssertionError where the program does something else."""
    waiting: list[bytes | Serialized] = []
    for step in steps:
        if callable(step):
            if waiting:
                client.send(*waiting)
                waiting = []
            step(client)
        else:
            waiting.append(step)
    client.send(*waiting)


# What is sent.


def ask(
    stream: int,
    method: str = "GET",
    path: str = "/",
    *fields: Pair,
    body: bytes | None = None,
    more: bool = False,
) -> Step:
    """A request in order; its head is coded by hpack, with a dynamic table."""
    return lambda client: client.request(stream, method, path, fields, body, more)


def indexed(stream: int, pairs: Sequence[Pair], end: bool = True) -> Step:
    """A head coded by hpack, with a dynamic table."""
    return lambda client: client.send(headers(stream, client.block(pairs), end=end))


# What the program has said so far.


def settings_seen(client: RawClient) -> dict[int, int]:
    """The values of its first SETTINGS."""
    if not any(settings_of(one) for one in client.frames):
        client.until(settings_of)
    return next(one for one in client.frames if settings_of(one)).settings


def granted(client: RawClient, stream: int) -> int:
    """Bytes that its WINDOW_UPDATE frames have added to a window."""
    return sum(one.increment for one in client.frames if one.kind == WINDOW_UPDATE and one.stream == stream)


# What must be seen.


def received(client: RawClient, size: int) -> None:
    """So many bytes of DATA come, on all streams, and not one more."""
    while sum(len(one.payload) for one in client.frames if one.kind == DATA) < size:
        assert client.next() is not None, client.transcript()
    client.pinged()
    assert sum(len(one.payload) for one in client.frames if one.kind == DATA) == size, client.transcript()


def comes(size: int) -> Step:
    return lambda client: received(client, size)


def named(codes: Sequence[int]) -> str:
    return " or ".join(CODES[code] for code in codes)


def breaks(*codes: int) -> Callable[[RawConnection], None]:
    """A connection error (5.4.1): GOAWAY with one of these codes, and the connection is closed."""

    def wait(client: RawConnection) -> None:
        found = client.until(lambda one: one.kind == GOAWAY and one.code != 0)
        assert found.code in codes, f"not {named(codes)}:\n{client.transcript()}"
        assert client.ended(), f"the connection stays open:\n{client.transcript()}"

    return wait


def closes(*codes: int) -> Callable[[RawConnection], None]:
    """The connection is closed, with GOAWAY with one of these codes, or without any GOAWAY."""

    def wait(client: RawConnection) -> None:
        assert client.ended(), f"the connection stays open:\n{client.transcript()}"
        found = [one for one in client.frames if one.kind == GOAWAY]
        assert all(one.code in codes for one in found), f"not {named(codes)}:\n{client.transcript()}"

    return wait


def resets(stream: int, *codes: int, later: int = LATER) -> Step:
    """A stream error (5.4.2): RST_STREAM with one of these codes, and the connection serves other streams."""

    def wait(client: RawClient) -> None:
        ended(client, reset_of(stream))
        found = next(one for one in client.frames if reset_of(stream)(one))
        assert found.code in codes, f"not {named(codes)}:\n{client.transcript()}"
        serve(client, later)

    return wait


def refuses(stream: int) -> Step:
    """A malformed request (8.1.1): RST_STREAM with PROTOCOL_ERROR, or 400; and the connection serves other streams."""

    def wait(client: RawClient) -> None:
        answer = client.collect(stream)
        assert answer.reset == PROTOCOL_ERROR or answer.status == 400, client.transcript()
        serve(client, LATER)

    return wait


def ended(client: RawClient, wanted: Callable[[Frame], bool]) -> None:
    """Such a frame has come, or comes before the connection is given up."""
    if not any(wanted(one) for one in client.frames):
        found = client.until(lambda one: wanted(one) or one.kind == GOAWAY)
        assert found.kind != GOAWAY, f"the connection is given up:\n{client.transcript()}"


def resets_or_breaks(stream: int, *codes: int) -> Step:
    """A stream error or a connection error with one of these codes: an endpoint may take one for the other (5.4)."""

    def wait(client: RawClient) -> None:
        found = client.until(lambda one: reset_of(stream)(one) or goaway_of()(one))
        assert found.code in codes, f"not {named(codes)}:\n{client.transcript()}"
        if found.kind == RST_STREAM:
            serve(client, LATER)
        else:
            assert client.ended(), f"the connection stays open:\n{client.transcript()}"

    return wait


def ignores(client: RawClient) -> None:
    """Nothing has happened: a request is served, and no stream was reset."""
    client.pinged()
    serve(client, LATER)
    assert not any(one.kind in (RST_STREAM, GOAWAY) for one in client.frames), client.transcript()


def serves(stream: int = LATER) -> Step:
    """The connection serves another request."""
    return lambda client: serve(client, stream)


def serve(client: RawClient, stream: int) -> None:
    """Two requests, whose second one needs the dynamic table as the first one has left it."""
    for number in (stream, stream + 2):
        client.request(number, fields=[("x-later", "shows that tables agree")])
        answer = client.answer(number)
        assert answer.status == 200 and answer.reset is None, client.transcript()


def answered(
    stream: int,
    status: int = 200,
    body: bytes | None = None,
    also: Callable[[Answer], bool] | None = None,
) -> Step:
    """The whole answer, and the connection goes on."""

    def wait(client: RawClient) -> None:
        answer = client.answer(stream)
        assert answer.status == status and answer.reset in (None, 0), client.transcript()
        assert body is None or answer.body == body, answer.body[:1000]
        assert also is None or also(answer), answer

    return wait


def told(stream: int, *lines: bytes, lacks: Sequence[bytes] = ()) -> Step:
    """The answer of /seen: the head that the HTTP/1 server has received has these lines, and nothing of `lacks`."""

    def wait(client: RawClient) -> None:
        answer = client.answer(stream)
        assert answer.status == 200, client.transcript()
        for line in lines:
            assert line in answer.body.split(b"\r\n"), answer.body
        for piece in lacks:
            assert piece not in answer.body.lower(), answer.body

    return wait


def acknowledged(client: RawClient) -> None:
    """SETTINGS are acknowledged."""
    client.until(settings_ack)


def ponged(payload: bytes) -> Step:
    """The answer to a PING with that payload."""
    return lambda client: client.until(
        lambda one: one.kind == PING and bool(one.flags & ACK) and one.payload == payload
    )


def pings(client: RawClient) -> None:
    """All that was sent before has been read."""
    client.pinged()


def silent(stream: int) -> Step:
    """Neither a part of an answer nor RST_STREAM has come on that stream by the time that a PING is answered."""

    def wait(client: RawClient) -> None:
        client.send(ping(b"silent??"))
        client.until(lambda one: one.kind == PING and one.payload == b"silent??")
        kinds = (HEADERS, DATA, RST_STREAM)
        assert not any(one.stream == stream and one.kind in kinds for one in client.frames), client.transcript()

    return wait


def never(wanted: Callable[[Frame], bool]) -> Step:
    """No such frame has come so far."""

    def look(client: RawClient) -> None:
        assert not any(wanted(one) for one in client.frames), client.transcript()

    return look


def tolerates(*codes: int) -> Step:
    """What was sent is ignored, or is a stream or connection error with one of these codes, where both are allowed."""

    def wait(client: RawClient) -> None:
        client.send(ping(b"and now?"))
        found = client.until(lambda one: one.kind == GOAWAY or (one.kind == PING and one.payload == b"and now?"))
        errors = [one for one in client.frames if one.kind in (RST_STREAM, GOAWAY)]
        assert all(one.code in codes for one in errors), f"not {named(codes)}:\n{client.transcript()}"
        if found.kind == PING:
            serve(client, LATER)

    return wait
