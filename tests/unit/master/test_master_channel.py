"""What master and keeper say to each other, and what is said to systemd."""

import os
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.master.channel import MARK, PACK, inherited, mark, pair
from pointsman.worker.notify import Notifier

WORDS = st.lists(st.text(max_size=20).filter(lambda text: "\0" not in text and text.isprintable()), max_size=5)


@given(WORDS)
def test_words_arrive_as_they_were_sent(words: list[str]) -> None:
    ours, theirs = pair(1)
    with closing(ours), closing(theirs):
        assert ours.send("kind", *words)
        message = theirs.receive()
        assert message is not None
        assert (message.kind, message.words) == ("kind", tuple(words))


def test_sockets_arrive_under_their_keys_in_as_many_packs_as_it_takes() -> None:
    ours, theirs = pair(1)
    with closing(ours), closing(theirs), socket.create_server(("127.0.0.1", 0)) as listening:
        keys = [f"key {number}" for number in range(PACK + 3)]
        assert ours.send_sockets({key: listening.fileno() for key in keys})
        found: list[str] = []
        while (message := theirs.receive(wait=False)) is not None:
            assert message.kind == "sockets" and len(message.words) == len(message.descriptors) <= PACK
            found += message.words
            for fd in message.descriptors:
                assert not os.get_inheritable(fd)
                assert os.fstat(fd).st_ino == os.fstat(listening.fileno()).st_ino
                os.close(fd)
        assert found == keys


def test_the_other_end_is_gone() -> None:
    ours, theirs = pair(1)
    theirs.close()
    with closing(ours):
        assert not ours.send("ready")
        assert ours.receive() is None


def test_nothing_to_hear() -> None:
    ours, theirs = pair(1)
    with closing(ours), closing(theirs):
        assert ours.receive(wait=False) is None


def test_the_mark_tells_a_program_once_that_it_is_a_keepers() -> None:
    ours, theirs = pair(7)
    fd = os.dup(theirs.sock.fileno())
    theirs.close()
    with closing(ours):
        assert mark(ours, True) == f"{ours.sock.fileno()}:7:quiet"
        variables = {MARK: f"{fd}:7:quiet", "OTHER": "1"}
        found = inherited(variables)
        assert found is not None and variables == {"OTHER": "1"}
        with closing(found):
            assert (found.generation, found.quiet) == (7, True)
            assert not os.get_inheritable(fd)
            assert found.send("ready") and ours.receive() is not None
        assert inherited(variables) is None


@pytest.mark.parametrize("abstract", [True, False])
def test_what_systemd_hears(tmp_path: Path, abstract: bool) -> None:
    path = f"@pointsman-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + path[1:] if abstract else path)
        sock.settimeout(5)
        notifier = Notifier(path)
        notifier.ready("Ready.")
        assert sock.recv(1000) == b"READY=1\nMAINPID=%d\nSTATUS=Ready." % os.getpid()
        before = time.monotonic_ns() // 1000
        notifier.reloading()
        first, second, _ = sock.recv(1000).decode().split("\n")
        assert first == "RELOADING=1"
        assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
        notifier.stopping()
        assert sock.recv(1000).startswith(b"STOPPING=1\n")


def test_nobody_wants_to_hear(tmp_path: Path) -> None:
    Notifier("").ready("Ready.")
    Notifier(str(tmp_path / "nobody")).ready("Ready.")
