"""Sinks with real sockets, pipes and files: nothing is mixed, nothing blocks, what is lost is counted."""

import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from pointsman.core import calls
from pointsman.core.address import AddressSpec
from pointsman.log.sink import PIPE_BUF, QUEUE_LINES, DatagramSink, Sink, StreamSink, make_sink
from pointsman.log.sinks import SinkSet
from pointsman.net.reactor import Reactor


def opened(address: AddressSpec) -> Sink:
    sink = make_sink(address)
    assert sink.open() == ""
    return sink


@pytest.fixture(params=["each", "many"])
def send(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a system call for each line, as where the extension was not built, and with what this host has."""
    if request.param == "each":
        monkeypatch.setattr("pointsman.log.sink.send", calls.plain_send)


def udp(port: int, host: str = "127.0.0.1") -> AddressSpec:
    return AddressSpec("inet", host, port, datagram=True)


def receiver(family: int = socket.AF_INET, name: str | bytes | tuple[str, int] = ("127.0.0.1", 0)) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(name)
    sock.settimeout(5)
    return sock


def lines(count: int, size: int = 60) -> list[bytes]:
    return [b"%06d " % number + b"x" * (size - 8) + b"\n" for number in range(count)]


@pytest.mark.usefixtures("send")
def test_one_datagram_a_line_over_udp() -> None:
    with receiver() as sock:
        sink = opened(udp(sock.getsockname()[1]))
        sent = lines(150)
        for line in sent:
            sink.put(line)
        sink.flush()
        assert [sock.recv(2000) for _ in sent] == sent
        assert (sink.waiting, sink.dropped, sink.bytes) == (0, 0, 0)
        sink.close()


@pytest.mark.usefixtures("send")
def test_long_lines_over_udp() -> None:
    with receiver() as sock:
        sink = opened(udp(sock.getsockname()[1]))
        sent = [b"a" * 60_000 + b"\n", b"b\n", b"c" * 30_000 + b"\n"]
        for line in sent:
            sink.put(line)
        sink.flush()
        assert [sock.recv(65536) for _ in sent] == sent
        sink.close()


@pytest.mark.usefixtures("send")
def test_a_line_too_long_for_a_datagram_is_dropped_alone() -> None:
    with receiver() as sock:
        sink = opened(udp(sock.getsockname()[1]))
        for line in (b"before\n", b"x" * 65_530 + b"\n", b"behind\n"):
            sink.put(line)
        sink.flush()
        sink.flush()
        assert [sock.recv(100), sock.recv(100)] == [b"before\n", b"behind\n"]
        assert (sink.dropped, sink.waiting) == (1, 0)
        sink.close()


@pytest.mark.usefixtures("send")
def test_udp_over_ipv6() -> None:
    with receiver(socket.AF_INET6, ("::1", 0)) as sock:
        sink = opened(udp(sock.getsockname()[1], "::1"))
        sink.put(b"line\n")
        sink.flush()
        assert sock.recv(100) == b"line\n"
        sink.close()


@pytest.mark.usefixtures("send")
def test_udp_without_a_receiver_drops_and_recovers() -> None:
    with receiver() as sock:
        port = sock.getsockname()[1]
    sink = opened(udp(port))
    for _ in range(5):
        sink.put(b"nobody\n")
        sink.flush()
    assert sink.waiting == 0
    with receiver(name=("127.0.0.1", port)) as sock:
        for _ in range(3):
            sink.put(b"somebody\n")
            sink.flush()
        assert sock.recv(100) == b"somebody\n"
    sink.close()


@pytest.mark.usefixtures("send")
def test_what_a_full_receiver_leaves_comes_later_in_order(tmp_path: Path) -> None:
    """A UNIX datagram socket holds a few lines only (/proc/sys/net/unix/max_dgram_qlen)."""
    with receiver(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        sink = opened(AddressSpec("unix", str(tmp_path / "log"), datagram=True))
        sent = lines(1500)
        got: list[bytes] = []
        for line in sent[:1200]:
            sink.put(line)
        sink.flush()
        assert sink.full
        taken = 1200 - sink.waiting
        assert 0 < taken < 1200
        late = iter(sent[1200:])
        while len(got) < len(sent):
            got.append(sock.recv(2000))
            line = next(late, b"")
            if line:
                sink.put(line)
            sink.flush()
        assert got == sent
        assert (sink.waiting, sink.dropped, sink.bytes) == (0, 0, 0)
        sink.close()


@pytest.mark.usefixtures("send")
def test_what_is_dropped_is_not_sent_later(tmp_path: Path) -> None:
    with receiver(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        sink = opened(AddressSpec("unix", str(tmp_path / "log"), datagram=True))
        for line in lines(1000):
            sink.put(line)
        sink.flush()
        left = sink.waiting
        sink.drop_all()
        assert (sink.dropped, sink.waiting) == (left, 0)
        for _ in range(1000 - left):
            sock.recv(2000)
        sink.put(b"new\n")
        sink.flush()
        assert sock.recv(2000) == b"new\n"
        sink.close()


@pytest.mark.usefixtures("send")
def test_unix_datagrams(tmp_path: Path) -> None:
    with receiver(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        sink = opened(AddressSpec("unix", str(tmp_path / "log"), datagram=True))
        sink.put(b"one\n")
        sink.put(b"two\n")
        sink.flush()
        assert [sock.recv(100), sock.recv(100)] == [b"one\n", b"two\n"]
        sink.close()


@pytest.mark.usefixtures("send")
def test_the_abstract_namespace() -> None:
    name = f"pointsman-test-{os.getpid()}"
    with receiver(socket.AF_UNIX, b"\0" + name.encode()) as sock:
        sink = opened(AddressSpec("abns", name, datagram=True))
        sink.put(b"one\n")
        sink.flush()
        assert sock.recv(100) == b"one\n"
        sink.close()


@pytest.mark.usefixtures("send")
def test_a_receiver_that_restarts_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = receiver(socket.AF_UNIX, str(path))
    sink = opened(AddressSpec("unix", str(path), datagram=True))
    sink.put(b"one\n")
    sink.flush()
    assert first.recv(100) == b"one\n"
    first.close()
    path.unlink()
    sink.put(b"lost\n")
    sink.flush()
    assert (sink.dropped, sink.waiting) == (1, 0)
    with receiver(socket.AF_UNIX, str(path)) as second:
        sink.put(b"too early for a new attempt\n")
        sink.flush()
        assert sink.dropped == 2
        sink.retry = 0
        sink.put(b"two\n")
        sink.flush()
        assert second.recv(100) == b"two\n"
    assert sink.dropped == 2
    sink.close()


@pytest.mark.usefixtures("send")
def test_a_receiver_that_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sinks = SinkSet()
    sink = sinks.sink(AddressSpec("unix", str(path), datagram=True))
    assert sinks.open() == [f"log target '{path}': No such file or directory"]
    assert isinstance(sink, DatagramSink)
    sink.retry = 0
    with receiver(socket.AF_UNIX, str(path)) as sock:
        sink.put(b"now\n")
        sink.flush()
        assert sock.recv(100) == b"now\n"
    sinks.close()


@pytest.mark.usefixtures("send")
def test_a_receiver_that_does_not_read_loses_no_line_until_the_queue_is_full(tmp_path: Path) -> None:
    with receiver(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        sink = opened(AddressSpec("unix", str(tmp_path / "log"), datagram=True))
        sent = lines(2000)
        for line in sent:
            sink.put(line)
        sink.flush()
        assert 0 < sink.waiting < 2000
        got = []
        while len(got) < 2000:
            got.append(sock.recv(100))
            sink.flush()
        assert got == sent
        assert sink.dropped == 0
        sink.close()


def test_what_does_not_fit_into_the_queue_is_counted() -> None:
    sink = DatagramSink(udp(9))
    for _ in range(QUEUE_LINES + 3):
        sink.put(b"line\n")
    assert (sink.waiting, sink.dropped) == (QUEUE_LINES, 3)
    heavy = DatagramSink(udp(9))
    for _ in range(200):
        heavy.put(b"x" * 65_536)
    assert (heavy.waiting, heavy.dropped) == (128, 72)  # QUEUE_BYTES is 8 MB


def test_a_pipe_gets_whole_lines_and_keeps_its_flags() -> None:
    reading, writing = os.pipe()
    sink = opened(AddressSpec("fd", "", writing))
    sent = lines(500)
    for line in sent:
        sink.put(line)
    sink.flush()
    assert os.read(reading, 65536) == b"".join(sent)
    assert os.get_blocking(writing)  # others may share it
    sink.close()
    os.close(writing)
    os.close(reading)


def test_a_full_pipe_does_not_block_and_goes_on_where_it_was() -> None:
    reading, writing = os.pipe()
    sink = opened(AddressSpec("fd", "", writing))
    sent = lines(5000, 100)
    for line in sent:
        sink.put(line)
    sink.flush()
    assert sink.waiting > 4000
    got = b""
    while len(got) < 500_000:
        got += os.read(reading, 10_000)
        sink.flush()
    assert got == b"".join(sent)
    assert sink.dropped == 0
    sink.close()
    os.close(writing)
    os.close(reading)


def test_a_write_into_a_pipe_ends_at_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    sink = opened(AddressSpec("fd", "", writing))
    writes: list[bytes] = []
    real = os.write

    def spy(fd: int, data: bytes) -> int:
        writes.append(data)
        return real(fd, data)

    monkeypatch.setattr(os, "write", spy)
    for line in lines(300, 101):
        sink.put(line)
    sink.flush()
    monkeypatch.undo()
    assert len(writes) > 5
    assert all(len(data) <= PIPE_BUF and data.endswith(b"\n") for data in writes)
    sink.close()
    os.close(writing)
    os.close(reading)


@pytest.mark.parametrize("refused", [False, True], ids=["own file", "poll"])
def test_a_line_longer_than_pipe_buf_is_finished_before_the_next(
    refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    if refused:
        monkeypatch.setattr(os, "open", _no_open)
    sink = opened(AddressSpec("fd", "", writing))
    monkeypatch.undo()
    assert isinstance(sink, StreamSink)
    assert sink.polled is refused
    sent = [b"a" * 60_000 + b"\n", b"b" * 60_000 + b"\n", b"c\n"]
    for line in sent:
        sink.put(line)
    sink.flush()
    got = b""
    while len(got) < 120_004:
        got += os.read(reading, 7000)
        sink.flush()
    assert got == b"".join(sent)
    sink.close()
    os.close(writing)
    os.close(reading)


def _no_open(path: str, flags: int) -> int:
    raise PermissionError(13, "Permission denied", path)


def test_where_proc_is_refused_poll_keeps_a_full_pipe_from_blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(os, "open", _no_open)
    sink = opened(AddressSpec("fd", "", writing))
    monkeypatch.undo()
    sent = lines(3000, 100)
    for line in sent:
        sink.put(line)
    done = threading.Event()

    def flush() -> None:
        sink.flush()
        done.set()

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    assert done.wait(5), "flush blocked on a full pipe"
    assert sink.waiting > 2000
    got = b""
    while len(got) < 300_000:
        got += os.read(reading, 10_000)
        sink.flush()
    assert got == b"".join(sent)
    sink.close()
    os.close(writing)
    os.close(reading)


def test_a_pipe_without_a_reader_drops() -> None:
    reading, writing = os.pipe()
    sink = opened(AddressSpec("fd", "", writing))
    os.close(reading)
    sink.put(b"one\n")
    sink.put(b"two\n")
    sink.flush()
    assert (sink.dropped, sink.waiting) == (2, 0)
    sink.close()
    os.close(writing)


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b"before\n")
        file.flush()
        sink = opened(AddressSpec("fd", "", file.fileno()))
        assert not sink.watchable()
        for line in lines(100):
            sink.put(line)
        sink.flush()
        sink.close()
    assert path.read_bytes() == b"before\n" + b"".join(lines(100))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_inherited_sockets(kind: socket.SocketKind) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with ours, theirs:
        sink = opened(AddressSpec("fd", "", ours.fileno()))
        for line in (b"one\n", b"two\n"):
            sink.put(line)
        sink.flush()
        if kind == socket.SOCK_STREAM:
            assert theirs.recv(100) == b"one\ntwo\n"
        else:
            assert [theirs.recv(100), theirs.recv(100)] == [b"one\n", b"two\n"]
        assert ours.gettimeout() is None
        assert os.get_blocking(ours.fileno())
        sink.close()


def test_a_descriptor_that_is_not_there() -> None:
    sinks = SinkSet()
    sink = sinks.sink(AddressSpec("fd", "", 987_654))
    assert sinks.open() == ["log target 'fd@987654': Bad file descriptor"]
    sink.put(b"line\n")
    sinks.flush()
    assert sinks.dropped == 1


def test_one_sink_for_an_address() -> None:
    sinks = SinkSet()
    assert sinks.sink(udp(514)) is sinks.sink(udp(514))
    assert sinks.sink(udp(514)) is not sinks.sink(udp(515))


def _turn_until(reactor: Reactor, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reactor.turn(min(reactor.patience(), 20))


def test_the_reactor_flushes_within_60_ms() -> None:
    with receiver() as sock:
        sock.setblocking(False)
        sinks = SinkSet()
        sink = sinks.sink(udp(sock.getsockname()[1]))
        assert sinks.open() == []
        reactor = Reactor()
        sinks.attach(reactor)
        reactor.turn(0)
        sink.put(b"one\n")
        reactor.turn(0)
        assert sink.waiting == 1  # it waits for company
        assert reactor.patience() <= 60
        _turn_until(reactor, 0.08)
        assert sock.recv(100) == b"one\n"
        for _ in range(64):
            sink.put(b"many\n")
        reactor.turn(0)
        assert sink.waiting == 0  # a batch does not wait
        assert len([sock.recv(100) for _ in range(64)]) == 64
        reactor.close(sink)
        reactor.turn(0)
        reactor.epoll.close()


def test_the_reactor_goes_on_when_a_full_pipe_has_room() -> None:
    reading, writing = os.pipe()
    sinks = SinkSet()
    sink = sinks.sink(AddressSpec("fd", "", writing))
    assert sinks.open() == []
    reactor = Reactor()
    sinks.attach(reactor)
    sent = lines(3000, 100)
    for line in sent:
        sink.put(line)
    reactor.turn(0)
    assert sink.waiting > 2000
    got = b""
    while len(got) < 300_000:
        got += os.read(reading, 65_536)
        reactor.turn(50)
    assert got == b"".join(sent)
    reactor.close(sink)
    reactor.turn(0)
    reactor.epoll.close()
    os.close(writing)
    os.close(reading)


def test_lines_of_one_length_go_as_runs() -> None:
    """Some at once as one message where the kernel can cut it; the receiver sees one line in each datagram."""
    with receiver() as sock:
        sink = opened(udp(sock.getsockname()[1]))
        assert isinstance(sink, DatagramSink) and sink.most == 65_507  # the loopback takes any datagram
        sent = lines(64) + [b"x" * 70_000 + b"\n"] + lines(70, 30)
        for line in sent:
            sink.put(line)
        sink.flush()
        del sent[64]
        assert [sock.recv(2000) for _ in sent] == sent
        assert (sink.dropped, sink.waiting, sink.most) == (1, 0, 65_507)  # a line too long says nothing about runs
        sink.close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_a_kernel_that_takes_no_runs(number: int) -> None:
    asked = []

    def refuse(fd: int, some: list[bytes], start: int, flags: int, most: int) -> int:
        asked.append(most)
        return -number if most else calls.plain_send(fd, some, start, flags, most)

    with receiver() as sock:
        sink = opened(udp(sock.getsockname()[1]))
        assert isinstance(sink, DatagramSink)
        sink.send = refuse
        sent = lines(100)
        for line in sent:
            sink.put(line)
        sink.flush()
        assert [sock.recv(2000) for _ in sent] == sent
        assert (sink.dropped, sink.waiting, asked) == (0, 0, [65_507, 0, 0])
        sink.close()


def test_lines_over_the_path_s_limit_are_no_runs() -> None:
    """As with a device whose packets have 1,500 bytes."""
    with receiver() as sock:
        sink = opened(udp(sock.getsockname()[1]))
        assert isinstance(sink, DatagramSink)
        sink.most = 1_472
        sent = lines(3, 1_472) + lines(3, 1_473) + lines(3, 1_472)
        for line in sent:
            sink.put(line)
        sink.flush()
        assert [sock.recv(2000) for _ in sent] == sent
        assert sink.most == 1_472
        sink.close()
