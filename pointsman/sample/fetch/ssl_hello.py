"""What a client says in its hello (manual 7.3.4): enough to tell kinds of clients apart, as JA3 and JA4 do.

It is kept where tune.ssl.capture-buffer-size gives it room, and no sample elsewhere. A list that the client did not
send is empty. Where the room was too small, what did not fit is missing.
"""

from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import HANDSHAKEN, Fetched, fetch, fetch_with
from pointsman.sample.source import Source
from pointsman.sample.types import Reads, Type

SUITES: Final = 2  # where each stands in Connection.hello
EXTENSIONS: Final = 3
GROUPS: Final = 4
FORMATS: Final = 5
VERSIONS: Final = 6
ALGORITHMS: Final = 7
FILTER: Final = "([integer])"
SIGN: Final = 1 << 63


def without_grease(numbers: bytes) -> bytes:
    """Without those that clients draw by chance, so that servers get used to what they do not know (RFC 8701): both
    octets are the same, and end with the digit A. Half a number, which was cut off, stays."""
    kept: list[bytes] = []
    for at in range(0, len(numbers), 2):
        pair = numbers[at : at + 2]
        if pair[0] & 15 != 10 or pair[0] != pair[-1] or len(pair) < 2:
            kept.append(pair)
    return b"".join(kept)


class OfHello(Source):
    """A list of numbers of two octets; a filter that is not 0 leaves out GREASE."""

    def __init__(self, place: int, args: Arguments) -> None:
        self.many = False
        self.place = place
        self.filter = args.number(0) != 0

    def get(self, ctx: Context) -> bytes | None:
        tls = ctx.session.tls
        hello = tls.hello if tls is not None else None
        if hello is None:
            return None
        found = hello[self.place]
        assert isinstance(found, bytes)
        return without_grease(found) if self.filter else found


class SuitesInHex(OfHello):
    """Suites in hexadecimal digits."""

    def get(self, ctx: Context) -> bytes | None:
        found = OfHello.get(self, ctx)
        return found.hex().upper().encode() if found is not None else None


class SuitesByName(OfHello):
    """Suites by OpenSSL's names."""

    def get(self, ctx: Context) -> bytes | None:
        found = OfHello.get(self, ctx)
        tls = ctx.session.tls
        if found is None or tls is None:
            return None
        names: list[bytes] = []
        for at in range(0, len(found) - 1, 2):
            pair = found[at : at + 2]
            name = tls.suite(pair)
            names.append(name if name is not None else b"UNKNOWN(" + pair.hex().encode() + b")")
        return b",".join(names)


@fetch("ssl_fc_protocol_hello_id", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def version(ctx: Context) -> int | None:
    """The version that the hello names first: 771 for TLS 1.2, and for TLS 1.3, which has its own list of versions."""
    tls = ctx.session.tls
    hello = tls.hello if tls is not None else None
    return hello[0] if hello is not None else None


@fetch("ssl_fc_cipherlist_xxh", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def hash_of_suites(ctx: Context) -> int | None:
    """A hash (XXH64) of all suites, whether there was room for them or not."""
    tls = ctx.session.tls
    hello = tls.hello if tls is not None else None
    if hello is None:
        return None
    number = hello[1]
    return number - (SIGN << 1) if number >= SIGN else number


@fetch_with("ssl_fc_cipherlist_bin", FILTER, Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def suites(args: Arguments) -> Fetched:
    """ssl_fc_cipherlist_bin([<filter>]): the suites, as they were sent."""
    return OfHello(SUITES, args)


@fetch_with("ssl_fc_cipherlist_hex", FILTER, Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def suites_in_hex(args: Arguments) -> Fetched:
    """ssl_fc_cipherlist_hex([<filter>]): the suites in hexadecimal digits."""
    return SuitesInHex(SUITES, args)


@fetch_with("ssl_fc_cipherlist_str", FILTER, Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def suites_by_name(args: Arguments) -> Fetched:
    """ssl_fc_cipherlist_str([<filter>]): the suites by OpenSSL's names, separated by commas."""
    return SuitesByName(SUITES, args)


@fetch_with("ssl_fc_extlist_bin", FILTER, Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def extensions(args: Arguments) -> Fetched:
    """ssl_fc_extlist_bin([<filter>]): the kinds of extensions, as they were sent."""
    return OfHello(EXTENSIONS, args)


@fetch_with("ssl_fc_eclist_bin", FILTER, Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def groups(args: Arguments) -> Fetched:
    """ssl_fc_eclist_bin([<filter>]): the groups for the agreement on keys, as they were sent."""
    return OfHello(GROUPS, args)


@fetch("ssl_fc_ecformats_bin", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def formats(ctx: Context) -> bytes | None:
    """The formats of points on curves, an octet each."""
    tls = ctx.session.tls
    hello = tls.hello if tls is not None else None
    return hello[FORMATS] if hello is not None else None


@fetch_with("ssl_fc_supported_versions_bin", FILTER, Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def versions(args: Arguments) -> Fetched:
    """ssl_fc_supported_versions_bin([<filter>]): the versions (extension 43), as they were sent."""
    return OfHello(VERSIONS, args)


@fetch_with("ssl_fc_sigalgs_bin", FILTER, Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def algorithms(args: Arguments) -> Fetched:
    """ssl_fc_sigalgs_bin([<filter>]): the algorithms of signatures (extension 13), as they were sent."""
    return OfHello(ALGORITHMS, args)
