"""Commands that a replaced lane carries out: in the one log of changes, the last one about each thing."""

import json
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from pointsman.admin import log as module
from pointsman.admin.answers import Answers
from pointsman.admin.links import ControlEnd, LaneEnd, Links
from pointsman.admin.recorded import RecordedCommands
from pointsman.tables.changes import CHANGES, Change, Follower, text

OLD = ["disable frontend a-rather-long-name", "set maxconn frontend other 100", "disable frontend third"]
NEW = ["set maxconn frontend other 100", "disable frontend third", "enable frontend a-rather-long-name"]


class Words(Follower):
    """Something else that changes."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def apply(self, change: Change) -> None:
        self.said.append(text(change, 1))

    def snapshot(self) -> list[Change]:
        return [["word", one] for one in self.said]


@pytest.fixture
def links() -> Iterator[Links]:
    made = Links(2)
    yield made
    for pair in made.pairs:
        for end in pair:
            end.close()
    made.log.close()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> RecordedCommands:
    made = RecordedCommands()
    monkeypatch.setattr(CHANGES, "followers", {"command": made, "word": Words()})
    monkeypatch.setattr(CHANGES, "outbox", None)
    return made


class Lane:
    """As another process would see the same log."""

    def __init__(self, of: Links) -> None:
        self.commands, self.words = RecordedCommands(), Words()
        self.log = module.Log(2)
        self.log.close()
        self.log.files, self.log.cells = of.log.files, of.log.cells
        self.ran: list[str] = []

    def follow(self) -> None:
        self.log.follow(lambda change: {"command": self.commands, "word": self.words}[text(change, 0)].apply(change))


def test_the_last_word_about_a_thing_counts(commands: RecordedCommands) -> None:
    for line in OLD:
        commands.apply(["command", line])
    assert commands.snapshot() == [["command", line] for line in OLD]
    commands.apply(["command", NEW[-1]])
    assert commands.snapshot() == [["command", line] for line in NEW]
    commands.apply(["command", "set maxconn frontend other 1"])
    assert list(commands.made.values()) == [*NEW[1:], "set maxconn frontend other 1"]


def test_a_lane_carries_out_what_was_recorded_before_and_then_what_comes(commands: RecordedCommands) -> None:
    ran: list[str] = []
    for line in OLD:
        commands.apply(["command", line])
    commands.carry_out(ran.append)
    assert ran == OLD
    commands.apply(["command", NEW[-1]])
    assert ran == [*OLD, NEW[-1]]


@pytest.mark.parametrize("grown", [1 << 20, 1], ids=["one file", "a snapshot each time"])
def test_one_order_for_commands_and_all_else(
    links: Links, commands: RecordedCommands, monkeypatch: pytest.MonkeyPatch, grown: int
) -> None:
    monkeypatch.setattr(module, "GROWN", grown)
    control = ControlEnd(links, Answers())
    early, late = Lane(links), Lane(links)
    order: list[str] = []
    early.commands.run = order.append
    for number, line in enumerate(OLD):
        control.record(line)
        control._grant(["word", f"w{number}"])
        early.follow()
    control.record(NEW[-1])
    early.follow()
    late.follow()
    if grown > 1:
        assert order == [*OLD, NEW[-1]]
    assert order[-1] == NEW[-1]  # behind a snapshot some are carried out once more
    assert list(early.commands.made.values()) == list(late.commands.made.values()) == NEW
    assert late.words.said[-3:] == early.words.said[-3:] == ["w0", "w1", "w2"]


def test_lanes_say_how_far_they_have_read(links: Links, commands: RecordedCommands) -> None:
    control = ControlEnd(links, Answers())
    lanes = [Lane(links), Lane(links)]
    for number, lane in enumerate(lanes):
        lane.log.reader = number
    control.record(OLD[0])
    control.record(OLD[1])
    assert links.log.read_by_all() == 0
    lanes[0].follow()
    assert links.log.read_by_all() == 0
    lanes[1].follow()
    assert links.log.read_by_all() == links.log.last() == 2
    control.record(OLD[2])
    lanes[1].follow()
    assert links.log.read_by_all() == 2


def test_lanes_are_told_of_a_record(links: Links, commands: RecordedCommands) -> None:
    ControlEnd(links, Answers()).record(OLD[0])
    for _, far in links.pairs:
        assert json.loads(far.recv(1000)) == [-1, ""]


def test_a_lane_that_asks_for_nothing_reads_on(links: Links, commands: RecordedCommands) -> None:
    end = LaneEnd(links, 1, lambda line: (False, line))
    assert links.log.reader == 1
    assert isinstance(end.sock, socket.socket)


def killed_at(links: Links, last: int, line: str) -> bool:
    """Whether control was killed, between two bytes or two cells, before it had recorded that."""
    child = os.fork()
    if not child:
        steps = [last]

        def step() -> None:
            if steps[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            steps[0] -= 1

        real = os.pwrite

        def pwrite(file: int, data: bytes, at: int) -> int:
            step()
            return real(file, data[:2], at)

        module.os.pwrite = pwrite
        ControlEnd(links, Answers()).record(line)
        step()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_whoever_is_killed_has_changed_all_or_nothing(links: Links, commands: RecordedCommands) -> None:
    control = ControlEnd(links, Answers())
    for line in OLD:
        control.record(line)
    steps = 0
    while killed_at(links, steps, NEW[-1]):
        lane = Lane(links)
        lane.follow()
        if list(lane.commands.made.values()) != OLD:
            break
        steps += 1
    assert steps > 20
    lane = Lane(links)
    lane.follow()
    assert list(lane.commands.made.values()) == NEW
