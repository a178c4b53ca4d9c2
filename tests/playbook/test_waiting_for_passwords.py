"""Clients whose encrypted passwords are being computed: who gets in, who leaves meanwhile, what is remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from support.hashes import QUICK, Stall, authorization
from support.programs import ROOT
from support.stand import End, Stand

from pointsman.assemble.live import EverySecond
from pointsman.log.target import WARNING
from pointsman.sample.crypt import CRYPT
from pointsman.sample.passwords import PASSWORDS, PATIENCE, REMEMBERED

CONFIG = f"""
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
userlist staff
    group admins users anna
    user anna password {QUICK.decode()}
    user bert insecure-password plain
frontend f
    bind 127.0.0.1:1
    http-request return status 200 content-type text/plain string plain if {{ path /plain }}
    http-request auth if {{ path_beg /auth }} !{{ http_auth(staff) }}
    http-request return status 200 content-type text/plain string here if {{ path_beg /auth }}
    http-request set-header x %[http_auth(staff)] if {{ path /header }}
    http-request return status 200 content-type text/plain lf-string %[req.hdr(x)] if {{ path /header }}
    use_backend admins if {{ path /admins }} {{ http_auth_group(staff) admins }}
    default_backend b
frontend statistics
    bind 127.0.0.1:2
    stats uri /
    stats http-request auth unless {{ http_auth(staff) }}
    stats admin if {{ http_auth_group(staff) admins }}
backend b
    use-server two if {{ path /server }} {{ http_auth(staff) }}
    server one {{a}}
    server two {{b}} weight 0
backend admins
    server one {{c}}
"""
OK = b"HTTP/1.1 200 OK"
UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized"


@pytest.fixture
def stall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stall]:
    made = Stall()
    monkeypatch.setattr(CRYPT, "matches", made.matches)
    yield made
    made.gate.release(100)


@pytest.fixture
def stand() -> Iterator[Stand]:
    with Stand(CONFIG, "a", "b", "c") as made:
        yield made
        until(made, lambda: PASSWORDS.event is None)


def until(stand: Stand, true: Callable[[], bool]) -> None:
    """Turn until that is so: a thread takes part."""
    limit = time.monotonic() + 20
    while not true():
        assert time.monotonic() < limit
        stand.settle()


def get(path: str, user: str = "anna", password: str = "right") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: h\r\n{authorization(user, password)}\r\n\r\n".encode()


def answer(stand: Stand, client: End) -> bytes:
    """The first line of the response."""
    data = b""
    limit = time.monotonic() + 20
    while b"\r\n\r\n" not in data and not client.closed:
        assert time.monotonic() < limit
        data += client.take()
    return data.partition(b"\r\n")[0]


def begun(stand: Stand, stall: Stall, path: str = "/auth", password: str = "right") -> End:
    """A client whose password the thread has begun to compute."""
    client = stand.client()
    client.send(get(path, password=password))
    assert stall.begun.acquire(timeout=20)
    assert client.take() == b""
    return client


def test_right_wrong_and_plain(stand: Stand, stall: Stall) -> None:
    right = begun(stand, stall)
    wrong, unknown, plain = stand.client(), stand.client(), stand.client()
    wrong.send(get("/auth", password="wrong"))
    unknown.send(get("/auth", user="nobody"))
    plain.send(get("/auth", user="bert", password="plain"))
    assert (answer(stand, unknown), answer(stand, plain)) == (UNAUTHORIZED, OK)  # nobody computes for them
    stall.gate.release(2)
    assert (answer(stand, right), answer(stand, wrong)) == (OK, UNAUTHORIZED)
    assert sorted(stand.lines) == ["200 LR", "200 LR", "401 LR", "401 LR"]


def test_other_requests_are_served_meanwhile(stand: Stand, stall: Stall) -> None:
    waits = [begun(stand, stall)]
    for number in range(50):
        waits.append(stand.client())
        waits[-1].send(get("/auth", password=str(number)))
    other = stand.client()
    for _ in range(20):
        other.send(get("/plain"))
        assert answer(stand, other) == OK
    assert stall.seen == [b"right"] and stand.lines == ["200 LR"] * 20
    stall.gate.release(51)
    assert [answer(stand, client) for client in waits] == [OK, *[UNAUTHORIZED] * 50]


@pytest.mark.parametrize("path, server", [("/admins", "c"), ("/server", "b"), ("/other", "a")])
def test_what_routes_waits_too(stand: Stand, stall: Stall, path: str, server: str) -> None:
    client = stand.client()
    client.send(get(path))
    if path != "/other":
        assert stall.begun.acquire(timeout=20)
        assert stand.arrivals("a") == stand.arrivals("b") == stand.arrivals("c") == []
        stall.gate.release()
        until(stand, lambda: PASSWORDS.event is None)
    stand.accept(server).send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert answer(stand, client) == OK
    assert len(stall.seen) == (path != "/other")


@pytest.mark.parametrize("body", [b"", b"s=one&b=b&action=ready"])
def test_the_statistics_page_waits_too(stand: Stand, stall: Stall, body: bytes) -> None:
    """For who may see it, and, once the body is here, for who may change something."""
    client, other = stand.client("statistics"), stand.client()
    head = get("/", password="wrong").replace(b"GET", b"POST" if body else b"GET")
    client.send(head.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body)) + body[:5])
    client.send(body[5:])
    assert stall.begun.acquire(timeout=20)
    other.send(get("/plain"))
    assert (answer(stand, other), client.take()) == (OK, b"")
    stall.gate.release()
    assert answer(stand, client) == UNAUTHORIZED
    assert stall.seen == [b"wrong"]


def test_a_value_of_a_header_is_computed_at_once(stand: Stand, stall: Stall) -> None:
    stall.gate.release()
    client = stand.client()
    client.send(get("/header"))
    assert answer(stand, client) == OK
    assert PASSWORDS.event is None and stall.seen == [b"right"]


def test_a_success_is_remembered_for_a_minute_and_a_failure_is_not(stand: Stand, stall: Stall) -> None:
    stall.gate.release(10)
    client = stand.client()
    for password, expected, computed in [
        ("right", OK, 1),
        ("right", OK, 1),
        ("wrong", UNAUTHORIZED, 2),
        ("wrong", UNAUTHORIZED, 3),
        ("right", OK, 3),
    ]:
        client.send(get("/auth", password=password))
        assert answer(stand, client) == expected
        assert len(stall.seen) == computed
    client.close()
    stand.wait(REMEMBERED - 1000)
    for passed, computed in [(0, 3), (2000, 4), (0, 4)]:
        stand.wait(passed)
        client = stand.client()
        client.send(get("/auth"))
        assert answer(stand, client) == OK
        assert len(stall.seen) == computed
        client.close()


@pytest.mark.parametrize("leave, line", [(End.close, "400 CR"), (End.abort, "-1 CR")])
def test_a_client_leaves(stand: Stand, stall: Stall, leave: Callable[[End], None], line: str) -> None:
    """What the thread has not begun with is not computed."""
    first = begun(stand, stall)
    second = stand.client()
    second.send(get("/auth", password="second"))
    leave(second)
    leave(first)
    assert stand.lines == [line] * 2
    stall.gate.release()
    until(stand, lambda: PASSWORDS.event is None)
    assert stall.seen == [b"right"]
    again = stand.client()  # its success is remembered all the same
    again.send(get("/auth"))
    assert answer(stand, again) == OK and stall.seen == [b"right"]


def test_who_is_not_checked_in_time_is_a_stranger(stand: Stand, stall: Stall) -> None:
    given_up = PASSWORDS.given_up
    first = begun(stand, stall)
    second = stand.client()
    second.send(get("/auth", password="second"))
    stand.wait(PATIENCE - 500)
    assert stand.lines == []
    stand.wait(1000)
    assert (answer(stand, first), answer(stand, second)) == (UNAUTHORIZED, UNAUTHORIZED)
    assert stand.lines == ["401 LR"] * 2
    assert PASSWORDS.given_up == given_up + 2
    stall.gate.release()
    until(stand, lambda: PASSWORDS.event is None)
    assert stall.seen == [b"right"]


def test_the_log_says_how_many_were_not_checked(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[tuple[int, bytes]] = []
    monkeypatch.setattr(stand.live, "note", lambda level, text: noted.append((level, text)))
    monkeypatch.setattr(PASSWORDS, "given_up", 12)
    second = EverySecond(stand.live)
    second.after(stand.clock)
    second.after(stand.clock + 1000)
    text = b"Encrypted passwords not checked, as too many are waiting or computing them takes too long: 12."
    assert noted == [(WARNING, text)]
    assert text.decode() in (ROOT / "docs" / "authentication.md").read_text(encoding="utf-8")


def test_requests_in_a_row_on_one_connection(stand: Stand, stall: Stall) -> None:
    """The second waits until the first is answered, and is then asked for itself."""
    client = begun(stand, stall)
    client.send(get("/auth", password="wrong") + get("/plain"))
    assert stall.seen == [b"right"]
    stall.gate.release(2)
    data = b""
    limit = time.monotonic() + 20
    while data.count(b"HTTP/1.1 ") < 3:
        assert time.monotonic() < limit
        data += client.take()
    assert [data.count(b"HTTP/1.1 %d" % status) for status in (200, 401)] == [2, 1]
    assert stand.lines == ["200 LR", "401 LR", "200 LR"]
