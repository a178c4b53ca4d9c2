"""Questions of lanes to control: each is told once, whoever is killed when; and nothing grows without bound."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pointsman.net.answering
import pointsman.net.reactor
from pointsman.core.arena import Arena
from pointsman.net.answering import HANDLERS, AnsweringEnd, answers
from pointsman.net.questions import (
    FAILED,
    FULL,
    KEPT,
    LARGEST,
    LATE,
    LOST,
    MOST,
    TOO_LONG,
    Asker,
    AskingEnd,
    Incarnations,
    Question,
    QuestionLinks,
)
from pointsman.net.reactor import Reactor

LANES = 2
EPOCH = 5_000_000  # ms: where the clock begins


class Desk:
    """What handlers wait for, and what they have been asked."""

    def __init__(self) -> None:
        self.gate: asyncio.Event | None = None
        self.seen: list[bytes] = []
        self.cancelled: list[bytes] = []


DESK = Desk()


@answers("test-echo")
async def echo(payload: bytes) -> bytes:
    DESK.seen.append(payload)
    return payload[::-1]


@answers("test-wait")
async def wait(payload: bytes) -> bytes:
    DESK.seen.append(payload)
    assert DESK.gate is not None
    try:
        await DESK.gate.wait()
    except asyncio.CancelledError:
        DESK.cancelled.append(payload)
        raise
    return payload


@answers("test-fail")
async def fail(payload: bytes) -> bytes:
    raise ZeroDivisionError


@answers("test-timeout")
async def time_out(payload: bytes) -> bytes:
    raise TimeoutError


@answers("test-size")
async def sized(payload: bytes) -> bytes:
    return b"x" * int(payload)


class Told(Asker):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | int] = []

    def answered(self, question: Question, answer: bytes) -> None:
        self.told.append(answer)

    def unanswered(self, question: Question, reason: int) -> None:
        self.told.append(reason)


class House:
    """Two lanes and control, in one process: each can be killed, and has a successor."""

    def __init__(self) -> None:
        self.clock = EPOCH
        self._real = pointsman.net.reactor.monotonic_ns, pointsman.net.answering.monotonic_ms
        pointsman.net.reactor.monotonic_ns = lambda: self.clock * 1_000_000  # type: ignore[assignment]
        pointsman.net.answering.monotonic_ms = lambda: self.clock  # type: ignore[assignment]
        DESK.__init__()  # type: ignore[misc]
        self.arena = Arena(LANES, 1 << 12, LANES + 1)
        self.incarnations = Incarnations(self.arena)
        self.links = QuestionLinks(LANES, self.incarnations)
        self.loop = asyncio.new_event_loop()
        DESK.gate = asyncio.Event()
        self.lanes = [self._lane(number) for number in range(LANES)]
        self.control: AnsweringEnd | None = None
        self.fork_control()

    def _lane(self, number: int) -> AskingEnd:
        end = AskingEnd()
        end.attach(Reactor(), self.links, number)
        return end

    def fork_control(self) -> None:
        self.control = AnsweringEnd(self.links)
        self.control.start(self.loop)

    def kill_control(self, successor: bool = True) -> None:
        assert self.control is not None
        self.control.stop()
        self.run_tasks()
        self.control = None
        self.incarnations.died(LANES)
        for lane in self.lanes:
            lane.look()  # the keeper wakes them
        if successor:
            self.fork_control()

    def kill_lane(self, number: int) -> None:
        reactor = self.lanes[number].reactor
        assert reactor is not None
        reactor.epoll.close()
        self.incarnations.died(number)
        if self.control is not None:
            self.control.look()
        self.lanes[number] = self._lane(number)

    def ask(
        self, payload: bytes, kind: bytes = b"test-echo", lane: int = 0, time: int = 1000, again: bool = True
    ) -> tuple[Told, Question]:
        told = Told()
        question = self.lanes[lane].ask(kind, payload, time, told, again)
        assert told.told == []  # never within `ask`
        return told, question

    def run_tasks(self) -> None:
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))

    def turn(self, lane: int) -> None:
        reactor = self.lanes[lane].reactor
        assert reactor is not None
        reactor.turn(0)

    def settle(self, rounds: int = 6) -> None:
        for _ in range(rounds):
            self.run_tasks()
            for lane in range(LANES):
                self.turn(lane)

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(2000):
            if true():
                return
            self.settle(1)
        raise AssertionError("nothing moves any more")

    def pass_time(self, milliseconds: int) -> None:
        for _ in range(0, milliseconds, 50):
            self.clock += 50
            for lane in range(LANES):
                self.turn(lane)

    def nothing_is_left(self) -> None:
        for lane in self.lanes:
            assert lane.open == {} and lane.kept == 0 and lane.unsent == {} and lane.refused == []
            assert lane.reactor is not None and lane.reactor.wheel.waiting == 0

    def close(self) -> None:
        if self.control is not None:
            self.control.stop()
        self.run_tasks()
        self.loop.close()
        for lane in self.lanes:
            assert lane.reactor is not None
            lane.reactor.epoll.close()
        self.links.close()
        pointsman.net.reactor.monotonic_ns, pointsman.net.answering.monotonic_ms = self._real


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def open_gate() -> None:
    assert DESK.gate is not None
    DESK.gate.set()


def test_each_lane_gets_its_own_answers(house: House) -> None:
    asked = [(number, house.ask(b"%d-" % number, lane=number % 2)) for number in range(40)]
    house.settle()
    for number, (told, question) in asked:
        assert told.told == [(b"%d-" % number)[::-1]]
        question.cancel()  # harmless
    house.nothing_is_left()


@pytest.mark.parametrize("size", [0, 1, 255, 4096, LARGEST - 1, LARGEST])
def test_sizes_of_questions_and_answers(house: House, size: int) -> None:
    question, _ = house.ask(b"q" * size)
    answer, _ = house.ask(b"%d" % size, b"test-size")
    house.settle()
    assert question.told == [b"q" * size]
    assert answer.told == [b"x" * size]
    house.nothing_is_left()


def test_what_is_too_long_is_told(house: House) -> None:
    question, _ = house.ask(b"q" * (LARGEST + 1))
    kind, _ = house.ask(b"", b"k" * 256)
    answer, _ = house.ask(b"%d" % (LARGEST + 1), b"test-size")
    house.settle()
    assert (question.told, kind.told, answer.told) == ([TOO_LONG], [TOO_LONG], [TOO_LONG])
    house.nothing_is_left()


def test_what_fails_is_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [house.ask(b"", kind)[0] for kind in (b"test-fail", b"test-timeout", b"test-nobody-knows", b"\xff")]
    good, _ = house.ask(b"ab")
    house.settle()
    assert [one.told for one in asked] == [[FAILED]] * 4
    assert good.told == [b"ba"]
    printed = capsys.readouterr().err
    assert "ZeroDivisionError" in printed and "TimeoutError" in printed
    house.nothing_is_left()


def test_a_deadline_is_kept_by_the_lane_alone(house: House) -> None:
    """Control is stuck: it reads nothing, for ever."""
    short, _ = house.ask(b"a", time=300)
    long, _ = house.ask(b"b", time=5000)
    house.pass_time(250)
    assert short.told == []
    house.pass_time(150)
    assert (short.told, long.told) == ([LATE], [])
    house.settle()  # it goes on, and does not work on what is too late
    assert (short.told, long.told) == ([LATE], [b"b"])
    assert DESK.seen == [b"b"]
    house.nothing_is_left()


def test_an_answer_that_comes_too_late_is_dropped(house: House) -> None:
    told, _ = house.ask(b"a", b"test-wait", time=300)
    house.settle()
    house.pass_time(400)
    assert told.told == [LATE]
    open_gate()
    house.settle()
    assert told.told == [LATE] and DESK.seen == [b"a"]
    house.nothing_is_left()


def test_who_cancels_is_not_told_and_control_stops_working(house: House) -> None:
    told, question = house.ask(b"a", b"test-wait")
    unread, unread_question = house.ask(b"b", b"test-wait")
    unread_question.cancel()
    house.settle()
    question.cancel()
    question.cancel()
    house.settle()
    assert (told.told, unread.told) == ([], [])
    assert DESK.cancelled == [b"a"]
    assert house.control is not None and house.control.lanes[0].tasks == {}
    house.nothing_is_left()


def test_open_questions_are_bounded(house: House) -> None:
    asked = [house.ask(b"%d" % number, b"test-wait") for number in range(MOST)]
    (one_more, _), (other_lane, _) = house.ask(b"x", b"test-wait"), house.ask(b"y", b"test-wait", lane=1)
    house.until(lambda: len(DESK.seen) == MOST + 1)
    assert one_more.told == [FULL]
    asked[5][1].cancel()
    again, _ = house.ask(b"x", b"test-wait")
    house.settle()
    open_gate()
    house.until(lambda: bool(again.told) and bool(other_lane.told) and all(one[0].told for one in asked[6:]))
    assert again.told == [b"x"]
    assert [len(one[0].told) for one in asked] == [1] * 5 + [0] + [1] * (MOST - 6)
    house.nothing_is_left()


def test_bytes_of_open_questions_are_bounded(house: House) -> None:
    fitting = KEPT // LARGEST
    asked = [house.ask(b"x" * LARGEST, time=10_000)[0] for _ in range(fitting)]
    full, _ = house.ask(b"x")
    assert house.lanes[0].unsent  # control takes no more at once
    house.until(lambda: all(one.told for one in asked))
    assert full.told == [FULL]
    assert all(one.told == [b"x" * LARGEST] for one in asked)
    house.nothing_is_left()


def test_ten_thousand(house: House) -> None:
    """As many open as may be, of both lanes, each asked anew when one is told."""
    left = {0: 10_000, 1: 10_000}
    told: list[bytes] = []

    class Next(Asker):
        def __init__(self, lane: int) -> None:
            self.lane = lane
            left[lane] -= 1
            house.lanes[lane].ask(b"test-echo", b"%d" % left[lane], 60_000, self)

        def answered(self, question: Question, answer: bytes) -> None:
            told.append(b"%d:%b" % (self.lane, answer[::-1]))
            if left[self.lane]:
                Next(self.lane)

        def unanswered(self, question: Question, reason: int) -> None:
            raise AssertionError(reason)

    for _ in range(MOST):
        Next(0)
        Next(1)
    house.until(lambda: len(told) == 20_000)
    assert len(set(told)) == 20_000
    house.nothing_is_left()


def test_a_lane_that_does_not_read_holds_up_no_other(house: House) -> None:
    """Its answers wait for it."""
    slow = [house.ask(b"%d" % LARGEST, b"test-size")[0] for _ in range(100)]
    for _ in range(50):
        house.run_tasks()
    assert house.control is not None and house.control.lanes[0].unsent
    quick, _ = house.ask(b"ab", lane=1)
    for _ in range(5):
        house.run_tasks()
        house.turn(1)
    assert quick.told == [b"ba"]
    house.until(lambda: all(one.told for one in slow))
    assert not house.control.lanes[0].unsent
    house.nothing_is_left()


def test_an_asker_that_fails_does_not_take_the_others_along(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    class Fails(Asker):
        def answered(self, question: Question, answer: bytes) -> None:
            raise ZeroDivisionError

        def unanswered(self, question: Question, reason: int) -> None:
            raise KeyError

    house.lanes[0].ask(b"test-echo", b"", 1000, Fails())
    house.lanes[0].ask(b"nobody-knows", b"", 1000, Fails())
    told, _ = house.ask(b"ab")
    house.settle()
    assert told.told == [b"ba"]
    printed = capsys.readouterr().err
    assert "ZeroDivisionError" in printed and "KeyError" in printed
    house.nothing_is_left()


# Deaths.


@pytest.mark.parametrize("steps", range(5))
def test_a_successor_is_asked_again(house: House, steps: int) -> None:
    """Whether the dead one has not read it, works on it, or has answered and nobody has read that."""
    told, _ = house.ask(b"ab")
    once, _ = house.ask(b"cd", again=False)
    for _ in range(steps):
        house.loop.run_until_complete(asyncio.sleep(0))
    answered = DESK.seen.count(b"cd")
    house.kill_control()
    house.settle()
    assert told.told == [b"ba"]
    assert once.told in ([b"dc"], [LOST]) and DESK.seen.count(b"cd") == answered
    assert DESK.seen.count(b"ab") == 1 or steps  # what was meant for the dead one is not done as well
    house.nothing_is_left()


def test_the_second_death_ends_it(house: House) -> None:
    """It might be the question that kills."""
    told, _ = house.ask(b"a", b"test-wait", time=60_000)
    house.settle()
    house.kill_control()
    house.settle()
    assert (told.told, DESK.seen) == ([], [b"a", b"a"])
    house.kill_control()
    assert told.told == [LOST]
    house.settle()
    assert DESK.seen == [b"a", b"a"]
    house.nothing_is_left()


def test_what_is_asked_while_nobody_is_there_waits_for_the_successor(house: House) -> None:
    before, _ = house.ask(b"before")
    house.kill_control(successor=False)
    asked = [house.ask(b"%d" % number, lane=number % 2, time=10_000)[0] for number in range(20)]
    late, _ = house.ask(b"late", time=300)
    house.pass_time(500)
    assert late.told == [LATE]
    house.fork_control()
    house.settle()
    assert [one.told for one in asked] == [
        [b"%d" % number] if number < 10 else [(b"%d" % number)[::-1]] for number in range(20)
    ]
    assert before.told == [b"erofeb"]
    assert b"late" not in DESK.seen
    house.nothing_is_left()


@pytest.mark.parametrize("side", [0, 1], ids=["lane", "control"])
def test_an_end_that_nobody_holds_any_more_is_no_packet(
    house: House, side: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """The keeper was killed, and the processes that it has forked end one after the other."""
    house.links.pairs[1][side].shutdown(socket.SHUT_WR)
    told, _ = house.ask(b"ab")
    house.settle()
    assert told.told == [b"ba"]
    assert capfd.readouterr().err == ""


def test_a_lane_that_was_not_called_notices_with_its_next_question(house: House) -> None:
    told, _ = house.ask(b"ab")
    assert house.control is not None
    house.control.stop()
    house.incarnations.died(LANES)  # and nobody is woken
    house.fork_control()
    house.settle()
    assert told.told == []
    other, _ = house.ask(b"cd")
    house.settle()
    assert (told.told, other.told) == ([b"ba"], [b"dc"])
    house.nothing_is_left()


def test_answers_to_a_dead_lane_say_nothing_to_its_successor(house: House) -> None:
    dead = [house.ask(b"%d" % number)[0] for number in range(5)]
    waits, _ = house.ask(b"w", b"test-wait")
    house.run_tasks()
    house.kill_lane(0)
    told, _ = house.ask(b"ab")
    house.settle()
    assert told.told == [b"ba"]
    assert all(one.told == [] for one in dead) and waits.told == []
    assert DESK.cancelled == [b"w"]
    house.nothing_is_left()


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"),
            st.tuples(
                st.integers(0, 1),
                st.sampled_from([b"test-echo", b"test-wait", b"test-fail"]),
                st.sampled_from([1, 100, LARGEST]),
                st.sampled_from([200, 5000]),
                st.booleans(),
            ),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.sampled_from(["control", "open", "kill control", "no control", "fork control"]), st.just(0)),
        st.tuples(st.sampled_from(["lane", "kill lane"]), st.integers(0, 1)),
        st.tuples(st.just("time"), st.sampled_from([50, 300])),
    ),
    max_size=50,
)


class Story:
    """Drawn operations, and what was asked in their course."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.asked: list[tuple[Told, Question, int, bytes]] = []
        self.silent: set[int] = set()  # cancelled, or of a dead lane

    def do(self, action: str, drawn: object) -> None:
        house = self.house
        if action == "ask":
            assert isinstance(drawn, tuple)
            lane, kind, size, time, again = drawn
            payload = b"%d-" % len(self.asked) * (size // 8 + 1)
            self.asked.append((*house.ask(payload, kind, lane, time, again), lane, payload))
        elif action == "time":
            assert isinstance(drawn, int)
            house.pass_time(drawn)
        elif action == "open":
            open_gate()
        elif action == "control":
            house.run_tasks()
        else:
            assert isinstance(drawn, int)
            self.disturb(action, drawn)

    def disturb(self, action: str, number: int) -> None:
        house = self.house
        if action == "lane":
            house.turn(number)
        elif action == "cancel" and self.asked:
            told, question, _, _ = self.asked[number % len(self.asked)]
            if not told.told:
                self.silent.add(id(told))
            question.cancel()
        elif action == "kill lane":
            self.silent |= {id(told) for told, _, lane, _ in self.asked if lane == number and not told.told}
            house.kill_lane(number)
        elif action in ("kill control", "no control") and house.control is not None:
            house.kill_control(action == "kill control")
        elif action == "fork control" and house.control is None:
            house.fork_control()

    def check(self) -> None:
        for told, question, _, payload in self.asked:
            if id(told) in self.silent:
                assert told.told == []
                continue
            (word,) = told.told
            if isinstance(word, bytes):
                assert word == (payload[::-1] if question.kind == b"test-echo" else payload)
            else:
                assert word in (LATE, LOST) or word == FAILED and question.kind == b"test-fail"


@settings(max_examples=120, deadline=None)
@given(OPERATIONS)
def test_each_question_is_told_once(operations: list[tuple[str, object]]) -> None:
    house = House()
    try:
        story = Story(house)
        for action, drawn in operations:
            story.do(action, drawn)
        open_gate()
        if house.control is None:
            house.fork_control()
        house.settle(20)
        house.pass_time(6000)
        house.settle()
        story.check()
        house.nothing_is_left()
        assert house.control is not None
        assert all(not work.tasks and not work.unsent for work in house.control.lanes)
    finally:
        house.close()


@pytest.mark.parametrize("place, left", [(0, 1), (1, 1), (LANES, 2)])
def test_a_child_keeps_what_is_its_own(place: int, left: int) -> None:
    links = QuestionLinks(LANES, Incarnations(Arena(LANES, 1 << 12, LANES + 1)))
    links.keep(place)
    own = [pair[1] for pair in links.pairs] if place == LANES else [links.pairs[place][0]]
    assert [end for pair in links.pairs for end in pair if end.fileno() >= 0] == own and len(own) == left
    links.close()


def test_handlers_have_names_of_their_own() -> None:
    assert "test-echo" in HANDLERS
    with pytest.raises(RuntimeError, match="registered twice"):
        answers("test-echo")(echo)
