"""Lines as datagrams: the extension and its plain stand-in take the same, and name the same errors."""

import errno
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pointsman.core.calls import plain_send

Send = Callable[[int, list[bytes], int, int, int], int]
SENDERS: list[Send] = [plain_send]
try:
    from pointsman.core import _calls

    SENDERS.append(_calls.send)
except ImportError:
    pass
FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


@pytest.fixture(params=SENDERS, ids=lambda sender: "plain" if sender is plain_send else "built")
def send(request: pytest.FixtureRequest) -> Send:
    found: Send = request.param
    return found


def test_from_the_start_on_at_most_64(send: Send) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.bind(("127.0.0.1", 0))
        near.connect(far.getsockname())
        lines = [b"%d\n" % number for number in range(100)]
        assert send(near.fileno(), lines, 98, FLAGS, 0) == 2
        assert send(near.fileno(), lines, 0, FLAGS, 0) == 64
        assert [far.recv(100) for _ in range(66)] == lines[98:] + lines[:64]
        assert send(near.fileno(), [b""], 0, FLAGS, 0) == 1  # a datagram without a byte is one, too
        assert far.recv(100) == b""


def test_what_a_full_receiver_takes(send: Send) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        lines = [b"x" * 30_000 + b"%d" % number for number in range(64)]
        taken = send(near.fileno(), lines, 3, FLAGS, 0)
        assert 0 < taken < 61
        assert send(near.fileno(), lines, 3 + taken, FLAGS, 0) == -errno.EAGAIN
        assert [far.recv(40_000) for _ in range(taken)] == lines[3 : 3 + taken]


def test_errors_have_their_numbers(send: Send, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as near:
        assert send(near.fileno(), [b"x"], 0, FLAGS, 0) == -errno.ENOTCONN
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as far:
            far.bind(str(tmp_path / "log"))
            near.connect(str(tmp_path / "log"))
        assert send(near.fileno(), [b"x"], 0, FLAGS, 0) == -errno.ECONNREFUSED
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.connect(("127.0.0.1", 9))
        assert send(near.fileno(), [b"x" * 65_530], 0, FLAGS, 0) == -errno.EMSGSIZE
    reading, writing = os.pipe()
    assert send(writing, [b"x"], 0, FLAGS, 0) == -errno.ENOTSOCK
    os.close(reading)
    os.close(writing)
    assert send(writing, [b"x"], 0, FLAGS, 0) == -errno.EBADF


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A UDP socket and the one that it is connected to."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.bind(("127.0.0.1", 0))
        far.settimeout(5)
        near.connect(far.getsockname())
        yield near, far


def all_of(send: Send, near: socket.socket, far: socket.socket, lines: list[bytes], most: int) -> list[bytes]:
    """What the receiver gets of these lines."""
    got: list[bytes] = []
    done = 0
    while done < len(lines):
        taken = send(near.fileno(), lines, done, FLAGS, most)
        assert 0 < taken <= 64
        got += [far.recv(70_000) for _ in range(taken)]
        done += taken
    return got


@pytest.mark.parametrize("most", [0, 1, 9, 10, 11, 1472, 65_508])
def test_a_run_is_the_same_datagrams(send: Send, ends: tuple[socket.socket, socket.socket], most: int) -> None:
    """Cut at every length: runs of each size, ended by a shorter line, by a longer one, by the end, by an empty one."""
    chance = random.Random(most)
    for size in range(1, 70):
        for last in (b"short", b"longer than that", b"", b"0123456789"):
            lines = [b"%09d\n" % number for number in range(size)] + [last, b"9876543210", b"x"]
            assert all_of(send, *ends, lines, most) == lines
    for _ in range(200):
        sizes = chance.choices((0, 1, 5, 9, 10, 11, 1400, 1472, 1473), k=80)
        lines = [b"%d" % chance.randrange(10) * length for length in sizes]
        assert all_of(send, *ends, lines, most) == lines


def test_runs_end_before_a_message_grows_too_large(send: Send, ends: tuple[socket.socket, socket.socket]) -> None:
    for length in (1_000, 20_000, 30_000, 30_001, 59_999, 60_000, 60_001):
        lines = [b"%d" % number * length for number in range(10)]
        got = []
        for one in range(0, 10, 2):  # two at once have room in the receiver
            got += all_of(send, *ends, lines[one : one + 2], 65_508)
        assert got == lines


def test_a_message_of_several_lines_that_fails_takes_none(send: Send) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        assert send(near.fileno(), [b"one", b"two"], 0, FLAGS, 1000) == -errno.EDESTADDRREQ


def test_a_run_is_one_message(ends: tuple[socket.socket, socket.socket]) -> None:
    """A receiver that asks for runs (UDP_GRO, udp(7)) gets the whole; without the extension there are none."""
    near, far = ends
    udp_gro = 104  # <linux/udp.h>
    far.setsockopt(socket.IPPROTO_UDP, udp_gro, 1)
    lines = [b"%09d\n" % number for number in range(20)] + [b"end\n", b"another\n"]
    taken = SENDERS[-1](near.fileno(), lines, 0, FLAGS, 1000)
    assert taken == 22
    runs = [b"".join(lines[:21]), lines[21]] if len(SENDERS) > 1 else lines
    assert [far.recv(70_000) for _ in runs] == runs
