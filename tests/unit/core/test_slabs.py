"""Slabs, those of C and the plain ones: entries, references, pins, programs, expiry, lists and changes."""

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.core import slab_program as ops
from pointsman.core.slab_program import op
from pointsman.core.slabs import BUILT, Slab
from tests.support.slabs import BUSY, KINDS, PLAIN, contents, copy_of, hang, in_children, insist, sound

NOW = 1_000_000
LIVES = 1_000  # ms, of entries that are not about expiry


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__module__.rpartition(".")[2])
def kind(request: pytest.FixtureRequest) -> type[Slab]:
    found = request.param
    assert isinstance(found, type)
    return found


def test_a_key_has_one_entry_with_data_of_its_own(kind: type[Slab]) -> None:
    slab = kind(8, 16, 12, 2)
    one = slab.enter(b"one", 1, LIVES)
    assert slab.last_was_new
    other = slab.enter(b"", 1, LIVES)
    assert one > 0 < other
    assert slab.enter(b"one", 5, LIVES) == one
    assert not slab.last_was_new
    assert slab.data(one) == bytes(12)
    assert slab.write(one, 3, b"abc")
    assert slab.data(one) == b"\0\0\0abc" + bytes(6)
    assert slab.data(other) == bytes(12)
    assert (slab.find(b"one", 5), slab.find(b"", 5), slab.find(b"two", 5)) == (one, other, 0)
    assert slab.entry(other) == (other, b"", 1 + LIVES, 0, bytes(12), 0)
    assert (slab.used, slab.size) == (2, 8)


def test_keys_of_all_lengths_and_bytes(kind: type[Slab]) -> None:
    slab = kind(300, 40, 0, 1)
    keys = [bytes([length]) * length for length in range(41)] + [bytes(n) for n in range(2, 41)]
    refs = [slab.enter(key, 1, 0) for key in keys]
    assert len(set(refs)) == len(keys) == slab.used
    assert [slab.find(key, 1) for key in keys] == refs
    with pytest.raises(ValueError, match="too long"):
        slab.find(bytes(41), 1)
    with pytest.raises(ValueError, match="too long"):
        slab.enter(bytes(41), 1, 0)


def test_a_reference_to_what_was_dropped_is_stale(kind: type[Slab]) -> None:
    slab = kind(1, 8, 8, 2)
    gone = slab.enter(b"a", 1, LIVES)
    assert slab.remove(b"a")
    assert not slab.remove(b"a")
    new = slab.enter(b"a", 1, LIVES)
    assert new != gone
    for _ in range(2):
        assert not slab.touch(gone, 1, 1)
        assert not slab.pin(gone)
        assert not slab.unpin(gone)
        assert not slab.current_add(gone, 1)
        assert not slab.apply(gone, op(ops.ADD1_32), 1, 1)
        assert not slab.write(gone, 0, b"x")
        assert not slab.remove(gone)
        assert slab.pins(gone) == slab.current(gone) == slab.read32(gone, 0) == slab.read64(gone, 0) == -1
        assert slab.apply_read(gone, op(ops.ADD1_32), 1, 1, op(ops.READ_32)) == -1
        assert slab.data(gone) == b""
        assert slab.entry(gone) is None
        gone = (1 << 63) - 1  # a reference to nothing at all
    assert slab.entry(new) == (new, b"a", 1 + LIVES, 0, bytes(8), 0)
    assert slab.remove(new)
    assert slab.used == 0


def test_time_is_up_at_the_expiry_and_not_before(kind: type[Slab]) -> None:
    slab = kind(4, 8, 4, 1)
    ref = slab.enter(b"a", 100, 50)
    assert slab.find(b"a", 149) == ref
    assert slab.find(b"a", 150) == 0
    assert slab.apply(ref, op(ops.ADD1_32), 1, 149)
    assert slab.find(b"a", 149) == ref  # looking does not drop it
    anew = slab.enter(b"a", 150, 20)
    assert slab.last_was_new
    assert slab.enter(b"a", 160, 40) == anew
    assert slab.find(b"a", 199) == anew
    assert slab.find(b"a", 200) == 0
    assert anew != ref
    assert slab.read32(anew, 0) == 0
    assert slab.touch(anew, 190, 30)
    assert slab.find(b"a", 219) == anew
    assert slab.find(b"a", 220) == 0
    assert slab.touch(anew, 219, 0)  # for ever
    assert slab.find(b"a", 1 << 41) == anew
    assert slab.entry(anew) == (anew, b"a", 0, 0, bytes(4), 0)
    assert slab.apply(anew, op(ops.TOUCH, 0, 7), 0, 1000)
    assert slab.read(anew, op(ops.READ_EXPIRY), 0) == 1007


def test_the_one_whose_time_is_up_next_makes_room(kind: type[Slab]) -> None:
    slab = kind(3, 8, 0, 1)
    for key, life in ((b"long", 300), (b"short", 100), (b"middle", 200)):
        slab.enter(key, 1, life)
    slab.enter(b"new", 1, 250)
    assert set(contents(slab)) == {b"long", b"middle", b"new"}
    assert slab.touch(slab.find(b"middle", 1), 1, 500)
    slab.enter(b"newer", 1, 260)
    assert set(contents(slab)) == {b"long", b"middle", b"newer"}
    assert slab.touch(slab.find(b"long", 1), 1, 5)  # earlier than it was
    slab.enter(b"newest", 1, 1)
    assert set(contents(slab)) == {b"middle", b"newer", b"newest"}
    sound(slab)


def test_of_one_millisecond_and_of_those_that_live_for_ever_the_first_one_goes(kind: type[Slab]) -> None:
    for life in (0, 10):
        slab = kind(3, 8, 0, 1)
        for key in (b"a", b"b", b"c"):
            slab.enter(key, 1, life)
        slab.touch(slab.find(b"a", 1), 1, life)
        slab.enter(b"d", 1, life)
        assert set(contents(slab)) == {b"a", b"c", b"d"}
        slab.enter(b"e", 1, life)
        assert set(contents(slab)) == {b"a", b"d", b"e"}
    slab = kind(2, 8, 0, 1)
    slab.enter(b"for ever", 1, 0)
    slab.enter(b"not", 1, 1 << 40)
    slab.enter(b"new", 1, 0)
    assert set(contents(slab)) == {b"for ever", b"new"}


def test_a_full_table_may_refuse_but_not_for_what_is_over(kind: type[Slab]) -> None:
    slab = kind(2, 8, 0, 1)
    slab.enter(b"a", 1, 50)
    slab.enter(b"b", 1, 100)
    assert slab.enter(b"c", 50, 100, False) == 0
    assert not slab.last_was_new
    assert set(contents(slab)) == {b"a", b"b"}
    assert slab.enter(b"b", 50, 51, False) == slab.find(b"b", 50) > 0
    assert slab.enter(b"c", 51, 100, False) > 0
    assert set(contents(slab)) == {b"b", b"c"}


@settings(deadline=None)
@given(st.integers(1, 1 << 30), st.integers(1, 300), st.integers(0, 300), st.integers(1, 256))
def test_both_kinds_lay_the_same_out(entries: int, key_size: int, data_size: int, slots: int) -> None:
    assert len({kind.size_for(entries, key_size, data_size, slots) for kind in KINDS}) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5_000), st.integers(3, 40), st.integers(0, 40), st.integers(1, 9))
def test_entries_of_all_sizes_stand_side_by_side(entries: int, key_size: int, data_size: int, slots: int) -> None:
    for kind in KINDS:
        slab = kind(entries, key_size, data_size, slots)
        slab.slot = slots - 1
        numbers = range(min(entries, 30))
        keys = [bytes([number]) * (3 + number % (key_size - 2)) for number in numbers]
        refs = [slab.enter(key, 1, 0, True, op(ops.CURRENT_UP), 0) for key in keys]
        for number, ref in zip(numbers, refs, strict=True):
            slab.write(ref, 0, bytes([255 - number]) * data_size)
        expected = {key: bytes([255 - number]) * data_size for number, key in zip(numbers, keys, strict=True)}
        assert contents(slab) == expected
        assert [slab.current(ref) for ref in refs] == [1] * len(refs)
        sound(slab)


def test_what_is_pinned_stays(kind: type[Slab]) -> None:
    slab = kind(2, 8, 0, 3)
    one, other = slab.enter(b"one", 1, 10), slab.enter(b"other", 1, 20)
    assert slab.pin(one)
    slab.slot = 2
    assert slab.pin(one)
    assert slab.pin(other)
    assert (slab.pins(one), slab.pins(other)) == (2, 1)
    assert slab.enter(b"new", 1, 10) == 0  # everything there is pinned
    assert slab.find(b"one", 5000) == one
    assert slab.enter(b"one", 5000, 10) == one
    slab.expire(5000)
    assert slab.used == 2
    assert not slab.remove(b"one")
    assert not slab.remove(one)
    assert slab.clear() == 0
    assert slab.unpin(one)
    assert not slab.unpin(one)  # this slot has none of it left
    assert slab.pins(one) == 1
    slab.slot = 0
    assert slab.unpin(one)
    assert slab.find(b"one", 5009) == one
    assert slab.find(b"one", 5010) == 0
    new = slab.enter(b"new", 5010, 10)
    assert set(contents(slab)) == {b"other", b"new"}
    assert slab.remove(other, True)
    assert slab.pin(new)
    assert slab.clear(True) == 1
    assert slab.used == 0
    sound(slab)


def test_gauges_of_all_slots_are_added_up(kind: type[Slab]) -> None:
    slab = kind(2, 8, 0, 3)
    ref = slab.enter(b"a", 1, 10)
    for slot, delta in ((0, 5), (1, 3), (2, -2)):
        slab.slot = slot
        assert slab.current_add(ref, delta)
    assert slab.current(ref) == 6
    assert slab.apply_read(ref, op(ops.CURRENT_UP) + op(ops.CURRENT_UP), 0, 1, op(ops.READ_CURRENT)) == 8
    assert slab.apply_read(ref, op(ops.CURRENT_DOWN), 0, 1, op(ops.READ_CURRENT)) == 7
    assert slab.apply_read(ref, op(ops.CURRENT_SET), 2, 1, op(ops.READ_CURRENT)) == 2
    slab.release_slot(0)
    assert slab.current(ref) == 0  # -3 at this moment, of the others
    slab.release_slot(2)
    assert slab.current(ref) == 3
    assert slab.entry(ref) == (ref, b"a", 11, 0, b"", 3)
    for wrong in (-1, 3):
        with pytest.raises(IndexError):
            slab.slot = wrong
    assert slab.slot == 2


PROGRAM = op(ops.ADD1_32, 0) + op(ops.ADD_32, 4) + op(ops.ADD_64, 8) + op(ops.ADD1_64, 16) + op(ops.PIN)


def test_programs_change_several_cells_at_once_and_counters_wrap(kind: type[Slab]) -> None:
    slab = kind(2, 8, 24, 1)
    ref = slab.enter(b"a", 1, 10, True, PROGRAM, 7)
    assert slab.apply(ref, PROGRAM, (1 << 40) + 1, 1)
    cells = slab.read32(ref, 0), slab.read32(ref, 4), slab.read64(ref, 8), slab.read64(ref, 16), slab.pins(ref)
    assert cells == (2, 8, (1 << 40) + 8, 2, 2)
    assert slab.apply(ref, op(ops.SET_32, 0) + op(ops.SET_64, 8), -1, 1)
    assert (slab.read32(ref, 0), slab.read64(ref, 8)) == ((1 << 32) - 1, (1 << 64) - 1)
    assert slab.apply(ref, PROGRAM, 1, 1)
    assert (slab.read32(ref, 0), slab.read64(ref, 8)) == (0, 0)
    assert slab.apply_read(ref, op(ops.ADD_32, 4) + op(ops.UNPIN), -9, 1, op(ops.READ_32, 4)) == 0
    assert slab.read(ref, op(ops.READ_PINS), 1) == 2
    assert slab.find_read(b"a", op(ops.READ_64, 16), 1) == 3
    assert slab.find_read(b"b", op(ops.READ_64, 16), 1) == -1


@pytest.mark.parametrize(
    "program",
    [
        *(b"x", op(0), op(16), op(ops.READ_32), op(ops.ADD_32, 21), op(ops.ADD_64, 17), op(ops.RATE, 16, 5)),
        *(op(ops.RATE, 0, 0), op(ops.SET_64, 65535), op(ops.PIN) * 65, op(ops.PIN)[:-1], op(255)),
    ],
)
def test_programs_that_do_not_fit_the_data_do_nothing(kind: type[Slab], program: bytes) -> None:
    slab = kind(2, 8, 24, 1)
    ref = slab.enter(b"a", 1, 10)
    before = slab.change
    for run in (
        lambda: slab.apply(ref, op(ops.ADD1_32) + program, 1, 1),
        lambda: slab.enter(b"b", 1, 10, True, op(ops.ADD1_32) + program, 1),
        lambda: slab.apply_read(ref, op(ops.ADD1_32) + program, 1, 1, op(ops.READ_32)),
    ):
        with pytest.raises(ValueError, match="program"):
            run()
    for what in (b"", op(ops.PIN), op(ops.READ_64, 17), op(ops.READ_RATE, 0, 0), op(ops.READ_32) * 2, op(39)):
        with pytest.raises(ValueError, match="read"):
            slab.read(ref, what, 1)
    assert (slab.change, slab.used, slab.data(ref)) == (before, 1, bytes(24))


def test_what_is_no_time_or_no_place_is_refused(kind: type[Slab]) -> None:
    slab = kind(2, 8, 4, 1)
    ref = slab.enter(b"a", 1, 10)
    for wrong in (-1, 1 << 42, 1 << 70):
        with pytest.raises(OverflowError):
            slab.find(b"a", wrong)
        with pytest.raises(OverflowError):
            slab.enter(b"a", 1, wrong)
        with pytest.raises(OverflowError):
            slab.touch(ref, wrong, 1)
    for offset, data in ((-1, b""), (5, b""), (4, b"x"), (0, b"12345")):
        with pytest.raises(ValueError, match="no such bytes"):
            slab.write(ref, offset, data)
    for arguments in ((0, 1, 1, 1), (1, 0, 1, 1), (1, 1, -1, 1), (1, 1, 1, 0), (1, 1, 1, 257), (1, 65536, 0, 1)):
        with pytest.raises(ValueError, match="no slab of that size"):
            kind(*arguments)
    assert slab.data(ref) == bytes(4)


class Rate:
    """HAProxy's frequency counter, as its manual says it: the events of the last period are those of this one and the
    share of the one before that still reaches into it."""

    def __init__(self, period: int) -> None:
        self.period = period
        self.began: int | None = None
        self.current = self.previous = 0

    def turn(self, now: int) -> None:
        if self.began is None or now - self.began >= 2 * self.period:
            self.began, self.current, self.previous = now, 0, 0
        elif now - self.began >= self.period:
            self.began, self.current, self.previous = self.began + self.period, 0, self.current

    def rate(self, now: int) -> int:
        if self.began is None or now - self.began >= 2 * self.period:
            return 0
        current, previous, elapsed = self.current, self.previous, now - self.began
        if elapsed >= self.period:
            current, previous, elapsed = 0, current, elapsed - self.period
        if not current and previous == 1:
            return 1  # as Debian's haproxy shows it
        return current + math.floor(previous * (self.period - elapsed) / self.period)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 5_000),
    st.integers(1, 1 << 41),
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 50)), max_size=40),
)
def test_rates_have_two_periods(period: int, start: int, events: list[tuple[int, int]]) -> None:
    for kind in KINDS:
        slab, model, now = kind(1, 1, 20, 1), Rate(period), start
        ref = slab.enter(b"a", now, 0)
        assert slab.read_rate(ref, 4, period, now) == 0
        for passed, amount in events:
            now += passed
            assert slab.read_rate(ref, 4, period, now) == model.rate(now)
            model.turn(now)
            model.current += amount
            assert slab.apply_read(ref, op(ops.RATE, 4, period), amount, now, op(ops.READ_RATE, 4, period)) == (
                model.rate(now)
            )
        assert slab.read32(ref, 0) == slab.read32(ref, 16) == 0


def test_rates_fade_as_they_do_in_haproxy(kind: type[Slab]) -> None:
    """Debian's haproxy 2.6 and haproxy 3.2, asked every 300 ms after so many requests at once, with a period of 3 s."""
    shown = {
        1: [1] * 20 + [0, 0],
        2: [2] * 10 + [1] * 5 + [0] * 7,
        4: [4] * 10 + [3] * 3 + [2] * 2 + [1] * 3 + [0] * 4,
    }
    for count, expected in shown.items():
        slab = kind(1, 1, 12, 1)
        ref = slab.enter(b"a", NOW, 0, True, op(ops.RATE, 0, 3_000), count)
        assert [slab.read_rate(ref, 0, 3_000, NOW + 300 * i + 10) for i in range(22)] == expected


def test_a_clock_that_is_a_little_behind_does_not_forget(kind: type[Slab]) -> None:
    slab = kind(1, 1, 12, 1)
    ref = slab.enter(b"a", 100_000, 0, True, op(ops.RATE1, 0, 1000), 0)
    assert slab.apply(ref, op(ops.RATE1, 0, 1000), 0, 99_500)
    assert slab.read_rate(ref, 0, 1000, 99_400) == slab.read_rate(ref, 0, 1000, 100_100) == 2
    assert slab.apply(ref, op(ops.RATE_SET, 0, 1000), 9, 100_200)
    assert slab.read_rate(ref, 0, 1000, 100_200) == 9
    assert slab.read_rate(ref, 0, 1000, 101_700) == 4


def test_expiry_takes_what_is_over_in_slices(kind: type[Slab]) -> None:
    count = 6_000 if kind is not PLAIN else 5_000
    slab = kind(count, 8, 4, 2)
    assert slab.shards > 1
    for number in range(count):
        slab.enter(b"%d" % number, number, 10_000)
    assert slab.expire(9_999) == 0
    assert slab.expire(10_499, 100) == 100
    assert slab.used == count - 100
    while slab.expire(10_499) == 64:
        pass
    assert slab.used == count - 500
    assert set(contents(slab)) == {b"%d" % number for number in range(500, count)}
    while slab.expire(1 << 40) == 64:
        pass
    assert slab.used == 0
    sound(slab)


def test_a_large_table_holds_exactly_its_size_and_drops_about_the_oldest(kind: type[Slab]) -> None:
    size = 9_000 if kind is not PLAIN else 4_200
    slab = kind(size, 8, 0, 1)
    for number in range(size):
        slab.enter(b"%d" % number, number, 1_000_000)
    assert slab.used == len(contents(slab)) >= size - 50  # hardly any shard was full before the table was
    for number in range(size, size + size // 3):
        slab.enter(b"%d" % number, number, 1_000_000)
    assert size - 50 <= slab.used <= size
    kept = {int(key) for key in contents(slab)}
    assert len(kept) == slab.used
    assert set(range(size, size + size // 3)) <= kept
    assert len(kept & set(range(size * 2 // 3, size))) > size // 3 * 0.98
    sound(slab)


def test_lists_have_each_entry_once_whatever_happens_meanwhile(kind: type[Slab]) -> None:
    count = 5_000 if kind is not PLAIN else 4_200
    slab = kind(count, 8, 0, 1)
    for number in range(count - 300):
        slab.enter(b"%d" % number, 1, 0)
    seen: list[bytes] = []
    cursor, calls = 0, 0
    while True:
        cursor, found = slab.items(cursor, 50)
        seen += [one[1] for one in found]
        assert len(found) <= 50
        calls += 1
        slab.enter(b"n%d" % calls, 1, 0)
        slab.remove(b"%d" % (calls * 3))
        slab.touch(slab.find(b"%d" % (calls * 5), 1), 1, 0)
        if not cursor:
            break
    assert calls >= (count - 400) // 50
    assert len(seen) == len(set(seen))
    removed = {b"%d" % (number * 3) for number in range(1, calls + 1)}
    assert {b"%d" % number for number in range(count - 300)} - removed <= set(seen)


def changes(slab: Slab, number: int) -> tuple[int, dict[bytes, int]]:
    """All since then, in the order told."""
    told: dict[bytes, int] = {}
    while number < slab.change:
        number, found = slab.changed_since(number, 7)
        assert number >= 0
        for ref, change in found:
            one = slab.entry(ref)
            assert one is not None
            told.pop(one[1], None)
            told[one[1]] = change
    return number, told


def test_what_has_changed_since_is_told_once_in_order(kind: type[Slab]) -> None:
    slab = kind(50, 8, 4, 1)
    refs = {key: slab.enter(key, 1, 0) for key in (b"a", b"b", b"c", b"d", b"e")}
    since, told = changes(slab, 0)
    assert list(told) == list(refs)
    assert since == slab.change
    assert changes(slab, since) == (since, {})
    slab.apply(refs[b"c"], op(ops.ADD1_32), 0, 1)
    slab.write(refs[b"a"], 0, b"x")
    slab.apply(refs[b"c"], op(ops.ADD1_32), 0, 1)
    slab.touch(refs[b"b"], 1, 5)
    slab.apply(refs[b"e"], op(ops.PIN), 0, 1)
    slab.pin(refs[b"d"])
    slab.remove(b"a")
    since, told = changes(slab, since)
    assert list(told) == [b"c", b"b"]
    assert told[b"c"] < told[b"b"] == since == slab.change
    assert slab.read(refs[b"b"], op(ops.READ_CHANGE), 1) == since
    for _ in range(33):
        slab.current_add(refs[b"e"], 1)
    assert slab.changed_since(since) == (-1, [])
    assert slab.changed_since(slab.change + 1) == (-1, [])
    assert list(changes(slab, since + 1)[1]) == [b"e"]


def test_slots_are_claimed_and_given_back(kind: type[Slab], request: pytest.FixtureRequest) -> None:
    slab = kind(4, 8, 0, 3)
    mine = os.getpid()
    assert slab.claim_slot(mine) == 0
    dead = os.fork()
    if not dead:
        os._exit(0)
    os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
    request.addfinalizer(lambda: os.waitpid(dead, 0))  # until then it is one that has ended, but is still there
    assert slab.claim_slot(dead) == 1
    assert slab.claim_slot(os.getppid()) == 2
    assert [slab.slot_of(one) for one in (mine, dead, os.getppid(), 0, 1 << 30)] == [0, 1, 2, -1, -1]
    slab.slot = 1
    ref = slab.enter(b"a", 1, 0, True, op(ops.PIN) + op(ops.CURRENT_UP), 0)
    slab.slot = 0
    assert (slab.pins(ref), slab.current(ref)) == (1, 1)
    assert slab.claim_slot(mine) == 1  # of the dead one
    assert (slab.pins(ref), slab.current(ref)) == (0, 0)
    with pytest.raises(MemoryError):
        slab.claim_slot(mine)
    assert not slab.release_slot(2, mine)
    assert slab.release_slot(2, os.getppid())
    assert slab.claim_slot(mine) == 2
    for wrong in (0, -1, 1 << 31):
        with pytest.raises((ValueError, OverflowError)):
            slab.claim_slot(wrong)


def test_what_dead_processes_had_is_given_back_whoever_finds_them(kind: type[Slab]) -> None:
    slab = kind(4, 8, 0, 4)
    slab.slot = slab.claim_slot(os.getpid())
    ref = slab.enter(b"a", 1, 0, True, op(ops.PIN) + op(ops.CURRENT_UP), 0)
    assert slab.release_dead() == 0

    def track(lane: int) -> None:
        slab.slot = slab.claim_slot(os.getpid())
        assert insist(partial(slab.apply, ref, op(ops.PIN) + op(ops.CURRENT_UP), 0, 1))

    in_children(3, track)
    assert (slab.pins(ref), slab.current(ref)) == (4, 4)
    assert slab.release_dead() == 3
    assert (slab.pins(ref), slab.current(ref)) == (1, 1)
    assert slab.release_dead() == 0
    assert slab.slot_of(os.getpid()) == 0


def test_the_next_generation_maps_the_same_memory(kind: type[Slab]) -> None:
    layout = (100, 8, 16, 2)
    fd = os.memfd_create("slab", os.MFD_CLOEXEC)
    assert not kind.fits(fd, *layout)
    os.ftruncate(fd, kind.size_for(*layout))
    assert not kind.fits(fd, *layout)
    one = kind(*layout, fd)
    ref = one.enter(b"a", 1, 10, True, op(ops.ADD1_32), 0)
    assert kind.fits(fd, *layout)
    other = kind(*layout, fd=fd)
    assert other.find(b"a", 1) == ref
    assert other.apply(ref, op(ops.ADD1_32), 0, 1)
    assert one.read32(ref, 0) == 2
    for i in range(4):
        wrong = tuple(value + (i == place) for place, value in enumerate(layout))
        assert not kind.fits(fd, *wrong)
        with pytest.raises(ValueError, match=r"another slab|too short"):
            kind(*wrong, fd)
    os.close(fd)
    with pytest.raises(OSError):
        kind(*layout, fd)
    assert not kind.fits(fd, *layout)
    assert other.enter(b"b", 1, 10) == one.find(b"b", 1) > 0


def test_entries_that_were_never_used_take_no_memory() -> None:
    layout = (1_000_000, 16, 64, 6)
    fd = os.memfd_create("slab", os.MFD_CLOEXEC)
    os.ftruncate(fd, Slab.size_for(*layout))
    slab = Slab(*layout, fd)
    for number in range(50):
        slab.enter(b"%d" % number, 1, 10)
    assert os.fstat(fd).st_size > 150_000_000
    assert os.fstat(fd).st_blocks * 512 < 2_000_000
    os.close(fd)


def test_processes_count_together(kind: type[Slab]) -> None:
    slab = kind(64, 8, 24, 4)
    rounds = 20_000 if kind is not PLAIN else 100
    program = op(ops.ADD1_32) + op(ops.ADD_64, 8) + op(ops.CURRENT_UP)

    def work(lane: int) -> None:
        slab.slot = lane
        for number in range(rounds):
            assert insist(partial(slab.enter, b"key%d" % (number % 5), 1, 0, True, program, 3))

    in_children(4, work)
    expected = [(4 * rounds // 5, 12 * rounds // 5, 4 * rounds // 5)] * 5
    refs = [slab.find(b"key%d" % n, 1) for n in range(5)]
    assert [(slab.read32(ref, 0), slab.read64(ref, 8), slab.current(ref)) for ref in refs] == expected
    assert slab.change == 4 * rounds + 5
    sound(slab)


def test_processes_that_evict_each_others_entries_break_nothing(kind: type[Slab]) -> None:
    slab = kind(8, 8, 4, 4)
    rounds = 20_000 if kind is not PLAIN else 150
    in_children(4, lambda lane: _disturb(slab, lane, rounds))
    sound(slab)
    assert all(int.from_bytes(data, "little") == int(key) for key, data in contents(slab).items())
    for ref in [one[0] for one in slab.items(0)[1]]:
        assert slab.pins(ref) == 0


def _disturb(slab: Slab, lane: int, rounds: int) -> None:
    slab.slot = lane
    for number in range(rounds):
        key = b"%d" % (number * (lane + 3) % 19)
        with suppress(*BUSY):
            if number % 7 == 6:
                slab.remove(key)
            elif number % 5 == 4:
                slab.touch(slab.find(key, number + 1), number + 5, 9)
            elif number % 11 == 3:
                slab.expire(number)
        now = number + 1
        if ref := insist(partial(slab.enter, key, now, 9, True, op(ops.PIN) + op(ops.SET_32), int(key))):
            assert insist(partial(slab.read32, ref, 0)) == int(key)
            assert insist(partial(slab.unpin, ref))


def test_a_limit_read_under_the_same_lock_is_not_exceeded(kind: type[Slab]) -> None:
    """Whoever gets a number up to the limit may go on: that is exactly the limit, however many ask at once."""
    slab = kind(4, 8, 4, 4)
    allowed = kind(4, 8, 4, 4)
    limit = 5_000 if kind is not PLAIN else 100
    ref, sums = slab.enter(b"a", 1, 0), allowed.enter(b"a", 1, 0)

    def work(lane: int) -> None:
        slab.slot = allowed.slot = lane
        for _ in range(limit):
            if insist(lambda: slab.apply_read(ref, op(ops.ADD1_32), 1, 1, op(ops.READ_32))) <= limit:
                insist(lambda: allowed.apply(sums, op(ops.ADD1_32), 0, 1))

    in_children(4, work)
    assert allowed.read32(sums, 0) == limit
    assert slab.read32(ref, 0) == 4 * limit


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["enter", "enter", "enter", "refuse", "find", "touch", "pin", "unpin", "apply", "remove", "expire", "clear"]
        ),
        st.sampled_from([b"", b"a", b"b", b"key", b"12345678", b"123456789", b"x" * 20]),
        st.integers(0, 30),
        st.integers(0, 5),
    ),
    max_size=80,
)


def step(slab: Slab, verb: str, key: bytes, life: int, now: int) -> object:
    """One of the random steps, and what came of it."""
    ref = slab.find(key, now)
    works: dict[str, Callable[[], object]] = {
        "enter": lambda: (slab.enter(key, now, life), slab.last_was_new),
        "refuse": lambda: slab.enter(key, now, life, False),
        "find": lambda: slab.entry(ref),
        "touch": lambda: slab.touch(ref, now, life),
        "pin": lambda: slab.pin(ref),
        "unpin": lambda: slab.unpin(ref),
        "apply": lambda: slab.apply_read(ref, op(ops.RATE, 0, 7), life, now, op(ops.READ_RATE, 0, 7)),
        "remove": lambda: slab.remove(key, life > 25),
        "expire": lambda: slab.expire(now, life),
        "clear": slab.clear,
    }
    return works[verb](), slab.used, slab.change, slab.items(0), slab.changed_since(max(slab.change - 5, 0))


@pytest.mark.skipif(not BUILT, reason="an extension was not built")
@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(1, 6))
def test_both_kinds_do_the_same(steps: list[tuple[str, bytes, int, int]], room: int) -> None:
    plain, compiled = copy_of(PLAIN, room), copy_of(Slab, room)
    now = 1
    for verb, key, life, passed in steps:
        now += passed
        assert step(compiled, verb, key, life, now) == step(plain, verb, key, life, now)
    sound(plain)
    sound(compiled)


class Model:
    """A dictionary with the same rules: expiry, who came first, pins."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.entries: dict[bytes, list[int]] = {}  # expiry (0: never), when it was touched, pins
        self.clock = 0

    def live(self, key: bytes, now: int) -> bool:
        found = self.entries.get(key)
        return found is not None and not (0 < found[0] <= now and not found[2])

    def touch(self, key: bytes, now: int, life: int) -> None:
        self.clock += 1
        self.entries[key][:2] = now + life if life else 0, self.clock

    def rank(self, key: bytes) -> tuple[bool, int, int]:
        expiry, touched, _ = self.entries[key]
        return expiry == 0, expiry, touched

    def enter(self, key: bytes, now: int, life: int, evict: bool) -> bool:
        if self.live(key, now):
            self.touch(key, now, life)
            return True
        self.entries.pop(key, None)
        while len(self.entries) >= self.room:
            loose = [one for one in self.entries if not self.entries[one][2]]
            oldest = min(loose, key=self.rank, default=None)
            if oldest is None or not (evict or 0 < self.entries[oldest][0] <= now):
                return False
            del self.entries[oldest]
        self.entries[key] = [0, 0, 0]
        self.touch(key, now, life)
        return True


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(1, 6))
def test_it_is_a_dictionary_with_expiry_a_limit_and_pins(steps: list[tuple[str, bytes, int, int]], room: int) -> None:
    slab, model, now = copy_of(Slab, room), Model(room), 1
    for verb, key, life, passed in steps:
        now += passed
        live = model.live(key, now)
        assert (slab.find(key, now) != 0) is live
        result = step(slab, verb, key, life, now)
        assert isinstance(result, tuple)
        if verb in ("enter", "refuse"):
            found = result[0][0] if verb == "enter" else result[0]
            assert (found != 0) is model.enter(key, now, life, verb == "enter")
        elif verb == "touch" and live:
            model.touch(key, now, life)
        elif verb == "pin" and live:
            model.entries[key][2] += 1
        elif verb == "unpin" and live:
            model.entries[key][2] = max(model.entries[key][2] - 1, 0)
        elif verb == "remove" and key in model.entries and (life > 25 or not model.entries[key][2]):
            del model.entries[key]
        elif verb == "clear":
            model.entries = {one: entry for one, entry in model.entries.items() if entry[2]}
        elif verb == "expire":
            while slab.expire(now) == 64:
                pass
            model.entries = {one: entry for one, entry in model.entries.items() if model.live(one, now)}
        expected = {one: (entry[0], entry[2]) for one, entry in model.entries.items()}
        assert {one[1]: (one[2], one[3]) for one in slab.items(0)[1]} == expected
    sound(slab)


@pytest.mark.alone
def test_a_lock_is_waited_for_and_then_the_table_is_left_alone(kind: type[Slab]) -> None:
    """10 ms or so, and less where the same process hung before."""
    slab = kind(4, 8, 0, 2)
    ref = slab.enter(b"a", 1, 0)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        hang(slab, writer)
    os.read(reader, 1)
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(BUSY):
            slab.pin(ref)
        assert time.monotonic() - began < 0.5
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert slab.pin(ref)
    assert slab.pins(ref) == 1
    os.close(reader)
    os.close(writer)
    sound(slab)
