"""Steps that a client or a scripted server takes on one connection, and the engine that plays them.

The same steps serve both sides. What an actor receives goes into its notes, which become the transcript; a step that
is not fulfilled in time leaves a note too, so that the difference shows where it arose.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from support.wire import Incomplete, cut, show

PATIENCE = 8.0


@dataclass(frozen=True, slots=True)
class Step:
    """Base of all steps."""


@dataclass(frozen=True, slots=True)
class Send(Step):
    """Writes bytes. `apart` cuts them into pieces of that size with a pause of 5 ms between them."""

    data: bytes
    apart: int = 0


@dataclass(frozen=True, slots=True)
class Recv(Step):
    """Reads one HTTP/1 message and notes it. head_only: the answer to HEAD."""

    head_only: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Until(Step):
    """Reads until `mark` has come and notes what came."""

    mark: bytes
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Take(Step):
    """Reads exactly that many bytes and notes them."""

    count: int


@dataclass(frozen=True, slots=True)
class Pass(Step):
    """Reads that many bytes and notes only their number: they hold what differs between any two runs."""

    count: int


@dataclass(frozen=True, slots=True)
class End(Step):
    """Reads until the peer closes and notes what came and that it closed."""

    seconds: float = PATIENCE


@dataclass(frozen=True, slots=True)
class Silence(Step):
    """Notes whether anything comes within `seconds`."""

    seconds: float = 0.15


@dataclass(frozen=True, slots=True)
class Pause(Step):
    """Sleeps."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HalfClose(Step):
    """Sends FIN and goes on reading."""


@dataclass(frozen=True, slots=True)
class Close(Step):
    """Closes the connection."""


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """Closes the connection by RST."""


@dataclass(frozen=True, slots=True)
class Tell(Step):
    """Rings a bell that other actors may wait for."""

    bell: str


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Waits for another actor's bell."""

    bell: str


@dataclass(frozen=True, slots=True)
class Serve(Step):
    """Answers every request on the connection with `reply`, or with the reply of its path in `paths`."""

    reply: bytes
    paths: tuple[tuple[str, bytes], ...] = ()


class Bells:
    """Named events by which the actors of one run wait for each other."""

    def __init__(self) -> None:
        self._events: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> threading.Event:
        """The event of that name."""
        with self._lock:
            return self._events.setdefault(name, threading.Event())


@dataclass(slots=True)
class Actor:
    """One connection being played: its socket, what was read but not consumed, its notes."""

    sock: socket.socket
    bells: Bells
    notes: list[str] = field(default_factory=list)
    pending: bytes = b""
    ended: bool = False

    def note(self, text: str) -> None:
        """Adds a line to the transcript."""
        self.notes.append(text)

    def fill(self, limit: float) -> bool:
        """Reads once; False at the end of the stream, TimeoutError when `limit` (monotonic) has passed."""
        if self.ended:
            return False
        left = limit - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(262144)
        except ConnectionError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.pending += data
        return True

    def play(self, steps: Sequence[Step]) -> None:
        """Takes the steps in turn."""
        for step in steps:
            PLAY[type(step)](self, step)

    def message(self, head_only: bool, quiet: bool) -> str | None:
        """Reads and notes one message; its request target, or None when the connection ended instead."""
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                message, self.pending = cut(self.pending, head_only=head_only, ended=self.ended)
                break
            except Incomplete:
                pass
            try:
                more = self.fill(limit)
            except TimeoutError:
                self.note(f"(no whole message in time: {show(self.pending)})")
                return None
            if not more:
                try:
                    message, self.pending = cut(self.pending, head_only=head_only, ended=True)
                    break
                except Incomplete:
                    self.note(f"(closed: {show(self.pending)})")
                    self.pending = b""
                    return None
        if not quiet:
            self.notes += message.lines()
        return message.path

    def close(self) -> None:
        """Closes the socket if that has not been done."""
        self.sock.close()


def _send(actor: Actor, step: Send) -> None:
    pieces = [step.data]
    if step.apart:
        pieces = [step.data[at : at + step.apart] for at in range(0, len(step.data), step.apart)]
    actor.sock.settimeout(PATIENCE)
    try:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.005)
            actor.sock.sendall(piece)
    except (ConnectionError, TimeoutError):
        # What matters is what the peer answered: the next reading step tells.
        pass


def _recv(actor: Actor, step: Recv) -> None:
    actor.message(step.head_only, step.quiet)


def _until(actor: Actor, step: Until) -> None:
    limit = time.monotonic() + PATIENCE
    while step.mark not in actor.pending:
        try:
            if not actor.fill(limit):
                actor.note(f"(closed: {show(actor.pending)})")
                return
        except TimeoutError:
            actor.note(f"(no {step.mark!r} in time: {show(actor.pending)})")
            return
    end = actor.pending.index(step.mark) + len(step.mark)
    if not step.quiet:
        actor.note(f"bytes {show(actor.pending[:end])}")
    actor.pending = actor.pending[end:]


def _exactly(actor: Actor, count: int) -> bytes:
    limit = time.monotonic() + PATIENCE
    while len(actor.pending) < count:
        try:
            if not actor.fill(limit):
                break
        except TimeoutError:
            break
    taken, actor.pending = actor.pending[:count], actor.pending[count:]
    return taken


def _take(actor: Actor, step: Take) -> None:
    actor.note(f"bytes {show(_exactly(actor, step.count))}")


def _pass(actor: Actor, step: Pass) -> None:
    actor.note(f"bytes: {len(_exactly(actor, step.count))}")


def _end(actor: Actor, step: End) -> None:
    limit = time.monotonic() + step.seconds
    try:
        while actor.fill(limit):
            pass
        how = "closed"
    except TimeoutError:
        how = "still open"
    if actor.pending:
        actor.note(f"bytes {show(actor.pending)}")
        actor.pending = b""
    actor.note(f"({how})")


def _silence(actor: Actor, step: Silence) -> None:
    try:
        actor.fill(time.monotonic() + step.seconds)
    except TimeoutError:
        actor.note("(silence)")


def _pause(actor: Actor, step: Pause) -> None:
    time.sleep(step.seconds)


def _half_close(actor: Actor, step: HalfClose) -> None:
    try:
        actor.sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _close(actor: Actor, step: Close) -> None:
    actor.sock.close()


def reset(sock: socket.socket) -> None:
    """Closes a socket by RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _reset(actor: Actor, step: Reset) -> None:
    reset(actor.sock)


def _tell(actor: Actor, step: Tell) -> None:
    actor.bells(step.bell).set()


def _wait(actor: Actor, step: Wait) -> None:
    if not actor.bells(step.bell).wait(PATIENCE):
        actor.note(f"(nobody rang {step.bell})")


def _serve(actor: Actor, step: Serve) -> None:
    replies = dict(step.paths)
    limit = time.monotonic() + 60
    while not actor.ended:
        try:
            if not actor.pending and not actor.fill(limit):
                return
        except TimeoutError:
            return
        path = actor.message(False, False)
        if path is None:
            return
        _send(actor, Send(replies.get(path.partition("?")[0], step.reply)))


PLAY: dict[type[Step], Callable[..., None]] = {
    Send: _send,
    Recv: _recv,
    Until: _until,
    Take: _take,
    Pass: _pass,
    End: _end,
    Silence: _silence,
    Pause: _pause,
    HalfClose: _half_close,
    Close: _close,
    Reset: _reset,
    Tell: _tell,
    Wait: _wait,
    Serve: _serve,
}
