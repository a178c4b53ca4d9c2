"""Alarms ring to the millisecond: near ones and far ones, in their order, moved or disarmed."""

from __future__ import annotations

import pytest

import pointsman.net.reactor
from pointsman.net.alarms import Alarm, alarms_of
from pointsman.net.reactor import Reactor
from pointsman.net.timers import NEVER


class Clock:
    """A clock that the test moves, and a reactor that goes by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000
        monkeypatch.setattr(pointsman.net.reactor, "monotonic_ns", lambda: self.now * 1_000_000)
        self.reactor = Reactor()
        self.notes: list[tuple[str, int]] = []

    def turn_until(self, end: int) -> None:
        """Turns of as long as the reactor has patience, as in `run`."""
        while self.now < end:
            self.reactor.turn(0)
            self.now = min(end, self.now + max(1, self.reactor.patience()))
        self.reactor.turn(0)


class Note(Alarm):
    def __init__(self, clock: Clock, name: str) -> None:
        super().__init__(clock.reactor)
        self.clock = clock
        self.name = name

    def rang(self, now: int) -> None:
        if self.name == "bad":
            raise ValueError
        self.clock.notes.append((self.name, now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("wait", [1, 5, 63, 64, 65, 127, 128, 129, 191, 192, 193, 500, 1_000, 70_000])
def test_each_rings_at_its_time(clock: Clock, wait: int) -> None:
    due = clock.now + wait
    Note(clock, "a").arm(due)
    clock.turn_until(due + 200)
    assert clock.notes == [("a", due)]


def test_they_ring_in_their_order(clock: Clock) -> None:
    begin = clock.now
    for name, wait in (("c", 300), ("a", 10), ("b", 10), ("d", 301)):
        Note(clock, name).arm(begin + wait)
    clock.turn_until(begin + 400)
    assert clock.notes == [("a", begin + 10), ("b", begin + 10), ("c", begin + 300), ("d", begin + 301)]


@pytest.mark.parametrize("before", [20, 500])
@pytest.mark.parametrize("after", [30, 600])
def test_one_that_is_moved_rings_once(clock: Clock, before: int, after: int) -> None:
    begin = clock.now
    alarm = Note(clock, "a")
    alarm.arm(begin + before)
    alarm.arm(begin + after)
    clock.turn_until(begin + 800)
    assert clock.notes == [("a", begin + after)]


@pytest.mark.parametrize("wait", [20, 500])
def test_one_that_is_disarmed_is_silent_and_may_be_armed_again(clock: Clock, wait: int) -> None:
    begin = clock.now
    alarm = Note(clock, "a")
    alarm.arm(begin + wait)
    alarm.disarm()
    assert alarm.target == NEVER
    clock.turn_until(begin + wait + 100)
    assert clock.notes == []
    alarm.arm(clock.now + 7)
    clock.turn_until(clock.now + 50)
    assert len(clock.notes) == 1


def test_a_bad_one_does_not_silence_the_others(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    begin = clock.now
    Note(clock, "bad").arm(begin + 5)
    Note(clock, "good").arm(begin + 5)
    clock.turn_until(begin + 10)
    assert clock.notes == [("good", begin + 5)]
    assert "ValueError" in capsys.readouterr().err


def test_a_reactor_has_one_heap(clock: Clock) -> None:
    assert alarms_of(clock.reactor) is alarms_of(clock.reactor)
    assert alarms_of(clock.reactor) is not alarms_of(Reactor())
