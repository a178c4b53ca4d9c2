"""Reading the response of an HTTP check: bytes in, a head and as much of the body as has come. No I/O."""

from pointsman.proto.body import CHUNKED, NONE, SIZED, TO_CLOSE, Body
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import LIMIT, parse_response, split_head
from pointsman.proto.message import Response


class CheckResponse:
    """Feed it; look at `head`, `body`, `whole`. `broken`: it is no HTTP response, or ended too soon."""

    def __init__(self, size: int, bodiless: bool = False) -> None:
        self.size = size  # bytes that are kept of a body (tune.bufsize)
        self.bodiless = bodiless  # the answer to HEAD
        self.head: Response | None = None
        self.body = b""
        self.whole = False
        self.broken = False
        self.ended = False  # by the end of the connection
        self.more = False  # bytes behind its end
        self._data = b""
        self._known = 0
        self._body = Body()

    @property
    def full(self) -> bool:
        """Nothing more of the body will be looked at."""
        return self.whole or len(self.body) >= self.size

    @property
    def finished(self) -> bool:
        """It is whole by its own marks, and nothing stands behind it."""
        return self.whole and not self.ended and not self.more

    def feed(self, data: bytes) -> None:
        if self.broken or self.full:
            self.more = True
            return
        try:
            if self.head is None:
                self._data += data
                self._read_head()
            else:
                self._read_body(data)
        except ProtocolError:
            self.broken = True

    def end(self) -> None:
        """The server has closed the connection."""
        if self.head is None:
            self.broken = True
        self.ended = self.whole = True

    def _read_head(self) -> None:
        while self.head is None:
            size = split_head(self._data, self._known, LIMIT, False)
            if not size:
                self._known = len(self._data)
                return
            head = parse_response(self._data[:size])
            self._data = self._data[size:]
            self._known = 0
            if 100 <= head.status < 200 and head.status != 101:
                continue  # an interim one
            self.head = head
        self._begin(self.head)
        if not self.whole:
            self._read_body(self._data)
        else:
            self.more = bool(self._data)

    def _begin(self, head: Response) -> None:
        kind = CHUNKED if head.chunked else SIZED if head.length >= 0 else TO_CLOSE
        if self.bodiless or head.status in (101, 204, 304) or head.length == 0:
            kind = NONE
        self.whole = kind == NONE
        self._body.begin(kind, head.length)

    def _read_body(self, data: bytes) -> None:
        self.body = (self.body + self._body.feed(data))[: self.size]
        if self._body.done:
            self.whole = True
            self.more = bool(self._body.excess)
