"""The persistence cookie of a backend (manual 4.2, cookie): what its line says, and its bytes.

Where an exchange reads and writes it stands in cookie_entries.py; how Cookie fields are cut, in proto/cookies.py.

Under maxidle and maxlife the value carries dates: `s1|awwNX|awwMx`. The first is that of the last exchange, the second
that of the first one; each is 30 bits in five letters of base64, in units of four seconds.
"""

from typing import Final

from pointsman.proto.message import Response
from pointsman.sample.head import field_values

REWRITE: Final = 1  # the server sets the cookie, and its value is replaced
INSERT: Final = 2  # we set it
PREFIX: Final = 3  # the server sets it, and its value is prefixed

PIPE: Final = 0x7C  # before the dates
UNIT: Final = 2  # dates are seconds shifted by this
FUTURE: Final = 86_400  # seconds: a date that is so much later than now is not believed (manual 4.2, maxidle)
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_DATE: Final = 5  # letters of a date
_FORGET: Final = b"Expires=Thu, 01-Jan-1970 00:00:01 GMT; "

# Third and fourth letter of the termination state (manual 8.5).
NO: Final = 0x4E  # N
INVALID: Final = 0x49  # I; of responses: inserted
DOWN: Final = 0x44  # D; of responses: deleted
VALID: Final = 0x56  # V
EXPIRED: Final = 0x45  # E
OLD: Final = 0x4F  # O
UNUSED: Final = 0x55  # U; of responses: updated
PROVIDED: Final = 0x50  # P
REWRITTEN: Final = 0x52  # R
NOT_ASKED: Final = 0x2D  # -


class CookieDates:
    """What the cookies of a request say: 0 where they say nothing."""

    def __init__(self) -> None:
        self.last = 0
        self.first = 0


class PersistenceCookie:
    """What a cookie line says. `mode`: one of those above, or 0: the cookie is only read. `tail`: the attributes of one
    that we set. Ages are seconds; 0: none is too old."""

    def __init__(self, name: bytes, mode: int) -> None:
        self.name = name
        self.mode = mode
        self.indirect = False
        self.nocache = False
        self.postonly = False
        self.preserve = False
        self.max_idle = 0
        self.max_life = 0
        self.tail = b""

    @property
    def acts(self) -> bool:
        """It may do more than read; else the log knows nothing of it."""
        return self.mode != 0 or self.indirect

    def dates(self, value: bytes, mark: int, dates: CookieDates) -> None:
        """Note the dates of a value, which begin at `mark`."""
        last = date_of(value[mark + 1 : mark + 1 + _DATE])
        if last:
            dates.last = last
        second = value.find(b"|", mark + 1)
        if second >= 0:
            first = date_of(value[second + 1 : second + 1 + _DATE])
            if first:
                dates.first = first

    def too_old(self, dates: CookieDates, now: int) -> int:
        """EXPIRED, OLD, or 0. `now`: seconds since 1970."""
        if self.max_life and dates.first and _is_stale(dates.first, now, self.max_life):
            return OLD
        if self.max_idle and dates.last and _is_stale(dates.last, now, self.max_idle):
            return EXPIRED
        return 0

    def due(self, dates: CookieDates, now: int) -> bool:
        """A cookie with these dates has to be set anew, though it names the right server."""
        return (
            (dates.first != 0) != (self.max_life != 0)
            or self.max_idle != 0
            and dates.last == 0
            or 0 < dates.last < to_date(now)
        )

    def setting(self, value: bytes, first: int, now: int) -> bytes:
        """The content of the Set-Cookie field that sets it; b"": that makes the client forget it."""
        if not value:
            return self.name + b"=; " + _FORGET + b"path=/" + self.tail
        if self.max_idle or self.max_life:
            value += b"|" + text_of(to_date(now))
            if self.max_life:
                value += b"|" + text_of(first or to_date(now))
        return self.name + b"=" + value + b"; path=/" + self.tail


def _is_stale(date: int, now: int, age: int) -> bool:
    seconds = date << UNIT
    return now - seconds > age or seconds - now > FUTURE


def to_date(seconds: int) -> int:
    """In the units of dates, rounded up."""
    return (seconds + 3) >> UNIT


def text_of(date: int) -> bytes:
    """In five letters."""
    return bytes([_LETTERS[(date >> shift) & 63] for shift in (24, 18, 12, 6, 0)])


def date_of(text: bytes) -> int:
    """0: there is none."""
    if len(text) < _DATE:
        return 0
    date = 0
    for letter in text:
        place = _LETTERS.find(letter)
        if place < 0:
            return 0
        date = date << 6 | place
    return date


_CACHED: Final = frozenset((200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501))  # unless the response forbids it
_SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
_FORBIDS: Final = frozenset((b"private", b"no-store", b"no-cache", b"max-age=0", b"s-maxage=0"))
_OF_COOKIES: Final = b'no-cache="set-cookie"'  # the rest may be kept
_VALIDATORS: Final = frozenset((b"etag", b"last-modified", b"expires"))


def is_cacheable(response: Response, method: bytes) -> bool:
    """A cache would keep it, and could say how long: then `nocache` forbids it. As the peer program was seen to do, the
    last word about that counts, and Pragma more than any."""
    kept = method in _SAFE and response.status in _CACHED
    valid = False
    for one in response.fields:
        if one.name in _VALIDATORS:
            valid = True
        elif one.name == b"pragma" and one.value.lower() == b"no-cache":
            return False
    for part in field_values(response, b"cache-control", True):
        part = part.lower()
        if part in _FORBIDS or part.startswith((b"no-cache=", b"private=")) and part != _OF_COOKIES:
            kept = False
        elif part == b"public":
            kept = True
        elif part.startswith((b"max-age", b"s-maxage")):
            valid = True
    return kept and valid
