"""Fetches of streams, one for each exchange, and of connections that carry several at once (manual 7.3.3, 7.3.4).

A connection that carries one exchange at a time has one stream, and its exchanges are numbered from 0 on. Those of
HTTP/2 have the numbers of the protocol, and may be reset alone: then there is the code of that (RFC 9113 7).
"""

from pointsman.sample.context import Context
from pointsman.sample.registry import fetch
from pointsman.sample.types import Reads, Type, Where


@fetch("fc_nb_streams", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_streams(ctx: Context) -> int:
    """Streams that are open on the client's connection; 1 where it carries one exchange at a time."""
    streams = ctx.session.streams
    return 1 if streams is None else streams.open_streams()


@fetch("fc_settings_streams_limit", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_streams_limit(ctx: Context) -> int:
    """How many streams the client's connection may have at once; 1 where it carries one exchange at a time."""
    streams = ctx.session.streams
    return 1 if streams is None else streams.streams_limit()


@fetch("bc_nb_streams", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_streams(ctx: Context) -> int | None:
    """Streams that are open on the server's connection; 1 where it carries one at a time. No sample: no server."""
    if ctx.server is None:
        return None
    streams = ctx.server_streams
    return 1 if streams is None else streams.open_streams()


@fetch("bc_settings_streams_limit", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_streams_limit(ctx: Context) -> int | None:
    """How many streams the server's connection may have at once. No sample without a server."""
    if ctx.server is None:
        return None
    streams = ctx.server_streams
    return 1 if streams is None else streams.streams_limit()


@fetch("fs.id", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.4")
def client_stream(ctx: Context) -> int:
    """The number of the client's stream; of HTTP/1 how many exchanges its connection has had before."""
    return ctx.client_stream


@fetch("fs.aborted", Type.BOOL, Where.TRAFFIC, Reads.MOVING, "7.3.4")
def client_aborted(ctx: Context) -> bool:
    """Whether the client has reset the stream (RST_STREAM). The end of its connection is no such thing."""
    return ctx.client_reset >= 0


@fetch("fs.rst_code", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.4")
def client_reset(ctx: Context) -> int | None:
    """The code of that. No sample where it has not."""
    return ctx.client_reset if ctx.client_reset >= 0 else None


@fetch("bs.id", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def server_stream(ctx: Context) -> int | None:
    """The number of the server's stream; of HTTP/1 how many exchanges its connection has had before. No sample without
    a server."""
    return ctx.server_stream if ctx.server is not None else None


@fetch("bs.aborted", Type.BOOL, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def server_aborted(ctx: Context) -> bool:
    """Whether the server has reset the stream (RST_STREAM)."""
    return ctx.server is not None and ctx.server_reset >= 0


@fetch("bs.rst_code", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def server_reset(ctx: Context) -> int | None:
    """The code of that. No sample where it has not."""
    return ctx.server_reset if ctx.server is not None and ctx.server_reset >= 0 else None
