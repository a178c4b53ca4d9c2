"""Slabs whose processes are killed: between any two of their stores, and at random moments in the middle of them.

The C extension is built once more here, with a counter before each store (SLAB_STEPS); the plain slabs have one method
through which all stores go.

All of it happens in a process that holds little else (`small`): each of the thousands of forks costs what the memory of
its parent is, and that of a process that has run other tests is large."""

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import pytest

import compiled
from pointsman.core import plain_slabs
from pointsman.core import slab_program as ops
from pointsman.core.plain_slab_shard import LOCK, Shard
from pointsman.core.slab_program import op
from pointsman.core.slabs import BUILT, Slab
from tests.support.slabs import BUSY, KINDS, PLAIN, contents, memory_of, sound

LONG = os.environ.get("POINTSMAN_LONG") == "1"
FOLDER = Path(plain_slabs.__file__).parent.parent
PERIOD = 1_000
RATE = 4  # offsets in an entry's data: a counter of 32 bits at 0, a rate, a counter of 64 bits
WIDE = 16
SIZE = 24
NOW = 10_000
COUNT = op(ops.ADD1_32) + op(ops.RATE, RATE, PERIOD) + op(ops.ADD_64, WIDE)
TRACK = COUNT + op(ops.CURRENT_UP) + op(ops.PIN) + op(ops.TOUCH, 0, 9_000)
ORPHANED = 1 << 63


class Steps:
    """Slabs of one kind, and how their process is killed at its n-th store."""

    def __init__(self, kind: type[Slab], die_at: Callable[[int], object] | None) -> None:
        self.kind = kind
        self._die_at = die_at

    def die_at(self, slab: Slab, step: int) -> None:
        if self._die_at is not None:
            self._die_at(step)
            return
        memory, left = memory_of(slab), [step]
        store = memory.put

        def put(place: int, data: bytes) -> None:
            size = 4 if len(data) > 8 else 8  # what is longer is no single store
            for i in range(0, len(data), size):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                store(place + i, data[i : i + size])

        memory.put = put  # type: ignore[method-assign]


def build(folder: Path) -> Path:
    """The C extension with steps."""
    sources = [str(FOLDER / name) for name in ("core/_slabs.c", *compiled.PARTS["core/_slabs.c"])]
    target = folder / "_slabs.so"
    include = sysconfig.get_path("include")
    flags = ["-shared", "-fPIC", "-O2", "-DSLAB_STEPS", f"-I{include}", "-o", str(target)]
    subprocess.run(["cc", *flags, *sources], check=True)
    return target


@cache
def loaded(target: Path | None) -> Steps:
    """Of the extension there; None: plain slabs."""
    if target is None:
        return Steps(PLAIN, None)
    spec = importlib.util.spec_from_file_location("_slabs", target)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    return Steps(module.Slab, module.die_at)


@pytest.fixture(scope="module", params=["plain", "C"])
def steps(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    if request.param == "plain":
        return None
    if shutil.which("cc") is None or not BUILT:
        pytest.skip("an extension was not built")
    return build(tmp_path_factory.mktemp("steps"))


@pytest.fixture(scope="module")
def small() -> Iterator[ProcessPoolExecutor]:
    """One process, which has read this file."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield pool


def prepared(kind: type[Slab], room: int) -> Slab:
    """Four entries: a is over first, b is pinned by this process, c by slot 2, d lives longest."""
    slab = kind(room, 8, SIZE, 3)
    for key, life in ((b"a", 100), (b"b", 200), (b"c", 300), (b"d", 400)):
        slab.enter(key, NOW, life, True, COUNT, 5)
    slab.pin(slab.find(b"b", NOW))
    slab.slot = 2
    slab.apply(slab.find(b"c", NOW), op(ops.PIN) + op(ops.CURRENT_UP), 0, NOW)
    slab.slot = 0
    return slab


def _park(slab: Slab) -> None:
    """The times of b and c are up, but they are pinned: they leave the heap."""
    slab.expire(NOW + 350)


def _orphan(slab: Slab) -> None:
    """Whoever had the lock was killed."""
    memory = memory_of(slab)
    memory.put64(Shard(memory, 0, 0).base + LOCK, ORPHANED)


def _unpin_all(slab: Slab) -> None:
    """c loses its last pin while it is out of the heap."""
    slab.release_slot(2)


Work = tuple[Callable[[Slab], object], Callable[[Slab], object], bytes]
NOTHING: Callable[[Slab], object] = lambda slab: None  # noqa: E731
WORKS: dict[str, Work] = {  # before, what is done, and whose entries may have changed
    "find": (NOTHING, lambda slab: slab.find(b"b", NOW), b""),
    "make, or drop the oldest": (NOTHING, lambda slab: slab.enter(b"new", NOW, 50), b"a"),
    "make and change": (NOTHING, lambda slab: slab.enter(b"new", NOW, 50, True, TRACK, 3), b"a"),
    "make anew what is over": (NOTHING, lambda slab: slab.enter(b"a", NOW + 150, 500), b"a"),
    "change": (NOTHING, lambda slab: slab.apply(slab.find(b"d", NOW), TRACK, 3, NOW + 1), b"d"),
    "turn a rate once": (NOTHING, lambda slab: slab.enter(b"b", NOW + PERIOD, 1, True, COUNT, 3), b"b"),
    "turn a rate twice": (NOTHING, lambda slab: slab.enter(b"b", NOW + 2 * PERIOD, 1, True, COUNT, 3), b"b"),
    "touch": (NOTHING, lambda slab: slab.touch(slab.find(b"a", NOW), NOW, 900), b"a"),
    "touch to an earlier time": (NOTHING, lambda slab: slab.touch(slab.find(b"d", NOW), NOW, 1), b"d"),
    "write": (NOTHING, lambda slab: slab.write(slab.find(b"d", NOW), 0, b"\x11" * SIZE), b"d"),
    "pin, count and unpin": (
        NOTHING,
        lambda slab: [
            slab.apply(slab.find(b"d", NOW), op(ops.PIN) + op(ops.CURRENT_UP), 0, NOW),
            slab.apply(slab.find(b"d", NOW), op(ops.UNPIN) + op(ops.CURRENT_DOWN), 0, NOW),
        ],
        b"d",
    ),
    "remove": (NOTHING, lambda slab: slab.remove(b"d"), b"d"),
    "remove what is pinned": (NOTHING, lambda slab: slab.remove(b"b", True), b"b"),
    "expire": (NOTHING, lambda slab: slab.expire(NOW + 10_000), b"ad"),
    "clear": (NOTHING, lambda slab: slab.clear(), b"ad"),
    "give back what a dead one had": (_park, _unpin_all, b"ac"),
    "put in order": (_orphan, lambda slab: slab.find(b"b", NOW), b""),
}


def killed(steps: Steps, slab: Slab, step: int, work: Callable[[Slab], object]) -> int:
    """The number of a process in slot 1 that was killed at that step of its work; 0: it did all of it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            slab.slot = slab.claim_slot(os.getpid())
            steps.die_at(slab, step)
            work(slab)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return child if status else 0


def described(slab: Slab) -> dict[bytes, tuple[int, ...]]:
    """What an entry is for those who use it: expiry, pins, current, its counters."""
    found: dict[bytes, tuple[int, ...]] = {}
    for ref, key, expiry, pins, _, current in slab.items(0)[1]:
        cells = slab.read32(ref, 0), slab.read_rate(ref, RATE, PERIOD, NOW + 2 * PERIOD), slab.read64(ref, WIDE)
        found[key] = (expiry, pins, current, *cells)
    return found


def check_data(slab: Slab, before: dict[bytes, bytes]) -> None:
    """Every cell is as it was, or as the work has left it."""
    for key, data in contents(slab).items():
        ref = slab.find(key, 0)
        if data == b"\x11" * SIZE:
            continue
        was = key in before
        assert slab.read32(ref, 0) in (0, 1, 2)
        assert slab.read64(ref, WIDE) in (0, 3, 5, 8)
        # what was counted stays to be seen for its two periods, and is never seen twice
        assert slab.read_rate(ref, RATE, PERIOD, NOW + PERIOD) in (0, 3, 5, 8) if was else True
        assert slab.read_rate(ref, RATE, PERIOD, NOW + 2 * PERIOD) in (0, 3, 8)


def check_changes(slab: Slab) -> None:
    """Whoever asks for all changes is told of each entry."""
    number, told = 0, set()
    while number < slab.change:
        number, found = slab.changed_since(number)
        told |= {ref for ref, _ in found}
    assert told == {one[0] for one in slab.items(0)[1]}


@pytest.mark.parametrize("room", [4, 6])  # full, or not
@pytest.mark.parametrize("name", WORKS)
def test_a_process_killed_at_any_step_harms_at_most_its_own_entry(
    name: str, room: int, steps: Path | None, small: ProcessPoolExecutor
) -> None:
    assert small.submit(kill_at_each_step, name, room, steps).result() > 2


def kill_at_each_step(name: str, room: int, target: Path | None) -> int:
    """How many there were."""
    steps = loaded(target)
    prepare, work, changing = WORKS[name]
    step = 0
    while True:
        step += 1
        slab = prepared(steps.kind, room)
        slab.claim_slot(os.getpid())
        prepare(slab)
        before, data = described(slab), contents(slab)
        if prepare is _orphan:
            _orphan(slab)
        dead = killed(steps, slab, step, work)
        if not dead:
            break
        if step % 4:
            slab.release_slot(1, dead)  # as the keeper does; else whoever comes next finds out
        after = described(slab)
        for key in before:
            if key not in changing:
                assert after.get(key) == before[key], (step, key)
        assert after.keys() <= before.keys() | {b"new"}
        check_data(slab, data)
        slab.release_slot(slab.slot_of(dead) if slab.slot_of(dead) >= 0 else 1)
        for key, (_, pins, current, *_) in described(slab).items():
            assert pins <= (key in b"bc"), key
            assert current <= (key == b"c"), key
        check_changes(slab)
        sound(slab)
        later = slab.enter(b"later", NOW, 5_000, True, COUNT, 7)
        assert slab.read32(later, 0) == 1
        assert slab.read64(later, WIDE) == 7
        sound(slab)
    return step


def _busy_life(slab: Slab, seed: int) -> None:
    """All that a lane and control do, at random."""
    choose = random.Random(seed)
    held: list[int] = []
    while True:
        with suppress(*BUSY, MemoryError):  # a dead one's slot cannot be had while another process is in the way
            slab.slot = slab.claim_slot(os.getpid())
            break
    while True:
        with suppress(*BUSY):
            _live(slab, choose, held)


def _live(slab: Slab, choose: random.Random, held: list[int]) -> None:
    for _ in range(1000):
        now = NOW + choose.randrange(500)
        key = b"%d" % choose.randrange(60)
        ref = slab.enter(key, now, choose.choice([0, 50, 500]), True, TRACK, 3)
        held += [ref] if ref else []
        if len(held) > 5:
            slab.apply(held.pop(choose.randrange(6)), op(ops.UNPIN) + op(ops.CURRENT_DOWN), 0, now)
        if ref := slab.enter(b"w%d" % choose.randrange(9), now, 500):
            slab.write(ref, 0, choose.randbytes(1) * SIZE)
        choice = choose.randrange(40)
        if choice == 0:
            slab.expire(now)
        elif choice == 1:
            slab.clear()
        elif choice < 6:
            slab.remove(b"%d" % choose.randrange(60))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__module__.rpartition(".")[2])
@pytest.mark.parametrize("size", [40, 5_000])
def test_processes_killed_at_random_moments_leave_a_sound_slab(
    kind: type[Slab], size: int, small: ProcessPoolExecutor
) -> None:
    small.submit(kill_at_random_moments, kind, size).result()


def kill_at_random_moments(kind: type[Slab], size: int) -> None:
    rounds = (3_000 if LONG else 150) if kind is not PLAIN else 12
    slab = kind(size, 8, SIZE, 6)
    slab.slot = slab.claim_slot(os.getpid())
    mine = [slab.enter(b"mine%d" % number, NOW, 0, True, op(ops.PIN) + op(ops.CURRENT_UP), 0) for number in range(3)]
    choose = random.Random(7)
    for _ in range(rounds):
        children = []
        for seed in (choose.random(), choose.random()):
            child = os.fork()
            if not child:
                try:
                    _busy_life(slab, int(seed * 1e9))
                finally:
                    os._exit(1)
            children.append(child)
        time.sleep(choose.uniform(0.0005, 0.004) if kind is not PLAIN else choose.uniform(0.01, 0.1))
        for child in children:
            os.kill(child, signal.SIGKILL)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [-signal.SIGKILL] * 2
        for child in children:
            if choose.random() < 0.7 and slab.slot_of(child) >= 0:
                assert slab.release_slot(slab.slot_of(child), child)
        assert all(slab.pins(ref) >= 1 for ref in mine)
        written = [data for key, data in contents(slab).items() if key[:1] == b"w"]
        assert all(data == data[:1] * SIZE for data in written)
    for slot in range(6):
        if slot != slab.slot:
            slab.release_slot(slot)
    sound(slab)
    assert [slab.current(ref) for ref in mine] == [slab.pins(ref) for ref in mine] == [1, 1, 1]
    others = [one for one in items(slab) if one[0] not in mine]
    assert all(one[3] == one[5] == 0 for one in others)
    for ref in mine:
        slab.unpin(ref)
    slab.clear()
    assert slab.used == 0
    sound(slab)


def items(slab: Slab) -> Iterator[tuple[int, bytes, int, int, bytes, int]]:
    cursor, found = slab.items(0)
    yield from found
    while cursor:
        cursor, found = slab.items(cursor)
        yield from found
