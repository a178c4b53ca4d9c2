"""Pointsman with a service that asks control, and with kinds of questions that only tests have.

python asking_program.py <arguments of pointsman>

http-request use-service test-ask    GET /ask/<kind>/<payload>/<ms>: the answer, or "reason <n>"
                                     GET /many/<kind>/<count>/<bytes>: "<answered> <unanswered> <wrong>"
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time

from pointsman.cli import main
from pointsman.net.answering import answers
from pointsman.net.questions import KEPT, MOST, QUESTIONS, Asker, Question
from pointsman.rules.reply import Served
from pointsman.rules.service import Ask, HttpService, service
from pointsman.sample.context import Context


@answers("echo")
async def echo(payload: bytes) -> bytes:
    return payload[::-1]


@answers("pid")
async def pid(_: bytes) -> bytes:
    return b"%d" % os.getpid()


@answers("slow")
async def slow(payload: bytes) -> bytes:
    await asyncio.sleep(0.5)
    return payload


@answers("block")
async def block(payload: bytes) -> bytes:
    """Control is stuck for that long."""
    time.sleep(int(payload) / 1000)
    return payload


@answers("kill")
async def kill(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Writes(Asker):
    """Writes what it is told as the answer of a service."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def write(self, text: bytes) -> None:
        with self.sock:
            self.sock.sendall(b"200\ncontent-length: %d\n\n%b\0" % (len(text), text))

    def answered(self, question: Question, answer: bytes) -> None:
        self.write(answer)

    def unanswered(self, question: Question, reason: int) -> None:
        self.write(b"reason %d" % reason)


class Many(Writes):
    """Asks as many as may be open at a time, until all are told."""

    def __init__(self, sock: socket.socket, kind: bytes, count: int, size: int) -> None:
        super().__init__(sock)
        self.kind = kind
        self.left = count
        self.open = self.good = self.bad = self.wrong = 0
        self.size = size

    def go_on(self) -> None:
        while self.left and self.open < min(MOST // 2, KEPT // max(self.size, 1)):
            self.left -= 1
            self.open += 1
            payload = (b"%d-" % self.left).ljust(self.size, b".")
            QUESTIONS.ask(self.kind, payload, 20_000, self)
        if not self.open:
            self.write(b"%d %d %d" % (self.good, self.bad, self.wrong))

    def answered(self, question: Question, answer: bytes) -> None:
        self.open -= 1
        self.good += 1
        self.wrong += answer != question.payload[::-1]
        self.go_on()

    def unanswered(self, question: Question, reason: int) -> None:
        self.open -= 1
        self.bad += 1
        self.go_on()


class Answer(Served):
    def __init__(self) -> None:
        super().__init__(b"<TEST>", False)

    def open(self, context: Context) -> int:
        request = context.request
        assert request is not None
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        _, verb, kind, first, second = request.uri.split(b"/")
        if verb == b"ask":
            QUESTIONS.ask(kind, first, int(second), Writes(theirs))
        else:
            Many(theirs, kind, int(first), int(second)).go_on()
        return ours.detach()


class TestService(HttpService):
    def answer(self, context: Context) -> Served:
        return Answer()


@service("test-ask", "asks control")
def make(_: Ask) -> HttpService:
    return TestService()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
