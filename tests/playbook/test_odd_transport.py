"""Some stories through the odd transport, in every run; `make odd-transport` plays all of them so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import test_bodies_in_flight as bodies
import test_partings as partings
import test_requests_in_a_row as requests
from support.stand import Stand

STORIES: list[Callable[[], None]] = [
    requests.test_ten_thousand_pipelined_requests_that_are_answered_here,
    requests.test_a_thousand_pipelined_requests_to_a_server,
    requests.test_a_slow_head_on_a_kept_connection_has_the_time_of_one_request,
    bodies.test_expect_100_continue_passes_and_may_be_refused,
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
