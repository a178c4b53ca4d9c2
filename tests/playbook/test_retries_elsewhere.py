"""option redispatch (manual 4.2): another attempt goes to a server that has not failed this exchange yet."""

from __future__ import annotations

import pytest
from support.stand import End, Stand

from pointsman.server.server import STOPPED

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 9s
    timeout server 5s
    timeout queue 4s
    retries 3
    option redispatch 1
    retry-on all-retryable-errors
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    BACK
    server a {a} A
    server c {c} C
    server d {d} D
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
ASK = b"GET / HTTP/1.1\r\nHost: h\r\nCookie: S=a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def stand_with(back: str = "", **words: str) -> Stand:
    text = CONFIG.replace("BACK", back)
    for name in "acd":
        text = text.replace(f" {name.upper()}\n", f" {words.get(name, '')}\n")
    return Stand(text, "a", "c", "d")


class Farm:
    """`bad` servers close without an answer, the others answer; `asked` are those that were asked, in their order."""

    def __init__(self, stand: Stand, bad: str) -> None:
        self.stand = stand
        self.bad = bad
        self.asked = ""
        self.ends: list[tuple[str, End]] = []

    def work(self, answers: bool = True) -> None:
        for _ in range(1000):
            for name in self.stand.listeners:
                self.ends += [(name, end) for end in self.stand.arrivals(name)]
            asked = [(name, end) for name, end in self.ends if end.sock.fileno() >= 0 and end.take()]
            for name, end in asked:
                self.asked += name
                if name in self.bad:
                    end.close()
                elif answers:
                    end.send(OK)
            if not asked:
                return
        raise AssertionError("somebody asks for ever")


@pytest.mark.parametrize("back", ["balance roundrobin", "balance leastconn", "balance hdr(host)", "balance random"])
def test_no_request_fails_while_one_server_lives(back: str) -> None:
    for living in "acd":
        with stand_with(back) as stand:
            farm = Farm(stand, "acd".replace(living, ""))
            for _ in range(6):
                farm.asked = ""
                client = stand.client()
                client.send(GET)
                farm.work()
                assert client.take().endswith(b"ok")
                assert sorted(farm.asked) == sorted(set(farm.asked)), "one was asked twice while another was not"
            assert stand.lines == ["200 --"] * 6


def test_no_connection_attempt_is_wasted_on_a_server_that_refuses_twice() -> None:
    for living in "acd":
        with stand_with("balance roundrobin") as stand:
            for name in "acd".replace(living, ""):
                stand.listeners[name].close()
                del stand.listeners[name]
            clients = [stand.client() for _ in range(6)]
            for client in clients:
                client.send(GET)
            Farm(stand, "").work()
            assert [client.take()[-2:] for client in clients] == [b"ok"] * 6
            assert stand.backend().counters.retries == 0


def test_where_all_have_failed_the_next_attempt_goes_to_any() -> None:
    with stand_with("balance roundrobin") as stand:
        farm = Farm(stand, "acd")
        client = stand.client()
        client.send(GET)
        farm.work()
        assert sorted(farm.asked[:3]) == ["a", "c", "d"]
        assert len(farm.asked) == 4 and farm.asked[3] != farm.asked[2]
        assert client.take().startswith(b"HTTP/1.1 502 ")
        assert stand.lines == ["502 SH"]


def test_who_was_failed_by_a_server_waits_for_a_full_one() -> None:
    """It has room for it because it fails everybody."""
    with stand_with("balance roundrobin", a="maxconn 1", c="maxconn 1", d="maxconn 9") as stand:
        farm = Farm(stand, "d")
        clients = [stand.client() for _ in range(6)]
        for client in clients:
            client.send(GET)
        farm.work(answers=False)
        assert farm.asked.count("d") == 4
        assert [server.connections for server in stand.backend().servers] == [1, 1, 0]
        assert stand.server("a").queued + stand.server("c").queued == 4
        for _ in range(4):
            for name, end in farm.ends:
                if name != "d" and end.sock.fileno() >= 0:
                    end.send(OK)
            farm.work()
        assert [client.take()[-2:] for client in clients] == [b"ok"] * 6
        assert stand.lines == ["200 --"] * 6


def test_who_waits_for_a_server_that_goes_down_finds_another() -> None:
    with stand_with("balance roundrobin", a="maxconn 1", c="maxconn 1", d="maxconn 9") as stand:
        farm = Farm(stand, "d")
        clients = [stand.client() for _ in range(6)]
        for client in clients:
            client.send(GET)
        farm.work(answers=False)
        down = stand.server("a")
        down.state = STOPPED
        stand.backend().changed(down)
        stand.settle()
        assert down.queued == 0
        for _ in range(6):
            for name, end in farm.ends:
                if name != "d" and end.sock.fileno() >= 0:
                    end.send(OK)
            farm.work()
        assert [client.take()[-2:] for client in clients] == [b"ok"] * 6


def test_a_server_that_has_closed_its_door() -> None:
    """Refused, silent, and closed without an answer, one after the other."""
    with stand_with("balance roundrobin") as stand:
        stand.listeners.pop("a").close()
        client = stand.client()
        client.send(GET)
        silent = stand.accept("c")
        assert silent.take()
        stand.wait(5_100)
        last = stand.accept("d")
        assert last.take()
        last.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.record["retries"] == 2


@pytest.mark.parametrize(
    ("interval", "retries", "attempt"),
    [  # as 2.6 and 3.2 have it
        ("", 1, 1),
        ("", 3, 3),
        ("-1", 4, 4),
        ("1", 4, 1),
        ("2", 4, 2),
        ("3", 4, 3),
        ("-2", 2, 1),
        ("-2", 3, 2),
        ("-2", 4, 3),
        ("-3", 3, 1),
        ("-3", 6, 4),
        ("-2", 1, 1),  # which ends 3.2
        ("2", 1, 0),
        ("0", 3, 0),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_which_attempt_leaves_the_server_that_was_named(interval: str, retries: int, attempt: int, named: bool) -> None:
    """By a cookie, or by a hash. 0: none does."""
    text = CONFIG.replace("redispatch 1", f"redispatch {interval}").replace("retries 3", f"retries {retries}")
    text = text.replace("BACK", "cookie S" if named else "balance hdr(host)")
    text = text.replace("{a} A", "{a} cookie a").replace("{c} C", "{c} cookie c").replace("    server d {d} D\n", "")
    with Stand(text, "a", "c") as stand:
        client = stand.client()
        client.send(ASK)
        name, end = next((name, end) for name in "ac" for end in stand.arrivals(name))
        assert end.take()
        end.send(OK)
        end.close()
        stand.listeners.pop(name).close()  # the server that the cookie names, or to which the hash leads
        client = stand.client()
        client.send(ASK)
        stand.wait(1_100 * retries)
        if attempt:
            end = stand.accept("c" if name == "a" else "a")
            assert end.take()
            end.send(OK)
            assert client.take().endswith(b"ok")
            assert stand.record["retries"] == attempt
            assert stand.record["redispatched"]
        else:
            assert client.take().startswith(b"HTTP/1.1 503 ")
            assert stand.lines == ["200 --", "503 SC"]
            assert not stand.record["redispatched"]
