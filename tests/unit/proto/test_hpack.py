"""HPACK: the examples of RFC 7541, appendix C, every error that a block can have, and what becomes of its fields."""

import pytest
from hpack import Decoder as OtherDecoder
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

from pointsman.proto.hpack import SIZE_UPDATE_0, Block, Decoder, HpackError, coded, coded_pair
from pointsman.proto.hpack_huffman import huffman
from pointsman.proto.hpack_memory import Shared
from pointsman.proto.hpack_tables import STATIC, SYMBOLS
from pointsman.proto.message import HOST, LENGTH, MALFORMED, PLAIN, PSEUDO, field

Pair = tuple[bytes, bytes]

LIMIT = 16384
HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def fresh(table_size: int = 4096, limit: int = LIMIT) -> Decoder:
    """A decoder that shares nothing with those of other tests."""
    return Decoder(table_size, limit, Shared())


def pairs(block: Block) -> list[Pair]:
    return [(one.name, one.value) for one in block.fields]


def table(decoder: Decoder) -> list[Pair]:
    """As the RFC prints it: the youngest entry first."""
    return [(one.name, one.value) for one in reversed(decoder.entries)]


def read(text: str) -> list[Pair]:
    """Fields, one a line."""
    found: list[Pair] = []
    for line in text.strip().splitlines():
        name, _, value = line.strip().encode().rpartition(b": ")
        found.append((name, value))
    return found


def number(value: int, mask: int = 127, first: int = 0) -> bytes:
    """RFC 7541 5.1."""
    if value < mask:
        return bytes([first | value])
    out, value = [first | mask], value - mask
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def literal(name: bytes, value: bytes, first: int = 0x40) -> bytes:
    return bytes([first]) + number(len(name)) + name + number(len(value)) + value


def update(size: int) -> bytes:
    return number(size, 31, 0x20)


# Appendix A and B.


def test_the_tables_are_those_of_the_package_hpack() -> None:
    assert [(bytes(name), bytes(value)) for name, value in HeaderTable.STATIC_TABLE] == STATIC
    codes: dict[int, tuple[int, int]] = {}
    code = last = 0
    for length, symbols in SYMBOLS:
        code <<= length - last
        last = length
        for symbol in symbols:
            codes[symbol] = code, length
            code += 1
    assert codes == dict(enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH)))


# Appendix C.2: single fields.

SINGLE = {
    "C.2.1": ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header", True),
    "C.2.2": ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path", False),
    "C.2.3": ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret", False),
    "C.2.4": ("82", ":method: GET", False),
}


@pytest.mark.parametrize("name", SINGLE)
def test_single_fields_of_the_rfc(name: str) -> None:
    block, fields, indexed = SINGLE[name]
    decoder = fresh()
    assert pairs(decoder.decode(bytes.fromhex(block))) == read(fields)
    assert table(decoder) == (read(fields) if indexed else [])
    assert decoder.size == (55 if indexed else 0)


def test_what_we_make_ourselves_is_made_as_the_rfc_shows_it() -> None:
    """C.2.2, C.2.3 and C.2.4; C.2.1 is a form that this encoder never uses."""
    assert coded_pair(b":path", b"/sample/path") == bytes.fromhex(SINGLE["C.2.2"][0])
    assert coded_pair(b":method", b"GET") == bytes.fromhex(SINGLE["C.2.4"][0])
    never = fresh().decode(bytes.fromhex(SINGLE["C.2.3"][0])).fields[0]
    assert coded(never) == bytes.fromhex(SINGLE["C.2.3"][0])


# Appendix C.3 to C.6: three blocks each, with the table that each leaves. (fields, plain, Huffman, table, its size)

REQUESTS = [
    (
        ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com",
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        ":authority: www.example.com",
        57,
    ),
    (
        ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8286 84be 5886 a8eb 1064 9cbf",
        "cache-control: no-cache\n:authority: www.example.com",
        110,
    ),
    (
        ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        "custom-key: custom-value\ncache-control: no-cache\n:authority: www.example.com",
        164,
    ),
]
AGENT = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com"
LATER = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com"
COOKIE = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
RESPONSES = [
    (
        f":status: 302\n{AGENT}",
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d"
        "546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7"
        "8f0b 97c8 e9ae 82ae 43d3",
        "location: https://www.example.com\ndate: Mon, 21 Oct 2013 20:13:21 GMT\ncache-control: private\n:status: 302",
        222,
    ),
    (
        f":status: 307\n{AGENT}",
        "4803 3330 37c1 c0bf",
        "4883 640e ffc1 c0bf",
        ":status: 307\nlocation: https://www.example.com\ndate: Mon, 21 Oct 2013 20:13:21 GMT\ncache-control: private",
        222,
    ),
    (
        f":status: 200\n{LATER}\ncontent-encoding: gzip\n{COOKIE}",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f"
        "6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b"
        "2076 6572 7369 6f6e 3d31",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335"
        "dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        f"{COOKIE}\ncontent-encoding: gzip\ndate: Mon, 21 Oct 2013 20:13:22 GMT",
        215,
    ),
]


def pair_lines(text: str) -> list[Pair]:
    """Fields whose values may hold ": ", as dates do not, but pseudo-fields begin with a colon."""
    found: list[Pair] = []
    for line in text.encode().split(b"\n"):
        at = line.index(b": ", 1)
        found.append((line[:at], line[at + 2 :]))
    return found


@pytest.mark.parametrize("coding", ["plain", "Huffman"])
@pytest.mark.parametrize("name", ["requests", "responses"])
def test_sequences_of_the_rfc(name: str, coding: str) -> None:
    """The responses are for a table of 256 bytes: the first block says so, as RFC 7541 4.2 asks for."""
    decoder = fresh()
    start = b""
    if name == "responses":
        decoder.settle(256)
        start = update(256)
    for fields, plain, other, left, size in REQUESTS if name == "requests" else RESPONSES:
        block = bytes.fromhex(plain if coding == "plain" else other)
        assert pairs(decoder.decode(start + block)) == pair_lines(fields)
        assert table(decoder) == pair_lines(left)
        assert decoder.size == size
        start = b""


def test_integers_of_the_rfc() -> None:
    """C.1: 10 in 5 bits, 1337 in 5 bits, as sizes of a table."""
    decoder = fresh()
    decoder.decode(b"\x2a")
    assert decoder.room == 10
    decoder.decode(b"\x3f\x9a\x0a")
    assert decoder.room == 1337


# Errors.

ERRORS = {
    "index 0 (6.1)": b"\x80",
    "an index behind both tables (2.3.3)": b"\xbe",
    "a large index": b"\xff\x80\x80\x80\x01",
    "a literal's index behind both tables": b"\x7e\x01a",
    "a literal's index, without indexing": b"\x0f\x2f\x01a",
    "a literal's index, never indexed": b"\x1f\x2f\x01a",
    "an index that is cut off": b"\xff",
    "an index that is cut off later": b"\xff\x80",
    "an integer of too many octets (5.1)": b"\xff\x80\x80\x80\x80\x00",
    "an integer of many octets": b"\xff" + b"\xff" * 40 + b"\x00",
    "no name": b"\x40",
    "a name that is cut off": b"\x40\x05abcd",
    "a name's length that is cut off": b"\x40\x7f",
    "no value": b"\x40\x01a",
    "a value that is cut off": b"\x40\x01a\x02b",
    "a value's length that is cut off": b"\x40\x01a\x7f\x80",
    "a length of 256 MB": b"\x40\x01a\x7f\xff\xff\xff\x7f",
    "padding of 8 bits (5.2)": b"\x40\x01a\x82\x1f\xff",
    "padding of 30 bits": b"\x40\x01a\x85\x1f\xff\xff\xff\xff",
    "padding that is not all ones": b"\x40\x01a\x81\x18",
    "padding of zeros in a name": b"\x40\x81\x18\x01a",
    "EOS (5.2)": b"\x40\x01a\x84\xff\xff\xff\xff",
    "EOS between symbols": b"\x40\x01a\x86\x1f\xff\xff\xff\xf8\xff",
    "a code that is cut off": b"\x40\x01a\x81\xfe",
    "a size update above SETTINGS (6.3)": update(4097),
    "a size update behind a field (4.2)": b"\x82\x20",
    "a size update between fields": b"\x82\x3f\xe1\x1f\x84",
    "three size updates": update(0) + update(10) + update(20),
    "a size update that is cut off": b"\x3f",
    "a size update that is too long": b"\x3f\x80\x80\x80\x80\x00",
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    with pytest.raises(HpackError):
        fresh().decode(ERRORS[name])


@pytest.mark.parametrize("name", [name for name in ERRORS if "cut off" in name or "no " in name])
def test_an_error_behind_other_fields(name: str) -> None:
    decoder = fresh()
    decoder.decode(literal(b"a", b"b"))
    with pytest.raises(HpackError):
        decoder.decode(b"\x82\xbe" + ERRORS[name])


def test_an_index_behind_the_table_as_it_is_now() -> None:
    decoder = fresh()
    decoder.decode(literal(b"a", b"b") + literal(b"c", b"d"))
    assert pairs(decoder.decode(b"\xbf\xbe")) == [(b"a", b"b"), (b"c", b"d")]
    decoder.decode(update(40))  # one entry has room
    assert pairs(decoder.decode(b"\xbe")) == [(b"c", b"d")]
    with pytest.raises(HpackError):
        decoder.decode(b"\xbf")


def test_padding_of_up_to_seven_ones_is_none_or_right() -> None:
    """Every symbol alone, and eight of those of five to eight bits, so that each number of padding bits comes."""
    for symbol in range(256):
        for times in (1, 2, 3, 8):
            text = bytes([symbol]) * times
            data = HUFFMAN.encode(text)
            assert huffman(data) == text
            assert huffman(data + b"\xff") is None
    assert huffman(b"") == b""


# Size updates and SETTINGS.


def test_a_table_is_4096_bytes_until_the_client_knows_our_settings() -> None:
    """RFC 9113 6.5.2: what SETTINGS say holds once it is acknowledged."""
    decoder = fresh(0)
    decoder.decode(literal(b"a", b"b"))
    assert table(decoder) == [(b"a", b"b")]
    decoder.settle(0)
    assert pairs(decoder.decode(SIZE_UPDATE_0 + literal(b"c", b"d"))) == [(b"c", b"d")]
    assert table(decoder) == []
    decoder.decode(literal(b"c", b"d"))
    with pytest.raises(HpackError):
        decoder.decode(update(1))


@pytest.mark.parametrize("block", [b"", b"\x82", update(1025), update(4096) + update(10)])
def test_a_table_that_became_smaller_without_a_size_update_that_says_so(block: bytes) -> None:
    decoder = fresh(1024)
    decoder.decode(b"\x82")
    decoder.decode(b"\x82")
    decoder.settle(1024)
    with pytest.raises(HpackError):
        decoder.decode(block)


def test_a_table_that_became_smaller_and_larger_between_two_blocks() -> None:
    """RFC 7541 4.2: the smallest size has to be said, then the last one."""
    for updates in (update(2000), update(2000) + update(2000)):
        decoder = fresh()
        decoder.settle(100)
        decoder.settle(2000)
        with pytest.raises(HpackError):
            decoder.decode(updates)
    decoder = fresh()
    decoder.decode(literal(b"a", b"b" * 100))
    decoder.settle(100)
    decoder.settle(2000)
    decoder.decode(update(100) + update(2000) + b"\x82")
    assert (table(decoder), decoder.room) == ([], 2000)
    decoder.decode(b"\x82")


def test_a_client_that_uses_less_already_need_not_say_anything() -> None:
    decoder = fresh()
    decoder.decode(update(500))
    decoder.settle(1000)
    assert pairs(decoder.decode(b"\x82")) == [(b":method", b"GET")]
    decoder.settle(4096)
    decoder.settle(500)
    decoder.decode(b"\x82")


def test_a_table_of_65536_bytes() -> None:
    decoder = fresh(65536)
    decoder.settle(65536)
    many = [(b"%04d" % i, b"v" * 50) for i in range(1000)]  # 86 bytes each: 762 of them have room
    decoder.decode(update(65536) + b"".join(literal(name, value) for name, value in many))
    assert table(decoder) == many[:-763:-1]
    assert decoder.size == 762 * 86
    assert pairs(decoder.decode(number(762 + 61, 127, 0x80))) == [many[-762]]
    with pytest.raises(HpackError):
        decoder.decode(number(763 + 61, 127, 0x80))


def test_what_is_larger_than_the_table_empties_it() -> None:
    """RFC 7541 4.4: that is no error."""
    decoder = fresh()
    decoder.decode(update(100) + literal(b"a", b"b"))
    assert pairs(decoder.decode(literal(b"c", b"d" * 68))) == [(b"c", b"d" * 68)]
    assert (table(decoder), decoder.size) == ([], 0)
    decoder.decode(literal(b"c", b"d" * 67))
    assert decoder.size == 100


def test_a_name_of_an_entry_that_goes_for_the_new_one() -> None:
    """RFC 7541 4.4."""
    decoder = fresh()
    decoder.decode(update(40) + literal(b"name", b"v"))
    assert pairs(decoder.decode(b"\x7e\x02ww")) == [(b"name", b"ww")]
    assert table(decoder) == [(b"name", b"ww")]


# The limit.


def test_a_bomb_costs_no_more_than_its_limit() -> None:
    """An entry of 4,000 bytes, and 100,000 octets that each mean it."""
    decoder = fresh(limit=10000)
    big = literal(b"a", b"b" * 3900)
    block = decoder.decode(big + b"\xbe" * 100_000 + literal(b"x", b"y"))
    assert block.over
    assert [len(one.value) for one in block.fields] == [3900, 3900]
    assert block.size == (3900 + 33) * 100_001 + 34
    assert table(decoder)[0] == (b"x", b"y")  # the table is right nevertheless
    assert pairs(decoder.decode(b"\xbe")) == [(b"x", b"y")]


def test_the_limit_is_a_size_that_may_be() -> None:
    block = literal(b"a", b"b" * 66, 0)
    assert not fresh(limit=99).decode(block).over
    assert fresh(limit=98).decode(block).over
    assert fresh(limit=98).decode(block).fields == []


def test_a_string_that_grows_beyond_the_limit() -> None:
    """Symbols of five bits: 8 for 5 octets."""
    text = b"0" * 12000
    data = HUFFMAN.encode(text)
    decoder = fresh(limit=10000)
    block = decoder.decode(b"\x40\x01a" + number(len(data), first=0x80) + data + b"\x82")
    assert (block.over, block.fields, block.size) == (True, [], 12000 + 33 + 42)
    assert table(decoder) == []


def test_a_limit_holds_for_what_others_have_decoded_before() -> None:
    shared = Shared()
    block = literal(b"a", b"b" * 200)
    for _ in range(3):
        assert not Decoder(4096, 1000, shared).decode(block).over
    assert Decoder(4096, 100, shared).decode(block).over


# Fields.

NAMES = {
    b"x-a": PLAIN, b"!#$%&'*+-.^_`|~09az": PLAIN, b"host": HOST, b"content-length": LENGTH, b":path": PSEUDO,
    b"": MALFORMED, b":": MALFORMED, b"::": MALFORMED, b"a:": MALFORMED, b"A": MALFORMED, b"Host": MALFORMED,
    b":Path": MALFORMED, b"a b": MALFORMED, b" a": MALFORMED, b"a\t": MALFORMED, b"a\0": MALFORMED, b"a\r": MALFORMED,
    b"a\n": MALFORMED, b"a\x7f": MALFORMED, b"a\x80": MALFORMED, b"\xff": MALFORMED, b":a b": MALFORMED, b":x": PSEUDO,
}  # fmt: skip
VALUES = {
    b"": PLAIN, b"a b\tc": PLAIN, b"\xff\x80": PLAIN, b"\x01\x7f": PLAIN, b" a": MALFORMED, b"a ": MALFORMED,
    b"\ta": MALFORMED, b"a\t": MALFORMED, b" ": MALFORMED, b"a\0b": MALFORMED, b"\r": MALFORMED, b"a\nb": MALFORMED,
}  # fmt: skip


def test_names_are_judged() -> None:
    """RFC 9113 8.2.1, and a token (RFC 9110 5.1)."""
    for octet in range(256):
        lower_token = bytes([octet]) in b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
        kind = fresh().decode(literal(bytes([octet]), b"v")).fields[0].kind
        assert kind == (PLAIN if lower_token else MALFORMED), octet
    for name, kind in NAMES.items():
        assert fresh().decode(literal(name, b"v")).fields[0].kind == kind, name


def test_values_are_judged() -> None:
    for value, kind in VALUES.items():
        assert fresh().decode(literal(b"x", value)).fields[0].kind == kind, value
        pseudo = fresh().decode(b"\x44" + number(len(value)) + value).fields[0]
        assert pseudo.kind == (kind or PSEUDO), value


def test_the_kind_is_the_same_whatever_says_the_name() -> None:
    """A literal, an index of the static table, one of the dynamic table whose value was malformed."""
    decoder = fresh()
    block = literal(b"content-length", b"1 ") + b"\x5c\x011" + b"\x7e\x012" + b"\xc0"
    assert [one.kind for one in decoder.decode(block).fields] == [MALFORMED, LENGTH, LENGTH, MALFORMED]
    assert pairs(decoder.decode(b"\x7f\x00\x013")) == [(b"content-length", b"3")]


def test_entries_are_the_same_objects() -> None:
    """What somebody has made of a field stays with it."""
    decoder = fresh()
    one = decoder.decode(literal(b"a", b"b")).fields[0]
    assert decoder.decode(b"\xbe").fields[0] is one
    assert decoder.decode(b"\x82\xbe").fields[1] is one


# The encoder.

CODED = [
    (b":status", b"200", "88"),
    (b":status", b"404", "8d"),
    (b":status", b"201", "0803323031"),
    (b":method", b"GET", "82"),
    (b":method", b"PUT", "0203505554"),
    (b":path", b"/", "84"),
    (b":authority", b"", "81"),
    (b":protocol", b"websocket", "00093a70726f746f636f6c09776562736f636b6574"),
    (b"accept-encoding", b"gzip, deflate", "90"),
    (b"accept-encoding", b"gzip", "0f0104677a6970"),
    (b"etag", b"", "a2"),
    (b"x", b"", "00017800"),
    (b"age", b"1", "0f060131"),
    (b"cookie", b"a=b", "1f1103613d62"),
    (b"authorization", b"x", "1f080178"),
    (b"proxy-authorization", b"x", "1f220178"),
    (b"set-cookie", b"x", "1f280178"),
]


@pytest.mark.parametrize(("name", "value", "wire"), CODED)
def test_fields_as_they_go_out(name: bytes, value: bytes, wire: str) -> None:
    """An index of the static table, or a literal that nobody puts into a table; a secret one that nobody may."""
    assert coded_pair(name, value) == bytes.fromhex(wire)
    one = field(name, value)
    assert coded(one) == bytes.fromhex(wire) == one.coded
    assert coded(one) is one.coded


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 256, 511, 512, 16383, 16384, 70000])
def test_long_values_and_names_go_out(size: int) -> None:
    text = b"v" * size
    other = OtherDecoder(max_header_list_size=1 << 20)
    for name, value in ((b"x", text), (text or b"n", b"x"), (b"age", text), (b"cookie", text)):
        block = coded_pair(name, value)
        assert [(bytes(a), bytes(b)) for a, b in other.decode(block, raw=True)] == [(name, value)]
        ours = Decoder(4096, 1 << 20, Shared())
        assert pairs(ours.decode(block)) == [(name, value)]
        assert ours.entries == []


def test_what_may_never_be_indexed_goes_on_so() -> None:
    """RFC 7541 6.2.3: whoever hands it on uses the same form."""
    (one,) = fresh().decode(literal(b"x-token", b"t", 0x10)).fields
    assert coded(one) == literal(b"x-token", b"t", 0x10)
    (one,) = fresh().decode(literal(b"x-token", b"t", 0)).fields
    assert coded(one) == literal(b"x-token", b"t", 0)


def test_a_value_that_a_rule_wrote_with_blanks_goes_out_without() -> None:
    """RFC 9113 8.2.1: none may have them."""
    assert coded(field(b"x", b" y ")) == b"\0\1x\1y"
