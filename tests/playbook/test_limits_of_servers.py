"""minconn, fullconn, maxqueue (manual 4.2, 5.2): how much a server takes, and how many may wait for it.

The numbers are those of HAProxy 3.2 with the same requests in the same order.
"""

from __future__ import annotations

import pytest
from support.stand import End, Stand

from pointsman.server.server import MAINT

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
    BACK
    server a {a} cookie a A
    server c {c} cookie c C
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def stand_with(back: str = "", a: str = "", c: str = "") -> Stand:
    text = CONFIG.replace("BACK", back.replace("\n", "\n    ")).replace(" A\n", f" {a}\n").replace(" C\n", f" {c}\n")
    return Stand(text, "a", "c")


def ask(stand: Stand, cookie: str = "", count: int = 1) -> list[End]:
    clients = []
    for _ in range(count):
        client = stand.client()
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\nCookie: S=%b\r\n\r\n" % cookie.encode())
        clients.append(client)
    return clients


def carried(stand: Stand) -> list[tuple[int, int]]:
    """How many each server carries, and how many wait for it; the same of the backend."""
    servers = [(server.connections, server.queued) for server in stand.backend().servers]
    return [*servers, (stand.backend().connections, len(stand.backend().queue))]


def is_a_server_s(stand: Stand, end: End) -> bool:
    """It is open, and the proxy's."""
    if end.sock.fileno() < 0:
        return False
    return end.sock.getsockname() in [listener.getsockname() for listener in stand.listeners.values()]


def answer_everything(stand: Stand) -> None:
    for _ in range(1000):
        stand.arrivals("a")
        stand.arrivals("c")
        asked = [end for end in stand.ends if is_a_server_s(stand, end) and end.take()]
        if not asked:
            return
        for end in asked:
            end.send(OK)
    raise AssertionError("somebody asks for ever")


@pytest.mark.parametrize(("others", "carries"), [(11, 6), (12, 6), (1, 3)])
def test_the_limit_follows_the_load(others: int, carries: int) -> None:
    with stand_with("fullconn 40\ncookie S", "minconn 2 maxconn 10") as stand:
        ask(stand, "c", others)
        ask(stand, "a", 14)
        assert carried(stand) == [(carries, 14 - carries), (others, 0), (others + 14, 0)]
        answer_everything(stand)
        assert stand.lines == ["200 --"] * (others + 14)


def test_at_fullconn_it_is_maxconn() -> None:
    with stand_with("fullconn 7", *["minconn 2 maxconn 6"] * 2) as stand:
        loads = []
        for _ in range(14):
            ask(stand)
            loads.append(stand.server("a").connections + stand.server("c").connections)
        assert loads == [*range(1, 13), 12, 12]
        answer_everything(stand)


@pytest.mark.parametrize(
    ("words", "maxconn", "minconn"),
    [
        ("minconn 2", 2, 0),  # as in HAProxy it is the limit where it is not below maxconn
        ("minconn 7 maxconn 3", 7, 0),
        ("minconn 3 maxconn 3", 3, 0),
        ("minconn 2 maxconn 3", 3, 2),
        ("maxconn 3", 3, 0),
        ("minconn 0", 0, 0),
    ],
)
def test_minconn_without_a_larger_maxconn_is_the_limit(words: str, maxconn: int, minconn: int) -> None:
    with stand_with("", words) as stand:
        server = stand.server("a")
        assert (server.maxconn, server.minconn) == (maxconn, minconn)


def test_who_raises_the_limit_does_not_overtake_those_who_wait() -> None:
    with stand_with("fullconn 8\ncookie S", "minconn 1 maxconn 2") as stand:
        first, second, *_ = ask(stand, "a", 2)
        ask(stand, "c", 5)  # by now a may take two, but nothing has happened there
        assert carried(stand)[0] == (1, 1)
        ask(stand, "a")
        assert carried(stand)[0] == (2, 1)
        for end in stand.arrivals("a"):
            assert end.take()
            end.send(OK)
        assert first.take().endswith(b"ok")
        assert second.take().endswith(b"ok")
        answer_everything(stand)


def test_a_higher_load_lets_those_in_who_wait_for_any_server() -> None:
    with stand_with("fullconn 10", *["minconn 1 maxconn 5"] * 2) as stand:
        ask(stand, count=3)
        assert carried(stand) == [(1, 0), (1, 0), (3, 1)]
        ask(stand, count=9)
        assert carried(stand) == [(5, 0), (5, 0), (12, 2)]
        answer_everything(stand)
        assert stand.lines == ["200 --"] * 12


def test_a_limit_that_is_set_below_minconn_holds() -> None:
    with stand_with("fullconn 4\ncookie S", "minconn 2 maxconn 4") as stand:
        server = stand.server("a")
        server.maxconn = 1
        stand.backend().changed(server)
        ask(stand, "a", 3)
        assert carried(stand)[0] == (1, 2)
        answer_everything(stand)


@pytest.mark.parametrize(
    ("back", "status"),
    [
        ("cookie S", "503 SQ"),
        ("cookie S\noption redispatch", "200 --"),
        ("cookie S\noption redispatch\nforce-persist if TRUE", "503 SQ"),
        ("use-server a if TRUE", "503 SQ"),
        ("use-server a if TRUE\noption redispatch", "200 --"),
    ],
)
def test_a_full_queue_of_the_server_that_was_named(back: str, status: str) -> None:
    with stand_with(back, "maxconn 1 maxqueue 1", "maxconn 1 maxqueue 1") as stand:
        ask(stand, "a", 4)
        if status == "503 SQ":
            assert stand.lines == ["503 SQ"] * 2
            assert carried(stand) == [(1, 1), (0, 0), (2, 0)]
            assert stand.backend().counters.failed_connections == 2
            assert stand.record["server_connections"] == 1
            assert not stand.record["redispatched"]
        else:
            assert carried(stand) == [(1, 1), (1, 0), (4, 1)]
            assert stand.server("a").counters.redispatches == 2
        answer_everything(stand)
        assert stand.lines.count("200 --") == (2 if status == "503 SQ" else 4)


@pytest.mark.parametrize("back", ["balance source", "balance source\noption redispatch", "balance hdr(host)"])
def test_a_hash_leads_nowhere_but_to_its_server(back: str) -> None:
    with stand_with(back, "maxconn 1 maxqueue 1", "maxconn 1 maxqueue 1") as stand:
        ask(stand, count=4)
        assert stand.lines == ["503 SQ"] * 2
        assert sorted(carried(stand)[:2]) == [(0, 0), (1, 1)]
        answer_everything(stand)


def test_who_only_prefers_its_last_server_goes_elsewhere() -> None:
    with stand_with("option prefer-last-server", *["maxconn 1 maxqueue 1"] * 2) as stand:
        other = stand.server("c")
        other.admin = MAINT
        stand.backend().changed(other)
        clients = [ask(stand)[0] for _ in range(3) if answer_everything(stand) is None]
        answer_everything(stand)
        other.admin = 0
        stand.backend().changed(other)
        for client in clients:
            assert client.take().endswith(b"ok")
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert carried(stand) == [(1, 1), (1, 0), (3, 0)]
        assert not other.counters.redispatches
        answer_everything(stand)
        assert stand.lines == ["200 --"] * 6


def test_leastconn_fills_queues_before_anybody_waits_for_any_server() -> None:
    with stand_with("balance leastconn", *["maxconn 1 maxqueue 2"] * 2) as stand:
        ask(stand, count=8)
        assert carried(stand) == [(1, 2), (1, 2), (8, 2)]
        answer_everything(stand)
        assert stand.lines == ["200 --"] * 8


def test_without_maxqueue_leastconn_has_them_wait_for_any_server() -> None:
    with stand_with("balance leastconn", "maxconn 1", "maxconn 1 maxqueue 1") as stand:
        ask(stand, count=5)
        assert carried(stand) == [(1, 0), (1, 1), (5, 2)]
        answer_everything(stand)


def test_maxqueue_says_nothing_about_the_backend_s_queue() -> None:
    with stand_with("balance roundrobin", *["maxconn 1 maxqueue 1"] * 2) as stand:
        ask(stand, count=8)
        assert carried(stand) == [(1, 0), (1, 0), (8, 6)]
        answer_everything(stand)
        assert stand.lines == ["200 --"] * 8


def test_a_server_without_maxconn_has_no_queue_to_be_full() -> None:
    with stand_with("cookie S", "maxqueue 1") as stand:
        ask(stand, "a", 5)
        assert carried(stand)[0] == (5, 0)
        answer_everything(stand)


def test_what_was_served_from_a_queue_before_is_logged() -> None:
    """Not who waited before: who has left meanwhile was not served, as in HAProxy."""
    with stand_with("cookie S", "maxconn 1") as stand:
        clients = ask(stand, "a", 4)
        clients[1].abort()
        assert stand.lines == ["-1 CQ"]
        assert stand.record["server_queue"] == 1
        answer_everything(stand)
        assert [one["server_queue"] for one in stand.logs["f"].records] == [1, 0, 1, 2]
        assert not any(one["backend_queue"] for one in stand.logs["f"].records)


def test_what_is_free_is_asked_of_the_limit_as_it_is_now() -> None:
    """srv_conn_free and be_conn_free; connslots asks of maxconn (observed)."""
    words = "minconn 1 maxconn 4 maxqueue 5"
    rule = "http-response set-header x-free %[srv_conn_free(a)],%[srv_conn_free(c)],%[be_conn_free],%[connslots]"
    with stand_with(f"fullconn 10\ncookie S\n{rule}", words, words) as stand:
        clients = [ask(stand, name)[0] for name in "aaaccc"]
        assert carried(stand) == [(2, 1), (2, 1), (6, 0)]
        answer_everything(stand)
        told = [client.take().partition(b"x-free: ")[2].partition(b"\r")[0] for client in clients]
        # The first one that is answered sees all six, and the limit that follows of that: 6 * 4 / 10.
        assert b"0,0,0,12" in told


def test_who_is_served_at_once_raises_the_limit_for_those_who_wait() -> None:
    with stand_with("fullconn 10\ncookie S", "minconn 1 maxconn 4", "maxconn 9") as stand:
        ask(stand, "a", 3)
        assert carried(stand)[0] == (1, 2)
        ask(stand, "c", 5)
        assert carried(stand)[0] == (3, 0)
        answer_everything(stand)


TCP = """
defaults
    mode tcp
    timeout connect 1s
    timeout client 9s
    timeout server 9s
    timeout queue 4s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    BACK
    server a {a} maxconn 1 maxqueue 1
    server c {c} maxconn 1 maxqueue 1
"""


@pytest.mark.parametrize(
    ("back", "ended"), [("balance source", 1), ("use-server a if TRUE", 1), ("balance roundrobin", 0)]
)
def test_connections_that_nobody_looks_into(back: str, ended: int) -> None:
    with Stand(TCP.replace("BACK", back), "a", "c") as stand:
        clients = [stand.client() for _ in range(3)]
        assert [client.ended() for client in clients] == [False, False, bool(ended)]
        assert [line.partition(" ")[2] for line in stand.lines] == ["SQ"] * ended
        waiting = sum(server.queued for server in stand.backend().servers) + len(stand.backend().queue)
        assert waiting == 1
        for client in clients[:2]:
            client.abort()


def test_who_asks_for_another_order_is_in_no_way_of_those_who_leave() -> None:
    """The ranks of a long queue, and of those that go in the middle of it."""
    with stand_with("http-request set-priority-class req.hdr(cookie),field(2,=)", *["maxconn 1"] * 2) as stand:
        first = ask(stand, "0", 2)
        clients = {number: ask(stand, str(number % 7 - 3))[0] for number in range(40)}
        assert len(stand.backend().queue) == 40
        for number in range(0, 40, 3):
            clients.pop(number).abort()
        order = []
        for _ in range(100):
            ends = [*stand.arrivals("a"), *stand.arrivals("c")]
            busy = [end for end in stand.ends if is_a_server_s(stand, end) and end.take()]
            if not busy and not ends:
                break
            for end in busy:
                end.send(OK)
                order += [number for number, client in clients.items() if client.take().endswith(b"ok")]
        assert sorted(order) == sorted(clients)
        ranks = [number % 7 - 3 for number in order]
        assert ranks == sorted(ranks)
        assert [one.take()[-2:] for one in first] == [b"ok"] * 2
