"""The tags of log-formats that tell of a stream (manual 8.2.6): addresses, names, sizes, counts, captures, dates.

Timers stand in timers.py. What is missing is None and written "-"; an empty text is written as it is (%HQ, %hr).
What a request line said is taken from the line as it was received: rules that rewrite a request do not change its log.
"""
import os
import platform
from typing import Final

from pointsman.core.address import AF_UNIX, NetAddress
from pointsman.log.dates import MILLISECONDS, local_date, local_zone_date, utc_date
from pointsman.sample.context import Context
from pointsman.sample.encode import encode_capture
from pointsman.sample.tag import Kind, list_tag, tag
from pointsman.sample.types import Reads, Where

BAD_REQUEST: Final = b"<BADREQ>"
HOSTNAME: Final = platform.node().encode()


class Limits:
    """What the global section bounds; build.py sets it."""

    def __init__(self) -> None:
        self.line = 1023  # bytes of a request line: tune.http.logurilen, less one


LIMITS: Final = Limits()


def _port(address: NetAddress | None, number: int) -> int | None:
    """A UNIX socket has no port: the number of the socket stands in for it (manual 8.2.2)."""
    if address is None:
        return None
    return number if address.family == AF_UNIX else address.port


@tag("ci", Kind.ADDRESS, reads=Reads.CONNECTION)
def client_ip(ctx: Context) -> bytes | None:
    """The client's address; "unix" for a UNIX socket."""
    return ctx.source.text


@tag("cp", Kind.HEX, reads=Reads.CONNECTION)
def client_port(ctx: Context) -> int | None:
    """The client's port; for a UNIX socket the number of the socket that accepted it."""
    return _port(ctx.source, ctx.listener.number)


@tag("fi", Kind.ADDRESS, reads=Reads.CONNECTION)
def frontend_ip(ctx: Context) -> bytes | None:
    """The address the client connected to."""
    return ctx.destination.text


@tag("fp", Kind.HEX, reads=Reads.CONNECTION)
def frontend_port(ctx: Context) -> int | None:
    """The port the client connected to."""
    return _port(ctx.destination, ctx.listener.number)


@tag("bi", Kind.ADDRESS)
def backend_source_ip(ctx: Context) -> bytes | None:
    """Our own address towards the server."""
    return ctx.server_source.text if ctx.server_source is not None else None


@tag("bp", Kind.HEX)
def backend_source_port(ctx: Context) -> int | None:
    """Our own port towards the server; 0 for a UNIX socket."""
    return _port(ctx.server_source, 0)


@tag("si", Kind.ADDRESS)
def server_ip(ctx: Context) -> bytes | None:
    """The server's address."""
    return ctx.server_address.text if ctx.server_address is not None else None


@tag("sp", Kind.HEX)
def server_port(ctx: Context) -> int | None:
    """The server's port; 0 for a UNIX socket."""
    return _port(ctx.server_address, 0)


@tag("f", reads=Reads.CONNECTION)
def frontend_name(ctx: Context) -> bytes:
    """The frontend's name."""
    return ctx.frontend.name


@tag("ft", reads=Reads.CONNECTION)
def frontend_name_transport(ctx: Context) -> bytes:
    """The frontend's name, with "~" behind it where the client speaks TLS."""
    return ctx.frontend.name


@tag("b")
def backend_name(ctx: Context) -> bytes:
    """The backend's name; the frontend's before one was chosen."""
    return ctx.backend.name if ctx.backend is not None else ctx.frontend.name


@tag("s")
def server_name(ctx: Context) -> bytes:
    """The server's name; "<NOSRV>" without one, "<STATS>" for the statistics page."""
    return ctx.server.name if ctx.server is not None else ctx.record.stand_in


@tag("H", reads=Reads.NOTHING)
def hostname(_: Context) -> bytes:
    """The name of this host."""
    return HOSTNAME


@tag("pid", Kind.HEX)
def process_id(_: Context) -> int:
    """The number of this process."""
    return os.getpid()


@tag("ID")
def unique_id(ctx: Context) -> bytes | None:
    """What unique-id-format made."""
    return ctx.unique_id or None


@tag("lc", Kind.HEX)
def frontend_log_counter(ctx: Context) -> int:
    """How many lines the frontend wrote before this one."""
    return ctx.frontend.log_lines


@tag("rt", Kind.HEX)
def request_counter(ctx: Context) -> int:
    """The number of this request or TCP session in this process."""
    return ctx.record.number


@tag("OG", where=Where.LOG)
def log_origin(ctx: Context) -> bytes:
    """Where in the stream's life the line was written, as "txn_close"."""
    return ctx.record.origin


@tag("sslv", reads=Reads.CONNECTION)
def ssl_version(_: Context) -> bytes | None:
    """The version of TLS; none on a connection in clear, and so far there is no other."""
    return None


@tag("sslc", reads=Reads.CONNECTION)
def ssl_cipher(_: Context) -> bytes | None:
    """The cipher of TLS; none on a connection in clear."""
    return None


# Sizes, counts and states.


@tag("ST", Kind.NUMBER)
def status(ctx: Context) -> int:
    """The status that the client got; -1 where none was sent, 0 in TCP mode."""
    return ctx.record.status if ctx.frontend.http else max(ctx.record.status, 0)


@tag("B", Kind.NUMBER)
def bytes_read(ctx: Context) -> int | bytes:
    """Bytes sent to the client; with "+" while there is more to come (option logasap)."""
    return ctx.record.sent if ctx.record.complete else b"+%d" % ctx.record.sent


@tag("U", Kind.NUMBER)
def bytes_uploaded(ctx: Context) -> int:
    """Bytes that came from the client."""
    return ctx.record.uploaded


@tag("ac", Kind.NUMBER)
def active_connections(ctx: Context) -> int:
    """Connections of the process."""
    return ctx.record.process_connections


@tag("fc", Kind.NUMBER)
def frontend_connections(ctx: Context) -> int:
    """Connections of the frontend."""
    return ctx.record.frontend_connections


@tag("bc", Kind.NUMBER)
def backend_connections(ctx: Context) -> int:
    """Streams of the backend, those in its queues included."""
    return ctx.record.backend_connections


@tag("sc", Kind.NUMBER)
def server_connections(ctx: Context) -> int:
    """Streams of the server."""
    return ctx.record.server_connections


@tag("rc", Kind.DATE)
def retries(ctx: Context) -> bytes:
    """Connection retries; with "+" where the stream was redispatched."""
    return (b"+%d" if ctx.record.redispatched else b"%d") % ctx.record.retries


@tag("sq", Kind.NUMBER)
def server_queue(ctx: Context) -> int:
    """Requests that were before this one in the server's queue."""
    return ctx.record.server_queue


@tag("bq", Kind.NUMBER)
def backend_queue(ctx: Context) -> int:
    """Requests that were before this one in the backend's queue."""
    return ctx.record.backend_queue


@tag("ts", Kind.DATE)
def termination_state(ctx: Context) -> bytes:
    """Who ended the stream, and in which state it was (manual 8.5)."""
    return bytes((ctx.record.cause, ctx.record.step))


@tag("tsc", Kind.DATE)
def termination_state_cookie(ctx: Context) -> bytes:
    """The same, and what became of the persistence cookie."""
    record = ctx.record
    return bytes((record.cause, record.step, record.cookie_request, record.cookie_response))


# The request as it was received.


def _words(ctx: Context) -> list[bytes]:
    """Method, target and version of the request line; empty where there was none."""
    return ctx.record.request_line.split(b" ", 2) if ctx.record.request_line else []


def _target(ctx: Context) -> bytes | None:
    words = _words(ctx)
    return words[1] if len(words) > 1 else None


@tag("r", Kind.TEXT, http=True)
def http_request(ctx: Context) -> bytes:
    """The request line."""
    return ctx.record.request_line[:LIMITS.line] or BAD_REQUEST


@tag("HM", Kind.TEXT, http=True)
def http_method(ctx: Context) -> bytes:
    """The method."""
    words = _words(ctx)
    return words[0] if words else BAD_REQUEST


@tag("HU", Kind.TEXT, http=True)
def http_uri(ctx: Context) -> bytes:
    """The target, with its query string."""
    target = _target(ctx)
    return BAD_REQUEST if target is None else target


@tag("HP", Kind.TEXT, http=True)
def http_uri_without_query(ctx: Context) -> bytes:
    """The target without its query string."""
    target = _target(ctx)
    return BAD_REQUEST if target is None else target.partition(b"?")[0]


@tag("HPO", Kind.TEXT, http=True)
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


@tag("HQ", Kind.TEXT, http=True)
def http_query(ctx: Context) -> bytes:
    """The query string with its "?"; empty without one."""
    target = _target(ctx)
    if target is None:
        return BAD_REQUEST
    _, mark, query = target.partition(b"?")
    return mark + query


@tag("HV", Kind.TEXT, http=True)
def http_version(ctx: Context) -> bytes:
    """The version, as "HTTP/1.1"."""
    words = _words(ctx)
    return words[2] if len(words) > 2 else BAD_REQUEST


# Captures.


@tag("CC", Kind.TEXT, http=True)
def captured_request_cookie(ctx: Context) -> bytes | None:
    """The captured cookie of the request, as "name=value"."""
    return ctx.record.request_cookie


@tag("CS", Kind.TEXT, http=True)
def captured_response_cookie(ctx: Context) -> bytes | None:
    """The captured cookie of the response."""
    return ctx.record.response_cookie


def _braces(captures: list[bytes]) -> bytes:
    """"{a|b}"; nothing where nothing is captured (manual 8.2.3)."""
    return b"{" + b"|".join([encode_capture(one) for one in captures]) + b"}" if captures else b""


@tag("hr")
def captured_request_headers(ctx: Context) -> bytes:
    """The captured headers of the request in braces."""
    return _braces(ctx.request_captures)


@tag("hs")
def captured_response_headers(ctx: Context) -> bytes:
    """The captured headers of the response in braces."""
    return _braces(ctx.response_captures)


@list_tag("hrl")
def captured_request_header_list(ctx: Context) -> list[bytes]:
    """The captured headers of the request, one field each (CLF)."""
    return [encode_capture(one) for one in ctx.request_captures]


@list_tag("hsl")
def captured_response_header_list(ctx: Context) -> list[bytes]:
    """The captured headers of the response, one field each (CLF)."""
    return [encode_capture(one) for one in ctx.response_captures]


# Dates. The request's is that of its first byte.


def _request_date(ctx: Context) -> int:
    record = ctx.record
    return record.accept_date + max(record.begun - record.accepted, 0)


@tag("t", Kind.DATE)
def accept_date(ctx: Context) -> bytes:
    """The accept date, local, with milliseconds."""
    return local_date(ctx.record.accept_date)


@tag("T", Kind.DATE)
def accept_date_utc(ctx: Context) -> bytes:
    """The accept date, UTC, with the time zone."""
    return utc_date(ctx.record.accept_date)


@tag("Tl", Kind.DATE)
def accept_date_local(ctx: Context) -> bytes:
    """The accept date, local, with the time zone."""
    return local_zone_date(ctx.record.accept_date)


@tag("Ts", Kind.HEX)
def accept_date_seconds(ctx: Context) -> int:
    """The accept date in seconds since 1970."""
    return ctx.record.accept_date // 1000


@tag("ms", Kind.DATE)
def accept_date_milliseconds(ctx: Context) -> bytes:
    """The milliseconds of the accept date, three digits."""
    return MILLISECONDS[ctx.record.accept_date % 1000]


@tag("tr", Kind.DATE, http=True)
def request_date(ctx: Context) -> bytes:
    """The request's date, local, with milliseconds."""
    return local_date(_request_date(ctx))


@tag("trg", Kind.DATE, http=True)
def request_date_utc(ctx: Context) -> bytes:
    """The request's date, UTC, with the time zone."""
    return utc_date(_request_date(ctx))


@tag("trl", Kind.DATE, http=True)
def request_date_local(ctx: Context) -> bytes:
    """The request's date, local, with the time zone."""
    return local_zone_date(_request_date(ctx))
