"""Control's end of the lanes' questions (net/questions.py): handlers by their kind.

    @answers("name")
    async def look_up(payload: bytes) -> bytes: ...

A handler runs as a task of control's asyncio loop, with one process of that process's; it must not block, may await
whatever it likes, and is cancelled when the question is taken back, its time is over or its lane dies. It may be called
again for a question that its predecessor did not get to answer. What it raises is printed, and the lane told that it
failed.

At most MOST questions of a lane are worked on at a time. What a lane does not take off its socket waits here, and no
longer than anybody wants it.
"""

import asyncio
import sys
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from pointsman.core.registry import Registry
from pointsman.net.clock import monotonic_ms
from pointsman.net.questions import (
    ANSWER,
    ANSWER_HEAD,
    FAILED,
    FULL,
    LARGEST,
    LONGEST_KIND,
    MOST,
    QUESTION_HEAD,
    TOO_LONG,
    QuestionLinks,
)

Handler = Callable[[bytes], Awaitable[bytes]]

HANDLERS: Final[Registry[Handler]] = Registry("kind of question")
_AT_ONCE: Final = 64  # packets that are read in one go
_ROOM: Final = QUESTION_HEAD.size + LONGEST_KIND + LARGEST


def answers(kind: str) -> Callable[[Handler], Handler]:
    """Register who answers questions of that kind."""

    def record(handler: Handler) -> Handler:
        HANDLERS.add(kind, handler)
        return handler

    return record


class LaneWork:
    """What is done for one lane. `unsent`: answers that it did not take yet, each with its question's deadline."""

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.unsent: deque[tuple[int, bytes]] = deque()

    def drop(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        self.tasks.clear()
        self.unsent.clear()


class AnsweringEnd:
    def __init__(self, links: QuestionLinks) -> None:
        self.links = links
        self.incarnation = links.incarnations.of(links.control)
        self.lanes = [LaneWork(links.incarnations.of(lane)) for lane in range(links.lanes)]
        self.loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on lanes are listened to."""
        self.loop = loop
        for lane, pair in enumerate(self.links.pairs):
            loop.add_reader(pair[1].fileno(), self._read, lane)

    def stop(self) -> None:
        """No more of it; what is being worked on is dropped."""
        assert self.loop is not None
        for lane, pair in enumerate(self.links.pairs):
            self.loop.remove_reader(pair[1].fileno())
            self.loop.remove_writer(pair[1].fileno())
            self.lanes[lane].drop()

    def look(self) -> None:
        """Has a lane died? Nobody wants its answers."""
        for lane, work in enumerate(self.lanes):
            incarnation = self.links.incarnations.of(lane)
            if incarnation != work.incarnation:
                work.drop()
                work.incarnation = incarnation

    # Questions.

    def _read(self, lane: int) -> None:
        sock = self.links.pairs[lane][1]
        for _ in range(_AT_ONCE):
            try:
                packet = sock.recv(_ROOM)
            except OSError:
                return
            if not packet:
                if self.loop is not None:
                    self.loop.remove_reader(sock.fileno())  # nobody holds the other end any more: the keeper has ended
                return
            self._take(lane, packet)

    def _take(self, lane: int, packet: bytes) -> None:
        incarnation, number, deadline, length = QUESTION_HEAD.unpack_from(packet)
        if incarnation != self.incarnation:
            return  # meant for a predecessor; what is still wanted is asked again
        work = self.lanes[lane]
        if not deadline:
            task = work.tasks.pop(number, None)
            if task is not None:
                task.cancel()
            return
        left = deadline - monotonic_ms()
        if left <= 0:
            return  # this process was busy: nobody waits for it any more
        start = QUESTION_HEAD.size + length
        handler = HANDLERS.get(packet[QUESTION_HEAD.size : start].decode("utf-8", "replace"))
        if handler is None or len(work.tasks) >= MOST:
            self._send(lane, number, deadline, FAILED if handler is None else FULL, b"")
            return
        assert self.loop is not None
        task = self.loop.create_task(self._work(lane, number, deadline, handler, packet[start:]))
        work.tasks[number] = task

    async def _work(self, lane: int, number: int, deadline: int, handler: Handler, payload: bytes) -> None:
        work = self.lanes[lane]
        outcome, answer = FAILED, b""
        limit = asyncio.timeout((deadline - monotonic_ms()) / 1000)
        try:
            async with limit:
                answer = await handler(payload)
            outcome = ANSWER if len(answer) <= LARGEST else TOO_LONG
        except Exception:  # a bug, or what it had to ask cannot be asked
            if limit.expired():
                return  # the lane knows
            traceback.print_exc(file=sys.stderr)
        finally:
            work.tasks.pop(number, None)
        self._send(lane, number, deadline, outcome, answer if outcome == ANSWER else b"")

    # Answers.

    def _send(self, lane: int, number: int, deadline: int, outcome: int, answer: bytes) -> None:
        work = self.lanes[lane]
        packet = ANSWER_HEAD.pack(number, outcome) + answer
        if not work.unsent:
            try:
                self.links.pairs[lane][1].send(packet)
                return
            except OSError:
                assert self.loop is not None
                self.loop.add_writer(self.links.pairs[lane][1].fileno(), self._flush, lane)
        if len(work.unsent) >= MOST:
            now = monotonic_ms()
            work.unsent = deque(one for one in work.unsent if one[0] > now)
        if len(work.unsent) < 2 * MOST:  # the lane has no more questions than MOST; the rest it has given up
            work.unsent.append((deadline, packet))

    def _flush(self, lane: int) -> None:
        work, sock = self.lanes[lane], self.links.pairs[lane][1]
        while work.unsent:
            deadline, packet = work.unsent[0]
            if deadline > monotonic_ms():
                try:
                    sock.send(packet)
                except OSError:
                    return
            work.unsent.popleft()
        assert self.loop is not None
        self.loop.remove_writer(sock.fileno())
