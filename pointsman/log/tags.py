"""The tags of log-formats that tell of a stream (manual 8.2.6): addresses, names, states, captures, dates.

Timers stand in timers.py, numbers in counts.py; what decides each text in keys.py. What is missing is None and written
"-"; an empty text is written as it is (%HQ, %hr).
What a request line said is taken from the line as it was received: rules that rewrite a request do not change its log.
"""

import os
import platform
from typing import Final

from pointsman.core.address import AF_UNIX, NetAddress
from pointsman.log.dates import MILLISECONDS, local_date, local_zone_date, utc_date
from pointsman.log.keys import (
    ACCEPTED,
    BACKEND_NAME,
    DESTINATION,
    FRONTEND_NAME,
    FRONTEND_TRANSPORT,
    LETTERS,
    NO_REQUEST_CAPTURES,
    NO_REQUEST_COOKIE,
    NO_RESPONSE_CAPTURES,
    NO_RESPONSE_COOKIE,
    REQUEST_LINE,
    REQUESTED,
    SERVER_ADDRESS,
    SERVER_NAME,
    SERVER_SOURCE,
    SOURCE,
    LocalRequestDate,
    request_date,
    transport_name,
)
from pointsman.sample.context import Context
from pointsman.sample.encode import encode_capture
from pointsman.sample.key import Family, Text
from pointsman.sample.tag import TagKind, list_tag, tag, text_tag
from pointsman.sample.types import Reads, Where

BAD_REQUEST: Final = b"<BADREQ>"
NO_CIPHER: Final = b"(NONE)"
HOSTNAME: Final = platform.node().encode()


class LogLimits:
    """Limits of log lines that the global section sets (log/build.py)."""

    def __init__(self) -> None:
        self.line = 1023  # bytes of a request line: tune.http.logurilen, less one


LOG_LIMITS: Final = LogLimits()


def _port(address: NetAddress | None, number: int) -> int | None:
    """A UNIX socket has no port: the number of the socket stands in for it (manual 8.2.2)."""
    if address is None:
        return None
    return number if address.family == AF_UNIX else address.port


@tag("ci", TagKind.ADDRESS, reads=Reads.CONNECTION, key=SOURCE)
def client_ip(ctx: Context) -> bytes | None:
    """The client's address; "unix" for a UNIX socket."""
    return ctx.source.text


@tag("cp", TagKind.HEX, reads=Reads.CONNECTION, key=SOURCE)
def client_port(ctx: Context) -> int | None:
    """The client's port; for a UNIX socket the number of the socket that accepted it."""
    return _port(ctx.source, ctx.listener.number)


@tag("fi", TagKind.ADDRESS, reads=Reads.CONNECTION, key=DESTINATION)
def frontend_ip(ctx: Context) -> bytes | None:
    """The address the client connected to."""
    return ctx.destination.text


@tag("fp", TagKind.HEX, reads=Reads.CONNECTION, key=DESTINATION)
def frontend_port(ctx: Context) -> int | None:
    """The port the client connected to."""
    return _port(ctx.destination, ctx.listener.number)


@tag("bi", TagKind.ADDRESS, key=SERVER_SOURCE)
def backend_source_ip(ctx: Context) -> bytes | None:
    """Our own address towards the server."""
    return ctx.server_source.text if ctx.server_source is not None else None


@tag("bp", TagKind.HEX, key=SERVER_SOURCE)
def backend_source_port(ctx: Context) -> int | None:
    """Our own port towards the server; 0 for a UNIX socket."""
    return _port(ctx.server_source, 0)


@tag("si", TagKind.ADDRESS, key=SERVER_ADDRESS)
def server_ip(ctx: Context) -> bytes | None:
    """The server's address."""
    return ctx.server_address.text if ctx.server_address is not None else None


@tag("sp", TagKind.HEX, key=SERVER_ADDRESS)
def server_port(ctx: Context) -> int | None:
    """The server's port; 0 for a UNIX socket."""
    return _port(ctx.server_address, 0)


@tag("f", reads=Reads.CONNECTION, key=FRONTEND_NAME)
def frontend_name(ctx: Context) -> bytes:
    """The frontend's name."""
    return ctx.frontend.name


@tag("ft", reads=Reads.CONNECTION, key=FRONTEND_TRANSPORT)
def frontend_name_transport(ctx: Context) -> bytes:
    """The frontend's name, with "~" behind it where the client speaks TLS."""
    return transport_name(ctx)


@tag("b", key=BACKEND_NAME)
def backend_name(ctx: Context) -> bytes:
    """The backend's name; the frontend's before one was chosen."""
    return ctx.backend.name if ctx.backend is not None else ctx.frontend.name


@tag("s", key=SERVER_NAME)
def server_name(ctx: Context) -> bytes:
    """The server's name; "<NOSRV>" without one, "<STATS>" for the statistics page."""
    return ctx.server.name if ctx.server is not None else ctx.record.stand_in


@tag("H", reads=Reads.NOTHING)
def hostname(_: Context) -> bytes:
    """The name of this host."""
    return HOSTNAME


@tag("pid", TagKind.HEX)
def process_id(_: Context) -> int:
    """The number of this process."""
    return os.getpid()


@tag("ID")
def unique_id(ctx: Context) -> bytes | None:
    """What unique-id-format made."""
    return ctx.unique_id or None


@tag("lc", TagKind.HEX)
def frontend_log_counter(ctx: Context) -> int:
    """How many lines the frontend wrote before this one."""
    return ctx.frontend.log_lines


@tag("rt", TagKind.HEX)
def request_counter(ctx: Context) -> int:
    """The number of this request or TCP session in this process."""
    return ctx.record.number


@tag("OG", where=Where.LOG)
def log_origin(ctx: Context) -> bytes:
    """Where in the stream's life the line was written, as "txn_close"."""
    return ctx.record.origin


@tag("sslv", reads=Reads.CONNECTION)
def ssl_version(ctx: Context) -> bytes | None:
    """The version of TLS that the client speaks, as "TLSv1.3"; none on a connection in clear."""
    tls = ctx.session.tls
    return tls.protocol if tls is not None else None


@tag("sslc", reads=Reads.CONNECTION)
def ssl_cipher(ctx: Context) -> bytes | None:
    """The suite of ciphers, as "TLS_AES_256_GCM_SHA384"; "(NONE)" before one was chosen, none on a connection in
    clear."""
    tls = ctx.session.tls
    return None if tls is None else tls.cipher or NO_CIPHER


# States; sizes and counts stand in counts.py.


@tag("ts", TagKind.DATE, key=LETTERS)
def termination_state(ctx: Context) -> bytes:
    """Who ended the stream, and in which state it was (manual 8.5)."""
    return bytes((ctx.record.cause, ctx.record.step))


@tag("tsc", TagKind.DATE, key=LETTERS)
def termination_state_cookie(ctx: Context) -> bytes:
    """Who ended the stream, in which state it was, and what became of the persistence cookie."""
    record = ctx.record
    return bytes((record.cause, record.step, record.cookie_request, record.cookie_response))


# The request as it was received.


def _words(ctx: Context) -> list[bytes]:
    """Method, target and version of the request line; empty where there was none."""
    return ctx.record.request_line.split(b" ", 2) if ctx.record.request_line else []


def _target(ctx: Context) -> bytes | None:
    words = _words(ctx)
    return words[1] if len(words) > 1 else None


class RequestLine(Text):
    """The request line."""

    def value(self, ctx: Context) -> bytes:
        line = ctx.record.request_line
        if len(line) > LOG_LIMITS.line:
            line = line[: LOG_LIMITS.line]
        return line or BAD_REQUEST


text_tag("r", TagKind.TEXT, RequestLine(Family.REQUEST_LINE), http=True)


@tag("HM", TagKind.TEXT, http=True, key=REQUEST_LINE)
def http_method(ctx: Context) -> bytes:
    """The method."""
    words = _words(ctx)
    return words[0] if words else BAD_REQUEST


@tag("HU", TagKind.TEXT, http=True, key=REQUEST_LINE)
def http_uri(ctx: Context) -> bytes:
    """The target, with its query string."""
    target = _target(ctx)
    return BAD_REQUEST if target is None else target


@tag("HP", TagKind.TEXT, http=True, key=REQUEST_LINE)
def http_uri_without_query(ctx: Context) -> bytes:
    """The target without its query string."""
    target = _target(ctx)
    return BAD_REQUEST if target is None else target.partition(b"?")[0]


@tag("HPO", TagKind.TEXT, http=True, key=REQUEST_LINE)
def http_path_only(ctx: Context) -> bytes:
    """The path: neither scheme and authority nor query string; empty where the target has none ("*")."""
    target = _target(ctx)
    if target is None:
        return BAD_REQUEST
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):
        scheme = path.find(b"://")
        start = path.find(b"/", scheme + 3) if scheme >= 0 else -1
        return path[start:] if start >= 0 else b""
    return path


@tag("HQ", TagKind.TEXT, http=True, key=REQUEST_LINE)
def http_query(ctx: Context) -> bytes:
    """The query string with its "?"; empty without one."""
    target = _target(ctx)
    if target is None:
        return BAD_REQUEST
    _, mark, query = target.partition(b"?")
    return mark + query


@tag("HV", TagKind.TEXT, http=True, key=REQUEST_LINE)
def http_version(ctx: Context) -> bytes:
    """The version, as "HTTP/1.1"."""
    words = _words(ctx)
    return words[2] if len(words) > 2 else BAD_REQUEST


# Captures.


@tag("CC", TagKind.TEXT, http=True, key=NO_REQUEST_COOKIE)
def captured_request_cookie(ctx: Context) -> bytes | None:
    """The captured cookie of the request, as "name=value"."""
    return ctx.record.request_cookie


@tag("CS", TagKind.TEXT, http=True, key=NO_RESPONSE_COOKIE)
def captured_response_cookie(ctx: Context) -> bytes | None:
    """The captured cookie of the response."""
    return ctx.record.response_cookie


def _braces(captures: list[bytes]) -> bytes:
    """ "{a|b}"; nothing where nothing is captured (manual 8.2.3)."""
    return b"{" + b"|".join([encode_capture(one) for one in captures]) + b"}" if captures else b""


@tag("hr", key=NO_REQUEST_CAPTURES)
def captured_request_headers(ctx: Context) -> bytes:
    """The captured headers of the request in braces."""
    return _braces(ctx.request_captures)


@tag("hs", key=NO_RESPONSE_CAPTURES)
def captured_response_headers(ctx: Context) -> bytes:
    """The captured headers of the response in braces."""
    return _braces(ctx.response_captures)


@list_tag("hrl", key=NO_REQUEST_CAPTURES)
def captured_request_header_list(ctx: Context) -> list[bytes]:
    """The captured headers of the request, one field each (CLF)."""
    return [encode_capture(one) for one in ctx.request_captures]


@list_tag("hsl", key=NO_RESPONSE_CAPTURES)
def captured_response_header_list(ctx: Context) -> list[bytes]:
    """The captured headers of the response, one field each (CLF)."""
    return [encode_capture(one) for one in ctx.response_captures]


# Dates. The request's is that of its first byte.


@tag("t", TagKind.DATE, key=ACCEPTED)
def accept_date(ctx: Context) -> bytes:
    """The accept date, local, with milliseconds."""
    return local_date(ctx.record.accept_date)


@tag("T", TagKind.DATE, key=ACCEPTED)
def accept_date_utc(ctx: Context) -> bytes:
    """The accept date, UTC, with the time zone."""
    return utc_date(ctx.record.accept_date)


@tag("Tl", TagKind.DATE, key=ACCEPTED)
def accept_date_local(ctx: Context) -> bytes:
    """The accept date, local, with the time zone."""
    return local_zone_date(ctx.record.accept_date)


@tag("Ts", TagKind.HEX, key=ACCEPTED)
def accept_date_seconds(ctx: Context) -> int:
    """The accept date in seconds since 1970."""
    return ctx.record.accept_date // 1000


@tag("ms", TagKind.DATE, key=ACCEPTED)
def accept_date_milliseconds(ctx: Context) -> bytes:
    """The milliseconds of the accept date, three digits."""
    return MILLISECONDS[ctx.record.accept_date % 1000]


text_tag("tr", TagKind.DATE, LocalRequestDate(), http=True)


@tag("trg", TagKind.DATE, http=True, key=REQUESTED)
def request_date_utc(ctx: Context) -> bytes:
    """The request's date, UTC, with the time zone."""
    return utc_date(request_date(ctx))


@tag("trl", TagKind.DATE, http=True, key=REQUESTED)
def request_date_local(ctx: Context) -> bytes:
    """The request's date, local, with the time zone."""
    return local_zone_date(request_date(ctx))
