"""Memory for the next generation: what it is, and how a program fetches it from another one's stats socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pointsman.core.handed import FETCH, Handed, fetch, give, is_memory_file, memory_file


class Page(Handed):
    """Some bytes; `good`: those of others are taken over."""

    def __init__(self, key: str, good: bool = True) -> None:
        super().__init__(key)
        self.good = good

    def hand_on(self) -> None:
        self.fd = memory_file("page", 100)

    def adopt(self, fd: int) -> bool:
        if self.good:
            self.fd = fd
        return self.good


@contextmanager
def answering(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            sock, _ = listening.accept()
            with sock:
                assert sock.recv(100) == FETCH.encode() + b"\n"
                answer(sock)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_a_file_that_keeps_its_size() -> None:
    fd = memory_file("page", 100)
    assert is_memory_file(fd, 100)
    assert not is_memory_file(fd, 99)
    with pytest.raises(OSError):
        os.ftruncate(fd, 0)
    with pytest.raises(OSError):
        os.ftruncate(fd, 200)
    os.close(fd)
    plain = os.memfd_create("plain", os.MFD_CLOEXEC)
    os.ftruncate(plain, 100)
    assert not is_memory_file(plain, 100)
    os.close(plain)
    assert not is_memory_file(plain, 100)


def test_what_both_programs_have_is_fetched(tmp_path: Path) -> None:
    given = [Page("one"), Page("two"), Page("three"), Page("nothing")]
    for page in given[:3]:
        page.hand_on()
        os.pwrite(page.fd, page.key.encode(), 0)
    wanted = [Page("three"), Page("two", good=False), Page("four"), Page("nothing")]
    before = len(os.listdir("/proc/self/fd"))
    with answering(tmp_path / "sock", lambda sock: give(sock, given)):
        assert fetch(str(tmp_path / "sock"), wanted) == ""
    assert [page.fd >= 0 for page in wanted] == [True, False, False, False]
    assert os.pread(wanted[0].fd, 12, 0) == b"memory:three"
    assert len(os.listdir("/proc/self/fd")) == before + 1
    for page in (*given[:3], wanted[0]):
        os.close(page.fd)


def test_why_nothing_is_fetched(tmp_path: Path) -> None:
    page = Page("one")
    assert fetch(str(tmp_path / "sock"), [page]) == "No such file or directory"
    with answering(tmp_path / "other", lambda sock: sock.sendall(b"Unknown command: ...\n\n")):
        assert fetch(str(tmp_path / "other"), [page]).startswith("it hands out no descriptors")
    with answering(tmp_path / "silent", lambda sock: None):
        assert fetch(str(tmp_path / "silent"), [page]).startswith("it hands out no descriptors")
    assert page.fd < 0
