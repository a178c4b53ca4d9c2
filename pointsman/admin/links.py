"""Control and lanes: questions about what only a lane has; and the log of changes.

    control --(number, command line)--> each lane, by a socket pair of its own
    control <--(number, more?, complaint?, text)-- each of them, within a deadline
    control <--(-1, changes)-- a lane that wants them made, for set-map and its kin
    control <--(-2, name, question) and a socket-- a lane that wants an answer written to it (admin/answers.py)

A runtime command that is about live objects (`show sess`, `shutdown session`), or that changes what is no cell of the
arena (`disable frontend`), runs in every lane.

There is one log of changes, in one order (admin/log.py): entries of maps, process-wide variables, servers that are
added and deleted, their addresses, and the commands of the second kind above. Control makes the change itself, writes a
record, and asks all lanes to follow; each reads what it has not read yet, and answers. So the command is answered when
the change is in force everywhere. A replaced lane reads the log before it accepts, a replaced control process before it
answers. The keeper reads it when a process has ended: what that held of servers that were added is to be given back.

The pairs and the log are made by the keeper before anything is forked, so a replaced process finds them where they
were.
"""

import asyncio
import json
import os
import socket
import traceback
from collections.abc import Callable, Mapping
from typing import Final

from pointsman.admin.answers import Answers, received
from pointsman.admin.log import Log
from pointsman.net.reactor import Channel, Hook
from pointsman.net.timers import NEVER
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import PatternError

DEADLINE: Final = 1.0  # s that a lane may take for an answer
LARGEST: Final = 65_536  # bytes of a message; a longer answer comes in several
FOLLOW: Final = ""  # the question that is none: read the log
WISH: Final = -1  # the number of a message that answers nothing
QUESTION: Final = -2  # the number of a question that comes with a socket for the answer
LONGEST_WISH: Final = 131_072  # bytes; what is longer does not fit through a socket pair, and is not made
_AGAIN: Final = 50  # ms after which what control did not take is sent again
_ROOM: Final = LARGEST // 8  # characters of a piece: one takes at most six bytes in JSON


class Links:
    """Made in the keeper, used by all."""

    def __init__(self, lanes: int) -> None:
        self.pairs = [
            socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) for _ in range(lanes)
        ]
        self.log = Log(lanes)

    def follow(self) -> None:
        """Make all changes that this process has not made yet."""
        self.log.follow(_make)

    def look_on(self) -> bool:
        """In the keeper: the same, whatever goes wrong. False: there was nothing new."""
        before = self.log.done
        self.log.follow(_make_unless_broken)
        return self.log.done != before


def _make(change: Change) -> None:
    """A change that was possible where it was put in order is possible here, too."""
    try:
        CHANGES.apply(change)
    except PatternError:
        return


def _make_unless_broken(change: Change) -> None:
    """In a process that must not end by a mistake."""
    try:
        _make(change)
    except Exception:  # a bug: it is reported
        traceback.print_exc()


class LaneEnd(Channel):
    """In a lane: commands come in, `run` carries them out, answers go back. `run` gives (is it a complaint, text)."""

    def __init__(self, links: Links, lane: int, run: Callable[[str], tuple[bool, str]]) -> None:
        self.links = links
        links.log.reader = lane
        self.sock = links.pairs[lane][1]
        super().__init__(self.sock.fileno())
        self.run = run
        self.blocked: list[bytes] = []
        self.wishes = WantedChanges(self)
        CHANGES.outbox = self.wishes.add

    def ready(self, events: int) -> None:
        while True:
            try:
                message = self.sock.recv(LARGEST)
            except BlockingIOError:
                break
            if not message:
                break
            number, line = json.loads(message)
            self.links.follow()
            if number == WISH:
                continue
            complaint, text = self.run(line) if line != FOLLOW else (False, "")
            self._answer(number, complaint, text)
        self.flush()

    def _answer(self, number: int, complaint: bool, text: str) -> None:
        """In pieces: (number, is there more, complaint, piece)."""
        pieces = [text[at : at + _ROOM] for at in range(0, len(text), _ROOM)] or [""]
        for place, piece in enumerate(pieces):
            more = place < len(pieces) - 1
            self.blocked.append(json.dumps([number, more, complaint, piece]).encode())

    def ask(self, name: str, question: Mapping[str, str]) -> int:
        """Let control write an answer: a descriptor by which it comes; -1: control takes nothing more."""
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError:
            return -1
        with theirs:
            try:
                socket.send_fds(self.sock, [json.dumps([QUESTION, name, dict(question)]).encode()], [theirs.fileno()])
            except OSError:
                ours.close()
                return -1
        return ours.detach()

    def flush(self) -> None:
        """Send what waits, as far as control takes it."""
        while self.blocked:
            try:
                self.sock.send(self.blocked[0])
            except BlockingIOError:
                self.wishes.due = 0  # it tries again
                return
            except OSError:
                self.blocked.clear()
                return
            self.blocked.pop(0)

    def broken(self) -> None:
        """An answer went wrong, and was reported; whoever asked sees its deadline pass."""


class WantedChanges(Hook):
    """In a lane: the changes that its traffic wants, sent to control once a turn.

    While control is away they wait here. Of several about the same thing the last one counts, so that there are never
    more than things that can be changed.
    """

    def __init__(self, end: LaneEnd) -> None:
        super().__init__()
        self.end = end
        self.waiting: dict[str, Change] = {}

    def add(self, change: Change) -> None:
        subject = json.dumps(change[:2] + change[3:4] if change[0] == "map" else change[:2])
        self.waiting.pop(subject, None)
        self.waiting[subject] = change
        self.due = 0

    def after(self, now: int) -> None:
        if self.end.blocked:
            self.end.flush()
        while self.waiting and not self.end.blocked:
            subject = next(iter(self.waiting))
            message = json.dumps([WISH, self.waiting.pop(subject)]).encode()
            if len(message) <= LONGEST_WISH:
                self.end.blocked.append(message)
                self.end.flush()
        # What control did not take is tried again soon.
        self.due = now + _AGAIN if self.waiting or self.end.blocked else NEVER


class ControlEnd:
    """In control: ask all lanes, and make what they wish."""

    def __init__(self, links: Links, answers: Answers) -> None:
        self.links = links
        self.writing = answers
        self.number = 0
        self.turn = asyncio.Lock()  # one question at a time
        self.answers: dict[int, asyncio.Queue[list[object]]] = {}  # to the question that is under way, by lane
        self.asked = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on lanes are listened to."""
        self.links.log.lead(_make)
        CHANGES.outbox = self._own
        for lane, pair in enumerate(self.links.pairs):
            loop.add_reader(pair[0].fileno(), self._read, lane)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        for pair in self.links.pairs:
            loop.remove_reader(pair[0].fileno())

    def _read(self, lane: int) -> None:
        changed = False
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self.links.pairs[lane][0], LONGEST_WISH, 1)
            except OSError:
                break
            if not data:
                break
            message = json.loads(data)
            sock = received(descriptors)
            if sock is not None:
                self.writing.take(message[1], message[2], sock)
            elif message[0] == WISH:
                changed = self._grant(message[1]) or changed
            elif message[0] == self.asked and lane in self.answers:
                self.answers[lane].put_nowait(message)
        if changed:
            self.ring()

    def _own(self, change: Change) -> None:
        """A change that control itself wants, as health checks do that set variables of the process."""
        if self._grant(change):
            self.ring()

    def _grant(self, change: Change) -> bool:
        self.links.log.tidy()
        try:
            CHANGES.apply(change)
        except PatternError:
            return False  # the change is not possible; the traffic that wanted it is not told
        self.links.log.write(change)
        return True

    def make(self, change: Change) -> bool:
        """Make a change that control wants itself, here and in the log; `ring` then has lanes make it. False: it is
        impossible."""
        return self._grant(change)

    def ring(self) -> None:
        """Lanes shall follow. One whose socket is full has something to read there anyway, and follows then."""
        call = json.dumps([WISH, FOLLOW]).encode()
        for pair in self.links.pairs:
            try:
                pair[0].send(call)
            except OSError:
                continue

    def record(self, line: str) -> None:
        """A command that all lanes have carried out."""
        change: Change = ["command", line]
        self.links.log.tidy()
        CHANGES.apply(change)
        self.links.log.write(change)
        self.ring()

    async def publish(self, change: Change) -> None:
        """Make a change here and in all lanes. PatternError where it is impossible: then nowhere."""
        self.links.log.tidy()
        CHANGES.apply(change)
        self.links.log.write(change)
        await self.ask(FOLLOW)

    async def ask(self, line: str) -> list[tuple[bool, str]]:
        """What each lane answered; a lane that is silent for too long is left out."""
        async with self.turn:
            self.number += 1
            self.asked = os.getpid() << 20 | self.number  # a successor's questions are other ones
            self.answers = {lane: asyncio.Queue() for lane in range(len(self.links.pairs))}
            found = await asyncio.gather(*[self._one(lane, line) for lane in self.answers])
            self.answers = {}
            return [one for one in found if one is not None]

    async def _one(self, lane: int, line: str) -> tuple[bool, str] | None:
        loop = asyncio.get_running_loop()
        text: list[str] = []
        try:
            async with asyncio.timeout(DEADLINE):
                await loop.sock_sendall(self.links.pairs[lane][0], json.dumps([self.asked, line]).encode())
                while True:
                    message = await self.answers[lane].get()
                    piece = message[3]
                    assert isinstance(piece, str)
                    text.append(piece)
                    if not message[1]:
                        return bool(message[2]), "".join(text)
        except (TimeoutError, OSError):
            return None
