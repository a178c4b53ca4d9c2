"""Converters in bulk: values that Hypothesis makes up, through one long-lived peer and through Pointsman's expressions.

Each chain of converters stands once in the peer's configuration, so one request asks all of them. What differs on
purpose, or is newer than the peer, is named here with its reason. Optional arguments are given: in 3.2 and before,
arguments that are left out have what another line gave (seen of sha2, crc32 and others). wt6 is a hash of our own
(docs/differences.md). Paths into messages of protocol buffers are not compared: the peer does not see where an inner
message ends.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.oracle import Oracle
from support.programs import peer_version

import pointsman.keywords
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.expression import Expression, parse_expression
from pointsman.sample.registry import CONVERTERS
from pointsman.sample.types import Where

assert pointsman.keywords

pytestmark = pytest.mark.skipif(peer_version() < (2, 6), reason="the peer is older")

BINARY = "var(txn.v),b64dec,"
NUMBER = "var(txn.n),add(0),"
VARINTS = ("int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "enum")
FIXED = ("fixed64", "sfixed64", "fixed32", "sfixed32")
OF_BYTES = (
    *("base64", "hex", "base2", "ub64enc", "sha1", "length", "lower", "upper", "hex2i", "b64dec", "ub64dec"),
    *("sha2(256)", "sha2(224)", "sha2(384)", "sha2(512)", "digest(md5)", "digest(sha256)", "hmac(sha256,Zm9v)"),
    *(f"{name}{option}" for name in ("crc32", "crc32c", "djb2", "sdbm") for option in ("(0)", "(1)")),
    *("xxh32(0)", "xxh32(7)", "xxh64(0)", "xxh64(7)", "xxh64(-1)", "xxh3(0)", "xxh3(7)", "xxh3(-1)"),
    *("bytes(0)", "bytes(1)", "bytes(1,2)", "bytes(3,100)", "be2dec(:,1)", "be2dec(:,2)", "be2dec(-,8,1)"),
    *("le2dec(:,1)", "le2dec(:,3)", "le2dec(-,2,1)", "be2hex", "be2hex(:,2)", "be2hex(--,3,1)", "url_dec(1)"),
    *("url_enc", "json", "json(utf8)", "json(utf8s)", "json(utf8p)", "json(utf8ps)", "cut_crlf"),
    *("field(1,a)", "field(2,.)", "field(-1,.,2)", "word(1,.)", "word(2,.ab)", "word(-1,.,2)", "ltrim(ab.)"),
    *("rtrim(ab.)", "url_dec(0)", "host_only", "port_only", "param(a)", "param(a,;)", "has_ctl"),
    *("protobuf(1)", "protobuf(2)", "ungrpc(1)", "ungrpc(2)"),
    *(f"protobuf(1,{kind})" for kind in (*VARINTS, *FIXED)),
    *(f"ungrpc(1,{kind})" for kind in ("int32", "sint64", "fixed64")),
)
OF_NUMBERS = (
    *(f"{name}({other})" for name in ("add", "sub", "mul", "div", "mod", "and", "or", "xor") for other in (3, -7, 0)),
    *(
        "neg",
        "odd",
        "even",
        "cpl",
        "bool",
        "not",
        "htonl",
        "hex",
        "length",
        "ipmask(24)",
        "crc32(0)",
        "bool,iif(yes,no)",
    ),
)
NEWER = {  # than Debian 12's 2.6, or right since
    "add": (3, 0),
    "base2": (3, 0),
    "has_ctl": (3, 2),
    "host_only": (2, 8),
    "json": (2, 9),
    "le2dec": (3, 0),
    "ltrim": (2, 7),
    "param": (3, 0),
    "port_only": (2, 8),
    "rtrim": (2, 7),
    "sub": (3, 0),
    "word": (3, 0),
}


def askable(chain: str) -> bool:
    return peer_version() >= NEWER.get(chain.partition("(")[0], (0, 0))


CHAINS = [BINARY + chain for chain in OF_BYTES if askable(chain)] + [NUMBER + c for c in OF_NUMBERS if askable(c)]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with Oracle(CHAINS, tmp_path_factory.mktemp("oracle"), fields=("v", "n")) as made:
        yield made


def expressions() -> list[Expression]:
    return [parse_expression(Word(f"{chain},hex", NOWHERE), Where.HTTP_RES) for chain in CHAINS]


MADE = expressions()


def ours(value: bytes, number: int) -> list[bytes | None]:
    ctx = Context(ProxyFacts("f", 2, True), Session(ListenerFacts("", 1)))
    ctx.variables = {b"txn.v": base64.b64encode(value), b"txn.n": b"%d" % number}
    found: list[bytes | None] = []
    for one in MADE:
        shown = one.get_bytes(ctx)
        found.append(None if shown is None else bytes.fromhex(shown.decode()))
    return found


def varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def messages() -> st.SearchStrategy[bytes]:
    """Messages of protocol buffers, nested, whole or cut; in frames of gRPC or not."""
    numbers = st.integers(0, (1 << 64) - 1) | st.integers(0, 300)
    keys = st.sampled_from([1, 1, 2, 2, 3, 200])
    plain = st.one_of(
        st.tuples(keys, numbers).map(lambda two: varint(two[0] << 3) + varint(two[1])),
        st.tuples(keys, numbers).map(lambda two: varint(two[0] << 3 | 1) + struct.pack("<Q", two[1])),
        st.tuples(keys, numbers).map(lambda two: varint(two[0] << 3 | 5) + struct.pack("<I", two[1] & 0xFFFFFFFF)),
        st.tuples(keys, st.binary(max_size=5)).map(lambda two: varint(two[0] << 3 | 2) + varint(len(two[1])) + two[1]),
    )
    nested = st.recursive(
        st.lists(plain, min_size=1, max_size=4).map(b"".join),
        lambda inner: st.tuples(keys, inner).map(lambda two: varint(two[0] << 3 | 2) + varint(len(two[1])) + two[1]),
        max_leaves=3,
    )
    framed = nested.map(lambda inner: b"\0" + struct.pack(">I", len(inner)) + inner)
    whole = st.one_of(nested, framed, st.lists(framed, max_size=2).map(b"".join))
    return st.tuples(whole, st.integers(0, 8)).map(lambda two: two[0][: len(two[0]) - two[1]] if two[1] > 5 else two[0])


TEXTS = st.text(alphabet="ab.:=&;%20+[]/\\\"'\r\n\t?~Zé€\x7f\0", max_size=40).map(lambda text: text.encode())
VALUES = st.one_of(
    st.binary(max_size=40),
    TEXTS,
    messages(),
    st.sampled_from([16, 17, 128, 129, 240, 241, 300, 1023, 1024, 1025, 3000]).flatmap(
        lambda size: st.binary(min_size=4, max_size=4).map(lambda seed: (seed * (size // 4 + 1))[:size])
    ),
)
EXTREMES = st.sampled_from([0, 1, -1, (1 << 63) - 1, -(1 << 63), 1 << 31, -(1 << 31), 1 << 32])
NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-300, 300) | EXTREMES
# What is compared of some: of the rest the manual says something else than the peer does, or nothing.
COMPARED = {
    "hex2i": re.compile(rb"[0-9A-Fa-f]*"),  # "if the input value cannot be converted, then zero is returned"
    "port_only": re.compile(rb"[^:]*(:[0-9]{0,5})?"),  # what is no digit is computed with as if it were one
}


def is_compared(chain: str, value: bytes) -> bool:
    last = chain.removeprefix(BINARY)
    if last.startswith("param"):
        return b"\0" not in value  # "needed to represent a NUL character": of strings, 3.2 cuts what is behind it
    pattern = COMPARED.get(last)
    return pattern is None or pattern.fullmatch(value.partition(b"\0")[0]) is not None


def test_as_the_peer_has_it(oracle: Oracle) -> None:
    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(value=VALUES, number=NUMBERS)
    @example(value=b"", number=0)
    def compare(value: bytes, number: int) -> None:
        theirs = oracle.ask({"v": base64.b64encode(value), "n": b"%d" % number})
        mine = ours(value, number)
        wrong = {
            chain: (its, own)
            for chain, its, own in zip(CHAINS, theirs, mine, strict=True)
            if its != own and is_compared(chain, value)
        }
        assert not wrong

    compare()


def test_chains_are_ours() -> None:
    """Each converter of a chain is registered, so that no name here is misspelt."""
    names = {re.split("[(,]", chain)[0] for chain in (*OF_BYTES, *OF_NUMBERS)}
    assert {name for name in names if name not in CONVERTERS} == set()
