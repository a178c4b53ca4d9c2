"""Some stories through the odd transport, in every run; `make odd-transport` plays all of them so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import test_bodies_in_flight as bodies
import test_partings as partings
import test_requests_in_a_row as requests
from support.odd_transport import OddTransport, OddTransports
from support.stand import End, OddEnd, Stand

STORIES: list[Callable[[], None]] = [
    requests.test_ten_thousand_pipelined_requests_that_are_answered_here,
    requests.test_a_thousand_pipelined_requests_to_a_server,
    requests.test_a_slow_head_on_a_kept_connection_has_the_time_of_one_request,
    bodies.test_expect_100_continue_passes_and_may_be_refused,
    bodies.test_a_client_that_stops_reading_is_the_one_that_is_late,
    partings.test_tcp_a_client_without_a_server_sees_a_clean_end,
]
SOME_PARTINGS = [
    (phase, number) for phase, number in partings.PARTINGS if phase.__name__ in ("in_head", "uploading", "downloading")
]


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stand, "odd", True)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_story(story: Callable[[], None]) -> None:
    story()


@pytest.mark.parametrize(
    ("phase", "number"),
    SOME_PARTINGS,
    ids=[f"{phase.__name__}-{partings.WAYS[number]}" for phase, number in SOME_PARTINGS],
)
def test_parting(phase: partings.Phase, number: int) -> None:
    partings.test_http(phase, number)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_no_body(status: bytes) -> None:
    """Nothing tells that the head was all that the socket had: the connection is kept nevertheless."""
    bodies.test_responses_without_a_body_keep_both_connections(status)


@pytest.mark.parametrize("size, piece", [(1_000_000, 1 << 20), (3_000_000, 70_000)])
def test_large_response(size: int, piece: int) -> None:
    bodies.test_a_large_response_arrives_whole_and_takes_little_memory(size, piece)


def marked(client: End) -> bool:
    """Its connection is closed, and the end mark came before."""
    assert isinstance(client, OddEnd)
    client.take()
    assert client.closed
    return client.transport.ended


@pytest.mark.parametrize("number", [2, 3, 4], ids=partings.WAYS[2:])
def test_a_response_that_is_cut_has_no_end_mark(number: int) -> None:
    """Whether the server leaves in the middle of it, or is late."""
    with Stand(partings.CONFIG, "a") as stand:
        client, server = partings.downloading(stand)
        partings.part(number, stand, client, server)
        assert not marked(client)


def test_a_response_that_is_whole_has_one() -> None:
    with Stand(partings.CONFIG, "a") as stand:
        client, server = partings.asked(stand)
        assert server is not None
        server.send(b"HTTP/1.1 200 OK\r\n\r\nto the end")
        server.close()
        assert client.take().endswith(b"to the end")
        assert marked(client)


class Broken(OddTransports):
    def accept(self, fd: int, pending: bytes) -> OddTransport:
        raise RuntimeError("no transport")


@pytest.mark.parametrize("config", [partings.CONFIG, partings.TCP], ids=["http", "tcp"])
def test_a_transport_that_cannot_be_made_costs_its_connection_alone(config: str) -> None:
    with Stand(config, "a") as stand:
        state = stand.bind_states[id(stand.frontend())]
        good, state.transports = state.transports, Broken()
        end, arrival = stand.arrive()
        with pytest.raises(RuntimeError, match="no transport"):
            stand.frontend().open(arrival)
        stand.wait(3_000)
        assert end.sock.recv(1) == b""
        assert stand.frontend().connections == 0
        state.transports = good
        client = stand.client()
        client.send(partings.GET)
        assert stand.accept("a").take().lower() == partings.GET.lower()
