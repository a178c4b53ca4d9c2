"""What the proxy itself answers: error pages, denials, redirects, `return`.

A Reply is compiled at start-up; `render` gives the head and the body for one request. Where the body comes from a
log-format it is evaluated each time, else it is the same bytes for all.
"""
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.proto.message import Response, field
from pointsman.proto.tokens import tokens
from pointsman.sample.context import Context
from pointsman.sample.format import Format

# Reason phrases as the peer program writes them where a rule names the status (set-status, return, http-error).
REASONS: Final = {
    100: b"Continue", 101: b"Switching Protocols", 102: b"Processing",
    200: b"OK", 201: b"Created", 202: b"Accepted", 203: b"Non-Authoritative Information", 204: b"No Content",
    205: b"Reset Content", 206: b"Partial Content", 207: b"Multi-Status", 210: b"Content Different", 226: b"IM Used",
    300: b"Multiple Choices", 301: b"Moved Permanently", 302: b"Moved Temporarily", 303: b"See Other",
    304: b"Not Modified", 305: b"Use Proxy", 307: b"Temporary Redirect", 308: b"Permanent Redirect",
    310: b"Too many Redirects",
    400: b"Bad Request", 401: b"Unauthorized", 402: b"Payment Required", 403: b"Forbidden", 404: b"Not Found",
    405: b"Method Not Allowed", 406: b"Not Acceptable", 407: b"Proxy Authentication Required",
    408: b"Request Time-out", 409: b"Conflict", 410: b"Gone", 411: b"Length Required", 412: b"Precondition Failed",
    413: b"Request Entity Too Large", 414: b"Request-URI Too Long", 415: b"Unsupported Media Type",
    416: b"Requested range unsatisfiable", 417: b"Expectation failed", 418: b"I'm a teapot",
    421: b"Misdirected Request", 422: b"Unprocessable Content", 423: b"Locked", 424: b"Method failure",
    425: b"Too Early", 426: b"Upgrade Required", 428: b"Precondition Required", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 449: b"Retry With", 450: b"Blocked by Windows Parental Controls",
    451: b"Unavailable For Legal Reasons", 456: b"Unrecoverable Error", 499: b"client has closed connection",
    500: b"Internal Server Error", 501: b"Not Implemented", 502: b"Bad Gateway or Proxy Error",
    503: b"Service Unavailable", 504: b"Gateway Time-out", 505: b"HTTP Version not supported",
    506: b"Variant also negotiate", 507: b"Insufficient storage", 508: b"Loop detected",
    509: b"Bandwidth Limit Exceeded", 510: b"Not extended", 511: b"Network authentication required",
    520: b"Web server is returning an unknown error"}
MOVED: Final = {301: b"Moved Permanently", 302: b"Found", 303: b"See Other", 307: b"Temporary Redirect",
                308: b"Permanent Redirect"}  # those of redirections
_CLASSES: Final = {1: b"Informational", 2: b"Success", 3: b"Redirection", 4: b"Client Error", 5: b"Server Error"}


def reason_of(status: int) -> bytes:
    """The reason phrase of a status; of its class where it has none of its own."""
    return REASONS.get(status) or _CLASSES.get(status // 100, b"Other")


class Challenge:
    """Answer with the error page of a status, which asks for credentials in this field."""

    def __init__(self, status: int, name: bytes, value: bytes) -> None:
        self.status = status
        self.name = name
        self.value = value


@mypyc_attr(allow_interpreted_subclasses=True)
class Reply:
    """An answer of the proxy's own. `fields`: names in lower case with constant or computed values; content-length is
    added when it goes out. `body` is constant bytes or a log-format."""

    def __init__(self, status: int, fields: list[tuple[bytes, bytes | Format]], body: bytes | Format,
                 reason: bytes = b"") -> None:
        self.status = status
        self.reason = reason or reason_of(status)
        self.fields = fields
        self.body = body
        self.reads = 0  # of fields and body
        for _, value in fields:
            if isinstance(value, Format):
                self.reads |= value.reads
        if isinstance(body, Format):
            self.reads |= body.reads
        self.logged = 0  # the status of log and counters, where it is not the one that goes out (error files)
        self.silent = False  # no bytes at all: the connection is just closed (errorfile /dev/null)
        self.close = False  # the connection is closed behind it, whatever the client wants

    def challenging(self, challenge: Challenge) -> "Reply":
        """The same with the challenge as its only one."""
        fields = [one for one in self.fields if one[0] != challenge.name]
        made = Reply(self.status, [*fields, (challenge.name, challenge.value)], self.body, self.reason)
        made.logged = self.logged
        made.silent = self.silent
        made.close = self.close
        return made

    def render(self, context: Context) -> tuple[Response, bytes]:
        """The head without framing fields, and the body."""
        head = Response()
        head.status = self.status
        head.reason = self.reason
        for name, value in self.fields:
            content = value if isinstance(value, bytes) else value.render_header(context)
            if not content and not isinstance(value, bytes):
                continue  # as HAProxy does where a reply is made; set-header writes the field all the same
            head.fields.append(field(name, content))
            if name == b"connection" and b"close" in tokens(content):
                head.close_asked = True
        body = self.body
        content = body if isinstance(body, bytes) else body.render_header(context)
        head.length = len(content)
        return head, content


@mypyc_attr(allow_interpreted_subclasses=True)
class Served(Reply):
    """An answer that is written elsewhere. `stand_in`: what logs show for the server (manual 8.2.3); `filtered`: it
    passes the http-response rules as a server's does; `page`: not 0: the error page of this status, and no more."""

    def __init__(self, stand_in: bytes, filtered: bool, page: int = 0) -> None:
        Reply.__init__(self, 200, [], b"")
        self.stand_in = stand_in
        self.filtered = filtered
        self.page = page

    def open(self, context: Context) -> int:
        """The descriptor by which the answer comes; -1: nobody can be asked."""
        raise NotImplementedError
