"""Answers of services, and their bodies in pieces.

    Reply             what a service returns: a status, header fields, and a body: bytes, str, or an iterator of pieces
    FunctionReply     the same as streams know it (rules/reply.py)
      Pieces            its body where the function ran in the lane: an iterator is asked whenever the client takes more
      RemotePieces      its body in pieces that control makes: each is asked for when the client takes more
    Bodies            in control: the bodies that are not over yet

An iterator that fails, or takes longer than ten seconds for a piece, cuts the answer short, so that the client sees
that it is not whole. A body in control that nobody asks for is closed after a while.
"""

import asyncio
import marshal
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pointsman.extension.calls import CALLS
from pointsman.extension.declare import Declared
from pointsman.extension.reports import REPORTS, is_cancelled
from pointsman.extension.transaction import checked_status, reply_parts
from pointsman.extension.values import raw
from pointsman.extension.views import NotPossible
from pointsman.net.answering import answers
from pointsman.net.questions import QUESTIONS, Asker, Question
from pointsman.proto import message
from pointsman.proto.consumer import BodyError
from pointsman.proto.message import Response
from pointsman.proto.reasons import reason_of
from pointsman.rules.reply import Produced, Producer
from pointsman.sample.context import Context

STAND_IN: Final = b"<PYTHON>"  # what logs show for the server
PIECE: Final = 49_152  # bytes that control gives at once
SILENCE: Final = 10_000  # ms that it may take for them
IDLE: Final = 30.0  # s after which a body that nobody asks for is closed
MOST: Final = 4_096  # bodies that are open in control

Body = str | bytes | dict[str, object] | list[object] | Iterable[str | bytes] | AsyncIterable[str | bytes]


@dataclass(slots=True)
class Reply:
    """What a service answers. `body`: str, bytes, a dict or a list (as JSON), or an iterator of pieces, also an
    asynchronous one. `content_type`: where `headers` say none."""

    body: Body = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""


# As it goes from control to lanes: status, fields, content, the number of a body that comes in pieces (-1: none does).
PlainReply = tuple[int, list[tuple[bytes, bytes]], bytes, int]


def as_reply(found: object) -> Reply:
    """What a service has returned. Raises TypeError."""
    if isinstance(found, Reply):
        return found
    if isinstance(found, str | bytes | dict | list | Iterator | AsyncIterator):
        return Reply(found)
    raise TypeError(f"a service returns a pointsman.Reply, or a body; not {type(found).__name__}")


def parts_of(reply: Reply) -> tuple[int, list[tuple[bytes, bytes]], bytes | None]:
    """Status, fields and content; None: the content comes in pieces."""
    status, body = checked_status(reply.status), reply.body
    kind = reply.content_type
    content: bytes | None
    if isinstance(body, dict | list):
        import json  # noqa: PLC0415  (few do)

        body = json.dumps(body).encode()
        kind = kind or "application/json"
    if isinstance(body, str | bytes):
        content, fields = reply_parts(body, reply.headers, kind)
    else:
        _, fields = reply_parts(b"", reply.headers, kind)
        content = None
    return status, fields, content


class FunctionReply(Produced):
    """The answer of a function."""

    def __init__(self, status: int, fields: list[tuple[bytes, bytes]], length: int, producer: Producer) -> None:
        super().__init__(STAND_IN, True)
        head = Response()
        head.status = status
        head.reason = reason_of(status)
        head.fields = [message.field(name, value) for name, value in fields]
        head.length = length
        self.head = head
        self.producer = producer

    def begin(self, context: Context) -> tuple[Response, Producer]:
        return self.head, self.producer


class Content(Producer):
    """A body that is all here."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.at = 0

    def next(self, most: int) -> bytes:
        piece = self.content[self.at : self.at + most]
        self.at += len(piece)
        return piece


class Pieces(Producer):
    """An iterator of the lane's."""

    def __init__(self, one: Declared, pieces: Iterator[str | bytes]) -> None:
        super().__init__()
        self.one = one
        self.pieces = pieces
        self.rest = b""

    def next(self, most: int) -> bytes:
        began = CALLS.begin(self.one)
        failed = True
        try:
            while not self.rest:
                self.rest = piece_of(next(self.pieces))
            failed = False
        except StopIteration:
            failed = False
            return b""
        except BaseException as error:
            REPORTS.failed(self.one.name, error, ", its answer is cut short")
            raise BodyError("an iterator of a function has failed") from None
        finally:
            CALLS.end(self.one, began, failed, False)
        piece, self.rest = self.rest[:most], self.rest[most:]
        return piece

    def stop(self) -> None:
        close = getattr(self.pieces, "close", None)
        if close is not None:
            try:
                close()
            except BaseException as error:
                REPORTS.failed(self.one.name, error, ", when it was closed")


def piece_of(found: object) -> bytes:
    """Raises TypeError."""
    if isinstance(found, str):
        return raw(found)
    if not isinstance(found, bytes | bytearray | memoryview):
        raise TypeError(f"a piece of a body is str or bytes, not {type(found).__name__}")
    return bytes(found)


def made_here(one: Declared, reply: Reply) -> FunctionReply:
    """Of a function that ran in the lane."""
    status, fields, content = parts_of(reply)
    if content is not None:
        return FunctionReply(status, fields, len(content), Content(content))
    return FunctionReply(status, fields, -1, Pieces(one, iter(_pieces(reply.body))))


def _pieces(body: Body) -> Iterable[str | bytes]:
    """Raises TypeError."""
    if isinstance(body, str | bytes | dict | list) or not isinstance(body, Iterable):
        raise TypeError(f"a body of {type(body).__name__}: an asynchronous iterator needs an async function")
    return body


# Pieces that control makes.


class RemotePieces(Producer):
    """What control has: a piece is asked for when the last one is gone."""

    def __init__(self, content: bytes, number: int) -> None:
        super().__init__()
        self.rest = content
        self.number = number  # -1: that was all
        self.question: Question | None = None
        self.broken = False

    def next(self, most: int) -> bytes | None:
        if self.rest:
            piece, self.rest = self.rest[:most], self.rest[most:]
            return piece
        if self.broken:
            raise BodyError("control has no more of the answer of a function")
        if self.number < 0:
            return b""
        if self.question is None:
            self.question = QUESTIONS.ask(
                b"python-piece", marshal.dumps((self.number, False)), SILENCE, PieceAsker(self), False
            )
        return None

    def came(self, answer: bytes) -> None:
        """A piece behind a byte that says whether more comes; an empty answer: it has failed."""
        self.question = None
        if not answer:
            self.broken = True
        else:
            self.rest = answer[1:]
            if not answer[0]:
                self.number = -1
        self.ready()

    def stop(self) -> None:
        if self.question is not None:
            self.question.cancel()
            self.question = None
        if self.number >= 0 and not self.broken:
            QUESTIONS.ask(b"python-piece", marshal.dumps((self.number, True)), SILENCE, Asked(), False)
            self.number = -1


class PieceAsker(Asker):
    def __init__(self, pieces: RemotePieces) -> None:
        self.pieces = pieces

    def answered(self, question: Question, answer: bytes) -> None:
        self.pieces.came(answer)

    def unanswered(self, question: Question, reason: int) -> None:
        self.pieces.came(b"")


class Asked(Asker):
    """Nobody waits for the answer."""

    def answered(self, question: Question, answer: bytes) -> None:
        return

    def unanswered(self, question: Question, reason: int) -> None:
        return


class OpenBody:
    """In control."""

    def __init__(self, one: Declared, pieces: AsyncIterator[str | bytes]) -> None:
        self.one = one
        self.pieces = pieces
        self.rest = b""
        self.timer: asyncio.TimerHandle | None = None


class Bodies:
    """All of this process. Their numbers carry its own, so that a successor does not give what was a predecessor's."""

    def __init__(self) -> None:
        self.open: dict[int, OpenBody] = {}
        self.last = 0

    def add(self, one: Declared, pieces: AsyncIterator[str | bytes]) -> int:
        if len(self.open) >= MOST:
            raise NotPossible(f"{MOST} bodies are open")
        self.last += 1
        number = os.getpid() << 32 | self.last
        self.open[number] = body = OpenBody(one, pieces)
        self.wait(number, body)
        return number

    def wait(self, number: int, body: OpenBody) -> None:
        """For somebody who asks."""
        loop = asyncio.get_running_loop()
        body.timer = loop.call_later(IDLE, lambda: loop.create_task(self.close(number)))

    async def close(self, number: int) -> None:
        body = self.open.pop(number, None)
        if body is None:
            return
        if body.timer is not None:
            body.timer.cancel()
        close = getattr(body.pieces, "aclose", None)
        if close is not None:
            try:
                await close()
            except BaseException as error:
                if is_cancelled(error):
                    raise
                REPORTS.failed(body.one.name, error, ", when it was closed")

    async def next(self, number: int) -> bytes:
        """What `RemotePieces.came` takes."""
        body = self.open.get(number)
        if body is None:
            return b""
        if body.timer is not None:
            body.timer.cancel()
        try:
            while not body.rest:
                body.rest = piece_of(await anext(body.pieces))
                if not body.rest:
                    await asyncio.sleep(0)  # else one that never has anything holds up control
        except StopAsyncIteration:
            self.open.pop(number, None)
            return b"\0"
        except BaseException as error:
            if is_cancelled(error):
                self.wait(number, body)  # until it is stopped, or closed
                raise
            REPORTS.failed(body.one.name, error, ", its answer is cut short")
            await self.close(number)
            return b""
        piece, body.rest = body.rest[:PIECE], body.rest[PIECE:]
        self.wait(number, body)
        return b"\1" + piece


BODIES: Final = Bodies()


async def _each(pieces: Iterable[str | bytes]) -> AsyncIterator[str | bytes]:
    for one in pieces:
        yield one


def made_there(one: Declared, reply: Reply) -> PlainReply:
    """In control, of an async function."""
    status, fields, content = parts_of(reply)
    if content is not None and len(content) <= PIECE:
        return status, fields, content, -1
    body = reply.body
    if isinstance(body, AsyncIterable):
        return status, fields, b"", BODIES.add(one, aiter(body))
    return status, fields, b"", BODIES.add(one, _each(_pieces(body) if content is None else iter([content])))


def of_plain(found: PlainReply) -> FunctionReply:
    """In the lane."""
    status, fields, content, number = found
    return FunctionReply(status, fields, len(content) if number < 0 else -1, RemotePieces(content, number))


@answers("python-piece")
async def give(payload: bytes) -> bytes:
    number, stops = marshal.loads(payload)
    if stops:
        await BODIES.close(number)
        return b""
    return await BODIES.next(number)
