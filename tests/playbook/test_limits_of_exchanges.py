"""set-timeout and set-retries (manual 4.4), as live streams keep to them: at their time, for this exchange alone."""

import socket

import pytest
from support.stand import End, Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    retries 3
frontend f
    bind 127.0.0.1:1
    {front}
    default_backend b
backend b
    {back}
    server a {a} {server}
listen l
    bind 127.0.0.1:2
    {listen}
    use_backend b if { path /b }
    server a {a} {server}
"""
GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n%s\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UPGRADE = b"Connection: upgrade\r\nUpgrade: x\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
LATE = 150  # ms that a deadline may be late


def stand_with(**lines: str) -> Stand:
    values = {name: "" for name in ("front", "back", "listen", "server")} | lines
    return Stand(CONFIG, *(() if "a" in lines else ("a",)), values=values)


def asked(stand: Stand, path: bytes = b"", fields: bytes = b"", name: str = "") -> tuple[End, End]:
    client = stand.client(name)
    client.send(GET % (path, fields))
    server = stand.accept("a")
    assert server.take()
    return client, server


def ends(stand: Stand, after: int, line: str, name: str = "f") -> None:
    """At that time, no sooner and not much later."""
    stand.wait(after - 50)
    assert stand.logs[name].lines == []
    stand.wait(50 + LATE)
    assert stand.logs[name].lines == [line]


@pytest.mark.parametrize("words", ["500", "500ms", "hdr(x-t)", "hdr(x-t) if { path /slow }"])
def test_a_servers_time(words: str) -> None:
    with stand_with(back=f"http-request set-timeout server {words}") as stand:
        client, _ = asked(stand, b"slow", b"X-T: 500\r\n")
        ends(stand, 500, "504 sH")
        assert client.take().startswith(b"HTTP/1.1 504")


def test_it_is_for_this_exchange_alone() -> None:
    """The next one on the same connection has the configured time again, whether it looks the same or not."""
    with stand_with(back="http-request set-timeout server 500 if { path /slow }") as stand:
        client, server = asked(stand, b"slow")
        server.send(OK)
        assert client.take().endswith(b"ok")
        for _ in range(3):
            client.send(GET % (b"", b""))
            assert server.take()
            stand.wait(5000)
            server.send(OK)
            assert client.take().endswith(b"ok")
        client.send(GET % (b"slow", b""))
        assert server.take()
        stand.wait(500 + LATE)
        assert stand.lines == ["200 --"] * 4 + ["504 sH"]


def test_the_same_bytes_again_have_the_same_time() -> None:
    """Nothing of it is lost in what is remembered of a request that comes again."""
    with stand_with(back="http-request set-timeout server 500") as stand:
        client, server = asked(stand)
        for _ in range(4):
            server.send(OK)
            assert client.take().endswith(b"ok")
            client.send(GET % (b"", b""))
            assert server.take()
        stand.wait(500 + LATE)
        assert stand.lines == ["200 --"] * 4 + ["504 sH"]


@pytest.mark.parametrize("side", ["listen", "back"])
def test_a_response_gives_its_server_time(side: str) -> None:
    rule = "http-response set-timeout server res.hdr(X-Refresh-Seconds),mul(1000)"
    name = "f" if side == "back" else "l"
    with stand_with(**{side: rule}) as stand:
        client, server = asked(stand, name=name)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Refresh-Seconds: 2\r\n\r\nok")
        ends(stand, 2000, "200 sD", name)
        assert client.take().endswith(b"ok")


def test_a_clients_time() -> None:
    """Of one that owes the rest of its request's body."""
    with stand_with(front="http-request set-timeout client 700") as stand:
        client = stand.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
        ends(stand, 700, "400 cH")  # as with `timeout client`


def test_a_clients_time_while_rules_wait_for_its_body() -> None:
    with stand_with(front="http-request set-timeout client 700\n http-request wait-for-body time 9s") as stand:
        client = stand.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
        ends(stand, 700, "408 cR")


@pytest.mark.parametrize("rule", ["http-request set-timeout tunnel 3s", "http-response set-timeout tunnel 3s"])
def test_a_tunnels_time(rule: str) -> None:
    with stand_with(back=rule) as stand:
        client, server = asked(stand, b"", UPGRADE)
        server.send(SWITCHED)
        client.take()
        ends(stand, 3000, "101 cD")


def test_a_tunnels_time_of_the_manuals_order() -> None:
    """The last rule that was run holds."""
    with stand_with(back="http-request set-timeout tunnel 9s\n http-response set-timeout tunnel 2s") as stand:
        client, server = asked(stand, b"", UPGRADE)
        server.send(SWITCHED)
        client.take()
        ends(stand, 2000, "101 cD")


def test_the_time_of_a_queue() -> None:
    with stand_with(back="http-request set-timeout queue 400", server="maxconn 1") as stand:
        _, server = asked(stand)
        second = stand.client()
        second.send(GET % (b"", b""))
        ends(stand, 400, "503 sQ")
        assert second.take().startswith(b"HTTP/1.1 503")
        server.send(OK)


def test_a_tarpits_time() -> None:
    with stand_with(front="http-request set-timeout tarpit 300\n http-request tarpit") as stand:
        client = stand.client()
        client.send(GET % (b"", b""))
        ends(stand, 300, "500 PT")
        assert client.take().startswith(b"HTTP/1.1 500")


def silent_port() -> tuple[socket.socket, list[socket.socket], str]:
    """An address where a connect never ends: its backlog is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fill = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
        fill.append(one)
    return listener, fill, f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("retries", [0, 2])
def test_the_time_of_a_connect_and_how_often(retries: int) -> None:
    listener, fill, address = silent_port()
    rules = f"http-request set-timeout connect 300\n http-request set-retries {retries}"
    with stand_with(back=rules, a=address) as stand:
        client = stand.client()
        client.send(GET % (b"", b""))
        ends(stand, 300 * (1 + retries), "503 sC")
        assert stand.record["retries"] == retries
    for one in (listener, *fill):
        one.close()


def test_retries_of_requests() -> None:
    """retry-on has the same number."""
    with stand_with(back="retry-on 500\n http-request set-retries 1") as stand:
        client, server = asked(stand)
        bad = OK.replace(b"200 OK", b"500 No")
        server.send(bad)
        again = stand.accept("a")
        assert again.take()
        again.send(bad)
        assert client.take().startswith(b"HTTP/1.1 500 No")
        assert stand.record["retries"] == 1


@pytest.mark.parametrize("path, after", [(b"", 400), (b"b", 20_000)])
def test_a_listen_sections_own_backend_keeps_what_it_said(path: bytes, after: int) -> None:
    """Another backend has its own (manual 4.4, set-timeout)."""
    with stand_with(listen="http-request set-timeout server 400") as stand:
        asked(stand, path, name="l")
        ends(stand, after, "504 sH", "l")


RAW = """
defaults
    timeout connect 300ms
    timeout client 20s
    timeout server 20s
    timeout queue 20s
    retries 3
listen l
    mode tcp
    bind 127.0.0.1:1
    tcp-request content set-retries 1
    use_backend b if { src_port 0 }
    server a {a}
frontend f
    mode tcp
    bind 127.0.0.1:2
    tcp-request content set-priority-class int(-7)
    default_backend h
backend b
    mode tcp
    server a {a}
backend h
    mode http
    http-request return status 200 hdr x-class %[prio_class]
"""


def test_retries_in_mode_tcp() -> None:
    listener, fill, address = silent_port()
    with Stand(RAW, values={"a": address}) as stand:
        stand.client("l").send(b"anything")
        ends(stand, 600, "-1 sC", "l")
        assert stand.record["retries"] == 1
    for one in (listener, *fill):
        one.close()


def test_what_content_rules_have_said_goes_on_when_a_connection_becomes_http() -> None:
    with Stand(RAW, values={"a": "127.0.0.1:9"}) as stand:
        client = stand.client("f")
        for _ in range(2):  # and such rules come again with each request
            client.send(GET % (b"", b""))
            assert b"x-class: -7\r\n" in client.take()
