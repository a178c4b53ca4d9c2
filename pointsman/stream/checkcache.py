"""option checkcache (manual 4.2): a response that caches may keep, and that sets a cookie, is not let through.

A cache would hand the cookie, and the session behind it, to everybody who asks for the same object.
"""

from typing import Final

from pointsman.log.logger import Logger
from pointsman.log.target import ALERT
from pointsman.proto.message import Response
from pointsman.sample import types
from pointsman.sample.context import Context
from pointsman.sample.head import field_values

_CACHED: Final = frozenset((200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501))  # unless the response forbids it
_SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
_FORBIDS: Final = frozenset(
    (b"private", b"no-store", b"no-cache", b"max-age=0", b"s-maxage=0", b'no-cache="set-cookie"')
)
_REQUEST_LINE: Final = int(types.Reads.REQUEST_LINE)


class CacheCheck:
    """Of one backend. `logger` gets an alert for each response that is blocked."""

    def __init__(self, backend: str) -> None:
        self.backend = backend.encode("utf-8", "surrogateescape")
        self.logger: Logger | None = None

    def blocks(self, ctx: Context) -> bool:
        """Whether the response must not go out."""
        response = ctx.response
        if response is None or not sets_cookie(response):
            return False
        ctx.asked |= _REQUEST_LINE  # the same bytes may go out to a request with another method
        request = ctx.request
        if not may_be_cached(response, request is None or request.method in _SAFE):
            return False
        logger = self.logger
        if logger is not None:
            server = ctx.server
            logger.event(
                ALERT,
                b"Blocked a response with a cacheable cookie from instance %b, server %b."
                % (self.backend, server.name if server is not None else b"<NOSRV>"),
            )
        return True


def sets_cookie(response: Response) -> bool:
    for one in response.fields:
        if one.name == b"set-cookie":
            return True
    return False


def may_be_cached(response: Response, safe: bool) -> bool:
    """Whether a cache may keep it. `safe`: the request's method lets it, where nothing else is said."""
    public = False
    for part in field_values(response, b"pragma", True):
        if part.lower() == b"no-cache":
            return False
    for part in field_values(response, b"cache-control", True):
        part = part.lower()
        if part in _FORBIDS or part.startswith(b'no-cache="set-cookie,'):
            return False
        if part == b"public":
            public = True
    return public or safe and response.status in _CACHED
