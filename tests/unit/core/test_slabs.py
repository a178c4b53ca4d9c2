"""Slabs: as a dictionary with expiry and a limit; between processes; and with one that is killed at any step."""

import os
import signal
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.core import plain_cells, slabs
from pointsman.core.arena import Cells
from pointsman.core.slabs import Busy, Slab

MODULES = [plain_cells]
try:
    from pointsman.core import _cells

    MODULES.append(_cells)
except ImportError:
    pass

KEYS = [b"", b"a", b"b", b"key", b"12345678", b"123456789", b"x" * 20]


@pytest.fixture(params=MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def made(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def content(slab: Slab, now: int = 0) -> dict[bytes, tuple[int, ...]]:
    return {key: fields for key, _, fields in slab.items(now)}


def sound(slab: Slab) -> None:
    """What the links say is what the entries say, and every entry is in exactly one place."""
    cells = slab.cells
    for shard in range(slab.shards):
        base = shard * slab.size
        ordered = slab._entries(base)
        backwards, entry = [], cells.load(base + slabs._NEWEST)
        while entry:
            backwards.append(entry)
            entry = cells.load(entry + slabs._OLDER)
        chained = []
        for bucket in range(slab.buckets):
            entry = cells.load(base + slabs._HEAD + bucket)
            while entry:
                chained.append(entry)
                entry = cells.load(entry + slabs._NEXT)
        free, entry = [], cells.load(base + slabs._FREE)
        while entry:
            free.append(entry)
            entry = cells.load(entry + slabs._NEXT)
        assert ordered == backwards[::-1]
        assert sorted(ordered) == sorted(chained)
        assert cells.load(base + slabs._COUNT) == len(ordered)
        assert len(set(free) | set(ordered)) == len(free) + len(ordered) == cells.load(base + slabs._FRESH)
        assert all(cells.load(entry + slabs._STATE) == slabs.USED for entry in ordered)
        assert all(cells.load(entry + slabs._STATE) == slabs.FREE for entry in free)
        keys = [slab._key(entry) for entry in ordered]
        assert len(set(keys)) == len(keys)


class Model:
    """A dictionary with the same rules. Oldest first."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.entries: OrderedDict[bytes, tuple[int, int]] = OrderedDict()  # value, expiry

    def live(self, key: bytes, now: int) -> bool:
        found = self.entries.get(key)
        if found is not None and 0 < found[1] <= now:
            del self.entries[key]
        return key in self.entries

    def put(self, key: bytes, value: int, expiry: int, now: int) -> None:
        if not self.live(key, now) and len(self.entries) == self.room:
            self.entries.popitem(last=False)
        self.entries[key] = (value, expiry)
        self.entries.move_to_end(key)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "add", "get", "touch", "remove", "expire", "clear"]),
        st.sampled_from(KEYS),
        st.integers(-(1 << 40), 1 << 40),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(1, 6))
def test_it_is_a_dictionary_with_expiry_and_a_limit(steps: list[tuple[str, bytes, int, int, int]], room: int) -> None:
    slab, model, now = Slab(room, 20, 1), Model(room), 1
    for verb, key, value, life, passed in steps:
        now += passed
        expiry = now + life if life else 0
        if verb == "put":
            slab.put(key, [value], expiry, now)
            model.put(key, value, expiry, now)
        elif verb == "add":

            def add(fields: list[int], value: int = value) -> None:
                fields[0] += value

            before = model.entries[key][0] if model.live(key, now) else 0
            assert slab.change(key, add, expiry, now) == (before + value,)
            model.put(key, before + value, expiry, now)
        elif verb == "get":
            expected = (model.entries[key][0],) if model.live(key, now) else None
            assert slab.get(key, now) == expected
        elif verb == "touch":
            live = model.live(key, now)
            assert slab.touch(key, expiry, now) is live
            if live:
                model.put(key, model.entries[key][0], expiry, now)
        elif verb == "remove":
            assert slab.remove(key) is (model.entries.pop(key, None) is not None)
        elif verb == "expire":
            while model.entries and not model.live(next(iter(model.entries)), now):
                pass
            slab.expire(now)
        else:
            slab.clear()
            model.entries.clear()
        assert len(slab) == len(model.entries)
        assert [one[0] for one in slab.items(0)] == list(model.entries)
    sound(slab)


def test_many_entries_have_many_shards() -> None:
    slab = Slab(3 * slabs.SMALL, 8, 2)
    assert slab.shards == 3
    for number in range(9_000):
        slab.put(b"%d" % number, [number, -number], 0, 1)
    assert len(slab) == 9_000
    assert all(slab.get(b"%d" % number, 1) == (number, -number) for number in range(9_000))
    sound(slab)


def test_what_cannot_be_leaves_everything_as_it_was(made: ModuleType) -> None:
    slab = Slab(2, 4, 1, made.Cells)
    slab.put(b"a", [1], 0, 1)
    with pytest.raises(ValueError, match="too long"):
        slab.put(b"12345", [1], 0, 1)

    def fail(fields: list[int]) -> None:
        fields[0] = 7
        raise KeyError

    with pytest.raises(KeyError):
        slab.change(b"a", fail, 0, 1)
    with pytest.raises(KeyError):
        slab.change(b"b", fail, 0, 1)
    assert slab.change(b"c", lambda fields: None, 0, 1, make=False) is None
    assert content(slab) == {b"a": (1,)}
    sound(slab)


def test_a_shard_that_cannot_be_put_in_order_now_is_later(made: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock is not kept, and nobody takes the shard for sound."""
    slab = Slab(8, 8, 1, made.Cells)
    slab.put(b"a", [1], 0, 1)
    slab.cells.store(slabs._LOCK, 5)
    slab.release_lane(4)

    def fail(self: Slab, base: int) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Slab, "_rebuild", fail)
        for _ in range(2):
            with pytest.raises(MemoryError):
                slab.get(b"a", 1)
            assert slab.cells.load(slabs._LOCK) == slabs.ORPHANED
    assert slab.get(b"a", 1) == (1,)
    assert slab.cells.load(slabs._LOCK) == 0
    sound(slab)


def run(work: Callable[[int], None], count: int) -> None:
    """In so many processes, as lanes."""
    children = []
    for lane in range(count):
        child = os.fork()
        if not child:
            try:
                work(lane)
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * count


def test_processes_count_together(made: ModuleType) -> None:
    slab = Slab(64, 8, 2, made.Cells)
    rounds = 400 if made is not plain_cells else 60

    def work(lane: int) -> None:
        slab.lane = lane

        def add(fields: list[int]) -> None:
            fields[0] += 1
            fields[1] -= 1

        for number in range(rounds):
            while True:
                try:
                    slab.change(b"key%d" % (number % 5), add, 0, number + 1)
                    break
                except Busy:
                    continue

    run(work, 4)
    assert content(slab) == {b"key%d" % n: (4 * rounds // 5, -4 * rounds // 5) for n in range(5)}
    sound(slab)


def test_processes_that_evict_each_others_entries_break_nothing(made: ModuleType) -> None:
    slab = Slab(8, 8, 1, made.Cells)
    rounds = 500 if made is not plain_cells else 60

    def work(lane: int) -> None:
        slab.lane = lane
        for number in range(rounds):
            key = b"%d" % (number * (lane + 3) % 19)
            try:
                if number % 7 == 6:
                    slab.remove(key)
                elif number % 5 == 4:
                    slab.touch(key, number + 5, number + 1)
                else:
                    slab.put(key, [int(key)], number + 9, number + 1)
                found = slab.get(key, number + 1)
                assert found is None or found == (int(key),)
            except Busy:
                continue

    run(work, 4)
    sound(slab)
    assert all(fields == (int(key),) for key, fields in content(slab).items())


class Dying:
    """Cells whose process is killed at its n-th operation on them."""

    def __init__(self, cells: Cells, left: int) -> None:
        self.cells = cells
        self.left = left

    def __getattr__(self, name: str) -> object:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self.cells, name)


def _killed(slab: Slab, lane: int, step: int, work: Callable[[], object]) -> bool:
    """A lane that is killed at that step of its work. False: the work was done before."""
    child = os.fork()
    if not child:
        slab.lane = lane
        slab.cells = Dying(slab.cells, step)  # type: ignore[assignment]  # it forwards everything
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _twice(fields: list[int]) -> None:
    fields[0] *= 2
    fields[1] *= 2


WORKS: dict[str, Callable[[Slab], object]] = {
    "insert": lambda slab: slab.put(b"new", [5, 5], 0, 9),
    "change": lambda slab: slab.change(b"b", _twice, 0, 9),
    "touch": lambda slab: slab.touch(b"b", 50, 9),
    "remove": lambda slab: slab.remove(b"b"),
    "get": lambda slab: slab.get(b"b", 9),
    "get what is over": lambda slab: slab.get(b"b", 1000),
    "expire": lambda slab: slab.expire(1000),
    "clear": lambda slab: slab.clear(),
}


@pytest.mark.parametrize("room", [3, 4])  # full, or not
@pytest.mark.parametrize("name", WORKS)
def test_a_crash_at_any_step_harms_at_most_its_own_entry(name: str, room: int) -> None:
    step = 0
    while True:
        step += 1
        slab = Slab(room, 8, 2)
        for number, key in enumerate((b"a", b"b", b"c")):
            slab.put(key, [number + 1, number + 1], 100 + number, number + 1)
        if not _killed(slab, 1, step, lambda slab=slab: WORKS[name](slab)):  # type: ignore[misc]
            break
        slab.release_lane(1)
        for key, fields in content(slab).items():
            assert fields[0] == fields[1], "half a change"
            assert key in (b"a", b"b", b"c", b"new")
        untouched = {b"c": (3, 3)} if name in ("insert", "change", "touch", "remove", "get") else {}
        assert untouched.items() <= content(slab).items()
        sound(slab)
        slab.put(b"later", [7, 7], 0, 10)
        assert slab.get(b"later", 10) == (7, 7)
        sound(slab)
    assert step > 5


def test_a_crashed_owner_is_found_by_the_next_lane(made: ModuleType) -> None:
    slab = Slab(4, 8, 1, made.Cells)
    slab.put(b"a", [1], 0, 1)
    slab.lane = 3
    base = slab._lock(0)
    slab.lane = 0
    with pytest.raises(Busy):
        slab.get(b"a", 1)
    slab.release_lane(2)  # somebody else
    with pytest.raises(Busy):
        slab.get(b"a", 1)
    slab.release_lane(3)
    assert slab.get(b"a", 1) == (1,)
    assert slab.cells.load(base) == 0
