"""Error pages: the built-in ones, and those of files (manual 4.2, errorfile).

A page is a Reply, content and fields: what goes out of it is rendered like any response. Only what a client's side
refuses, before there is a request, is answered in the least words (`unread_page`), because nothing is known then.
"""

from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import parse_response, split_head
from pointsman.proto.message import CODING, CONNECTION
from pointsman.proto.reasons import REASONS
from pointsman.rules.reply import Reply
from pointsman.sample.format import Format

CODES: Final = (200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504)
LARGEST: Final = 16_384  # bytes of an error file: one buffer

_TEXTS: Final = {
    200: b"Service ready.",
    400: b"Your browser sent an invalid request.",
    401: b"You need a valid user and password to access this content.",
    403: b"Request forbidden by administrative rules.",
    404: b"The resource could not be found.",
    405: b"A request was made of a resource using a request method not supported by that resource",
    407: b"You need a valid user and password to access this content.",
    408: b"Your browser didn't send a complete request in time.",
    410: b"The resource is no longer available and will not be available again.",
    413: b"The request entity exceeds the maximum allowed.",
    414: b"The URI provided was too long for the server to process.",
    421: b"Request sent to a non-authoritative server.",
    422: b"The server cannot process the contained instructions.",
    425: b"Your browser sent early data.",
    429: b"You have sent too many requests in a given amount of time.",
    431: b"Request Header Fields Too Large.",
    500: b"An internal server error occurred.",
    501: b"The server does not support the functionality required to fulfill the request.",
    502: b"The server returned an invalid or incomplete response.",
    503: b"No server is available to handle this request.",
    504: b"The server didn't respond in time.",
}
# Where the page's words are not those of REASONS.
_TITLES: Final = {
    400: b"Bad request",
    407: b"Unauthorized",
    413: b"Payload Too Large",
    414: b"URI Too Long",
    502: b"Bad Gateway",
}
_CLOSING: Final = (400, 408)  # pages that say "Connection: close"


def _content(status: int) -> bytes:
    title = _TITLES.get(status, REASONS[status])
    return b"<html><body><h1>%d %b</h1>\n%b\n</body></html>\n" % (status, title, _TEXTS[status])


def _page(status: int) -> Reply:
    fields: list[tuple[bytes, bytes | Format]] = [
        (b"content-length", b""),
        (b"cache-control", b"no-cache"),
        (b"content-type", b"text/html"),
    ]
    reply = Reply(status, fields, _content(status), _TITLES.get(status, b""))
    reply.close = status in _CLOSING
    return reply


DEFAULT_PAGES: Final = {status: _page(status) for status in CODES}


def unread_page(status: int) -> tuple[int, bytes, bytes, bool]:
    """The built-in page for what could not be read, so that nothing is known of who asked: its status, reason and
    content; and does it say that the connection ends?

    The connection ends behind any of them, but only two say so (as the peer program's pages).
    """
    if status not in _TEXTS:
        status = 400
    return status, _TITLES.get(status, REASONS[status]), _content(status), status in _CLOSING


def page_from_file(path: str, at: Position, status: int) -> Reply:
    """A whole HTTP response from a file, for the error `status`; an empty file means no answer at all. Raises
    ConfigError."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"unable to read error file '{path}': {error.strerror}", at) from error
    if len(data) > LARGEST:
        raise ConfigError(f"error file '{path}' is larger than {LARGEST} bytes", at)
    page = parse_page(data, path, at)
    page.logged = status
    return page


def parse_page(data: bytes, name: str, at: Position) -> Reply:
    """An HTTP response as text. Raises ConfigError."""
    if not data:
        silent = Reply(200, [], b"")
        silent.silent = True
        return silent
    try:
        size = split_head(data, 0, LARGEST, False)
        if not size:
            raise ProtocolError("no empty line behind its header")
        head = parse_response(data[:size], False, 100)
    except ProtocolError as error:
        raise ConfigError(f"unable to parse '{name}' as an HTTP response: {error}", at) from error
    content = data[size:]
    if 0 <= head.length < len(content):
        raise ConfigError(f"'{name}': the body is longer than its Content-Length", at)
    if head.length > len(content):
        raise ConfigError(
            f"'{name}': the body is shorter than its Content-Length ({len(content)} of {head.length} bytes)", at
        )
    fields: list[tuple[bytes, bytes | Format]] = []
    for one in head.fields:
        if one.kind not in (CODING, CONNECTION):
            fields.append((one.name, one.value))
    reply = Reply(head.status, fields, content, head.reason)
    reply.close = head.close
    return reply
