"""Memory of sessions: what is found, what goes first, and what becomes of it when processes are killed amid a step,
write at once, or find damaged bytes."""

from __future__ import annotations

import os
import random

import pytest

from pointsman.core import cells as chosen
from pointsman.core import plain_cells
from pointsman.core.handed import memory_file
from pointsman.tls import sessions
from pointsman.tls.sessions import BLOCK, ServerSessions, SessionCache, Store, store_size

NOW = 1_000_000
KINDS = [chosen.Cells] if not chosen.BUILT else [chosen.Cells, plain_cells.Cells]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__module__)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type:
    monkeypatch.setattr(sessions, "Cells", request.param)
    found: type = request.param
    return found


@pytest.fixture(autouse=True)
def known_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which keys come to the same set of the index is by chance otherwise."""
    monkeypatch.setattr(sessions.secrets, "token_bytes", bytes)


def data_of(number: int, size: int = 180) -> bytes:
    return (b"session %d " % number * 2000)[:size]


def test_what_was_stored_is_found(kind: type) -> None:
    store = Store(1000)  # so many that no set of the index is full
    assert store.find(b"a", NOW) is None
    for number in range(30):
        assert store.store(b"key %d" % number, data_of(number), NOW + 10)
    assert [store.find(b"key %d" % number, NOW) for number in range(30)] == [data_of(n) for n in range(30)]
    assert store.find(b"key 30", NOW) is None
    store.store(b"key 7", data_of(70), NOW + 10)
    assert store.find(b"key 7", NOW) == data_of(70)


def test_until_its_time_is_up(kind: type) -> None:
    store = Store(100)
    store.store(b"a", b"session", NOW + 10)
    assert store.find(b"a", NOW + 9) == b"session"
    assert store.find(b"a", NOW + 10) is None


def test_removed(kind: type) -> None:
    store = Store(100)
    store.store(b"a", b"one", NOW + 10)
    store.store(b"b", b"two", NOW + 10)
    store.remove(b"a")
    store.remove(b"c")
    assert store.find(b"a", NOW) is None
    assert store.find(b"b", NOW) == b"two"


def test_it_is_bounded_and_the_most_idle_go_first(kind: type) -> None:
    store = Store(100)
    store.store(b"asked for", b"session", NOW + 10)
    for number in range(1000):
        store.store(b"key %d" % number, data_of(number), NOW + 10)
        if number % 20 == 0:
            assert store.find(b"asked for", NOW) == b"session"
    left = [number for number in range(1000) if store.find(b"key %d" % number, NOW) is not None]
    assert min(left) >= 900
    # A set of the index that is full loses some; each takes one block of the hundred.
    assert 75 <= len(left) <= 100


def test_a_block_holds_a_session_without_a_certificate() -> None:
    store = Store(100)
    for number in range(50):
        store.store(b"key %d" % number, data_of(number, 200), NOW + 10)
    assert store.cells.load(2) == 50  # the cursor
    store.store(b"large", data_of(1, 201), NOW + 10)
    assert store.cells.load(2) == 52


@pytest.mark.parametrize("blocks", [1, 2, 3, 5, 64, 1000])
def test_sizes(kind: type, blocks: int) -> None:
    """Whatever fits is found at once, and never reaches over the end."""
    store = Store(blocks)
    drawn = random.Random(blocks)
    for number in range(300):
        data = data_of(number, drawn.randrange(1, 12 * 8 * BLOCK))
        stored = store.store(b"key %d" % number, data, NOW + 10)
        assert stored == (len(data) <= store.most)
        assert store.find(b"key %d" % number, NOW) == (data if stored else None)
    assert not store.store(b"a", b"", NOW)


def test_it_needs_blocks() -> None:
    with pytest.raises(ValueError, match="block"):
        Store(0)


class Killed(BaseException):
    """The process is dead."""


class Mortal:
    """Cells that let so many operations pass; the one that ends it may have written a part."""

    def __init__(self, cells: chosen.Cells, left: int) -> None:
        self.cells = cells
        self.left = left

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def load(self, i: int) -> int:
        self._step()
        return self.cells.load(i)

    def store(self, i: int, value: int) -> None:
        self._step()
        self.cells.store(i, value)

    def add(self, i: int, delta: int) -> int:
        self._step()
        return self.cells.add(i, delta)

    def cas(self, i: int, old: int, new: int) -> bool:
        self._step()
        return self.cells.cas(i, old, new)

    def read(self, i: int, size: int) -> bytes:
        self._step()
        return self.cells.read(i, size)

    def write(self, i: int, data: bytes) -> None:
        if self.left <= 0:
            self.cells.write(i, data[: len(data) // 3])
        self._step()
        self.cells.write(i, data)


def test_a_process_is_killed_between_any_two_steps() -> None:
    """What others had stored is found, what it stored is found whole or not at all, and the memory serves on."""
    for steps in range(1000):
        store = Store(200)
        for number in range(201):  # a full turn, and one more
            store.store(b"key %d" % number, data_of(number), NOW + 10)
        cells = store.cells
        store.cells = Mortal(cells, steps)
        survived = True
        try:
            store.store(b"large", data_of(99, 400), NOW + 10)
            assert store.find(b"key 20", NOW) == data_of(20)  # and is written anew
            store.store(b"key 199", data_of(88), NOW + 10)
            store.remove(b"key 200")
        except Killed:
            survived = False
        store.cells = cells
        for number in range(192, 199):
            assert store.find(b"key %d" % number, NOW) == data_of(number)
        assert store.find(b"large", NOW) in (None, data_of(99, 400))
        assert store.find(b"key 199", NOW) in (data_of(199), data_of(88))
        assert store.find(b"key 200", NOW) in (None, data_of(200))
        store.store(b"new", b"session", NOW + 10)
        assert store.find(b"new", NOW) == b"session"
        if survived:
            assert steps > 20
            return
    raise AssertionError("the story has no end")


def test_processes_that_write_at_once_and_one_that_is_killed() -> None:
    store = Store(50)
    children = []
    for place in range(3):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                drawn = random.Random(place)
                for number in range(3000 if place else 10**9):
                    key = drawn.randrange(100)
                    store.store(b"key %d" % key, data_of(key, 150 + key * 5), NOW + 10)
                    found = store.find(b"key %d" % (number % 100), NOW)
                    assert found is None or found == data_of(number % 100, 150 + number % 100 * 5)
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    for pid in children[1:]:
        assert os.waitpid(pid, 0)[1] == 0
    os.kill(children[0], 9)
    assert os.WTERMSIG(os.waitpid(children[0], 0)[1]) == 9
    for number in range(100):
        found = store.find(b"key %d" % number, NOW)
        assert found is None or found == data_of(number, 150 + number * 5)
    store.store(b"a", b"session", NOW + 10)
    assert store.find(b"a", NOW) == b"session"


def test_damaged_memory_gives_no_session_that_nobody_stored(kind: type) -> None:
    drawn = random.Random(1)
    for turn in range(300):
        store = Store(16)
        known = {b"key %d" % number: data_of(number, 150 + 20 * number) for number in range(12)}
        for key, data in known.items():
            store.store(key, data, NOW + 10)
        size = len(store.cells)
        for _ in range(drawn.choice((1, 5, 200))):
            cell = drawn.randrange(size)
            if turn % 2:
                store.cells.store(cell, drawn.getrandbits(64) - (1 << 63))
            else:
                whole = bytearray(store.cells.read(cell, 8))
                whole[drawn.randrange(8)] ^= 1 << drawn.randrange(8)
                store.cells.write(cell, bytes(whole))
        for key, data in known.items():
            assert store.find(key, NOW) in (None, data)
        for key, data in known.items():
            store.store(key, data, NOW + 10)
            store.remove(key)
            assert store.find(key, NOW) is None
        store.store(b"new", b"session", NOW + 10)
        assert store.find(b"new", NOW) == b"session"


def test_the_next_generation_finds_them() -> None:
    cache = SessionCache(100)
    cache.hand_on()
    cache.of(b"web").store(b"id", b"session")
    fd = os.dup(cache.fd)
    successor = SessionCache(100)
    assert successor.of(b"web").find(b"id") is None
    assert successor.adopt(fd)
    assert successor.of(b"web").find(b"id") == b"session"
    assert (successor.lookups, successor.misses) == (2, 1)
    assert (cache.lookups, cache.misses) == (0, 0)
    successor.of(b"web").store(b"other", b"session too")
    assert cache.of(b"web").find(b"other") == b"session too"
    os.close(cache.fd)
    os.close(fd)


def test_memory_of_another_size_or_kind_is_not_taken_over() -> None:
    cache = SessionCache(100)
    with open("/dev/null", "rb") as null:
        assert not cache.adopt(null.fileno())
    other = memory_file("other", store_size(101))
    assert not cache.adopt(other)
    os.close(other)
    former = SessionCache(100)
    former.hand_on()
    private = SessionCache(100, private=True)
    assert not private.adopt(former.fd)
    private.hand_on()
    assert private.fd < 0
    os.close(former.fd)
    cache.of(b"web").store(b"id", b"session")
    assert cache.of(b"web").find(b"id") == b"session"


def test_a_scope_sees_nothing_of_another() -> None:
    cache = SessionCache(100)
    cache.of(b"a").store(b"bc", b"session")
    assert cache.of(b"ab").find(b"c") is None
    assert cache.of(b"a").find(b"bc") == b"session"
    assert (cache.lookups, cache.misses) == (2, 1)
    cache.of(b"a").remove(b"bc")
    assert cache.of(b"a").find(b"bc") is None


def test_sessions_live_as_long_as_they_may() -> None:
    cache = SessionCache(100, lifetime=300)
    times = [NOW]
    scoped = cache.of(b"a")
    scoped.clock = lambda: times[0]
    scoped.store(b"id", b"session")
    times[0] += 299
    assert scoped.find(b"id") == b"session"
    times[0] += 1
    assert scoped.find(b"id") is None


def test_a_lane_has_its_own_where_the_cache_is_private() -> None:
    cache = SessionCache(100, private=True)
    cache.of(b"a").store(b"id", b"session")
    scoped = cache.of(b"a")
    cache.enter_lane()
    assert scoped.find(b"id") is None
    scoped.store(b"id", b"own")
    assert scoped.find(b"id") == b"own"
    shared = SessionCache(100)
    shared.of(b"a").store(b"id", b"session")
    shared.enter_lane()
    assert shared.of(b"a").find(b"id") == b"session"


def test_sessions_with_servers() -> None:
    kept = ServerSessions(64)
    assert kept.find(b"s1", b"www") is None
    kept.store(b"s1", b"www", b"session")
    kept.store(b"s1w", b"ww", b"another")
    kept.store(b"s1", b"www", b"session, newer")
    assert kept.find(b"s1", b"www") == b"session, newer"
    assert kept.find(b"s1w", b"ww") == b"another"
    assert kept.find(b"s1", b"") is None
    kept.remove(b"s1", b"www")
    assert kept.find(b"s1", b"www") is None
