"""What rules wait for when control is asked: the answer, none, and nobody who wants it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from pointsman.core.arena import Arena
from pointsman.net.answering import AnsweringEnd, answers
from pointsman.net.questions import FAILED, LATE, LOST, QUESTIONS, Incarnations, QuestionLinks
from pointsman.net.reactor import Reactor
from pointsman.sample.control import ControlNeed
from pointsman.sample.need import ELSEWHERE, EXPIRED, MET, WITHDRAWN, Need, Waiter

CANCELLED: list[bytes] = []


@answers("need-echo")
async def echo(payload: bytes) -> bytes:
    return payload[::-1]


@answers("need-wait")
async def wait(payload: bytes) -> bytes:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        CANCELLED.append(payload)
        raise
    return payload


class Told(Waiter):
    def __init__(self) -> None:
        self.told: list[Need] = []

    def need_met(self, need: Need) -> None:
        self.told.append(need)


class Process:
    """One that asks itself."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.incarnations = Incarnations(Arena(1, 1 << 12, 2))
        self.links = QuestionLinks(1, self.incarnations)
        self.loop = asyncio.new_event_loop()
        QUESTIONS.attach(self.reactor, self.links, 0)
        self.control = AnsweringEnd(self.links)
        self.control.start(self.loop)

    def ask(self, kind: bytes, payload: bytes = b"abc", time: int = 5000) -> tuple[ControlNeed, Told]:
        need = ControlNeed(kind, payload, time, b"key")
        told = Told()
        need.waiter = told
        return need, told

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(500):
            if true():
                return
            self.loop.run_until_complete(asyncio.sleep(0))
            self.reactor.turn(2)
        raise AssertionError("nothing moves any more")

    def settle(self) -> None:
        for _ in range(5):
            self.loop.run_until_complete(asyncio.sleep(0))
            self.reactor.turn(0)

    def close(self) -> None:
        self.control.stop()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        assert QUESTIONS.open == {} and self.reactor.wheel.waiting == 0
        self.reactor.epoll.close()
        self.links.close()


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process()
    CANCELLED.clear()
    yield made
    made.close()


def test_an_answer_meets_the_need(process: Process) -> None:
    need, told = process.ask(b"need-echo")
    assert (need.kind, need.time, need.key, told.told) == (ELSEWHERE, 5000, b"key", [])
    process.until(lambda: bool(told.told))
    assert (need.state, need.answer, need.reason, told.told) == (MET, b"cba", 0, [need])


def test_no_answer_meets_it_as_well(process: Process) -> None:
    """Whoever waits goes on, and sees that there is none."""
    nobody, told_nobody = process.ask(b"need-nobody")
    late, told_late = process.ask(b"need-wait", time=50)
    process.until(lambda: bool(told_nobody.told and told_late.told))
    assert (nobody.state, nobody.answer, nobody.reason) == (MET, None, FAILED)
    assert (late.state, late.answer, late.reason) == (MET, None, LATE)


def test_control_dies_twice(process: Process) -> None:
    need, told = process.ask(b"need-wait")
    for _ in range(2):
        assert told.told == []
        process.settle()
        process.control.stop()
        process.incarnations.died(1)
        process.control = AnsweringEnd(process.links)
        process.control.start(process.loop)
        QUESTIONS.look()
    assert (told.told, need.answer, need.reason) == ([need], None, LOST)


@pytest.mark.parametrize("end, state", [(Need.withdraw, WITHDRAWN), (Need.expire, EXPIRED)])
def test_who_waits_no_more_takes_the_question_back(process: Process, end: Callable[[Need], None], state: int) -> None:
    need, told = process.ask(b"need-wait")
    process.settle()
    end(need)
    process.settle()
    assert need.state == state and CANCELLED == [b"abc"]
    assert told.told == ([need] if state == EXPIRED else [])
