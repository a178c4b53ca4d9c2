"""Reading heads: the values of fields, cookies and query parameters as fetches need them.

Values of lists are cut at commas outside quotes, as HAProxy does for every field that is asked for with req.hdr.
"""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.proto.message import Head

LIST_PART: Final = re.compile(rb'(?:"(?:\\.|[^"\\])*"?|[^",])*', re.DOTALL)
COOKIE_PART: Final = re.compile(rb'(?:"(?:\\.|[^"\\])*"?|[^",;])*', re.DOTALL)
BLANKS: Final = b" \t"
COMMA: Final = 0x2C
QUOTE: Final = 0x22


def split_list(value: bytes) -> list[bytes]:
    """The comma-separated parts of a value, without the blanks around them. An empty value is one empty part."""
    if COMMA not in value:  # asking for an integer costs nothing, unlike for bytes
        return [value]
    if QUOTE not in value:
        return [part.strip(BLANKS) for part in value.split(b",")]
    return [part.strip(BLANKS) for part in _cut(LIST_PART, value)]


def cut_list(value: bytes) -> list[bytes]:
    """The comma-separated parts of a value with the blanks around them: joined by commas they are the value again."""
    return _cut(LIST_PART, value) if QUOTE in value else value.split(b",")


def _cut(part: re.Pattern[bytes], value: bytes) -> list[bytes]:
    """Parts, each of which is followed by one separator."""
    found: list[bytes] = []
    index = 0
    while True:
        match = part.match(value, index)
        assert match is not None
        found.append(match.group())
        index = match.end() + 1
        if index > len(value):
            return found


def field_values(head: Head, name: bytes, split: bool) -> list[bytes]:
    """The values of all fields of a lower-case name (b"": of every field), whole or cut at commas."""
    found: list[bytes] = []
    for field in head.fields:
        if not name or field.name == name:
            if split:
                found += split_list(field.value)
            else:
                found.append(field.value)
    return found


def last_value(head: Head, name: bytes, split: bool) -> bytes | None:
    """The last value of the fields of a lower-case name."""
    found: bytes | None = None
    for field in head.fields:
        if field.name == name:
            found = field.value
    if found is None or not split or COMMA not in found:
        return found
    return split_list(found)[-1]


def pick(values: list[bytes], occurrence: int) -> bytes | None:
    """By position: 1 is the first, -1 the last, and 0 counts as -1."""
    index = occurrence - 1 if occurrence > 0 else len(values) + (occurrence or -1)
    return values[index] if 0 <= index < len(values) else None


def request_cookies(head: Head) -> list[tuple[bytes, bytes]]:
    """Names and values of the cookies of a request."""
    found: list[tuple[bytes, bytes]] = []
    for field in head.fields:
        if field.name == b"cookie":
            found += cookies_of(field.value)
    return found


def cookies_of(value: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of the cookies in one Cookie field; what has no "=" is none."""
    found: list[tuple[bytes, bytes]] = []
    for part in _cut(COOKIE_PART, value) if QUOTE in value else value.replace(b",", b";").split(b";"):
        name, mark, content = part.partition(b"=")
        if mark:
            found.append((name.strip(BLANKS), content.strip(BLANKS)))
    return found


def response_cookies(head: Head) -> list[tuple[bytes, bytes]]:
    """Names and values of the cookies that a response sets, without their attributes."""
    found: list[tuple[bytes, bytes]] = []
    for field in head.fields:
        if field.name == b"set-cookie":
            found += cookie_set(field.value)
    return found


def cookie_set(value: bytes) -> list[tuple[bytes, bytes]]:
    """Name and value of the cookie in one Set-Cookie field, if there is one."""
    part = COOKIE_PART.match(value)
    name, mark, content = (part.group() if part is not None else b"").partition(b"=")
    return [(name.strip(BLANKS), content.strip(BLANKS))] if mark else []


def parameters(text: bytes, delimiter: bytes = b"?") -> Iterator[tuple[bytes, bytes]]:
    """Names and values of the parameters behind the first delimiter of a URI (manual 7.3.6, urlp)."""
    _, mark, rest = text.partition(delimiter)
    if mark:
        for part in re.split(b"[&;" + re.escape(delimiter) + b"]", rest):
            name, equals, value = part.partition(b"=")
            if equals:
                yield name, value


def authority(uri: bytes) -> bytes | None:
    """The authority of an absolute URI; None for other forms."""
    scheme = uri.find(b"://")
    if scheme < 0 or uri.startswith(b"/"):
        return None
    return re.split(rb"[/?#]", uri[scheme + 3 :], maxsplit=1)[0]
