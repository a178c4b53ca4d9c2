"""What the kernel has measured on the connections of an exchange, and the client's SYN (manual 7.3.3).

No sample where a connection is none of TCP, or is not there (yet, or any more).
"""

from typing import Final

from pointsman.core.tcp_info import (
    FACKETS,
    LOST,
    REORDERING,
    RETRANS,
    RTT,
    RTTVAR,
    SACKED,
    UNACKED,
    measure,
    saved_syn,
)
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import fetch, fetch_with
from pointsman.sample.source import Source
from pointsman.sample.types import Reads, Type, Where

UNITS: Final = {b"": 1000, b"ms": 1000, b"us": 1}  # from the kernel's microseconds


class OfClient(Source):
    """A measure of the client's connection."""

    def __init__(self, place: int, unit: int = 1) -> None:
        self.many = False
        self.place = place
        self.unit = unit

    def get(self, ctx: Context) -> int | None:
        found = measure(ctx.session.descriptor, self.place)
        return found if found is None or self.unit == 1 else found // self.unit


class OfServer(OfClient):
    """The same of the server's."""

    def get(self, ctx: Context) -> int | None:
        measured = ctx.server_measured
        found = measured.get(self.place) if measured is not None else None
        return found if found is None or self.unit == 1 else found // self.unit


def unit(args: Arguments) -> int:
    """ "us", or "ms", which is the default."""
    found = UNITS.get(args.text(0))
    if found is None or args.given(0) and not args.text(0):
        raise args.wrong(f"expects 'us' or 'ms', got '{args.word(0)}'", "us or ms")
    return found


@fetch_with("fc_rtt", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_rtt(args: Arguments) -> Source:
    """fc_rtt([<unit>]): the round trip time of the client's connection."""
    return OfClient(RTT, unit(args))


@fetch_with("fc_rttvar", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_rtt_variance(args: Arguments) -> Source:
    """fc_rttvar([<unit>]): how much it varies."""
    return OfClient(RTTVAR, unit(args))


@fetch_with("bc_rtt", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def server_rtt(args: Arguments) -> Source:
    """bc_rtt([<unit>]): the round trip time of the server's connection."""
    return OfServer(RTT, unit(args))


@fetch_with("bc_rttvar", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def server_rtt_variance(args: Arguments) -> Source:
    """bc_rttvar([<unit>]): how much it varies."""
    return OfServer(RTTVAR, unit(args))


@fetch_with("fc_unacked", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_unacked(_: Arguments) -> Source:
    """fc_unacked: how many segments to the client are not acknowledged yet."""
    return OfClient(UNACKED)


@fetch_with("fc_sacked", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_sacked(_: Arguments) -> Source:
    """fc_sacked: how many of them are acknowledged though earlier ones are not."""
    return OfClient(SACKED)


@fetch_with("fc_retrans", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_retrans(_: Arguments) -> Source:
    """fc_retrans: how many of them are on their way once more."""
    return OfClient(RETRANS)


@fetch_with("fc_fackets", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_fackets(_: Arguments) -> Source:
    """fc_fackets: up to which one some are acknowledged. Linux counts them no more: 0."""
    return OfClient(FACKETS)


@fetch_with("fc_lost", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_lost(_: Arguments) -> Source:
    """fc_lost: how many of them are taken for lost."""
    return OfClient(LOST)


@fetch_with("fc_reordering", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_reordering(_: Arguments) -> Source:
    """fc_reordering: how far segments may come out of order before one is taken for lost."""
    return OfClient(REORDERING)


@fetch("fc_saved_syn", Type.BIN, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_syn(ctx: Context) -> bytes | None:
    """The client's SYN, where its bind line has tcp-ss, from the IP header on (1) or Ethernet's (2). The kernel hands
    it out once, so it is kept with the session."""
    session = ctx.session
    if session.syn is None:
        session.syn = saved_syn(session.descriptor)
    return session.syn
