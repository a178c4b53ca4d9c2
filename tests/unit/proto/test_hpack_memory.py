"""What decoders share of what they have read, what they never do, and what hostile clients can make of it."""

import gc
import random
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from pointsman.proto.hpack import Block, Decoder, coded
from pointsman.proto.hpack_memory import ENTERED, PERIOD, QUOTA, SECRET, Shared, State
from pointsman.proto.hpack_tables import STATIC
from pointsman.proto.message import Field
from tests.support.nghttp2 import NO_INDEX, Deflater

Pair = tuple[bytes, bytes]

BROWSER: list[Pair] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"www.example.test"),
    (b":path", b"/app/items?id=17"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept-language", b"en-US,en;q=0.5"),
]


@pytest.fixture
def shared() -> Shared:
    return Shared()


def decoder(shared: Shared) -> Decoder:
    return Decoder(4096, 16384, shared)


def pairs(block: Block) -> list[Pair]:
    return [(one.name, one.value) for one in block.fields]


def literal(name: bytes, value: bytes, first: int = 0x40) -> bytes:
    return b"%c%c%b%c%b" % (first, len(name), name, len(value), value)


def states(shared: Shared) -> Iterator[State]:
    """All that a new connection can come to."""
    found = [shared.steps.root]
    for state in found:
        yield state
        found += [step.state for step in state.seen.values() if step.state is not state]


def remembered(shared: Shared) -> bytes:
    """Everything that is kept for others, as one text."""
    texts: list[bytes] = []
    for state in states(shared):
        for raw, step in state.seen.items():
            texts += [raw, *(b"%b: %b" % (one.name, one.value) for one in step.block.fields)]
        texts += [b"%b: %b" % (one.name, one.value) for one in state.entries]
    for generation in (shared.literals.young, shared.literals.old):
        for raw, one in generation.items():
            texts += [raw, one.name, one.value]
    return b"\n".join(texts)


# Connections that send the same.


def test_the_third_connection_gets_what_the_second_one_has_decoded(shared: Shared) -> None:
    blocks = [Deflater().encode(BROWSER)]
    deflater = Deflater()
    blocks = [deflater.encode(BROWSER), deflater.encode(BROWSER), deflater.encode([*BROWSER, (b"x", b"y")])]
    found: list[list[Block]] = []
    for _ in range(6):
        one = decoder(shared)
        found.append([one.decode(block) for block in blocks])
        assert [pairs(block) for block in found[-1]] == [BROWSER, BROWSER, [*BROWSER, (b"x", b"y")]]
    assert found[1][0] is found[2][0] is found[3][0]
    assert found[0][0] is not found[1][0]
    assert [a is b for a, b in zip(found[4], found[5])] == [True] * 3
    assert shared.steps.steps == 3


def test_a_connection_knows_its_last_block_again_and_some_others(shared: Shared) -> None:
    one = decoder(shared)
    one.decode(literal(b"a", b"b") + literal(b"cookie", b"secret"))
    first, second = b"\x82\xbe", b"\x83\xbe"
    block = one.decode(first)
    assert one.decode(first) is block
    one.decode(second)
    block = one.decode(first)
    other = one.decode(second)
    for _ in range(3):
        assert one.decode(first) is block
        assert one.decode(second) is other


def test_what_a_connection_knows_is_forgotten_when_its_table_changes(shared: Shared) -> None:
    one = decoder(shared)
    one.decode(literal(b"a", b"b") + literal(b"cookie", b"secret"))
    for _ in range(3):
        assert pairs(one.decode(b"\xbf")) == [(b"a", b"b")]
        one.decode(b"\x82")
    assert one.own
    one.decode(literal(b"c", b"d"))
    assert pairs(one.decode(b"\xbf")) == [(b"cookie", b"secret")]
    assert pairs(one.decode(b"\xc0")) == [(b"a", b"b")]
    one.decode(b"\xbf")
    one.decode(b"\x20")
    assert not one.own
    assert one.known is None


def test_a_table_that_others_have_too_is_not_changed_under_them(shared: Shared) -> None:
    start = literal(b"a", b"b")
    for _ in range(3):
        decoder(shared).decode(start)
    one, other = decoder(shared), decoder(shared)
    assert one.decode(start) is other.decode(start)
    assert one.entries is other.entries
    one.decode(literal(b"c", b"d"))
    one.decode(literal(b"e", b"f"))
    assert pairs(other.decode(b"\xbe")) == [(b"a", b"b")]
    assert pairs(one.decode(b"\xbe\xbf\xc0")) == [(b"e", b"f"), (b"c", b"d"), (b"a", b"b")]


def test_a_block_with_a_size_update_is_shared_with_those_alone_that_allow_it(shared: Shared) -> None:
    large = b"\x3f\xe1\xff\x03"  # 65536
    for _ in range(3):
        block = Decoder(65536, 16384, shared).decode(large + literal(b"a", b"b"))
    assert Decoder(65536, 16384, shared).decode(large + literal(b"a", b"b")) is block
    with pytest.raises(Exception, match="SETTINGS"):
        decoder(shared).decode(large + literal(b"a", b"b"))


def test_a_decoder_that_waits_for_a_size_update_takes_nothing_from_others(shared: Shared) -> None:
    for _ in range(3):
        decoder(shared).decode(b"\x82")
    one = decoder(shared)
    one.decode(b"\x82")
    one.settle(100)
    with pytest.raises(Exception, match="size update"):
        one.decode(b"\x82")


def test_decoders_that_wait_for_the_same_size_update_share_it(shared: Shared) -> None:
    small, smaller = b"\x3f\x45" + literal(b"a", b"b"), b"\x3f\x44\x3f\x45" + literal(b"a", b"b")  # 100, 99
    for block in (small, smaller):
        found: list[Block] = []
        for _ in range(4):
            one = decoder(shared)
            one.settle(100)
            found.append(one.decode(block))
            assert one.room == 100
            assert pairs(one.decode(b"\xbe")) == [(b"a", b"b")]
        assert found[1] is found[2] is found[3]
    assert shared.steps.steps == len([step for state in states(shared) for step in state.seen]) == 4
    one = decoder(shared)
    one.settle(99)
    one.settle(100)
    with pytest.raises(Exception, match="smallest"):
        one.decode(small)
    one = decoder(shared)
    one.settle(99)
    one.settle(100)
    assert one.decode(smaller) is found[3]


def test_literals_are_the_same_fields_on_all_connections(shared: Shared) -> None:
    """Where blocks differ: each has a path of its own."""
    agents = []
    for i in range(5):
        deflater = Deflater()
        block = decoder(shared).decode(deflater.encode([(b":path", b"/%d" % i), *BROWSER[4:]]))
        agents.append(block.fields[1])
    assert agents[2] is agents[3] is agents[4]
    assert coded(agents[4]) is coded(agents[2])


# Secrets.

SECRETS = {
    "a cookie": literal(b"cookie", b"s3cret"),
    "a cookie by index": b"\x60\x06s3cret",
    "a cookie, not indexed": b"\x0f\x11\x06s3cret",
    "a set-cookie": literal(b"set-cookie", b"s3cret"),
    "authorization": literal(b"authorization", b"s3cret"),
    "authorization by index": b"\x57\x06s3cret",
    "proxy-authorization": literal(b"proxy-authorization", b"s3cret"),
    "a field that may never be indexed": literal(b"x-token", b"s3cret", 0x10),
    "another one": b"\x14\x06s3cret",
    "a name that is one": literal(b"s3cret", b"", 0x10),
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_not_remembered_for_others(shared: Shared, name: str) -> None:
    """Neither is what connections send later, where the secret is in their table, nor what their names are."""
    blocks = [
        b"\x82" + literal(b"a", b"b"),
        SECRETS[name] + literal(b"c", b"d"),
        b"\x82\xbe",
        b"\xbf\xbe",
        literal(b"e", b"f"),
        b"\xbf\xc0\xbe",
    ]
    for _ in range(6):
        one = decoder(shared)
        found = [one.decode(block) for block in blocks]
        assert found[1].secret
        assert [block.secret for block in found[2:]] == [
            any(field.name in SECRET for field in block.fields) for block in found[2:]
        ]
    assert b"s3cret" not in remembered(shared)
    assert shared.steps.steps == 1
    assert found[0] is decoder(shared).decode(blocks[0])


def test_the_static_entries_of_secret_names_count_too(shared: Shared) -> None:
    for i, (name, _) in enumerate(STATIC):
        assert decoder(shared).decode(bytes([0x80 + i + 1])).secret == (name in SECRET), name


def test_two_connections_with_the_same_secret_block_know_nothing_of_each_other(shared: Shared) -> None:
    block = literal(b"cookie", b"s3cret", 0x10)
    for _ in range(3):
        one = decoder(shared)
        seen = [one.decode(block) for _ in range(3)]
        assert seen[0] is seen[1]
        assert not one.own  # the first sight of it: another connection's does not count
        one.decode(b"\x82")
        one.decode(block)
        assert block in one.own
        assert not shared.steps.steps or b"s3cret" not in remembered(shared)


def test_a_secret_goes_with_its_connection(shared: Shared) -> None:
    one = decoder(shared)
    for i in range(3):
        one.decode(literal(b"cookie", b"s3cret that goes %d" % i))
        one.decode(b"\xbe")
        one.decode(literal(b"x-token", b"s3cret that goes too", 0x10))
    secrets = (b"s3cret that goes %d" % 2, b"s3cret that goes too")
    assert {known for known in secrets for kept in gc.get_objects() if type(kept) is Field and kept.value == known}
    del one
    gc.collect()
    assert not [kept for kept in gc.get_objects() if type(kept) is Field and kept.value in secrets]


def test_nghttp2s_never_indexed_fields_are_secret(shared: Shared) -> None:
    block = decoder(shared).decode(Deflater().encode([(b"x", b"y")], NO_INDEX))
    assert block.secret


# Bounds.


def test_what_comes_once_takes_no_room(shared: Shared) -> None:
    for i in range(3000):
        decoder(shared).decode(literal(b"x", b"once %d" % i))
    assert (shared.steps.steps, shared.literals.count) == (0, 0)


@pytest.mark.parametrize("first", [0, 0x40])
def test_a_connection_has_a_quota(shared: Shared, first: int) -> None:
    """Both for blocks that leave the table as it is, and for literals that enter it."""
    blocks = [literal(b"x", b"%d" % i, first) for i in range(100)]
    one = decoder(shared)
    for _ in range(9):
        for block in blocks:
            one.decode(block)
    entered = shared.literals.count if first else shared.steps.steps
    assert (QUOTA - 100) // (ENTERED + 1) <= entered <= (QUOTA - 100) // ENTERED + 1
    other = decoder(shared)
    for _ in range(2):
        for block in blocks:
            other.decode(block)
    assert (shared.literals.count if first else shared.steps.steps) > entered


def hostile(shared: Shared, connections: int, seed: int) -> None:
    """Each connection sends ten blocks of its own, with and without indexing, twice; and so does another one."""
    draw = random.Random(seed)
    for _ in range(connections // 2):
        sent = [literal(b"h%d" % draw.randrange(10**9), b"v" * draw.randrange(100), draw.choice((0, 0x40)))
                for _ in range(10)]  # fmt: skip
        for _ in range(2):
            one = decoder(shared)
            for block in [*sent, *sent]:
                one.decode(block)


def test_hostile_clients_push_out_nothing_that_others_use(shared: Shared) -> None:
    shared.steps.most, shared.literals.most = 200, 100
    good = [Deflater().encode(BROWSER), Deflater().encode([*BROWSER, (b"x", b"y")])]
    for _ in range(3):
        for block in good:
            decoder(shared).decode(block)
    known = [decoder(shared).decode(block) for block in good]
    agent = known[0].fields[4]
    for turn in range(1, 6):
        hostile(shared, 300, turn)
        assert shared.steps.steps == 200
        assert shared.literals.count == 100
        assert [decoder(shared).decode(block) for block in good] == known
        fresh = decoder(shared).decode(Deflater().encode([(b":path", b"/%d" % turn), *BROWSER[4:]]))
        assert fresh.fields[1] is agent
        shared.age(turn * PERIOD)
    for turn in range(6, 9):  # the attack is over
        assert [decoder(shared).decode(block) for block in good] == known
        shared.age(turn * PERIOD)
    assert shared.steps.steps == 2


def test_bytes_are_bounded(shared: Shared) -> None:
    shared.steps.room = 20_000
    shared.literals.room = 5_000
    hostile(shared, 100, 0)
    assert 10_000 < shared.steps.bytes <= 20_000
    assert 2_500 < shared.literals.bytes <= 5_000
    assert shared.steps.bytes == sum(step.cost for state in states(shared) for step in state.seen.values())


def test_costs_are_what_is_really_used() -> None:
    """What the bounds count is no less than what the allocator says."""
    hostile(Shared(), 100, 1)
    tracemalloc.start()
    try:
        shared = Shared()
        before = tracemalloc.get_traced_memory()[0]
        hostile(shared, 200, 1)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert shared.steps.steps >= 200
    marks = 3 * sys.getsizeof(set(range(4096))) + 3 * 4096 * sys.getsizeof(1 << 60)
    assert used - marks < shared.steps.bytes + shared.literals.bytes


def test_what_is_not_used_for_a_period_goes(shared: Shared) -> None:
    deflater = Deflater()
    first, second, third = deflater.encode(BROWSER), deflater.encode([(b"a", b"b")]), deflater.encode([(b"c", b"d")])
    for _ in range(6):
        one = decoder(shared)
        for block in (first, second, third):
            one.decode(block)
    assert shared.steps.steps == 3
    shared.age(PERIOD)  # a look at what was used: all
    shared.age(PERIOD + 1)  # too soon for another
    assert shared.steps.steps == 3
    held = decoder(shared)
    held.decode(first)
    held.decode(second)
    held.decode(third)
    shared.age(2 * PERIOD)
    assert shared.steps.steps == 3
    held.decode(b"\x82")
    decoder(shared).decode(first)
    shared.age(3 * PERIOD)
    assert shared.steps.steps == 1
    shared.age(4 * PERIOD)
    assert (shared.steps.steps, shared.steps.bytes) == (0, 0)
    assert shared.steps.root.seen == {}
    for _ in range(4):  # who is in a state that was forgotten goes on
        assert pairs(held.decode(b"\xbe")) == [(b"c", b"d")]
        assert pairs(held.decode(literal(b"e", b"f"))) == [(b"e", b"f")]
        assert pairs(held.decode(b"\xbf")) == [(b"c", b"d")]
        held.decode(literal(b"c", b"d"))
    assert shared.steps.steps == 0


def test_a_step_stays_as_long_as_one_behind_it_is_used(shared: Shared) -> None:
    for _ in range(4):
        one = decoder(shared)
        one.decode(literal(b"a", b"b"))
        one.decode(b"\xbe")
    assert shared.steps.steps == 2
    for turn in range(1, 5):
        one.decode(b"\x82\xbe")
        one.decode(b"\xbe")
        shared.age(turn * PERIOD)
    assert shared.steps.steps >= 2
    shared.age(5 * PERIOD)
    assert shared.steps.steps == 0


def test_literals_that_are_used_stay(shared: Shared) -> None:
    raw = literal(b"x", b"y")
    for i in range(3):
        known = decoder(shared).decode(raw + literal(b"once", b"%d" % i)).fields[0]
    for turn in range(1, 5):
        shared.age(turn * PERIOD)
        assert decoder(shared).decode(raw + literal(b"once", b"a%d" % turn)).fields[0] is known
        assert shared.literals.count == 1
    for turn in range(5, 7):
        shared.age(turn * PERIOD)
    assert (shared.literals.count, shared.literals.bytes, shared.literals.get(raw)) == (0, 0, None)


def test_a_connection_keeps_little_for_itself(shared: Shared) -> None:
    one = decoder(shared)
    one.decode(literal(b"cookie", b"secret"))
    for i in range(100):
        for _ in range(2):
            for j in range(3):
                one.decode(literal(b"x", b"v" * 90 + b"%d" % (i * 3 + j), 0))
        assert len(one.own) <= 8
        assert one.own_bytes <= 8192
    assert one.own
    one.decode(literal(b"x", b"v" * 100) * 100)
    assert one.last == b""
