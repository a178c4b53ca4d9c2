"""RFC 7541: blocks that are right, whatever form they have, and blocks that cannot be decoded."""

from __future__ import annotations

from hpack import Encoder
from support.h2_peer import (
    COMPRESSION_ERROR,
    HEADER_TABLE_SIZE,
    RawClient,
    asking,
    headers,
    integer,
    literal,
    literals,
    string,
)
from support.h2_script import Step, answered, ask, breaks, case, indexed, serves, told

BLOCK = literals(asking())
SEEN = literals(asking(path="/seen"))
FULL = [*asking(path="/seen"), ("x-one", "first"), ("x-two", "second")]


def wrong(*block: bytes) -> tuple[Step, ...]:
    """A block that cannot be decoded: COMPRESSION_ERROR of the connection (4.3)."""
    return headers(1, b"".join(block)), breaks(COMPRESSION_ERROR)


def right(*block: bytes) -> tuple[Step, ...]:
    """A block that is a whole request."""
    return headers(1, b"".join(block)), answered(1), serves()


def huffman(text: str) -> bytes:
    """A string in Huffman code (5.2), by the library hpack."""
    coder = Encoder().huffman_coder
    coded = bytes(coder.encode(text.encode()))
    return integer(len(coded), 7, 0x80) + coded


# By static table (appendix A): :method GET 2, POST 3; :path / 4; :scheme http 6; :authority 1; user-agent 58.
STATIC = b"\x82\x84\x86" + b"\x01" + string("a.test")


def evicted(client: RawClient) -> None:
    """Entries leave the table in their order, as many as have no room (4.4)."""
    first = asking(path="/seen")
    for number in range(60):
        stream = 2 * number + 1
        fields = [*first, ("x-number", f"{number} " + "v" * 200), (f"x-name-{number}", "of its own")]
        client.send(headers(stream, client.block(fields)))
        body = client.answer(stream).body
        assert b"x-number: %d vvv" % number in body and b"x-name-%d: of its own" % number in body, body


def resized(client: RawClient) -> None:
    """Size updates between blocks: to 0, to less, to the most that the server lets (4.2, 4.3, 6.3)."""
    sizes = (0, 0, 100, 100, 4096, 4096, 0, 0, 4096, 1, 1, 4095, 4095, 4096)
    for stream, size in zip(range(1, 99, 2), sizes):
        client.encoder.header_table_size = size
        client.send(headers(stream, client.block([*FULL, ("x-size", str(size))])))
        assert b"x-size: %d" % size in client.answer(stream).body


INTEGERS = (
    case(
        "hpack 5.1", "an integer of several bytes", *right(STATIC, b"\0", string("x-long"), integer(300, 7), b"v" * 300)
    ),
    case(
        "hpack 5.1",
        "an integer with zeros behind it",
        headers(1, STATIC + b"\0" + b"\x7f\x80\x80\x00" + b"n" * 127 + string("v")),
        answered(1),
        serves(),
    ),
    case("hpack 5.1", "an integer that has no end", *wrong(STATIC, b"\x7f" + b"\xff" * 20)),
    case("hpack 5.1", "an integer that is cut off", *wrong(STATIC, b"\xff")),
    case("hpack 5.1", "an integer of too much", *wrong(STATIC, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")),
    case("hpack 5.1", "a length of too much", *wrong(STATIC, b"\0\x7f\xff\xff\xff\xff\x7f", b"x")),
)
STRINGS = (
    case("hpack 5.2", "strings in Huffman code", *right(b"\x82\x86\x04", huffman("/"), b"\x01", huffman("a.test"))),
    case(
        "hpack 5.2",
        "a name in Huffman code",
        headers(1, SEEN + b"\0" + huffman("x-coded") + huffman("well done")),
        told(1, b"x-coded: well done"),
        serves(),
    ),
    case("hpack 5.2", "an empty string in Huffman code", *right(SEEN, b"\0", huffman("x-empty"), b"\x80")),
    case(
        "hpack 5.2",
        "every byte in Huffman code",
        headers(1, SEEN + b"\0" + string("x-all") + huffman("".join(map(chr, range(0x21, 0x7F))))),
        told(1, b"x-all: " + bytes(range(0x21, 0x7F))),
        serves(),
    ),
    case(
        "hpack 5.2", "padding of 8 bits", *wrong(STATIC, b"\0", string("x"), b"\x82\x1f\xff")
    ),  # "a", 3 bits of padding, and 8
    case("hpack 5.2", "padding of 8 bits and more", *wrong(STATIC, b"\0", string("x"), b"\x84\x1f\xff\xff\xff")),
    case("hpack 5.2", "padding of zeros", *wrong(STATIC, b"\0", string("x"), b"\x81\x18")),
    case("hpack 5.2", "padding of other bits", *wrong(STATIC, b"\0", string("x"), b"\x81\x1e")),
    case("hpack 5.2", "padding alone", *wrong(STATIC, b"\0", string("x"), b"\x81\xff")),
    case("hpack 5.2", "EOS", *wrong(STATIC, b"\0", string("x"), b"\x84\xff\xff\xff\xff")),
    case("hpack 5.2", "EOS within a string", *wrong(STATIC, b"\0", string("x"), b"\x85\x1f\xff\xff\xff\xff")),
    case("hpack 5.2", "a string that is cut off", *wrong(STATIC, b"\0\5x-a")),
    case("hpack 5.2", "a value that is cut off", *wrong(STATIC, b"\0", string("x-a"), b"\5b")),
    case("hpack 5.2", "a field without a value", *wrong(STATIC, b"\0", string("x-a"))),
    case("hpack 5.2", "a string in Huffman code that is cut off", *wrong(STATIC, b"\0", huffman("x-aaaaaaaa")[:-2])),
)
FORMS = (
    case("hpack 6.1", "indexed fields of the static table", *right(STATIC)),
    case(
        "hpack 6.1",
        "an indexed field of the dynamic table",
        headers(1, BLOCK + literal("x-kept", "here", 0x40)),
        answered(1),
        headers(3, SEEN + b"\xbe"),
        told(3, b"x-kept: here"),
        serves(),
    ),
    case(
        "hpack 6.1",
        "an indexed field within the block that has made it",
        headers(1, SEEN + literal("x-kept", "here", 0x40) + b"\xbe"),
        answered(1, also=lambda answer: answer.body.count(b"x-kept: here") == 2),
        serves(),
    ),
    case("hpack 6.1", "index 0", *wrong(STATIC, b"\x80")),
    case(
        "hpack 6.1",
        "every entry of the static table without a value",
        headers(1, SEEN + b"".join(integer(index, 7, 0x80) for index in (15, 17, 18, 19, 22, 23, 24, 25, 26, 27))),
        answered(1),
        serves(),
    ),
    case(
        "hpack 6.2.1",
        "a literal with indexing and a new name",
        headers(1, SEEN + literal("x-new", "1", 0x40)),
        told(1, b"x-new: 1"),
        headers(3, SEEN + b"\xbe"),
        told(3, b"x-new: 1"),
        serves(),
    ),
    case(
        "hpack 6.2.1",
        "a literal with indexing and a name of the static table",
        headers(1, SEEN + b"\x7a" + string("agent/1")),
        told(1, b"user-agent: agent/1"),
        headers(3, SEEN + b"\xbe"),
        told(3, b"user-agent: agent/1"),
        serves(),
    ),
    case(
        "hpack 6.2.1",
        "a literal with indexing and a name of the dynamic table",
        headers(1, SEEN + literal("x-new", "1", 0x40) + b"\x7e" + string("2")),
        told(1, b"x-new: 1", b"x-new: 2"),
        headers(3, SEEN + b"\xbe"),
        told(3, b"x-new: 2", lacks=[b"x-new: 1"]),
        serves(),
    ),
    case(
        "hpack 6.2.2",
        "a literal without indexing and a new name",
        headers(1, SEEN + literal("x-new", "1")),
        told(1, b"x-new: 1"),
        headers(3, BLOCK + b"\xbe"),
        breaks(COMPRESSION_ERROR),
    ),
    case(
        "hpack 6.2.2",
        "a literal without indexing and a name of the static table",
        headers(1, SEEN + b"\x0f\x2b" + string("agent/1")),
        told(1, b"user-agent: agent/1"),
        serves(),
    ),
    case(
        "hpack 6.2.2",
        "a literal without indexing and a name of the dynamic table",
        headers(1, SEEN + literal("x-new", "1", 0x40) + b"\x0f\x2f" + string("2")),
        told(1, b"x-new: 1", b"x-new: 2"),
        serves(),
    ),
    case(
        "hpack 6.2.3",
        "a literal never indexed and a new name",
        headers(1, SEEN + literal("x-secret", "1", 0x10)),
        told(1, b"x-secret: 1"),
        headers(3, BLOCK + b"\xbe"),
        breaks(COMPRESSION_ERROR),
    ),
    case(
        "hpack 6.2.3",
        "a literal never indexed and a name of the static table",
        headers(1, SEEN + b"\x1f\x2b" + string("agent/1")),
        told(1, b"user-agent: agent/1"),
        serves(),
    ),
    case(
        "hpack 6.2.3",
        "a literal never indexed and a name of the dynamic table",
        headers(1, SEEN + literal("x-new", "1", 0x40) + b"\x1f\x2f" + string("2")),
        told(1, b"x-new: 2"),
        serves(),
    ),
    case("hpack 2.3.3", "an index beyond both tables", *wrong(STATIC, b"\xbe")),
    case("hpack 2.3.3", "an index far beyond both tables", *wrong(STATIC, integer(5000, 7, 0x80))),
    case("hpack 2.3.3", "the name of a literal with indexing beyond both tables", *wrong(STATIC, b"\x7e", string("x"))),
    case(
        "hpack 2.3.3",
        "the name of a literal without indexing beyond both tables",
        *wrong(STATIC, b"\x0f\x2f", string("x")),
    ),
    case(
        "hpack 2.3.3",
        "the name of a literal never indexed beyond both tables",
        *wrong(STATIC, b"\x1f\x2f", string("x")),
    ),
    case(
        "hpack 2.3.3",
        "an index just beyond the dynamic table",
        headers(1, BLOCK + literal("x-one", "1", 0x40)),
        answered(1),
        headers(3, BLOCK + b"\xbf"),
        breaks(COMPRESSION_ERROR),
    ),
)
TABLE = (
    case(
        "hpack 2.2",
        "the table is the connection's",
        headers(1, BLOCK + literal("x-kept", "1", 0x40)),
        headers(3, SEEN + b"\xbe"),
        answered(1),
        told(3, b"x-kept: 1"),
        serves(),
    ),
    case(
        "hpack 2.2",
        "requests and answers have tables of their own",
        ask(1, path="/hop"),
        answered(1),
        ask(3, path="/hop"),
        answered(3),
        serves(),
    ),
    case(
        "hpack 2.3.2",
        "the newest entry has the lowest index",
        headers(1, BLOCK + literal("x-old", "1", 0x40) + literal("x-new", "2", 0x40)),
        answered(1),
        headers(3, SEEN + b"\xbf"),
        told(3, b"x-old: 1", lacks=[b"x-new"]),
        serves(),
    ),
    case(
        "hpack 4.1",
        "the size of an entry has 32 bytes more",
        headers(1, b"\x3f\x09" + BLOCK + literal("abc", "defgh", 0x40)),
        answered(1),
        headers(3, SEEN + b"\xbe"),
        told(3, b"abc: defgh"),
    ),
    case(
        "hpack 4.1",
        "an entry of one byte more than the table",
        headers(1, b"\x3f\x08" + BLOCK + literal("abc", "defgh", 0x40)),
        answered(1),
        headers(3, SEEN + b"\xbe"),
        breaks(COMPRESSION_ERROR),
        haproxy="goes on to know what a smaller size has evicted",
    ),
    case(
        "hpack 4.2",
        "a size update to 0 and back",
        headers(1, b"\x20\x3f\xe1\x1f" + SEEN + literal("x-kept", "1", 0x40)),
        answered(1),
        headers(3, SEEN + b"\xbe"),
        told(3, b"x-kept: 1"),
        serves(),
    ),
    case("hpack 4.2", "a size update behind a field", *wrong(STATIC, b"\x20")),
    case("hpack 4.2", "a size update behind the first field", *wrong(b"\x82", b"\x3f\xe1\x1f", b"\x84\x86")),
    case("hpack 4.2", "two size updates at the beginning", *right(b"\x20\x3f\xe1\x1f", STATIC)),
    case(
        "hpack 4.3",
        "a size update to 0 empties the table",
        headers(1, BLOCK + literal("x-kept", "1", 0x40)),
        answered(1),
        headers(3, b"\x20\x3f\xe1\x1f" + BLOCK + b"\xbe"),
        breaks(COMPRESSION_ERROR),
        haproxy="goes on to know what a smaller size has evicted",
    ),
    case(
        "hpack 4.3",
        "a smaller size evicts the oldest",
        headers(1, BLOCK + literal("x-old", "1", 0x40) + literal("x-new", "2", 0x40)),
        answered(1),
        headers(3, b"\x3f\x19" + SEEN + b"\xbe"),
        told(3, b"x-new: 2"),
        headers(5, BLOCK + b"\xbf"),
        breaks(COMPRESSION_ERROR),
        haproxy="goes on to know what a smaller size has evicted",
    ),
    case("hpack 4.3", "sizes change between blocks", resized),
    case("hpack 4.4", "entries are evicted in their order", evicted),
    case(
        "hpack 4.4",
        "an entry larger than the table empties it",
        headers(1, BLOCK + literal("x-kept", "1", 0x40) + literal("x-large", "v" * 4096, 0x40)),
        answered(1),
        headers(3, BLOCK + b"\xbe"),
        breaks(COMPRESSION_ERROR),
    ),
    case(
        "hpack 4.4",
        "a name that its own entry evicts",
        headers(1, SEEN + literal("x-name", "v" * 2000, 0x40) + b"\x7e" + string("w" * 3000)),
        told(1, b"x-name: " + b"w" * 3000),
        serves(),
    ),
    case("hpack 6.3", "a size update beyond SETTINGS_HEADER_TABLE_SIZE", *wrong(b"\x3f\xe2\x1f", STATIC)),
    case("hpack 6.3", "a size update far beyond SETTINGS_HEADER_TABLE_SIZE", *wrong(b"\x3f\xe1\xff\xff\x07", STATIC)),
    case("hpack 6.3", "a size update to SETTINGS_HEADER_TABLE_SIZE", *right(b"\x3f\xe1\x1f", STATIC)),
    case(
        "hpack 6.3",
        "a size update alone in trailers",
        ask(1, "POST", "/echo", more=True),
        headers(1, b"\x20"),
        answered(1),
    ),
    case(
        "hpack 4.2",
        "a client's table of 0 bytes",
        ask(1, path="/hop"),
        answered(1),
        ask(3, path="/hop"),
        answered(3),
        serves(),
        values={HEADER_TABLE_SIZE: 0},
    ),
    case(
        "hpack 4.2",
        "a client's table of 64 bytes",
        ask(1, path="/hop"),
        answered(1),
        ask(3, path="/hop"),
        answered(3),
        serves(),
        values={HEADER_TABLE_SIZE: 64},
    ),
    case(
        "hpack C",
        "by the encoder of the library hpack",
        *(
            step
            for number in range(1, 21, 2)
            for step in (indexed(number, FULL), told(number, b"x-one: first", b"x-two: second"))
        ),
    ),
)
CASES = (*INTEGERS, *STRINGS, *FORMS, *TABLE)
