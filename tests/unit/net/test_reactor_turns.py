"""Turns of the reactor: descriptors that are given up, goes, faults."""

import os
import socket
import time

import pytest

from pointsman.net.reactor import Channel, Hook, Reactor


class Ear(Channel):
    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self.heard: list[int] = []
        self.goes = 0
        self.given_up = False

    def ready(self, events: int) -> None:
        self.heard.append(events)

    def again(self) -> None:
        self.goes += 1

    def broken(self) -> None:
        self.given_up = True


class Deaf(Ear):
    def ready(self, events: int) -> None:
        raise ZeroDivisionError

    def again(self) -> None:
        raise ZeroDivisionError

    def broken(self) -> None:
        self.given_up = True
        raise KeyError


class Pairs:
    """Channels on socket pairs; the other ends are the test's."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.others: list[socket.socket] = []

    def ear(self, kind: type[Ear] = Ear) -> Ear:
        mine, other = socket.socketpair()
        mine.setblocking(False)
        self.others.append(other)
        ear = kind(mine.detach())
        self.reactor.add(ear)
        return ear

    def close(self) -> None:
        for channel in self.reactor.channels:
            if channel.fd >= 0:
                self.reactor.close(channel)
        self.reactor.turn(0)
        self.reactor.epoll.close()
        for other in self.others:
            other.close()


def test_a_number_that_is_used_again_gets_no_event_of_its_predecessor() -> None:
    """Both have an event in one batch; the first one's `ready` closes the second and opens a new connection."""
    pairs = Pairs()
    reactor = pairs.reactor
    fresh: list[Ear] = []

    class Closer(Ear):
        def ready(self, events: int) -> None:
            for victim in (first, second):
                if victim is not self and victim.fd >= 0 and not fresh:
                    reactor.close(victim)
                    fresh.append(pairs.ear())

    first, second = pairs.ear(Closer), pairs.ear(Closer)
    for other in pairs.others:
        other.send(b"x")
    numbers = {first.fd, second.fd}
    reactor.turn(0)
    (new,) = fresh
    assert new.fd not in numbers
    assert new.heard in ([], [4])  # writable, of its own
    pairs.close()


def test_a_go_of_a_channel_that_closes_meanwhile_is_dropped() -> None:
    pairs = Pairs()
    ear = pairs.ear()
    pairs.reactor.another(ear)
    pairs.reactor.another(ear)
    pairs.reactor.close(ear)
    pairs.reactor.close(ear)
    pairs.reactor.turn(0)
    assert ear.goes == 0
    assert pairs.reactor.open == 0
    pairs.close()


def test_who_asks_again_and_again_goes_once_a_turn() -> None:
    """A fast peer asks at each event and at each go: its goes must not become more with every turn."""

    class Greedy(Ear):
        def ready(self, events: int) -> None:
            super().ready(events)
            pairs.reactor.another(self)

        def again(self) -> None:
            super().again()
            pairs.reactor.another(self)

    pairs = Pairs()
    ear = pairs.ear(Greedy)
    for turn in range(1, 6):
        pairs.others[0].send(b"x")
        pairs.reactor.turn(0)
        assert len(ear.heard) == ear.goes == turn
    pairs.close()


def test_a_fault_takes_no_other_channel_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    pairs = Pairs()
    ears = [pairs.ear(Deaf if i % 2 else Ear) for i in range(6)]
    for ear, other in zip(ears, pairs.others):
        other.send(b"x")
        pairs.reactor.another(ear)
    pairs.reactor.turn(0)
    assert [len(ear.heard) for ear in ears[::2]] == [1, 1, 1]
    assert [ear.goes for ear in ears[::2]] == [1, 1, 1]
    assert all(ear.given_up for ear in ears[1::2])
    assert "ZeroDivisionError" in capfd.readouterr().err
    pairs.close()


def test_a_faulty_hook_does_not_keep_descriptors_open(capfd: pytest.CaptureFixture[str]) -> None:
    class Bad(Hook):
        def after(self, now: int) -> None:
            raise ZeroDivisionError

    pairs = Pairs()
    bad = Bad()
    bad.due = 0
    pairs.reactor.hooks.append(bad)
    ear = pairs.ear()
    fd = ear.fd
    pairs.reactor.close(ear)
    pairs.reactor.turn(0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert bad.due == pairs.reactor.now + 1000  # not in every turn from now on
    pairs.close()


def test_a_hook_is_called_when_it_is_due_or_each_time() -> None:
    class Counted(Hook):
        calls = 0

        def after(self, now: int) -> None:
            self.calls += 1
            self.due = now + 10_000

    pairs = Pairs()
    reactor = pairs.reactor
    never, once, always = hooks = [Counted() for _ in range(3)]
    reactor.hooks.extend(hooks)
    once.due = reactor.now + 3
    always.each = True
    assert reactor.patience() <= 3
    time.sleep(0.005)
    for _ in range(3):
        reactor.turn(0)
    assert [hook.calls for hook in (never, once, always)] == [0, 1, 3]
    pairs.close()


def test_patience_reaches_to_the_end_of_a_slot() -> None:
    pairs = Pairs()
    ear = pairs.ear()
    reactor = pairs.reactor
    assert reactor.patience() == 1000
    reactor.wheel.arm(ear, reactor.now + 30)
    assert (reactor.now + reactor.patience()) % 64 == 0
    pairs.close()
