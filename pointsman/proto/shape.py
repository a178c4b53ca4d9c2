"""The shape of a head: which of its lines stay the same from one to the next, and which vary.

Whole heads seldom repeat, but on one connection most of their lines do, in the same order: only an id here and a date
there are new. Two heads in a row show where. From then on the lines between those places are compared as whole runs of
bytes, and only the values that vary are cut out and looked at.

Why a match means the same as a parse: a run begins with a CRLF and ends with the name of a line that varies, with its
colon and the blanks behind it; its value is what stands before the next CR, without a CR, LF or NUL in it and without
blanks or controls at its ends; and the last run ends with the empty line. So cutting the bytes at every CRLF gives the
very same lines, and the first empty one is the end of the head. Of the lines that matter for framing and connections
only a Host and a Content-Length may vary, each checked by itself. A guess that fails means "look closer", never an
error.
"""

from typing import Final

from pointsman.proto import cut
from pointsman.proto.message import HOST, LENGTH, PLAIN, SEVERAL, Field, Head, Request, Response, Shape
from pointsman.proto.tokens import PLAIN_HOSTS, PLAIN_TARGETS

MOST: Final = 16  # lines that may vary
_DIGITS: Final = 15  # a Content-Length of no more digits is not looked at more closely
_VARY: Final = (PLAIN, HOST, LENGTH)
_cut: Final = cut.cut


def find_shape(head: Head, earlier: Head) -> None:
    """Give `head` the shape that it has in common with the one before it, and with those before that. None, if they
    differ in too much."""
    lines = head.lines
    if not may_be_model(head) or len(lines) != len(earlier.lines):
        return
    varied = earlier.shape.places if earlier.shape is not None else []
    places: list[int] = []
    runs: list[bytes] = []
    run = [b"\r\n"]
    names: dict[bytes, int] = {}
    for place in range(len(lines)):
        line = lines[place]
        other = earlier.lines[place]
        kind = line.kind
        if not line.raw:
            return  # the head was mended: its lines are not as they came
        names[line.name] = SEVERAL if line.name in names else place
        if (line is other or line.raw == other.raw) and place not in varied:
            run.append(line.raw)
            run.append(b"\r\n")
        elif kind == other.kind and kind in _VARY and line.name == other.name and len(places) < MOST:
            before = line.raw[: len(line.raw) - len(line.value)]
            if before.rstrip(b" \t") != line.spelt:
                return  # blanks behind the value
            places.append(place)
            run.append(before)
            runs.append(b"".join(run))
            run = [b"\r\n"]
        else:
            return
    run.append(b"\r\n")
    shape = head.shape = Shape(places, runs, b"".join(run), names)
    head.values = [lines[place].value for place in places]
    if isinstance(head, Request):
        shape.method = head.method
        shape.host = head.host
        shape.expects_continue = head.expects_continue
    elif isinstance(head, Response):
        shape.status = head.status
        shape.reason = head.reason


def _match(shape: Shape, data: bytes, start: int, head: Head, model: Head) -> bool:
    """Fill `head` with the lines of a head whose first line ends at `start`, if it has that shape."""
    values = model.values.copy()
    end = _cut(data, start, shape.runs, shape.last, values)
    if end < 0:
        return False
    lines = model.lines.copy()
    head.length = model.length
    for place, value, old in zip(shape.places, values, model.values):
        line = lines[place]
        if value is not old:
            made = Field(line.name, value, line.kind)
            made.spelt = line.spelt
            if made.kind and not _judge(made, head):
                return False
            lines[place] = made
        elif line.kind == HOST and isinstance(head, Request):
            head.host = value  # the shape's is an older one
    shape.end = end
    head.values = values
    head.lines = head.fields = lines
    head.minor = model.minor
    head.chunked = model.chunked
    head.close = model.close
    head.keep = model.keep
    head.upgrade = model.upgrade
    head.close_after = model.close_after
    head.shape = shape
    return True


def _judge(line: Field, head: Head) -> bool:
    """A Host or a Content-Length that is another one than before."""
    value = line.value
    if line.kind == HOST:
        if value.translate(PLAIN_HOSTS) != value or not isinstance(head, Request):
            return False
        head.host = value
        return True
    if len(value) > _DIGITS or not value or value[0] == 0x30 or not value.isdigit():
        return False
    head.length = int(value)
    return True


def shaped_request(data: bytes, model: Request, limit: int) -> Request | None:
    """If `data` begins with a head that differs from an earlier one only in its first line and where heads of this
    shape vary: the same as split_head and parse_request would give; `shape.end` is its length. None: look closer."""
    shape = model.shape
    if shape is None:
        return None
    end = len(model.line)
    if end >= len(data) or data[end] != 0x0D:
        end = data.find(b"\r")
        if end < 0:
            return None
    line = data[:end]
    method = shape.method
    size = len(method)
    if (
        end < size + 11
        or not line.startswith(method)
        or line[size] != 0x20
        or not line.endswith(b" HTTP/1.1")
        or line[size + 1] != 0x2F
    ):
        return None
    uri = line[size + 1 : -9]
    if uri.translate(PLAIN_TARGETS) != uri:
        return None
    head = Request()
    head.host = shape.host
    if not _match(shape, data, end, head, model) or shape.end > limit:
        return None
    head.line = line
    head.method = method
    head.uri = head.received = uri
    head.expects_continue = shape.expects_continue
    return head


def shaped_response(data: bytes, model: Response, limit: int) -> Response | None:
    """A response's head by the shape of the one before it, as shaped_request does for requests."""
    shape = model.shape
    line = model.line
    if shape is None or not data.startswith(line):
        return None
    head = Response()
    if not _match(shape, data, len(line), head, model) or shape.end > limit:
        return None
    head.line = line
    head.status = shape.status
    head.reason = shape.reason
    return head


def may_be_model(head: Head) -> bool:
    """A head by whose shape later ones may be understood: nothing in it was mended."""
    if isinstance(head, Request):
        return bool(head.lines) and head.minor == 1 and head.uri[0] == 0x2F and head.method != b"CONNECT"
    return bool(head.lines)
