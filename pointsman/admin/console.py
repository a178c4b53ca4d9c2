"""One connection to a stats socket (management manual 9.3).

      line ';' line  -->  words  -->  command  -->  answer, an empty line  -->  the next; behind the line a prompt, or
      the end

Without `prompt` the connection ends behind the answers to what it had sent. A command whose last word is "<<" or
"<<pattern" is followed by lines of payload, up to an empty one or to the pattern. Everything that is sent is read in
lines; time enters only as the wait for them. What is too long is told so, with the name of the limit, and ends the
connection.
"""

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Final, Protocol

from pointsman.admin.command import (
    ACCESS_LEVELS,
    ADMIN,
    CHANGE,
    DENIED,
    EVERY,
    HERE,
    SEVERITIES,
    Call,
    Command,
    CommandError,
    find,
    unknown,
)
from pointsman.admin.command_line import join_words, split_commands
from pointsman.admin.gauge import Gauge
from pointsman.admin.view import View
from pointsman.core.handed import FETCH, Handed, give
from pointsman.core.slabs import Busy

LONGEST_LINE: Final = 16_384  # bytes: tune.bufsize, where nothing else is said
LONGEST_PAYLOAD: Final = 131_072  # bytes: tune.cli.max-payload-size, where nothing else is said
_PATTERN: Final = 64  # characters that may follow "<<"
_READ: Final = 16_384  # bytes asked for at once


class ByteConnection(Protocol):
    """The bytes of a connection."""

    async def receive(self) -> bytes:
        """Some bytes; b"": there are no more."""

    async def send(self, data: bytes) -> None:
        """Send all of these bytes."""

    def give(self, memories: Iterable[Handed]) -> None:
        """Send descriptors. OSError: the other end does not take them."""


class SocketConnection:
    """A socket that does not block, on the loop that runs."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    async def receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.sock, _READ)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    def give(self, memories: Iterable[Handed]) -> None:
        give(self.sock, memories)


class _Ended(Exception):
    """There is no further line. `text`: what the client is to know about it."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.text = text


class RuntimeConnection:
    """The state of one connection, and its life."""

    def __init__(
        self,
        view: View,
        gauge: Gauge,
        level: str,
        severity_output: str,
        timeout: int,
        *,
        longest_line: int = LONGEST_LINE,
        longest_payload: int = LONGEST_PAYLOAD,
        exposes: bool = False,
    ) -> None:
        self.view = view
        self.gauge = gauge
        self.level = ACCESS_LEVELS.index(level)
        self.severity_output = severity_output
        self.timeout = timeout  # ms without a line
        self.longest_line = longest_line
        self.longest_payload = longest_payload
        self.exposes = exposes  # expose-fd listeners: the next program may fetch memory
        self.interactive = False
        self.prompting = False
        self.timed = False
        self.experimental = False
        self.ended = False
        self.heard = False  # a whole command has come
        self.received = b""  # and not yet taken as lines

    async def run(self, wire: ByteConnection) -> None:
        """Until the client leaves, quits, says nothing for too long, or has its answers."""
        try:
            await self._converse(wire)
        except _Ended as end:
            if end.text:
                await self._send(wire, self._complaint(CommandError(end.text)))
        except OSError:
            return

    async def _converse(self, wire: ByteConnection) -> None:
        while not self.ended:
            line = await self._line(wire)
            announced, payload = await self._payload(wire, line)
            self.heard = True
            for words in split_commands(line if not announced else line[: line.rindex("<<")]):
                if words == [FETCH] and self.exposes and self.level == ADMIN:
                    wire.give(self.view.handed)
                    return
                async for piece in self.pieces(words, payload):
                    await self._send(wire, piece)
                if self.ended:
                    return
            await self._send(wire, self._prompt())
            if not self.interactive and b"\n" not in self.received:
                return

    async def _send(self, wire: ByteConnection, text: str) -> None:
        """TimeoutError: the client does not take it."""
        if text:
            await asyncio.wait_for(wire.send(text.encode("utf-8", "surrogateescape")), self.timeout / 1000)

    async def _line(self, wire: ByteConnection) -> str:
        """The next whole line. Raises _Ended where there is none, or it is too long."""
        while b"\n" not in self.received:
            if len(self.received) >= self.longest_line:
                raise _Ended(
                    f"The command line is too long: it takes at most {self.longest_line} bytes (tune.bufsize)."
                )
            data = await asyncio.wait_for(wire.receive(), self.timeout / 1000)
            if not data:
                raise _Ended
            self.received += data
        line, _, self.received = self.received.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    async def _payload(self, wire: ByteConnection, line: str) -> tuple[bool, str]:
        """Whether the line announces a payload, and it."""
        last = line.rsplit(" ", maxsplit=1)[-1]
        if not last.startswith("<<") or len(last) > _PATTERN + 2:
            return False, ""
        lines: list[str] = []
        size = 0
        while True:
            if self.prompting:
                await self._send(wire, "+ ")
            text = await self._line(wire)
            if text == last[2:]:
                return True, "".join(one + "\n" for one in lines)
            lines.append(text)
            size += len(text.encode("utf-8", "surrogateescape")) + 1
            if size + len(last) - 2 > self.longest_payload:
                raise _Ended(
                    f"The payload is too large: it takes at most {self.longest_payload} bytes "
                    "(tune.cli.max-payload-size)."
                )

    def _prompt(self) -> str:
        if not self.prompting or not self.interactive or self.ended:
            return ""
        if not self.timed:
            return "> "
        seconds = self.view.since(self.view.started)
        return f"[{seconds // 86400}:{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}]> "

    async def answer(self, words: list[str], payload: str = "") -> str:
        """All of `pieces`, put together."""
        return "".join([piece async for piece in self.pieces(words, payload)])

    async def pieces(self, words: list[str], payload: str = "") -> AsyncIterator[str]:
        """One command's answer with the empty line that ends it; nothing for what ends the connection."""
        if not words:
            yield "\n"  # an empty line, or nothing between two semicolons
            return
        found = find(words)
        if found is None:
            yield unknown(words) + "\n"
            return
        command, rest = found
        if self.level < command.level:
            yield self._complaint(CommandError(DENIED))
            return
        call = Call(self.view, self.gauge, self, rest, payload)
        last = ""
        try:
            if command.everywhere != HERE and self.view.lanes is not None:
                last = await self._everywhere(command, call, words)
            else:
                answer = command.run(call)
                if isinstance(answer, str):
                    last = answer if command.together is None else command.together(call, [answer])
                elif isinstance(answer, Awaitable):
                    last = await answer
                else:
                    for piece in answer:
                        if last:
                            yield last
                            await asyncio.sleep(0)
                        last = piece
            if command.after is not None:
                command.after(call)
        except CommandError as error:
            yield self._complaint(error)
            return
        except Busy:
            yield self._complaint(CommandError("A process that hangs has locked the table. Try again."))
            return
        except Exception:  # a bug: whoever asks is told so, and the process lives on
            traceback.print_exc()
            yield self._complaint(CommandError("Internal error."))
            return
        if not self.ended:
            yield last + "\n" if last.endswith("\n") or not last else last + "\n\n"

    async def _everywhere(self, command: Command, call: Call, words: list[str]) -> str:
        """Ask all lanes. Where one has done it, that others had nothing to do is no complaint."""
        lanes = self.view.lanes
        assert lanes is not None
        line = join_words(words)
        answers = await lanes.ask(line)
        if not answers:
            raise CommandError("No lane has answered in time.")
        if command.everywhere == EVERY:
            try:
                answer = command.run(call)
                assert isinstance(answer, str)
                answers.append((False, answer))
            except CommandError as error:
                answers.append((True, str(error)))
        good = [text for complaint, text in answers if not complaint]
        if not good:
            raise CommandError(answers[0][1])
        if command.everywhere == CHANGE:
            lanes.record(line)
        return "".join(good) if command.together is None else command.together(call, good)

    def _complaint(self, error: CommandError) -> str:
        text = str(error)
        if self.severity_output == "number":
            text = f"[{error.severity}]: {text}"
        elif self.severity_output == "string":
            text = f"[{SEVERITIES[error.severity]}]: {text}"
        return text + "\n\n"
