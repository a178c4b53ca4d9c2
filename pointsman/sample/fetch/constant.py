"""Constants, and what the process knows: environment, dates, random numbers (manual 7.3.2)."""

import os
import platform
import random
import time
from typing import Final

from pointsman.sample.acl import AclTable
from pointsman.sample.arguments import Arguments, encode
from pointsman.sample.context import Context
from pointsman.sample.registry import Getter, fetch, fetch_with
from pointsman.sample.types import Reads, Type, Value, Where

HOSTNAME: Final = platform.node().encode()
BOOLEANS: Final = {b"true": True, b"1": True, b"false": False, b"0": False}
UNITS: Final = {b"s": 1, b"ms": 1000, b"us": 1_000_000}  # in a second


def _constant(value: Value) -> Getter:
    def get(_: Context) -> Value:
        return value

    return get


@fetch("always_true", Type.BOOL, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def always_true(_: Context) -> bool:
    """True."""
    return True


@fetch("always_false", Type.BOOL, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def always_false(_: Context) -> bool:
    """False."""
    return False


@fetch_with("bool", "(string)", Type.BOOL, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def constant_bool(args: Arguments) -> Getter:
    """bool(<bool>): true, false, 1 or 0."""
    value = BOOLEANS.get(args.text(0))
    if value is None:
        raise args.wrong("Expects 'true', 'false', '0' or '1'.", "bool(true) or bool(false)")
    return _constant(value)


@fetch_with("int", "(integer)", Type.SINT, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def constant_int(args: Arguments) -> Getter:
    """int(<integer>): a signed integer of 64 bits."""
    return _constant(args.number(0))


@fetch_with("str", "(string)", Type.STR, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def constant_str(args: Arguments) -> Getter:
    """str(<string>): a string."""
    return _constant(args.text(0))


@fetch_with("bin", "(string)", Type.BIN, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def constant_bin(args: Arguments) -> Getter:
    """bin(<hex>): bytes, written in hexadecimal digits."""
    text = args.word(0)
    for digit in text:
        if digit not in "0123456789abcdefABCDEF":
            raise args.wrong(f"an hex digit is expected (found '{digit}').", "pairs of hexadecimal digits")
    if len(text) % 2:
        raise args.wrong("an even number of hex digit is expected.", "pairs of hexadecimal digits")
    return _constant(bytes.fromhex(text))


@fetch_with("ipv4", "(IPv4 address)", Type.IPV4, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def constant_ipv4(args: Arguments) -> Getter:
    """ipv4(<ipv4>): an address."""
    return _constant(args.text(0))


@fetch_with("ipv6", "(IPv6 address)", Type.IPV6, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def constant_ipv6(args: Arguments) -> Getter:
    """ipv6(<ipv6>): an address."""
    return _constant(args.text(0))


@fetch_with("meth", "(string)", Type.METH, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def constant_method(args: Arguments) -> Getter:
    """meth(<method>): an HTTP method."""
    return _constant(args.text(0))


@fetch_with("env", "(string)", Type.STR, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def environment(args: Arguments) -> Getter:
    """env(<name>): a variable of the environment as it was at start-up. No sample if it was not set."""
    found = os.environ.get(args.word(0))
    text = None if found is None else encode(found)

    def get(_: Context) -> Value | None:
        return text

    return get


@fetch("hostname", Type.STR, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def hostname(_: Context) -> bytes:
    """The name of this machine."""
    return HOSTNAME


@fetch("nbproc proc", Type.SINT, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def one_process(_: Context) -> int:
    """Always 1: what is left of several processes that each had a number."""
    return 1


@fetch("quic_enabled", Type.BOOL, Where.EVERYWHERE, Reads.NOTHING, "7.3.2")
def quic_enabled(_: Context) -> bool:
    """False: there is no QUIC here yet."""
    return False


@fetch(
    "cpu_calls cpu_ns_avg cpu_ns_tot cpu_usage_grp cpu_usage_proc cpu_usage_thr lat_ns_avg lat_ns_tot",
    Type.SINT,
    Where.RUNNING,
    Reads.NOTHING,
    "7.3.2",
)
def not_measured(_: Context) -> int:
    """0: nobody measures here what HAProxy's scheduler measures of each stream."""
    return 0


@fetch("pid", Type.SINT, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def process_id(_: Context) -> int:
    """The number of the worker process."""
    return os.getpid()


@fetch("wait_end", Type.BOOL, Where.RUNNING, Reads.MOVING, "7.3.5")
def wait_end(ctx: Context) -> bool:
    """True at the end of a content inspection (tcp-request inspect-delay); elsewhere nothing is waited for."""
    if not ctx.more:
        return True
    ctx.incomplete = True
    return False


def unit_of(args: Arguments, index: int) -> int:
    """Parts of a second: an optional argument "s", "ms" or "us"."""
    unit = args.text(index, b"s") or b"s"
    if unit not in UNITS:
        raise args.wrong(f"expects 's', 'ms' or 'us', got '{args.word(index)}'", "one of s, ms, us")
    return UNITS[unit]


@fetch_with("date", "([integer,string])", Type.SINT, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def date(args: Arguments) -> Getter:
    """date([<offset>[,<unit>]]): the time since 1970 in that unit, plus an offset."""
    offset, parts = args.number(0), unit_of(args, 1)

    def get(_: Context) -> Value:
        return time.time_ns() * parts // 1_000_000_000 + offset

    return get


@fetch("date_us", Type.SINT, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def date_microseconds(_: Context) -> int:
    """The microseconds of the current second."""
    return time.time_ns() // 1000 % 1_000_000


@fetch_with("rand", "([integer])", Type.SINT, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def random_number(args: Arguments) -> Getter:
    """rand([<range>]): from 0 to the range less one; by default the range is 2^32."""
    above = args.number(0, 1 << 32)
    if above <= 0:
        raise args.wrong("the range must be positive", "a number from 1 on")

    def get(_: Context) -> Value:
        return random.randrange(above)

    return get


@fetch_with("uuid", "([integer])", Type.STR, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def unique_identifier(args: Arguments) -> Getter:
    """uuid([<version>]): RFC 9562, version 4 (random) or 7 (the time in milliseconds, then random)."""
    version = args.number(0, 4)
    if version not in (4, 7):
        raise args.wrong(f"version {version} is not supported", "4 or 7")

    def get(_: Context) -> Value:
        return make_uuid(version, os.urandom(16), time.time_ns() // 1_000_000)

    return get


def make_uuid(version: int, noise: bytes, milliseconds: int) -> bytes:
    """RFC 9562 5.4 and 5.7: version and variant in their places, the rest noise, in version 7 behind the time."""
    octets = bytearray(noise)
    if version == 7:
        octets[:6] = (milliseconds & 0xFFFFFFFFFFFF).to_bytes(6, "big")
    octets[6] = version << 4 | octets[6] & 0x0F
    octets[8] = 0x80 | octets[8] & 0x3F
    text = octets.hex().encode()
    return b"-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


@fetch_with(
    "acl",
    "(string[,string,string,string,string,string,string,string,string,string,string,string])",
    Type.BOOL,
    Where.EVERYWHERE,
    Reads.NOTHING,
    "7.3.2",
)
def named_acls(args: Arguments) -> Getter:
    """acl([!]<name>[,...]): true if all of these ACLs match (do not match, with "!").

    They are those of the same section, and those that every section has (manual 7.4).
    """
    scope = args.acls or AclTable()
    tests = []
    for value in args.values:
        if not isinstance(value, str) or not value:
            continue
        name = value.lstrip("!")
        found = scope.find(name, args.at)
        if found is None:
            raise args.wrong(f"ACL '{name}' not found", "an ACL that is declared above, or a predefined one")
        args.reads |= found[1]
        tests.append((found[0], (len(value) - len(name)) % 2 == 1))
    if not tests:
        raise args.wrong("expects the names of ACLs", "acl(<name>)")

    def get(ctx: Context) -> Value:
        for test, negated in tests:
            if test(ctx) == negated:
                return False
        return True

    return get
