"""The log of changes: followers see all of it, once, whenever they come and however it is compacted."""

import os
from collections.abc import Iterator

import pytest

from pointsman.admin import log
from pointsman.admin.log import Log
from pointsman.tables.changes import CHANGES, Change, Follower


class Numbers(Follower):
    """A dictionary."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}

    def apply(self, change: Change) -> None:
        assert isinstance(change[1], str) and isinstance(change[2], int)
        self.values[change[1]] = change[2]

    def snapshot(self) -> list[Change]:
        return [["number", key, value] for key, value in self.values.items()]


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> Numbers:
    made = Numbers()
    monkeypatch.setattr(CHANGES, "followers", {"number": made})
    monkeypatch.setattr(log, "GROWN", 200)
    return made


@pytest.fixture
def written() -> Iterator[Log]:
    made = Log()
    yield made
    made.close()


class Reader:
    """Another process's view of the same log."""

    def __init__(self, of: Log) -> None:
        self.log = Log()
        self.log.close()
        self.log.files, self.log.cells = of.files, of.cells
        self.made: list[Change] = []

    def follow(self) -> dict[str, int]:
        self.log.follow(self.made.append)
        return {str(change[1]): int(str(change[2])) for change in self.made}


def write(to: Log, numbers: Numbers, key: str, value: int) -> None:
    change: Change = ["number", key, value]
    to.tidy()
    numbers.apply(change)
    to.write(change)


def test_each_reader_makes_each_change_once(written: Log, numbers: Numbers) -> None:
    reader, late = Reader(written), Reader(written)
    assert reader.follow() == {}
    write(written, numbers, "a", 1)
    write(written, numbers, "b", 2)
    assert reader.follow() == {"a": 1, "b": 2}
    write(written, numbers, "a", 3)
    assert reader.follow() == late.follow() == {"a": 3, "b": 2}
    assert reader.made == late.made == [["number", "a", 1], ["number", "b", 2], ["number", "a", 3]]
    assert reader.follow() == {"a": 3, "b": 2} and len(reader.made) == 3


def test_it_stays_as_short_as_what_it_is_about(written: Log, numbers: Numbers) -> None:
    now_and_then, always, late = Reader(written), Reader(written), Reader(written)
    for number in range(2000):
        write(written, numbers, f"key{number % 4}", number)
        assert always.follow() == numbers.values
        if number % 77 == 0:
            assert now_and_then.follow() == numbers.values
    assert late.follow() == now_and_then.follow() == numbers.values
    assert len(always.made) == 2000
    assert len(late.made) < 20
    assert all(os.fstat(file).st_size < 1000 for file in written.files)


def test_a_successor_goes_on_where_the_killed_one_was(written: Log, numbers: Numbers) -> None:
    reader = Reader(written)
    for number in range(50):
        write(written, numbers, f"key{number % 3}", number)
    reader.follow()
    os.pwrite(
        written.files[written.epoch & 1], b'[99, ["num', written.offset
    )  # killed here: the length was never written
    successor = Log()
    successor.close()
    successor.files, successor.cells = written.files, written.cells
    values = dict(numbers.values)
    numbers.values = {}
    successor.lead(numbers.apply)
    assert numbers.values == values
    write(successor, numbers, "new", 7)
    assert reader.follow() == numbers.values


def test_a_snapshot_that_was_never_finished_is_not_read(written: Log, numbers: Numbers) -> None:
    write(written, numbers, "a", 1)
    other = written.files[1]
    os.pwrite(other, b'[1, ["number", "a", 9]]\n', 0)
    assert Reader(written).follow() == {"a": 1}
