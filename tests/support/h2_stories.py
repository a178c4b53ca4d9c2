"""Which stories of tests/playbook are told with ends that speak HTTP/2 (h2_ends.py), and which are about HTTP/1.

    POINTSMAN_TEST_H2=front|back|both python -m pytest tests/playbook/test_partings.py     all of a module's stories

The modules are those whose every story is known to end alike, or to be about HTTP/1, on each side.
"""

from __future__ import annotations

SIDES = ("front", "back", "both")
MODULES = (
    "test_bodies_in_flight",
    "test_early_hints",
    "test_limits_of_exchanges",
    "test_limits_of_servers",
    "test_name_headers",
    "test_named_servers",
    "test_partings",
    "test_redirecting_servers",
    "test_requests_in_a_row",
    "test_retries_elsewhere",
    "test_small_options",
    "test_times_and_retries",
    "test_variable_limits",
    "test_waiting_for_a_slot",
    "test_waiting_for_passwords",
)

CLOSE = "the end of a connection is said by a field, or told from one"
HEAD = "a head that is not whole is a frame that has not come: there is no request or response yet"
UPGRADE = "Upgrade to something else than WebSocket is HTTP/1's"
BYTES = "it is about the bytes of a message"
RAW = "it writes to or reads from the socket itself"
WINDOW = "what a peer sends at once ends with its windows, not with the kernel's buffers"
REUSE = "clients of HTTP/2 share connections of servers from their first request on"
SHARED = "the next exchange takes the connection whose stream was cancelled, where HTTP/1 needs another one"
MANY = "it is about many requests on a connection, of which each is a stream here: the library takes its time for them"
FLOOD = "interim responses are no payload, which alone the windows hold"

# By the beginning of a test's name, with its parameters.
OF_CLIENTS = {
    "test_http[fresh-": HEAD,
    "test_http[in_head-": HEAD,
    "test_a_timeout_fires_at_its_time[timeout http-request": HEAD,
    "test_a_timeout_fires_at_its_time[timeout client 2s--2000-408 cR]": HEAD,
    "test_a_timeout_fires_at_its_time[timeout http-request 3s": HEAD,
    "test_a_slow_head_on_a_kept_connection_has_the_time_of_one_request": HEAD,
    "test_a_head_that_": HEAD,
    "test_http[switched-": UPGRADE,
    "test_one_parting_after_the_other[switched-": UPGRADE,
    "test_timeout_tunnel_takes_over_in_tunnels": UPGRADE,
    "test_a_tunnel_carries_both_ways_with_bounded_memory": UPGRADE,
    "test_http[last-client-fin]": WINDOW,
    "test_a_client_that_stops_reading_is_the_one_that_is_late": WINDOW,
    "test_http_reuse_for_a_first_request[safe-2]": REUSE,
    "test_who_is_told_of_the_end": CLOSE,
    "test_httpclose_holds_for_answers_of_our_own": CLOSE,
    "test_a_server_that_answers_before_the_upload_is_over": CLOSE,
    "test_expect_100_continue_passes_and_may_be_refused": CLOSE,
    "test_a_response_that_ends_with_its_connection": CLOSE,
    "test_what_was_sent_counts": BYTES,
    "test_a_tunnels_time": UPGRADE,
    "test_retries_of_requests": BYTES,
    "test_it_counts_as_served_and_gives_its_slot_back": BYTES,
    "test_ten_thousand_pipelined_requests_that_are_answered_here": MANY,
    "test_a_thousand_pipelined_requests_to_a_server": MANY,
    "test_interim_responses_without_end_wait_for_the_client": FLOOD,
    "test_an_end_right_behind_the_request": RAW,
    "test_a_server_that_accepts_and_resets": RAW,
    "test_any_order_of_events": RAW,
}
OF_SERVERS = {
    "test_http[answering-": HEAD,
    "test_http[switched-": UPGRADE,
    "test_one_parting_after_the_other[switched-": UPGRADE,
    "test_timeout_tunnel_takes_over_in_tunnels": UPGRADE,
    "test_a_tunnel_carries_both_ways_with_bounded_memory": UPGRADE,
    "test_http[last-client-fin]": WINDOW,
    "test_who_is_told_of_the_end": CLOSE,
    "test_a_response_that_ends_with_its_connection": CLOSE,
    "test_a_tunnels_time": UPGRADE,
    "test_retries_of_requests": BYTES,
    "test_bytes_behind_a_response_end_the_server_connection": BYTES,
    "test_an_empty_chunked_body_in_the_read_of_its_head_is_sent_on": BYTES,
    "test_a_thousand_pipelined_requests_to_a_server": MANY,
    "test_interim_responses_without_end_wait_for_the_client": FLOOD,
    "test_a_server_that_accepts_and_resets": RAW,
    "test_a_waiter_that_leaves_between_grant_and_go_gives_its_slot_on": RAW,
    "test_any_order_of_events": RAW,
}

# With both.
OF_BOTH = {"test_the_slot_of_a_client_that_leaves_is_free_at_once": SHARED}


def about_http1(name: str, side: str) -> str:
    """Why a story is not told with HTTP/2 on that side; "": it is."""
    named: dict[str, str] = {}
    if side in ("front", "both"):
        named |= OF_CLIENTS
    if side in ("back", "both"):
        named |= OF_SERVERS
    if side == "both":
        named |= OF_BOTH
    return next((reason for start, reason in named.items() if name.startswith(start)), "")
