"""Wires whose transport lets bytes pass before its handshake is over: what their users are told, and in which order."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from pointsman.net.reactor import Reactor
from pointsman.net.transport import EARLY, READ, WRITE, Transport
from pointsman.net.wire import PlainUser, Wire


class Scripted(Transport):
    """Its handshake says what `says` holds."""

    def __init__(self, sock: socket.socket, says: int | OSError, eager: bool) -> None:
        super().__init__()
        self.sock = sock
        self.says = says
        self.eager = eager
        self.data: list[bytes] = []
        self.takes = 1 << 20
        self.calls: list[str] = []
        self.written = b""

    def handshake(self) -> int:
        if self.calls[-1:] != ["handshake"]:
            self.calls.append("handshake")
        try:
            while self.sock.recv(100):
                pass
        except BlockingIOError:
            pass
        if isinstance(self.says, OSError):
            raise self.says
        return self.says

    def read(self, size: int) -> bytes | None:
        return self.data.pop(0) if self.data else None

    def drained(self) -> bool:
        return not self.data

    def write(self, data: bytes) -> int:
        self.calls.append("write")
        taken = data[: self.takes]
        self.takes -= len(taken)
        self.written += taken
        return len(taken)

    def shut(self) -> bool:
        self.calls.append("shut")
        return True

    def close(self) -> None:
        self.calls.append("close")


class User(PlainUser):
    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.told: list[str] = []
        self.answer = b""  # what it writes when the wire is open
        self.closes = False

    def opened(self) -> None:
        assert self.wire is not None
        self.told.append("opened")
        if self.closes:
            self.wire.close()
        elif self.answer:
            self.wire.push(self.answer)
            self.wire.flush()

    def shaken(self) -> None:
        self.told.append("shaken")

    def not_shaken(self) -> None:
        self.told.append("not shaken")

    def not_opened(self, error: int) -> None:
        self.told.append("not opened")

    def drained(self) -> None:
        self.told.append("drained")

    def moved(self) -> None:
        self.told.append("moved")

    def readable(self) -> None:
        assert self.wire is not None
        while self.wire.unread:
            data = self.wire.read(100)
            if data is None:
                return
            if not data:
                self.told.append(f"failed {self.wire.failed}" if self.wire.failed else "ended")
                return
            self.told.append(data.decode())


class Stage:
    def __init__(self, says: int | OSError, eager: bool = False) -> None:
        self.reactor = Reactor()
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.sock = ours.dup()
        self.user = User()
        self.wire = self.user.wire = Wire(self.reactor, ours.detach(), self.user)
        self.reactor.add(self.wire)
        self.transport = Scripted(self.sock, says, eager)
        self.wire.secure(self.transport)

    def turn(self, says: int | OSError | None = None) -> None:
        """With an event, where the handshake says something else from now on."""
        if says is not None:
            self.transport.says = says
            self.peer.send(b"!")
        for _ in range(3):
            self.reactor.turn(2)

    def close(self) -> None:
        if self.wire.fd >= 0:
            self.wire.close()
        self.sock.close()
        self.peer.close()
        self.reactor.turn(0)
        assert self.reactor.open == 0
        self.reactor.epoll.close()


@pytest.fixture
def stages() -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for one in made:
        one.close()


def test_open_before_the_handshake_is_over(stages: list[Stage]) -> None:
    stages.append(stage := Stage(READ))
    stage.user.answer = b"answer"
    stage.turn()
    assert stage.user.told == [] and stage.transport.written == b""
    stage.transport.data = [b"one", b"two"]
    stage.turn(READ | EARLY)
    assert stage.user.told == ["opened", "one", "two"] and stage.transport.written == b"answer"
    stage.transport.data = [b"three"]
    stage.turn(READ | EARLY)
    assert stage.user.told[3:] == ["three"]
    stage.transport.data = [b"four"]
    stage.turn(0)
    assert stage.user.told[4:] == ["shaken", "four"]
    assert not stage.wire.shaking and not stage.wire.early


def test_what_is_not_taken_goes_when_it_can(stages: list[Stage]) -> None:
    stages.append(stage := Stage(READ | EARLY | WRITE))
    stage.user.answer = b"0123456789"
    stage.transport.takes = 4
    stage.turn()
    assert stage.transport.written == b"0123" and stage.wire.blocked
    stage.transport.takes = 3
    stage.turn(READ | EARLY | WRITE)  # the transport has something of its own to write first
    assert stage.transport.written == b"0123" and stage.wire.blocked
    stage.turn(READ | EARLY)
    assert stage.transport.written == b"0123456" and stage.user.told[:2] == ["opened", "moved"]
    stage.transport.takes = 100
    stage.turn(0)
    assert stage.transport.written == b"0123456789" and stage.user.told[-2:] == ["drained", "shaken"]


def test_its_end_stands_behind_the_handshake(stages: list[Stage]) -> None:
    stages.append(stage := Stage(READ | EARLY))
    stage.turn()
    stage.wire.end_write()
    assert "shut" not in stage.transport.calls and not stage.wire.shut_down
    stage.turn(0)
    assert "shut" in stage.transport.calls and stage.wire.shut_down
    assert stage.peer.recv(1) == b""


def test_one_that_is_closed_meanwhile_is_cut(stages: list[Stage]) -> None:
    stages.append(stage := Stage(READ | EARLY))
    stage.turn()
    stage.wire.close()
    assert stage.transport.calls[-1] == "close" and "shut" not in stage.transport.calls


def test_a_handshake_that_fails(stages: list[Stage]) -> None:
    fault = OSError(errno.EPROTO, "wrong")
    stages.append(stage := Stage(READ | EARLY))
    stage.turn()
    stage.turn(fault)
    assert stage.user.told == ["opened", "not shaken", f"failed {errno.EPROTO}"]
    stage.turn(fault)
    assert stage.user.told[3:] == [f"failed {errno.EPROTO}"]  # whoever has not closed it meets the same
    stages.append(stage := Stage(READ))
    stage.turn()
    stage.turn(fault)
    assert stage.user.told == ["not opened"]


def test_one_that_is_eager(stages: list[Stage]) -> None:
    stages.append(stage := Stage(READ, eager=True))
    stage.user.answer = b"request"
    stage.transport.takes = 3
    stage.turn()
    assert stage.transport.calls == ["write", "handshake"] and stage.transport.written == b"req"
    assert stage.user.told == ["opened"]
    stage.transport.takes = 100
    stage.turn(READ)
    assert stage.transport.written == b"req"  # the rest waits for the end
    stage.transport.data = [b"response"]
    stage.turn(0)
    assert stage.transport.written == b"request" and stage.user.told == ["opened", "drained", "shaken", "response"]


def test_one_that_is_eager_and_fails(stages: list[Stage]) -> None:
    stages.append(stage := Stage(READ, eager=True))
    stage.turn()
    stage.turn(OSError(errno.EKEYREJECTED, "refused"))
    assert stage.user.told == ["opened", "not shaken", f"failed {errno.EKEYREJECTED}"]


def test_a_user_that_closes_at_once(stages: list[Stage]) -> None:
    for eager, says in ((True, READ), (False, READ | EARLY)):
        stages.append(stage := Stage(says, eager=eager))
        stage.user.closes = True
        stage.turn()
        assert stage.user.told == ["opened"] and stage.wire.fd == -1
        assert stage.transport.calls == (["close"] if eager else ["handshake", "close"])
