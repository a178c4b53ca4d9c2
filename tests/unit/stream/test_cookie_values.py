"""What the values of persistence cookies say of dates, and which responses caches keep (manual 4.2, cookie)."""

import pytest

from pointsman.proto.h1 import parse_response
from pointsman.stream.cookies import (
    EXPIRED,
    INSERT,
    OLD,
    CookieDates,
    PersistenceCookie,
    date_of,
    is_cacheable,
    text_of,
    to_date,
)

NOW = 1_795_951_963  # the haproxy program wrote awwNX then


def cookie(idle: int = 0, life: int = 0) -> PersistenceCookie:
    made = PersistenceCookie(b"SRV", INSERT)
    made.max_idle, made.max_life = idle, life
    return made


def dates(value: bytes) -> CookieDates:
    found = CookieDates()
    cookie().dates(value, value.index(b"|"), found)
    return found


def test_dates_are_written_as_haproxy_writes_them() -> None:
    assert text_of(to_date(NOW)) == b"awwNX"
    assert date_of(b"awwNX") == to_date(NOW)
    assert [to_date(NOW + more) - to_date(NOW) for more in range(6)] == [0, 0, 1, 1, 1, 1]
    assert date_of(b"AAAA+") == 62 and date_of(b"AAAA/") == 63
    assert (date_of(b"AAAA-"), date_of(b"abcd"), date_of(b"#####"), date_of(b"")) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("value", "last", "first"),
    [
        (b"c1|AAAAB", 1, 0),
        (b"c1|AAAAB|AAAAC", 1, 2),
        (b"c1||AAAAC", 0, 2),
        (b"c1|AAAABx|AAAACx|y", 1, 2),
        (b"c1|abc", 0, 0),
        (b"c1|", 0, 0),
    ],
)
def test_dates_are_read(value: bytes, last: int, first: int) -> None:
    found = dates(value)
    assert (found.last, found.first) == (last, first)


@pytest.mark.parametrize(("seconds", "stale"), [(0, False), (9, False), (12, True), (-86_000, False), (-86_500, True)])
def test_what_is_too_old_or_too_young_counts_no_more(seconds: int, stale: bool) -> None:
    last, first = CookieDates(), CookieDates()
    last.last = first.first = to_date(NOW - seconds)
    assert cookie(idle=10).too_old(last, NOW) == (EXPIRED if stale else 0)
    assert cookie(life=10).too_old(first, NOW) == (OLD if stale else 0)
    assert cookie().too_old(last, NOW) == cookie(idle=10).too_old(first, NOW) == cookie(life=10).too_old(last, NOW) == 0


@pytest.mark.parametrize(
    ("idle", "life", "value", "due"),
    [
        (10, 0, b"c|" + text_of(to_date(NOW)), False),
        (10, 0, b"c|" + text_of(to_date(NOW) - 1), True),
        (10, 0, b"c|", True),
        (10, 0, b"c|" + text_of(to_date(NOW)) + b"|AAAAB", True),
        (0, 10, b"c||AAAAB", False),
        (0, 10, b"c|" + text_of(to_date(NOW)), True),
        (0, 10, b"c|AAAAB|AAAAB", True),
        (0, 0, b"c|", False),
        (0, 0, b"c|AAAAB", True),
        (0, 0, b"c|" + text_of(to_date(NOW)), False),
        (0, 0, b"c||AAAAB", True),
    ],
)
def test_when_it_is_set_anew(idle: int, life: int, value: bytes, due: bool) -> None:
    assert cookie(idle, life).due(dates(value), NOW) is due


def test_what_is_set() -> None:
    plain = cookie()
    plain.tail = b"; HttpOnly"
    assert plain.setting(b"c1", 0, NOW) == b"SRV=c1; path=/; HttpOnly"
    assert plain.setting(b"", 0, NOW) == b"SRV=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/; HttpOnly"
    assert cookie(idle=1).setting(b"c1", 5, NOW) == b"SRV=c1|awwNX; path=/"
    assert cookie(life=1).setting(b"c1", 0, NOW) == b"SRV=c1|awwNX|awwNX; path=/"
    assert cookie(1, 1).setting(b"c1", 1, NOW) == b"SRV=c1|awwNX|AAAAB; path=/"


@pytest.mark.parametrize(
    ("head", "method", "kept"),
    [
        (b"200 OK\r\nETag: x", b"GET", True),
        (b"200 OK\r\nETag: x", b"POST", False),
        (b"200 OK", b"GET", False),
        (b"302 F\r\nETag: x", b"GET", False),
        (b"302 F\r\nCache-Control: public, max-age=1", b"GET", True),
        (b"200 OK\r\nCache-Control: public, max-age=1", b"POST", True),
        (b"200 OK\r\nETag: x\r\nCache-Control: private", b"GET", False),
        (b"200 OK\r\nETag: x\r\nCache-Control: private\r\nCache-Control: public", b"GET", True),
        (b'200 OK\r\nETag: x\r\nCache-Control: no-cache="set-cookie"', b"GET", True),
        # So 3.2; 2.6 takes these for kept.
        (b'200 OK\r\nETag: x\r\nCache-Control: no-cache="set-cookie, x"', b"GET", False),
        (b'200 OK\r\nETag: x\r\nCache-Control: private="x"', b"GET", False),
        (b"200 OK\r\nCache-Control: public, max-age=1\r\nPragma: no-cache", b"GET", False),
    ],
    ids=str,
)
def test_what_caches_keep(head: bytes, method: bytes, kept: bool) -> None:
    """Asked of the haproxy programs."""
    response = parse_response(b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n")
    assert response is not None
    assert is_cacheable(response, method) is kept
