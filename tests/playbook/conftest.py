"""Under POINTSMAN_TEST_TRANSPORT=odd every story runs through the odd transport; these are about plain sockets."""

from __future__ import annotations

import pytest
from support.stand import Stand

RAW = "it writes to or reads from the socket itself, past the transport"
PIPE = "it is about payload that goes through the kernel's pipe, and nothing does here"
ABOUT_PLAIN_SOCKETS = {
    "test_a_turn_takes_two_goes_of_it_at_most": RAW,
    "test_a_waiter_that_leaves_between_grant_and_go_gives_its_slot_on": RAW,
    "test_large_ones_do_go_through_the_pipe": PIPE,
    "test_an_end_right_behind_the_request": RAW,
    "test_a_server_that_accepts_and_resets": RAW,
    "test_tcp_a_client_that_gives_up_waiting": RAW,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not Stand.odd:
        return
    for item in items:
        reason = ABOUT_PLAIN_SOCKETS.get(getattr(item, "originalname", item.name))
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=f"under the odd transport: {reason}"))
