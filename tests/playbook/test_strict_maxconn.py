"""strict-maxconn (manual 5.2): never more connections to a server than its maxconn, idle ones included. Clients get
what they get of HAProxy 3.2."""

from __future__ import annotations

import pytest
from support.stand import End, Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 9s
    timeout server 9s
    timeout queue 4s
    retries 1
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse REUSE
    BACK
    server a {a} maxconn 2 WORDS
"""
GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WHO = b"HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nContent-Length: 2\r\n\r\nok"


def stand_with(reuse: str, words: str = "strict-maxconn", back: str = "") -> Stand:
    return Stand(CONFIG.replace("REUSE", reuse).replace("WORDS", words).replace("BACK", back), "a")


class Farm:
    """The server: it answers, and counts its connections."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.ends: list[End] = []
        self.most = self.total = 0

    def work(self, answer: bytes = OK) -> None:
        for _ in range(1000):
            new = self.stand.arrivals("a")
            self.total += len(new)
            self.ends = [end for end in [*self.ends, *new] if end.sock.fileno() >= 0]
            asked = [end for end in self.ends if end.take()]
            self.ends = [end for end in self.ends if not end.closed]
            self.most = max(self.most, len(self.ends))
            for end in asked:
                end.send(answer)
            if not asked:
                return
        raise AssertionError("somebody asks for ever")


def ask(stand: Stand, farm: Farm, clients: list[End], answer: bytes = OK) -> list[str]:
    """One request each, one after the other; their statuses. A second passes for those that try again, and another one
    for those that wait for them."""
    for client in clients:
        client.send(GET % b"x")
        farm.work(answer)
    for _ in range(2):
        stand.wait(1_100)
        farm.work(answer)
    return [client.take()[9:12].decode() for client in clients]


@pytest.mark.parametrize(
    ("reuse", "words", "plain", "private", "total", "most"),
    [
        ("never", "strict-maxconn", "200 200 503 503 503", "401 401 503 503 503", 2, 2),
        ("safe", "strict-maxconn", "200 200 200 200 200", "401 401 503 503 503", 5, 2),
        ("always", "strict-maxconn", "200 200 200 200 200", "401 401 503 503 503", 2, 2),
        ("never", "", "200 200 200 200 200", "401 401 401 401 401", 5, 5),
        ("always", "", "200 200 200 200 200", "401 401 401 401 401", 5, 5),
    ],
)
def test_connections_that_are_idle(reuse: str, words: str, plain: str, private: str, total: int, most: int) -> None:
    """Those that a client owns are not taken away from it; the others are closed where they cannot be used."""
    with stand_with(reuse, words) as stand:
        farm = Farm(stand)
        clients = [stand.client() for _ in range(5)]
        assert ask(stand, farm, clients) == plain.split()
        assert ask(stand, farm, clients) == plain.split()
        assert ask(stand, farm, clients, WHO) == private.split()
        assert ask(stand, farm, clients) == private.replace("401", "200").split()
        assert (farm.total, farm.most) == (total, most)
        assert stand.server("a").counters.totals.links == len(farm.ends)


def test_it_is_a_connection_that_fails() -> None:
    with stand_with("never") as stand:
        farm = Farm(stand)
        clients = [stand.client() for _ in range(3)]
        assert ask(stand, farm, clients) == ["200", "200", "503"]
        assert stand.lines == ["200 --", "200 --", "503 SC"]
        assert stand.record["retries"] == 1
        counters = stand.server("a").counters
        assert (counters.failed_connections, counters.retries, counters.connects) == (1, 1, 2)
        clients[0].close()
        assert ask(stand, farm, clients[2:]) == ["200"]
        assert farm.most == 2


def test_another_server_is_tried() -> None:
    words = "strict-maxconn\n    server c {c}"
    text = CONFIG.replace("REUSE", "never").replace("WORDS", words).replace("BACK", "option redispatch")
    with Stand(text, "a", "c") as stand:
        clients = [stand.client() for _ in range(12)]
        ends: list[End] = []
        for client in clients:
            client.send(GET % b"x")
            ends += [*stand.arrivals("a"), *stand.arrivals("c")]
            for end in ends:
                if end.take():
                    end.send(OK)
        assert [client.take()[9:12] for client in clients] == [b"200"] * 12
        assert stand.server("a").counters.totals.links == 2
        assert stand.server("a").counters.redispatches > 0
        assert stand.lines == ["200 --"] * 12


def test_a_connection_that_could_not_be_made_is_not_counted() -> None:
    with stand_with("safe") as stand:
        stand.listeners.pop("a").close()
        client = stand.client()
        for _ in range(5):
            client.send(GET % b"x")
            stand.wait(1_100)
            assert client.take().startswith(b"HTTP/1.1 503 ")
        assert stand.server("a").counters.totals.links == 0


def test_without_a_maxconn_it_says_nothing() -> None:
    with Stand(
        CONFIG.replace("maxconn 2", "")
        .replace("REUSE", "never")
        .replace("WORDS", "strict-maxconn")
        .replace("BACK", ""),
        "a",
    ) as stand:
        farm = Farm(stand)
        assert ask(stand, farm, [stand.client() for _ in range(4)]) == ["200"] * 4


def test_connections_that_differ_make_room_for_each_other() -> None:
    """Each is for packets with another TOS byte, and nobody else may use it."""
    with stand_with("always", back="http-request set-bc-tos hdr(x-tos)") as stand:
        farm = Farm(stand)
        for tos in (8, 16, 24, 32, 40):
            client = stand.client()
            client.send(GET.replace(b"\r\n\r\n", b"\r\nX-Tos: %d\r\n\r\n") % (b"x", tos))
            farm.work()
            assert client.take().endswith(b"ok")
        assert (farm.most, farm.total) == (2, 5)
