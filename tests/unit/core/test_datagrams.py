"""Lines as datagrams: the extension and its plain stand-in take the same, and name the same errors."""
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.core.calls import plain_send

Send = Callable[[int, list[bytes], int, int], int]
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
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, socket.socket(socket.AF_INET,
                                                                              socket.SOCK_DGRAM) as near:
        far.bind(("127.0.0.1", 0))
        near.connect(far.getsockname())
        lines = [b"%d\n" % number for number in range(100)]
        assert send(near.fileno(), lines, 98, FLAGS) == 2
        assert send(near.fileno(), lines, 0, FLAGS) == 64
        assert [far.recv(100) for _ in range(66)] == lines[98:] + lines[:64]
        assert send(near.fileno(), [b""], 0, FLAGS) == 1  # a datagram without a byte is one, too
        assert far.recv(100) == b""


def test_what_a_full_receiver_takes(send: Send) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        lines = [b"x" * 30_000 + b"%d" % number for number in range(64)]
        taken = send(near.fileno(), lines, 3, FLAGS)
        assert 0 < taken < 61
        assert send(near.fileno(), lines, 3 + taken, FLAGS) == -errno.EAGAIN
        assert [far.recv(40_000) for _ in range(taken)] == lines[3:3 + taken]


def test_errors_have_their_numbers(send: Send, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as near:
        assert send(near.fileno(), [b"x"], 0, FLAGS) == -errno.ENOTCONN
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as far:
            far.bind(str(tmp_path / "log"))
            near.connect(str(tmp_path / "log"))
        assert send(near.fileno(), [b"x"], 0, FLAGS) == -errno.ECONNREFUSED
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        near.connect(("127.0.0.1", 9))
        assert send(near.fileno(), [b"x" * 65_530], 0, FLAGS) == -errno.EMSGSIZE
    reading, writing = os.pipe()
    assert send(writing, [b"x"], 0, FLAGS) == -errno.ENOTSOCK
    os.close(reading)
    os.close(writing)
    assert send(writing, [b"x"], 0, FLAGS) == -errno.EBADF
