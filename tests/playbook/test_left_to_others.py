"""What one connection leaves to the next: outcomes of requests, answers, and idle server connections."""

import pytest
from support.stand import End, Stand

from pointsman.assemble import MEMORIES
from pointsman.core.address import net_address
from pointsman.stream.outcome import SharedOutcome

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    option forwardfor
    http-request set-header X-Near yes if { src 127.0.0.1 }
    %s
    default_backend b
backend b
    server a {a}
"""


@pytest.fixture(autouse=True)
def memories(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are on, whatever the run's environment says: they are what is tested."""
    monkeypatch.delenv(MEMORIES, raising=False)


GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def asked(stand: Stand, client: End, server: End | None = None) -> tuple[End, bytes, bytes]:
    """One exchange: the server's end, what it got, what the client got."""
    client.send(GET)
    server = server or stand.accept("a")
    request = server.take()
    server.send(OK)
    return server, request, client.take()


def test_a_connection_begins_with_what_another_of_that_client_has_left() -> None:
    with Stand(CONFIG % "", "a") as stand:
        requests = [asked(stand, stand.client())[1] for _ in range(3)]
        assert requests == [requests[0]] * 3
        assert b"x-near: yes\r\n" in requests[0].lower()
        assert b"x-forwarded-for: 127.0.0.1\r\n" in requests[0].lower()
        kept = stand.frontend().kept
        assert isinstance(kept, SharedOutcome)
        assert kept.holds_for(net_address("127.0.0.1", 1))
        assert not kept.holds_for(net_address("127.0.0.2", 1))
        assert not kept.holds_for(net_address("::1", 1))


@pytest.mark.parametrize("rule", ["http-request set-header X-Port %[src_port]", "option originalto"])
def test_what_depends_on_the_connection_is_not_left_to_others(rule: str) -> None:
    with Stand(CONFIG % rule, "a") as stand:
        for _ in range(2):
            client = stand.client()
            server, first, _ = asked(stand, client)
            _, second, _ = asked(stand, client, server)
            assert first == second
            if "src_port" in rule:
                assert b"x-port: %d\r\n" % client.sock.getsockname()[1] in first.lower()
        assert stand.frontend().kept is None


def test_an_answer_that_depends_on_the_connection_is_for_that_one_alone() -> None:
    with Stand(CONFIG % "http-response set-header X-Port %[src_port]", "a") as stand:
        for _ in range(2):
            client = stand.client()
            port = b"x-port: %d\r\n" % client.sock.getsockname()[1]
            server, _, answer = asked(stand, client)
            assert port in answer.lower()
            assert port in asked(stand, client, server)[2].lower()


def test_no_more_server_connections_lie_idle_than_were_used_at_once_and_one() -> None:
    with Stand(CONFIG % "", "a") as stand:
        for number in range(5):
            server, _, _ = asked(stand, stand.client())  # under http-reuse safe each brings its own
            stand.settle()
            server.take()
            assert server.closed == (number >= 2)
        assert stand.server("a").counters.idle == 2
