"""Heads of messages without a version: what rules see and streams forward. HTTP/1 and, later, others produce and take
them.

A head's fields are an ordered list of immutable Field objects; an edit makes a new list, so that a head that is
remembered or shown again is never changed behind somebody's back.
"""

from typing import Final

from mypy_extensions import mypyc_attr

# Kinds of field. Framing, routing or the connection depend on all of them but PLAIN.
PLAIN: Final = 0
LENGTH: Final = 1
CODING: Final = 2
HOST: Final = 3
CONNECTION: Final = 4
HOP: Final = 5  # never sent on: keep-alive, proxy-connection, http2-settings
UPGRADE: Final = 6
EXPECT: Final = 7
TE: Final = 8
# Kinds that only heads of HTTP/2 and later have, and that no rule ever sees (h2_fields.py).
PSEUDO: Final = 9  # ":method" and its kin
MALFORMED: Final = 10  # a name or a value that no field may have (RFC 9113 8.2)

BLANK: Final = (0x20, 0x09)

KINDS: Final = {
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
    b"host": HOST,
    b"connection": CONNECTION,
    b"keep-alive": HOP,
    b"proxy-connection": HOP,
    b"http2-settings": HOP,
    b"upgrade": UPGRADE,
    b"expect": EXPECT,
    b"te": TE,
}


class Field:
    """One header field. `name` is in lower case; `value` has no white space around it.

    Of one that was received, `spelt` is its name as it came, with the colon, and `raw` its line without the end, if
    that was parsed alone (not by its head's shape). `wire` is the line as it goes out, from the CRLF before it, once
    somebody has made it (h1_render.py), and `coded` the same for HTTP/2 (hpack.py). `blanks` is what a rule has written
    with white space around it: that goes out, though nobody who asks for the value sees it.
    """

    def __init__(self, name: bytes, value: bytes, kind: int) -> None:
        self.name = name
        self.value = value
        self.kind = kind
        self.raw = b""
        self.spelt = b""
        self.wire = b""
        self.coded = b""
        self.blanks = b""


def field(name: bytes, value: bytes) -> Field:
    """A field that rules write; `name` in lower case."""
    made = Field(name, value, KINDS.get(name, PLAIN))
    if value and (value[0] in BLANK or value[-1] in BLANK):
        made.value = value.strip(b" \t")
        made.blanks = value
    return made


def path_start(uri: bytes) -> int:
    """Where the path of a target begins; -1: it has none ("*", authorities, and "http://h?x=/y")."""
    if uri.startswith(b"/"):
        return 0
    scheme = uri.find(b"://")
    start = uri.find(b"/", scheme + 3) if scheme >= 0 else -1
    if start > 0 and uri.find(b"?", scheme, start) >= 0:
        return -1
    return start


class Joined:
    """How the fields of a shape's last head went out: joined between those that vary (h1_render.py)."""

    def __init__(self, known: list[Field], pieces: list[bytes]) -> None:
        self.known = known  # by place; where one varies, a mark that is no head's
        self.pieces = pieces  # the first line's place, what stands before each value that varies, its place; the rest
        self.last = b""  # the rest without the end of the head
        self.length = -1  # the framing that is in it
        self.chunked = False
        self.upgrade = False  # Connection names it
        self.start = b""  # a response's first line, made of these
        self.minor = 1
        self.status = 0
        self.reason = b""


class Shape:
    """Which lines of a connection's heads stay the same from one to the next, as shape.py finds it."""

    def __init__(self, places: list[int], runs: list[bytes], last: bytes, names: dict[bytes, int]) -> None:
        self.places = places  # where the lines that vary stand
        self.runs = runs  # what stands before the value of each of them, from the CRLF of the line before
        self.last = last  # what stands behind them, up to the end of the head
        self.names = names  # each field name: the place of its line, or SEVERAL
        self.end = 0  # where the head that matched last ends; 0: none did
        self.method = b""  # what rules may edit of a head that serves as model: as it was received
        self.host: bytes | None = None  # where its line does not vary
        self.expects_continue = False
        self.status = 0
        self.reason = b""
        self.lacks = b""  # the last name that was looked for in vain
        self.joined: Joined | None = None
        self.missed = 0  # heads whose fields were not as `joined` knows them


SEVERAL: Final = -1


_NO_LINES: Final[list[Field]] = []
_NO_VALUES: Final[list[bytes]] = []


class Head:
    """What requests and responses share. The framing is what the fields said when they were received; it does not
    follow edits (content-length and transfer-encoding cannot be edited into lies)."""

    def __init__(self) -> None:
        self.major = 1  # of the version, as received
        self.minor = 1  # the x of HTTP/1.x, as received; what knows all that HTTP/1.1 does has 1
        self.fields: list[Field] = []
        self.length = -1  # Content-Length; -1: none
        self.chunked = False  # the body has its own end marks
        self.close = False  # Connection: close
        self.keep = False  # Connection: keep-alive
        self.upgrade = False  # Connection: upgrade, and an Upgrade field
        self.close_asked = False  # a rule has written Connection: close
        self.close_after = False  # ambiguous framing: close the client after the response (RFC 9112 6.1)
        self.line = b""  # the start line as received
        self.version = b""  # where it is none of HTTP's (proto/unsafe.py): then that goes on
        self.lines = _NO_LINES  # `fields` as they were received, if each stands for one line; else empty
        self.values = _NO_VALUES  # of the lines that vary, in the order of the shape's places, if it has a shape
        self.shape: Shape | None = None  # which lines vary from one head of its connection to the next

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field of that lower-case name."""
        for one in self.fields:
            if one.name == name:
                return one.value
        return None


@mypyc_attr(free_list_len=1)
class Request(Head):
    """A request's head. `uri` is the target as received, until a rule rewrites it. A request with neither
    Content-Length nor Transfer-Encoding has no body (RFC 9112 6.3)."""

    def __init__(self) -> None:
        super().__init__()
        self.method = b""
        self.uri = b""
        self.received: bytes | None = None  # `uri`, if `line` is in the plain form: until a rule writes another
        self.host: bytes | None = None  # the Host field, else the authority of an absolute URI
        self.expects_continue = False
        self.odd = False  # `uri` has bytes that no target may have (proto/unsafe.py), which go on
        self.in_parts = False  # scheme and authority came apart from the path: HTTP/1 servers get the path alone

    @property
    def path(self) -> bytes | None:
        """From the first "/" after the authority up to the query (manual 7.3.6, path); None for "*" and authorities."""
        uri = self.uri
        start = path_start(uri)
        if start < 0:
            return None
        end = uri.find(b"?", start)
        return uri[start:end] if end >= 0 else uri[start:]

    @property
    def query(self) -> bytes | None:
        """What follows the first "?"; None without one."""
        _, mark, query = self.uri.partition(b"?")
        return query if mark else None


@mypyc_attr(free_list_len=1)
class Response(Head):
    """A response's head. Without length and coding its body ends with the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.reason = b""
        self.empty = False  # it has no body, whatever its fields say
        self.digits = b""  # the status as received, where it has more than three digits (proto/unsafe.py)
