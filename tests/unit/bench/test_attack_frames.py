"""Frames that attackers write, against the examples of RFC 7541; what they understand of what they get."""

from __future__ import annotations

import socket
import time

import pytest

from bench.attacks import frames as f
from bench.attacks.assault import Bounds, assault
from bench.attacks.attacker import Attacker, Ended, Outcome, TimeIsUp
from bench.attacks.scripts import ATTACKS


@pytest.mark.parametrize(
    ("value", "bits", "coded"),
    [(10, 5, b"\x0a"), (1337, 5, b"\x1f\x9a\x0a"), (42, 8, b"\x2a"), (31, 5, b"\x1f\x00"), (127, 7, b"\x7f\x00")],
)
def test_integers_of_rfc_7541_c_1(value: int, bits: int, coded: bytes) -> None:
    assert f.integer(value, bits, 0) == coded


def test_a_request_is_what_rfc_7541_says() -> None:
    """Appendix A: 2 is GET, 6 http, 4 ":path", 1 ":authority"; C.2.2 has the form of a literal."""
    assert f.request(b"/sample/path") == b"\x82\x86\x04\x0c/sample/path\x01\x0fwww.example.com"


def test_a_frame_has_nine_bytes_in_front() -> None:
    assert f.window_update(5, 1) == b"\x00\x00\x04\x08\x00\x00\x00\x00\x05\x00\x00\x00\x01"


def test_each_attack_says_what_it_does() -> None:
    assert all(one.tells.endswith(".") or "(CVE-" in one.tells for one in ATTACKS.values())


class Silent:
    """A server that only listens."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()


def test_an_attacker_notes_what_it_gets() -> None:
    outcome = Outcome()
    with Silent() as server:
        one = Attacker(server.port, time.monotonic() + 5, outcome)
        peer, _ = server.listener.accept()
        with peer:
            said = f.settings() + f.headers(1, b"\x88") + f.rst_stream(3, 7)
            peer.sendall(said + f.frame(f.GOAWAY, payload=b"\0\0\0\x03\0\0\0\x0b"))
        one.listen(5)
        with pytest.raises(Ended):
            one.send(f.settings(), 1)
        one.close()
    assert one.calm
    assert outcome.told() == ("GOAWAY ENHANCE_YOUR_CALM x1; reset REFUSED_STREAM x1; answered 200 x1; closed 1 of 1")


def test_an_attacker_whose_frames_nobody_reads_stops_when_its_time_is_over() -> None:
    outcome = Outcome()
    with Silent() as server:
        one = Attacker(server.port, time.monotonic() + 0.05, outcome)
        with pytest.raises(TimeIsUp):
            one.send(bytes(30_000_000), 1)
        one.close()
    assert outcome.stuck == 1


def test_an_attack_ends_with_its_frames() -> None:
    with Silent() as server:
        outcome = assault(ATTACKS["ping"], server.port, Bounds(frames=400, seconds=5, again=False))
    assert (outcome.frames, outcome.connections, outcome.closed) == (400, 1, 0)
