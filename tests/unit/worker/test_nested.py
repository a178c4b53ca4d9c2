"""The reactor inside an asyncio loop: one reader, one timer."""

import asyncio
import os
from collections.abc import Callable

import pytest

from pointsman.net.reactor import Channel, Hook, Reactor
from pointsman.worker.process import new_loop


class Pipe(Channel):
    def __init__(self, reactor: Reactor) -> None:
        reading, self.writing = os.pipe()
        os.set_blocking(reading, False)
        super().__init__(reading)
        self.reactor = reactor
        self.got = b""
        self.goes = 0
        self.fired = 0
        reactor.add(self)

    def ready(self, events: int) -> None:
        self.got += os.read(self.fd, 100)
        if self.got.endswith(b"g"):
            self.reactor.another(self)

    def again(self) -> None:
        self.goes += 1
        if self.goes < 3:
            self.reactor.another(self)

    def expired(self, now: int) -> None:
        self.fired = now

    def close(self) -> None:
        os.close(self.writing)
        os.close(self.fd)


class Ticker(Hook):
    """Wants a turn every 50 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.due = 0
        self.ticks = 0

    def after(self, now: int) -> None:
        self.due = now + 50
        self.ticks += 1


@pytest.fixture(params=["asyncio", "installed"])
def loop(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop() if request.param == "asyncio" else new_loop()


def run(loop: asyncio.AbstractEventLoop, seconds: float, prepare: Callable[[Reactor, Pipe], None]) -> tuple[Pipe, int]:
    """Nest for a while. Returns the pipe, and how many turns there were."""
    reactor = Reactor()
    pipe = Pipe(reactor)
    turns = 0

    class Counted(Hook):
        def after(self, now: int) -> None:
            nonlocal turns
            turns += 1

    counted = Counted()
    counted.each = True
    reactor.hooks.append(counted)
    nested = reactor.nest(loop)
    loop.call_soon(prepare, reactor, pipe)
    loop.call_later(seconds, loop.stop)
    try:
        loop.run_forever()
    finally:
        nested.leave()
        pipe.close()
        reactor.epoll.close()
        loop.close()
    return pipe, turns


def test_events_wake_it(loop: asyncio.AbstractEventLoop) -> None:
    pipe, turns = run(loop, 0.1, lambda reactor, pipe: os.write(pipe.writing, b"hello") and None)
    assert pipe.got == b"hello"
    assert turns == 3  # one when it was nested, one that looks whether there is more


def test_goes_that_are_left_get_another_turn_at_once(loop: asyncio.AbstractEventLoop) -> None:
    pipe, _ = run(loop, 0.1, lambda reactor, pipe: os.write(pipe.writing, b"g") and None)
    assert pipe.goes == 3


def test_a_deadline_fires_in_time(loop: asyncio.AbstractEventLoop) -> None:
    begin: list[int] = []

    def prepare(reactor: Reactor, pipe: Pipe) -> None:
        begin.append(reactor.now)
        reactor.wheel.arm(pipe, reactor.now + 150)
        os.write(pipe.writing, b"x")  # deadlines are set in turns

    pipe, _ = run(loop, 0.5, prepare)
    assert 150 <= pipe.fired - begin[0] <= 150 + 3 * 64


def test_hooks_get_the_turns_they_want(loop: asyncio.AbstractEventLoop) -> None:
    ticker = Ticker()

    def prepare(reactor: Reactor, pipe: Pipe) -> None:
        reactor.hooks.append(ticker)
        os.write(pipe.writing, b"x")

    run(loop, 0.5, prepare)
    assert 7 <= ticker.ticks <= 11


def test_an_idle_reactor_turns_once_a_second(loop: asyncio.AbstractEventLoop) -> None:
    _, turns = run(loop, 1.3, lambda reactor, pipe: None)
    assert turns == 2
