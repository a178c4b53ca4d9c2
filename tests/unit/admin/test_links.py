"""The list of commands that a replaced lane carries out: whole at every moment, whoever is killed when."""

import os
import signal
from collections.abc import Iterator

import pytest

from pointsman.admin import links as module
from pointsman.admin.links import Links

OLD = ["disable frontend a-rather-long-name", "set maxconn frontend other 100", "disable frontend third"]
NEW = ["set maxconn frontend other 100", "disable frontend third", "enable frontend a-rather-long-name"]


@pytest.fixture
def links() -> Iterator[Links]:
    made = Links(2)
    yield made
    for pair in made.pairs:
        for end in pair:
            end.close()
    for file in made.changes:
        os.close(file)
    made.log.close()


def test_the_last_word_about_a_thing_counts(links: Links) -> None:
    assert links.recorded() == []
    for line in OLD:
        links.record(line)
    assert links.recorded() == OLD
    links.record(NEW[-1])
    assert links.recorded() == NEW
    links.record("set maxconn frontend other 1")
    assert links.recorded() == [*NEW[1:], "set maxconn frontend other 1"]


class Killed:
    """In a child: it writes two bytes at a time, and is killed before step `last`."""

    def __init__(self, last: int) -> None:
        self.left = last

    def step(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def pwrite(self, file: int, data: bytes, at: int) -> int:
        self.step()
        return self.real(file, data[:2], at)

    real = staticmethod(os.pwrite)


def killed_at(links: Links, last: int, line: str) -> bool:
    """Whether it was killed before it had recorded that."""
    child = os.fork()
    if not child:
        killed = Killed(last)
        module.os.pwrite = killed.pwrite
        links.record(line)
        killed.step()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_whoever_is_killed_has_changed_all_or_nothing(links: Links) -> None:
    for line in OLD:
        links.record(line)
    steps = 0
    while killed_at(links, steps, NEW[-1]):
        if links.recorded() != OLD:
            break
        steps += 1
    assert steps > 20
    assert links.recorded() == NEW
    links.record("set maxconn frontend other 7")
    assert links.recorded() == [*NEW[1:], "set maxconn frontend other 7"]


def test_a_reader_sees_one_list_or_the_next(links: Links) -> None:
    """Also where lines of the same length take turns, and are written while they are read."""
    links.record("set maxconn frontend x 0000")
    reader = os.fork()
    if not reader:
        seen = 0
        while seen < 400:
            found = links.recorded()
            if len(found) != 1 or len(set(found[0].split()[-1])) != 1:
                os._exit(1)
            seen += 1
        os._exit(0)
    for number in range(3000):
        links.record(f"set maxconn frontend x {str(number % 10) * 4}")
    assert os.waitpid(reader, 0)[1] == 0
