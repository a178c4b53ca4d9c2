"""Under POINTSMAN_TEST_TRANSPORT=odd every story runs through the odd transport; these are about plain sockets. Under
POINTSMAN_TEST_H2=front, back or both stories have ends that speak HTTP/2 (tests/support/h2_stories.py)."""

from __future__ import annotations

import pytest
from support.h2_stories import about_http1
from support.odd_transport import OddTransport
from support.stand import Stand

RAW = "it writes to or reads from the socket itself, past the transport"
PIPE = "it is about payload that goes through the kernel's pipe, and nothing does here"
BEFORE = "it is about what a connection brings along, and here its handshake comes first"
ABOUT_PLAIN_SOCKETS = {
    "test_a_turn_takes_two_goes_of_it_at_most": RAW,
    "test_a_waiter_that_leaves_between_grant_and_go_gives_its_slot_on": RAW,
    "test_large_ones_do_go_through_the_pipe": PIPE,
    "test_http[last-client-fin]": PIPE,  # what is received wholly and not written is all in one go only there
    "test_a_soft_stop_closes_it_at_the_second_look": RAW,
    "test_a_body_that_ends_with_its_connection": PIPE,
    "test_an_end_right_behind_the_request": RAW,
    "test_a_server_that_accepts_and_resets": RAW,
    "test_tcp_a_client_that_gives_up_waiting": RAW,
    "test_bytes_that_came_with_the_connection_are_seen_without_a_delay": BEFORE,
    "test_connections_and_sessions_are_refused_before_there_is_a_stream": BEFORE,
    "test_connections_are_refused": BEFORE,
}

# They tell of what came in one piece: requests in the same bytes, a body with its head, a chunk.
IN_ONE_PIECE = {
    "test_they_are_used",
    "test_a_request_with_two_framings",
    "test_random_requests_are_decided_alone_as_by_the_live_program",
}


@pytest.fixture(autouse=True)
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if IN_ONE_PIECE & {request.node.name, getattr(request.node, "originalname", "")}:
        monkeypatch.setattr(OddTransport, "splits", False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if Stand.h2:
        for item in items:
            if reason := about_http1(item.name, Stand.h2):
                item.add_marker(pytest.mark.skip(reason=f"over HTTP/2: {reason}"))
    if not Stand.odd:
        return
    for item in items:
        reason = ABOUT_PLAIN_SOCKETS.get(item.name) or ABOUT_PLAIN_SOCKETS.get(getattr(item, "originalname", ""))
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=f"under the odd transport: {reason}"))
