"""What goes through a chain of consumers, without a stream."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.consumers import (
    Doubling,
    Failing,
    Indifferent,
    Late,
    Lying,
    Multiplying,
    Noting,
    Resizing,
    Reversing,
    Satisfied,
    Sealing,
    Swallowing,
    Upper,
    doubled,
)

from pointsman.proto.consumer import PORTION, RESIZES, SEES, UNSEEN, BodyConsumer, BodyError
from pointsman.proto.message import Response, field
from pointsman.stream.bodies import BodyChain, resized_response

# Each kind of consumer, and what it makes of a whole body.
MEANT: dict[type[Noting], Callable[[bytes], bytes]] = {
    Noting: lambda body: body,
    Indifferent: lambda body: body,
    Upper: bytes.upper,
    Doubling: doubled,
    Swallowing: lambda body: b"",
    Late: lambda body: body,
    Sealing: lambda body: body + b"[end]",
    Reversing: lambda body: body[::-1],
}


def head(length: int = -1) -> Response:
    response = Response()
    response.status = 200
    response.length = length
    response.chunked = length < 0
    return response


def chain_of(*consumers: BodyConsumer, length: int = -1) -> BodyChain:
    chain = BodyChain()
    for one in consumers:
        chain.add(one)
    assert chain.begin(head(length), True) != UNSEEN
    return chain


def drawn(chain: BodyChain) -> list[bytes]:
    """All that it gives now."""
    found: list[bytes] = []
    while payload := chain.next():
        found.append(payload)
    return found


@given(
    st.lists(st.sampled_from(list(MEANT)), max_size=6),
    st.lists(st.binary(min_size=1, max_size=60), max_size=6),
    st.integers(0, 6),
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    st.booleans(),
)
def test_pieces_through_a_chain_are_the_whole_through_each_of_it(
    kinds: list[type[Noting]], pieces: list[bytes], large: int, turns: list[int], sized: bool
) -> None:
    """Whatever the pieces, and however few the side takes at a time."""
    if large < len(pieces):
        pieces[large] *= 2 * PORTION // len(pieces[large])
    whole = b"".join(pieces)
    kinds = [*kinds, Noting]
    consumers = [kind() for kind in kinds]
    chain = chain_of(*consumers, length=len(whole) if sized else -1)
    got: list[bytes] = []
    for number, piece in enumerate(pieces):
        chain.feed(piece)
        for _ in range(turns[number % len(turns)]):
            got.append(chain.next())
    chain.end([])
    got += drawn(chain)
    wanted = whole
    for kind in kinds:
        wanted = MEANT[kind](wanted)
    assert b"".join(got) == wanted
    assert chain.over and not chain.is_busy()


def test_each_is_told_once_and_in_order() -> None:
    consumers = [Noting(), Upper(), Doubling()]
    chain = chain_of(*consumers)
    assert not chain.is_busy()
    chain.feed(b"ab")
    assert chain.is_busy()
    assert drawn(chain) == [b"AABB"]
    assert not chain.is_busy() and not chain.over
    chain.end([field(b"x-one", b"1")])
    assert chain.is_busy()
    assert chain.next() == b"" and chain.over
    assert [(one.name, one.value) for one in chain.trailers] == [(b"x-one", b"1")]
    chain.abort()
    assert [one.told for one in consumers] == [["begin", "end"]] * 3


def test_trailers_pass_them_too() -> None:
    chain = chain_of(Sealing(), Noting(), Sealing())
    chain.end([])
    assert drawn(chain) == [b"[end]", b"[end]"]
    assert chain.over
    assert [one.name for one in chain.trailers] == [b"x-seal", b"x-seal"]


@pytest.mark.parametrize(
    "consumers, say",
    [
        ([Indifferent(), Indifferent()], UNSEEN),
        ([Indifferent(), Noting()], SEES),
        ([Noting(), Doubling(), Upper()], RESIZES),
    ],
)
def test_their_say(consumers: list[BodyConsumer], say: int) -> None:
    chain = BodyChain()
    for one in consumers:
        chain.add(one)
    assert chain.begin(head(10), True) == say
    assert len(chain.stages) == sum(not isinstance(one, Indifferent) for one in consumers)


def test_who_may_not_change_the_length_is_told() -> None:
    consumers = [Noting(), Doubling()]
    chain = BodyChain()
    for one in consumers:
        chain.add(one)
    assert chain.begin(head(10), False) == SEES
    assert consumers[1].told == ["begin, sized"]
    chain.feed(b"0123456789")
    assert drawn(chain) == [b"0123456789"]


def test_what_may_grow_is_fed_in_portions() -> None:
    """So of a large piece no more lies between two of them than the first makes of a portion."""
    first, second = Doubling(), Doubling()
    chain = chain_of(first, second)
    chain.feed(bytes(1_000_000))
    assert len(chain.next()) == 2 * PORTION
    assert first.fed == PORTION and second.fed == PORTION
    assert sum(map(len, drawn(chain))) == 4_000_000 - 2 * PORTION
    assert first.largest == second.largest == PORTION


def test_one_that_multiplies_gives_on_demand() -> None:
    first, last = Multiplying(1_000_000), Noting()
    chain = chain_of(first, last)
    chain.feed(b"y" * 40)
    for _ in range(10):
        assert chain.next() == b"x" * PORTION
    assert last.fed == 10 * PORTION
    assert chain.is_busy() and first.owed == 40_000_000 - 10 * PORTION


def test_one_that_has_seen_enough_sees_no_more() -> None:
    one = Satisfied(5)
    chain = chain_of(one)
    chain.feed(b"abc")
    assert drawn(chain) == [b"abc"] and not chain.passes()
    chain.feed(b"def")
    assert not chain.passes(), "the second piece is still to be given"
    assert drawn(chain) == [b"def"] and chain.passes()
    chain.feed(b"ghi")
    assert drawn(chain) == [b"ghi"]
    chain.end([])
    assert chain.next() == b"" and chain.over
    chain.abort()
    assert one.fed == 6 and one.told == ["begin"]


def test_a_chain_in_which_others_have_changed_the_number_of_bytes_does_not_pass() -> None:
    """Its length is checked to the end."""
    chain = chain_of(Lying(-2), Satisfied(1), length=6)
    chain.stages[0].consumer.finished = False
    chain.feed(b"abcd")
    assert drawn(chain) == [b"cd"]
    chain.stages[0].consumer.finished = True
    assert not chain.passes()
    chain.feed(b"ef")
    chain.end([])
    assert chain.next() == b"ef"
    with pytest.raises(BodyError):
        chain.next()


@pytest.mark.parametrize("by", [-1, 1])
def test_who_says_that_the_length_stays_is_held_to_it(by: int) -> None:
    chain = chain_of(Lying(by), length=4)
    chain.feed(b"abcd")
    chain.end([])
    with pytest.raises(BodyError):
        drawn(chain)


def test_who_expects_more_is_told_that_it_does_not_come() -> None:
    before, fails, behind = Noting(), Failing(3), Noting()
    chain = chain_of(before, fails, behind)
    chain.feed(b"abc")
    assert drawn(chain) == [b"abc"]
    chain.feed(b"d")
    with pytest.raises(BodyError):
        chain.next()
    chain.abort()
    chain.abort()
    assert [one.told for one in (before, fails, behind)] == [["begin", "abort"]] * 3


def test_a_chain_that_was_never_asked_is_told_as_well() -> None:
    one = Noting()
    chain = BodyChain()
    chain.add(one)
    chain.abort()
    assert one.told == ["abort"]


def test_one_that_comes_later_is_behind_the_others() -> None:
    late = Noting()
    chain = chain_of(Doubling())
    chain.add(late)
    chain.feed(b"ab")
    assert drawn(chain) == [b"aabb"]
    assert late.fed == 4 and late.told == []


def test_a_resized_head_leaves_the_received_one_alone() -> None:
    """That one may serve as model for those that follow (proto/shape.py)."""
    received = head(10)
    received.fields = [field(b"content-length", b"10"), field(b"x-a", b"b")]
    made = resized_response(received, True)
    assert (made.length, made.chunked, made.status, made.fields) == (-1, True, 200, received.fields)
    assert (received.length, received.chunked) == (10, False)
    assert set(vars_of(made)) == set(vars_of(received))
    differing = {name for name, value in vars_of(made).items() if vars_of(received)[name] != value}
    assert differing == {"length", "chunked"}


def vars_of(response: Response) -> dict[str, object]:
    """Its attributes (a compiled class has no __dict__)."""
    found = {name: getattr(response, name) for name in dir(response) if not name.startswith("_")}
    return {name: value for name, value in found.items() if not callable(value)}


def test_a_consumer_that_may_resize_and_does_not_costs_no_byte() -> None:
    chain = chain_of(Resizing())
    chain.feed(b"abc")
    chain.end([])
    assert drawn(chain) == [b"abc"] and chain.over
