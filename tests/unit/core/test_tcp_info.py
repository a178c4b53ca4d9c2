"""What the kernel knows of a connection: against what `ss` shows of the same, and what the kernel's headers say."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from pointsman.core.tcp_info import (
    FACKETS,
    LOST,
    REORDERING,
    RETRANS,
    RTT,
    RTTVAR,
    SACKED,
    UNACKED,
    measure,
    saved_syn,
)
from pointsman.listener.sockets import TCP_SAVE_SYN

COUNTERS = (UNACKED, SACKED, LOST, RETRANS, FACKETS, RTT, RTTVAR, REORDERING)
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[1, 2])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Our end, and the client's."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, request.param)
        server.listen()
        with socket.create_connection(server.getsockname()) as client:
            ours, _ = server.accept()
            with ours:
                yield ours, client


@pytest.mark.skipif(shutil.which("ss") is None, reason="ss is needed")
def test_the_round_trip_is_that_which_ss_shows(pair: Pair) -> None:
    ours, client = pair
    client.sendall(b"x")
    ours.recv(1)
    ours.sendall(b"y")
    client.recv(1)
    port = ours.getpeername()[1]
    shown = subprocess.run(["ss", "-tin", "dport", "=", f":{port}"], capture_output=True, text=True, check=True).stdout
    rtt, _, variance = next(word for word in shown.split() if word.startswith("rtt:"))[4:].partition("/")
    assert measure(ours.fileno(), RTT) == round(float(rtt) * 1000)
    assert measure(ours.fileno(), RTTVAR) == round(float(variance) * 1000)


def test_counters_of_a_quiet_connection(pair: Pair) -> None:
    ours, _ = pair
    found = {place: measure(ours.fileno(), place) for place in COUNTERS}
    assert [found[place] for place in (UNACKED, SACKED, LOST, RETRANS, FACKETS)] == [0] * 5
    assert found[REORDERING] >= 3  # net.ipv4.tcp_reordering, tcp(7); more where earlier connections to there had more


def test_what_is_sent_is_not_acknowledged_at_once(pair: Pair) -> None:
    """A client whose window is full acknowledges no more."""
    ours, _ = pair
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(bytes(1 << 20))
    assert measure(ours.fileno(), UNACKED) is not None


def test_the_syn_is_handed_out_once(pair: Pair) -> None:
    """From the IP header on, or Ethernet's of 14 bytes, which the loopback makes up (manual 7.3.3)."""
    ours, _ = pair
    packet = saved_syn(ours.fileno())
    assert packet is not None
    if packet[0] != 0x45:
        assert packet[:14] == bytes(12) + b"\x08\0"
        packet = packet[14:]
    assert packet[0] == 0x45 and packet[9] == 6  # IPv4 without options, TCP
    assert packet[12:20] == socket.inet_aton("127.0.0.1") * 2
    ports = ours.getpeername()[1], ours.getsockname()[1]
    assert packet[20:24] == b"".join(port.to_bytes(2, "big") for port in ports)
    assert packet[33] & 0x3F == 2  # SYN (RFC 9293 3.1)
    assert len(packet) == int.from_bytes(packet[2:4], "big")
    assert saved_syn(ours.fileno()) is None


def test_what_is_none_of_tcp_has_no_measures() -> None:
    a, b = socket.socketpair()
    with a, b, socket.socket() as unconnected:
        assert [measure(fd, RTT) for fd in (a.fileno(), -1)] == [None, None]
        assert saved_syn(a.fileno()) is None and saved_syn(unconnected.fileno()) is None
