"""Control and lanes: commands about what only a lane has, asked of all lanes; and the log of changes.

A runtime command that is about live objects (`show sess`, `shutdown session`), or that changes what is no cell of the
arena (`disable frontend`), runs in every lane:

    control --(number, command line)--> each lane, by a socket pair of its own
    control <--(number, complaint?, text)-- each of them, within a deadline

A change that all lanes have carried out is written to the generation's log of changes, one line each; a lane that
replaces a dead one replays the log before it accepts. A later change of the same thing replaces the earlier one, so the
log is as long as there are things that can be changed.

The pairs and the log are made by the keeper before anything is forked, so a replaced process finds them where they
were.
"""
import asyncio
import json
import os
import socket
from collections.abc import Callable
from typing import Final

from pointsman.net.reactor import Channel

DEADLINE: Final = 1.0  # s that a lane may take for an answer
LARGEST: Final = 65_536  # bytes of a message; a longer answer comes in several
_NAMED: Final = 3  # words of a change that say what is changed, as in "disable frontend web"


class Links:
    """Made in the keeper, used by all."""

    def __init__(self, lanes: int) -> None:
        self.pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
                      for _ in range(lanes)]
        self.changes = os.memfd_create("changes", os.MFD_CLOEXEC)

    def record(self, line: str) -> None:
        """A change that every future lane needs as well. Control is the only writer."""
        what = _subject(line)
        lines = [one for one in self.recorded() if _subject(one) != what]
        data = "".join(one + "\n" for one in [*lines, line]).encode()
        os.pwrite(self.changes, data, 0)
        os.ftruncate(self.changes, len(data))

    def recorded(self) -> list[str]:
        """The changes so far, in their order."""
        size = os.fstat(self.changes).st_size
        return os.pread(self.changes, size, 0).decode().splitlines()


def _subject(line: str) -> list[str]:
    """What a change is about: "disable frontend web" and "enable frontend web" are about the same."""
    words = line.split()
    if words[:1] in (["disable"], ["enable"], ["shutdown"]):
        return ["state", *words[1:_NAMED]]
    return words[:-1]


class LaneEnd(Channel):
    """In a lane: commands come in, `run` carries them out, answers go back. `run` gives (is it a complaint, text)."""

    def __init__(self, links: Links, lane: int, run: Callable[[str], tuple[bool, str]]) -> None:
        self.sock = links.pairs[lane][1]
        super().__init__(self.sock.fileno())
        self.run = run
        self.blocked: list[bytes] = []

    def ready(self, events: int) -> None:
        while True:
            try:
                message = self.sock.recv(LARGEST)
            except BlockingIOError:
                break
            if not message:
                break
            number, line = json.loads(message)
            complaint, text = self.run(line)
            self._answer(number, complaint, text)
        self._flush()

    def _answer(self, number: int, complaint: bool, text: str) -> None:
        """In pieces: (number, is there more, complaint, piece)."""
        room = LARGEST // 8  # a character takes at most six bytes in JSON
        pieces = [text[at:at + room] for at in range(0, len(text), room)] or [""]
        for place, piece in enumerate(pieces):
            more = place < len(pieces) - 1
            self.blocked.append(json.dumps([number, more, complaint, piece]).encode())

    def _flush(self) -> None:
        while self.blocked:
            try:
                self.sock.send(self.blocked[0])
            except BlockingIOError:
                return
            except OSError:
                self.blocked.clear()
                return
            self.blocked.pop(0)

    def broken(self) -> None:
        """An answer went wrong, and was reported; whoever asked sees its deadline pass."""


class ControlEnd:
    """In control: ask all lanes."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.number = 0
        self.turn = asyncio.Lock()  # one question at a time

    async def ask(self, line: str) -> list[tuple[bool, str]]:
        """What each lane answered; a lane that is silent for too long is left out."""
        async with self.turn:
            self.number += 1
            number = os.getpid() << 20 | self.number  # a successor's questions are other ones
            found = await asyncio.gather(*[self._one(pair[0], number, line) for pair in self.links.pairs])
            return [one for one in found if one is not None]

    async def _one(self, sock: socket.socket, number: int, line: str) -> tuple[bool, str] | None:
        loop = asyncio.get_running_loop()
        text: list[str] = []
        try:
            async with asyncio.timeout(DEADLINE):
                await loop.sock_sendall(sock, json.dumps([number, line]).encode())
                while True:
                    message = json.loads(await loop.sock_recv(sock, LARGEST))
                    if message[0] != number:
                        continue  # the answer to a question whose time was up
                    text.append(message[3])
                    if not message[1]:
                        return bool(message[2]), "".join(text)
        except (TimeoutError, OSError):
            return None
