"""Who waits for a server that a cookie or use-server names, and what becomes of it when that server is taken out.

What is expected was seen of the haproxy program (3.2), but for what docs/differences.md says.
"""

import pytest
from support.stand import End, Stand

from pointsman.server.server import FORCED_DRAIN, FORCED_MAINT

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 9s
    timeout server 9s
    timeout queue 4s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    balance first
    cookie SRV insert indirect
    use-server a if { hdr(x-use) a }
    {option}
    server a {a} cookie one maxconn 1
    server c {c} cookie two
"""
BY_COOKIE = b"GET / HTTP/1.1\r\nHost: h\r\nCookie: SRV=one\r\n\r\n"
BY_RULE = b"GET / HTTP/1.1\r\nHost: h\r\nX-Use: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def stand_with(option: str) -> Stand:
    return Stand(CONFIG.replace("{option}", option), "a", "c")


def two_of_whom_one_waits(stand: Stand, request: bytes) -> tuple[End, End, End]:
    """The server's end, and both clients."""
    clients = stand.client(), stand.client()
    for client in clients:
        client.send(request)
    (end,) = stand.arrivals("a")
    end.take()
    assert len(stand.server("a").queue) == 1
    return end, *clients


def letters(stand: Stand) -> str:
    names = ("cause", "step", "cookie_request", "cookie_response")
    return "".join(chr(value) if isinstance(value := stand.record[name], int) else "?" for name in names)


@pytest.mark.parametrize(("request_", "said"), [(BY_COOKIE, "--DI"), (BY_RULE, "--NI")], ids=["cookie", "use-server"])
def test_it_goes_elsewhere_when_the_server_is_taken_out(request_: bytes, said: str) -> None:
    with stand_with("") as stand:
        _, _, waits = two_of_whom_one_waits(stand, request_)
        server = stand.server("a")
        server.admin |= FORCED_MAINT
        stand.backend().changed(server)
        (other,) = stand.arrivals("c")
        assert b"cookie" not in other.take()
        other.send(OK)
        assert b"set-cookie: SRV=two; path=/\r\n" in waits.take()
        assert letters(stand) == said
        assert stand.record["redispatched"] is True
        assert (server.counters.redispatches, stand.backend().counters.redispatches) == (1, 1)


@pytest.mark.parametrize("option", ["", "option persist", "force-persist if TRUE"])
def test_it_waits_on_where_the_server_is_drained(option: str) -> None:
    with stand_with(option) as stand:
        end, _, waits = two_of_whom_one_waits(stand, BY_COOKIE)
        server = stand.server("a")
        server.admin |= FORCED_DRAIN
        stand.backend().changed(server)
        assert not stand.arrivals("c") and len(server.queue) == 1
        end.send(OK)
        _answer(stand, end)
        assert b"set-cookie" not in waits.take() and letters(stand) == "--VN"


@pytest.mark.parametrize("option", ["option persist", "force-persist if TRUE"])
def test_it_waits_on_where_servers_that_are_down_are_used(option: str) -> None:
    with stand_with(option) as stand:
        end, _, waits = two_of_whom_one_waits(stand, BY_COOKIE)
        server = stand.server("a")
        server.admin |= FORCED_MAINT
        stand.backend().changed(server)
        assert not stand.arrivals("c") and len(server.queue) == 1
        end.send(OK)
        _answer(stand, end)
        assert waits.take().endswith(b"ok") and letters(stand) == "--VN"


def _answer(stand: Stand, end: End) -> None:
    """What waited has come, on the same connection or a new one."""
    ends = [end, *stand.arrivals("a")]
    asked = [one for one in ends if one.sock.fileno() >= 0 and one.take()]
    assert len(asked) == 1
    asked[0].send(OK)


def test_one_that_is_named_is_not_counted_as_chosen() -> None:
    with stand_with("") as stand:
        for request, name in ((BY_COOKIE, "a"), (BY_RULE, "a"), (BY_RULE.replace(b"X-Use", b"X"), "a")):
            client = stand.client()
            client.send(request)
            ends = [one for one in stand.arrivals(name) if one.take()]
            for end in ends:
                end.send(OK.replace(b"\r\nContent", b"\r\nConnection: close\r\nContent"))
                end.close()
            assert client.take().endswith(b"ok")
        assert stand.server("a").counters.chosen == 1
