"""Questions of lanes to control: what only one process knows, or may take its time over (names, agents, certificates).

    lane: ask --> packet --> control: a handler, registered by its kind (net/answering.py) --> packet --> lane: answered

Whoever asks gets a Question, and is told exactly once: `answered`, or `unanswered` with a reason; never within `ask`
itself, and not at all once it has cancelled. Everything is bounded: a lane has at most MOST open questions with at most
KEPT bytes, a question or an answer has at most LARGEST. Nobody waits for longer than the question's own time, whatever
has become of control.

    FULL        too many questions are open, here or there        TOO_LONG    question or answer, or the kind's name
    LATE        no answer in time: control is stuck or busy       LOST        control died twice, or once and the
    FAILED      the handler failed, or nobody knows the kind                  question must not be asked again

Control may be killed at any time; its successor takes over the same sockets. The keeper counts deaths in a cell for
each process (`Incarnations`) and wakes the others. A packet says which incarnation of control it is for: a successor
drops what was meant for its predecessor, and the lane asks again what it had asked that one (`look`), once, as it might
be this very question that kills. So a handler may run twice for one question; `again=False` forbids that. Numbers of
questions carry the incarnation of the lane: answers to a dead lane say nothing to its successor.

With one process both ends are in it, and nothing else is different.
"""

import socket
import struct
import sys
import traceback
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.arena import Arena, Table
from pointsman.net.reactor import IN, OUT, Channel, Reactor
from pointsman.net.timers import Timed

MOST: Final = 1024  # open questions of a lane
KEPT: Final = 4 << 20  # bytes of all of them
LARGEST: Final = 65_536  # bytes of one, or of an answer
LONGEST_KIND: Final = 255  # bytes

FULL: Final = 1  # why there is no answer
TOO_LONG: Final = 2
LATE: Final = 3
LOST: Final = 4
FAILED: Final = 5

ANSWER: Final = 0  # outcomes in a packet: this one, or a reason

# To control: its incarnation, number, deadline (monotonic ms; 0: the question is taken back), length of the kind.
QUESTION_HEAD: Final = struct.Struct("<IQQB")
# To the lane: number, outcome.
ANSWER_HEAD: Final = struct.Struct("<QB")
_COUNT_BITS: Final = 40  # of a number, under the lane's incarnation
_AT_ONCE: Final = 64  # packets of one go


class Incarnations:
    """How often each process of a generation has died: lanes, and control behind them."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.table = Table(arena, 1)

    def of(self, place: int) -> int:
        return self.arena.cells.load(self.table.row(place))

    def died(self, place: int) -> None:
        """In the keeper, before a successor is forked."""
        self.arena.cells.add(self.table.row(place), 1)


class QuestionLinks:
    """The sockets of all lanes, made before anything is forked: the lane's end, and control's."""

    def __init__(self, lanes: int, incarnations: Incarnations) -> None:
        self.lanes = lanes
        self.incarnations = incarnations
        kind = socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK
        self.pairs = [socket.socketpair(socket.AF_UNIX, kind) for _ in range(lanes)]

    @property
    def control(self) -> int:
        """Control's place."""
        return self.lanes

    def keep(self, place: int) -> None:
        """In a child: leave open what is its own, the end of a lane or all those of control."""
        for lane, (asking, answering) in enumerate(self.pairs):
            if lane != place:
                asking.close()
            if place != self.control:
                answering.close()

    def close(self) -> None:
        for pair in self.pairs:
            for end in pair:
                end.close()


@mypyc_attr(allow_interpreted_subclasses=True)
class Asker:
    """Whoever asks. Of both methods one is called, once."""

    def answered(self, question: "Question", answer: bytes) -> None:
        raise NotImplementedError

    def unanswered(self, question: "Question", reason: int) -> None:
        raise NotImplementedError


class Question(Timed):
    """One that is open, until its asker is told or it is cancelled."""

    def __init__(self, end: "AskingEnd", number: int, kind: bytes, payload: bytes, asker: Asker, again: bool) -> None:
        super().__init__()
        self.end = end
        self.number = number
        self.kind = kind
        self.payload = payload
        self.asker: Asker | None = asker  # None: it is over
        self.again = again  # it may be asked again
        self.until = 0  # monotonic ms
        self.asked = -1  # the incarnation of control that was asked; -1: none yet

    def cancel(self) -> None:
        """No answer is wanted any more. Harmless where it is over."""
        if self.asker is not None:
            self.asker = None
            self.end.take_back(self)

    def expired(self, now: int) -> None:
        self.end.give_up(self, LATE)


class RefusedQuestion(Question):
    """One that is not even asked."""

    def __init__(self, end: "AskingEnd", asker: Asker, reason: int) -> None:
        super().__init__(end, 0, b"", b"", asker, False)
        self.reason = reason


class AskingEnd(Channel):
    """A lane's end."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.reactor: Reactor | None = None
        self.links: QuestionLinks | None = None
        self.sock: socket.socket | None = None
        self.open: dict[int, Question] = {}
        self.kept = 0  # bytes of them
        self.last = 0  # number
        self.incarnation = 0  # of control, as it was last looked at
        self.unsent: dict[int, bool] = {}  # numbers in their order; False: they are to be taken back
        self.refused: list[RefusedQuestion] = []  # told in the next go

    def attach(self, reactor: Reactor, links: QuestionLinks, lane: int) -> None:
        """From now on this process may ask. What was open before is forgotten."""
        self.open = {}
        self.kept = 0
        self.unsent = {}
        self.refused = []
        self.going = False
        self.reactor = reactor
        self.links = links
        sock = self.sock = links.pairs[lane][0]
        self.fd = sock.fileno()
        self.last = links.incarnations.of(lane) << _COUNT_BITS
        self.incarnation = links.incarnations.of(links.control)
        reactor.add(self)

    def ask(self, kind: bytes, payload: bytes, time: int, asker: Asker, again: bool = True) -> Question:
        """Ask control. `time`: ms until it is too late; `again`: control's successor may be asked the same."""
        reactor = self.reactor
        if reactor is None:  # an explanation, which asks nobody: who waits is told that there is no answer
            return RefusedQuestion(self, asker, FAILED)
        size = len(payload)
        if size > LARGEST or len(kind) > LONGEST_KIND:
            return self._refuse(asker, TOO_LONG)
        if len(self.open) >= MOST or self.kept + size > KEPT:
            return self._refuse(asker, FULL)
        self.look()
        self.last += 1
        question = Question(self, self.last, kind, payload, asker, again)
        self.open[question.number] = question
        self.kept += size
        question.until = reactor.now + time
        reactor.wheel.arm(question, question.until)
        self.unsent[question.number] = True
        if len(self.unsent) == 1:  # else control takes nothing more at the moment
            self._flush()
        return question

    def _refuse(self, asker: Asker, reason: int) -> Question:
        refused = RefusedQuestion(self, asker, reason)
        self.refused.append(refused)
        assert self.reactor is not None
        self.reactor.another(self)
        return refused

    # Sending.

    def _flush(self) -> None:
        """Send what waits, as far as control takes it."""
        sock = self.sock
        assert sock is not None
        while self.unsent:
            number = next(iter(self.unsent))
            try:
                sock.send(self._packet(number))
            except BlockingIOError:
                return  # an event says when there is room
            except OSError:  # the kernel has no memory for it: its time will end it
                pass
            del self.unsent[number]

    def _packet(self, number: int) -> bytes:
        question = self.open.get(number)
        if question is None:
            return QUESTION_HEAD.pack(self.incarnation, number, 0, 0)
        question.asked = self.incarnation
        head = QUESTION_HEAD.pack(self.incarnation, number, question.until, len(question.kind))
        return head + question.kind + question.payload

    def look(self) -> None:
        """Has control died? Its successor is asked what it has not answered."""
        links = self.links
        if links is None:
            return
        now = links.incarnations.of(links.control)
        if now == self.incarnation:
            return
        self.incarnation = now
        for number in [number for number, wanted in self.unsent.items() if not wanted]:
            del self.unsent[number]  # nobody works on it any more
        for question in list(self.open.values()):
            if question.asked < 0 or question.number in self.unsent:
                continue
            if question.again:
                question.again = False
                self.unsent[question.number] = True
            else:
                self.give_up(question, LOST)
        self._flush()

    # Receiving.

    def ready(self, events: int) -> None:
        if events & OUT:
            self._flush()
        if events & IN:
            self._read()

    def again(self) -> None:
        if self.refused:
            refused, self.refused = self.refused, []
            for one in refused:
                self._tell_reason(one, one.reason)
        self._read()

    def _read(self) -> None:
        sock = self.sock
        assert sock is not None
        for _ in range(_AT_ONCE):
            try:
                packet = sock.recv(LARGEST + ANSWER_HEAD.size)
            except OSError:
                return
            if not packet:
                return  # nobody holds the other end any more: the keeper and control have ended
            self._take(packet)
        assert self.reactor is not None
        self.reactor.another(self)  # others have a go first

    def _take(self, packet: bytes) -> None:
        number, outcome = ANSWER_HEAD.unpack_from(packet)
        question = self.open.get(number)
        if question is None:
            return  # it is over, or was a dead lane's
        if outcome != ANSWER:
            self.give_up(question, outcome)
            return
        self._close(question)
        asker, question.asker = question.asker, None
        assert asker is not None
        try:
            asker.answered(question, packet[ANSWER_HEAD.size :])
        except Exception:  # its own fault, not that of the others
            traceback.print_exc(file=sys.stderr)

    # Ends.

    def _close(self, question: Question) -> None:
        del self.open[question.number]
        self.kept -= len(question.payload)
        assert self.reactor is not None
        self.reactor.wheel.disarm(question)

    def give_up(self, question: Question, reason: int) -> None:
        """There will be no answer."""
        self._close(question)
        self.unsent.pop(question.number, None)
        self._tell_reason(question, reason)

    def take_back(self, question: Question) -> None:
        """Nobody wants the answer: control need not work on it, if it does."""
        if question.number not in self.open:
            return
        self._close(question)
        if question.number in self.unsent or question.asked != self.incarnation:
            self.unsent.pop(question.number, None)
            return
        self.unsent[question.number] = False
        if len(self.unsent) == 1:
            self._flush()

    def _tell_reason(self, question: Question, reason: int) -> None:
        asker, question.asker = question.asker, None
        if asker is not None:
            try:
                asker.unanswered(question, reason)
            except Exception:
                traceback.print_exc(file=sys.stderr)

    def broken(self) -> None:
        """An event went wrong and was reported; each question still has its time."""


QUESTIONS: Final = AskingEnd()  # of this process
