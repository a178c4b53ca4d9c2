"""The status line of responses, captures, and how an exchange went (manual 7.3.2 and 7.3.6)."""

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.fetch.request import path_and_query_of
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.registry import Getter, fetch, fetch_with
from pointsman.sample.types import Reads, Type, Value, Where


@fetch("status", Type.SINT, Where.SERVER_SIDE, Reads.RESPONSE_LINE, "7.3.6")
def status(ctx: Context) -> int | None:
    """The status of the response, as rules have left it."""
    return ctx.response.status if ctx.response is not None else None


@fetch("server_status", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.6")
def server_status(ctx: Context) -> int | None:
    """The status that the server has sent, whatever rules have made of it. No sample where it has not answered."""
    return ctx.record.received if ctx.record.received != NOT_REACHED else None


@fetch("txn.status", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.6")
def logged_status(ctx: Context) -> int | None:
    """The status that the log reports."""
    return ctx.record.status if ctx.record.status != NOT_REACHED else None


@fetch("res.ver resp_ver", Type.STR, Where.SERVER_SIDE, Reads.RESPONSE_LINE, "7.3.6")
def response_version(ctx: Context) -> bytes | None:
    """ "1.0", "1.1" or "2.0", as the server has said it."""
    response = ctx.response
    if response is None:
        return None
    return b"1.%d" % response.minor if response.major == 1 else b"%d.0" % response.major


@fetch("txn.sess_term_state", Type.STR, Where.RUNNING, Reads.MOVING, "7.3.2")
def termination_state(ctx: Context) -> bytes:
    """The two letters of the termination state (manual 8.5), "--" until the end."""
    return bytes((ctx.record.cause, ctx.record.step))


@fetch("txn.id32", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def exchange_number(ctx: Context) -> int:
    """The number of the exchange, of all lanes'."""
    return ctx.record.number & 0xFFFFFFFF


@fetch_with("capture.req.hdr", "(integer)", Type.STR, Where.STREAM, Reads.MOVING, "7.3.6")
def captured_request_field(args: Arguments) -> Getter:
    """capture.req.hdr(<idx>): what was captured in that place of the request's captures, from 0 on."""
    index = args.number(0)
    if index < 0:
        raise args.wrong("the index must not be negative", "a number from 0 on")

    def get(ctx: Context) -> Value | None:
        found = ctx.request_captures
        return (found[index] or None) if index < len(found) else None

    return get


@fetch_with("capture.res.hdr", "(integer)", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.6")
def captured_response_field(args: Arguments) -> Getter:
    """capture.res.hdr(<idx>): what was captured in that place of the response's captures, from 0 on."""
    index = args.number(0)
    if index < 0:
        raise args.wrong("the index must not be negative", "a number from 0 on")

    def get(ctx: Context) -> Value | None:
        found = ctx.response_captures
        return (found[index] or None) if index < len(found) else None

    return get


@fetch("capture.req.method", Type.STR, Where.STREAM, Reads.REQUEST_LINE, "7.3.6")
def captured_method(ctx: Context) -> bytes | None:
    """The method of the request as it was received."""
    return ctx.record.request_line.partition(b" ")[0] or None


@fetch("capture.req.uri", Type.STR, Where.STREAM, Reads.REQUEST_LINE, "7.3.6")
def captured_uri(ctx: Context) -> bytes | None:
    """Path and query of the request as it was received."""
    parts = ctx.record.request_line.split(b" ")
    return path_and_query_of(parts[1]) if len(parts) > 1 else None


@fetch("capture.req.ver", Type.STR, Where.STREAM, Reads.REQUEST_LINE, "7.3.6")
def captured_request_version(ctx: Context) -> bytes | None:
    """ "HTTP/1.0" or "HTTP/1.1", which stands for all later versions too, other than in req.ver."""
    return b"HTTP/1.%d" % ctx.request.minor if ctx.request is not None else None


@fetch("capture.res.ver", Type.STR, Where.STREAM, Reads.RESPONSE_LINE, "7.3.6")
def captured_response_version(ctx: Context) -> bytes | None:
    """ "HTTP/1.0" or "HTTP/1.1", as the server has said it: none for a response of our own."""
    response = ctx.response
    return b"HTTP/1.%d" % response.minor if response is not None and response.line else None


@fetch("req.bytes_in bytes_in", Type.SINT, Where.STREAM, Reads.MOVING, "7.3.3")
def bytes_from_client(ctx: Context) -> int:
    """Bytes received from the client so far."""
    return ctx.record.uploaded


@fetch("req.bytes_out", Type.SINT, Where.STREAM, Reads.MOVING, "7.3.3")
def bytes_to_server(ctx: Context) -> int:
    """Bytes of the request that went to the server so far, as its head went out; 0 where none was reached."""
    record = ctx.record
    if ctx.server is None or record.connected == NOT_REACHED:
        return 0
    return record.uploaded + record.grown


@fetch("res.bytes_in res.bytes_out bytes_out", Type.SINT, Where.STREAM, Reads.MOVING, "7.3.3")
def bytes_from_server(ctx: Context) -> int:
    """Bytes of the response so far; without compression as many go out as come in."""
    return ctx.record.sent
