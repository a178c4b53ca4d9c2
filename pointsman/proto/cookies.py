"""Cookies in the fields of heads, as persistence reads and changes them: bytes that are not changed stay as they are.

RFC 6265 and the older RFC 2965 are read alike: cookies are separated by ";" or ",", a quoted string may hold both, what
begins with "$" belongs to the cookie before it (or, at the beginning, to all). What HAProxy does of fields that are not
well formed was observed of the program, byte by byte.

    a=b ; SRV=s1; $Path="/" ; c=d
       |  |  | |          |
       |  |  | value_end  the end of the next part, whose `start` is the ";" that ends this one
       |  |  value_at
       |  name_at
       start: where the separator before it stands (0: of the first one)
"""

from typing import Final

SEPARATORS: Final = (0x2C, 0x3B)  # "," and ";"
BLANKS: Final = (0x20, 0x09)
EQUALS: Final = 0x3D
QUOTE: Final = 0x22
BACKSLASH: Final = 0x5C
DOLLAR: Final = 0x24
_NONE: Final = -1


class CookiePart:
    """What stands between two separators. `value_at` is -1 where there is no "="."""

    def __init__(self, start: int, name_at: int) -> None:
        self.start = start
        self.name_at = name_at
        self.name_end = name_at
        self.value_at = _NONE
        self.value_end = name_at
        self.end = name_at
        self.drop = False  # it is to be taken out
        self.cut = 0  # so many bytes at the beginning of its value are to be taken out


def cookie_parts(value: bytes) -> list[CookiePart]:
    """All parts of a Cookie field, empty ones too."""
    found: list[CookiePart] = []
    size = len(value)
    start = 0
    at = 0
    while start < size:
        part = _part(value, start, _skip(value, at))
        found.append(part)
        start = part.end
        at = start + 1
    return found


def set_cookie_part(value: bytes) -> CookiePart:
    """The cookie of a Set-Cookie field; what follows it are attributes."""
    return _part(value, 0, _skip(value, 0))


def _part(value: bytes, start: int, at: int) -> CookiePart:
    part = CookiePart(start, at)
    size = len(value)
    while at < size and value[at] != EQUALS and value[at] not in SEPARATORS:
        at += 1
    part.name_end = _behind(value, part.name_at, at)
    if at < size and value[at] == EQUALS:
        part.value_at = _skip(value, at + 1)
        at = _end(value, part.value_at)
        part.value_end = _behind(value, part.value_at, at)
    part.end = at
    return part


def _behind(value: bytes, first: int, at: int) -> int:
    """Before the blanks that stand in front of `at`, but not before `first`."""
    while at > first and value[at - 1] in BLANKS:
        at -= 1
    return at


def _skip(value: bytes, at: int) -> int:
    """Behind the blanks that stand there."""
    size = len(value)
    while at < size and value[at] in BLANKS:
        at += 1
    return at


def _end(value: bytes, at: int) -> int:
    """Where the next separator stands that is not in a quoted string, or the end."""
    size = len(value)
    quoted = False
    while at < size:
        byte = value[at]
        if quoted:
            if byte == BACKSLASH:
                at += 1
            elif byte == QUOTE:
                quoted = False
        elif byte == QUOTE:
            quoted = True
        elif byte in SEPARATORS:
            return at
        at += 1
    return size


def tidied(value: bytes) -> bytes:
    """Without blanks around "=", where that stands between name and value."""
    if b" =" not in value and b"= " not in value and b"\t=" not in value and b"=\t" not in value:
        return value
    pieces: list[bytes] = []
    copied = 0
    for part in cookie_parts(value):
        if part.value_at >= 0 and value[part.name_at] != DOLLAR:
            pieces += (value[copied : part.name_end], b"=")
            copied = part.value_at
    return b"".join(pieces) + value[copied:]


def rewritten(value: bytes, parts: list[CookiePart]) -> bytes | None:
    """The field's value without what is to be taken out. None: no cookie is left, so there is no field.

    What is taken out goes with its "$" attributes; a separator and a blank stand in its place, where something stands
    on both sides.
    """
    gone = 0  # by so much later bytes stand further to the front
    since = _NONE  # from here on bytes are to be taken out
    left = False
    for part in parts:
        at = part.name_at - gone
        start = max(part.start - gone, 0)
        if at < len(value) and value[at] == DOLLAR:
            continue
        if part.drop:
            if since < 0:
                since = start
            continue
        if since >= 0:
            value, moved = _without(value, since, start, at)
            gone += moved
            since = _NONE
        left = True
        if part.cut:
            at = part.value_at - gone
            value = value[:at] + value[at + part.cut :]
            gone += part.cut
    if since >= 0:
        value = value[:since] if left else b""
    return value or None


def _without(value: bytes, since: int, separator: int, at: int) -> tuple[bytes, int]:
    """`since` up to the separator is taken out, and the blanks behind that. What is left, and how far the part at `at`
    has moved."""
    if not since:
        return value[at:], at
    before = value[:since].rstrip(b" \t")
    return before + value[separator : separator + 1] + b" " + value[at:], at - len(before) - 2
