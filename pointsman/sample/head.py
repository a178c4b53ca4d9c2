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


def split_list(value: bytes) -> list[bytes]:
    """The comma-separated parts of a value, without the blanks around them. An empty value is one empty part."""
    if b"," not in value:
        return [value]
    if b'"' not in value:
        return [part.strip(BLANKS) for part in value.split(b",")]
    return [part.strip(BLANKS) for part in _cut(LIST_PART, value)]


def cut_list(value: bytes) -> list[bytes]:
    """The comma-separated parts of a value with the blanks around them: joined by commas they are the value again."""
    return _cut(LIST_PART, value) if b'"' in value else value.split(b",")


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


def pick(values: list[bytes], occurrence: int) -> bytes | None:
    """By position: 1 is the first, -1 the last, and 0 counts as -1."""
    index = occurrence - 1 if occurrence > 0 else len(values) + (occurrence or -1)
    return values[index] if 0 <= index < len(values) else None


def request_cookies(head: Head) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of the cookies of a request; what has no "=" is none."""
    for field in head.fields:
        if field.name == b"cookie":
            value = field.value
            parts = _cut(COOKIE_PART, value) if b'"' in value else value.replace(b",", b";").split(b";")
            for part in parts:
                name, mark, content = part.partition(b"=")
                if mark:
                    yield name.strip(BLANKS), content.strip(BLANKS)


def response_cookies(head: Head) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of the cookies that a response sets, without their attributes."""
    for field in head.fields:
        if field.name == b"set-cookie":
            part = COOKIE_PART.match(field.value)
            name, mark, content = (part.group() if part is not None else b"").partition(b"=")
            if mark:
                yield name.strip(BLANKS), content.strip(BLANKS)


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
    return re.split(rb"[/?#]", uri[scheme + 3:], maxsplit=1)[0]
