"""Converters that look at the exchange and let their input pass: when, debug (manual 7.3.1)."""

import os
import select
from collections.abc import Callable
from typing import Final

from pointsman.sample.acl import AclTable
from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import address_text, find_cast, same
from pointsman.sample.context import Context
from pointsman.sample.ending import failed
from pointsman.sample.fetch.process import is_stopping
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.registry import ContextStep, converter_with
from pointsman.sample.types import Binary, Packed, Reads, Type, Value

Test = Callable[[Context], bool]
DESCRIPTORS: Final = {"stdout": 1, "stderr": 2}
RING: Final = "buf0"  # where HAProxy sends what names no destination
PRINTABLE: Final = bytes(code if 32 <= code < 127 else 0x2E for code in range(256))
_AS_TEXT: Final = find_cast(Type.ANY, Type.STR) or same


def forwarded(ctx: Context) -> bool:
    """A server was reached for it."""
    return ctx.server is not None and ctx.record.connected != NOT_REACHED


def served_here(ctx: Context) -> bool:
    """A service of our own has answered: the statistics page, for one."""
    return ctx.record.stand_in != b"<NOSRV>" and ctx.server is None


CONDITIONS: Final[dict[str, Test]] = {
    "stopping": is_stopping,
    "normal": lambda ctx: not failed(ctx),
    "error": failed,
    "forwarded": forwarded,
    "toapplet": served_here,
    "processed": lambda ctx: forwarded(ctx) or served_here(ctx),
}


def _acl(args: Arguments) -> Test:
    name = args.word(1)
    if not name:
        raise args.wrong("'acl' selector requires an extra argument with the ACL name", "when(acl,<name>)")
    found = (args.acls or AclTable()).find(name, args.at)
    if found is None:
        raise args.wrong(f"ACL '{name}' not found", "an ACL that is declared above, or a predefined one")
    args.reads |= found[1]
    return found[0]


@converter_with("when", "(string[,string,string])", Type.ANY, Type.ANY, Reads.MOVING)
def when(args: Arguments) -> ContextStep:
    """when([!]<condition>[,<args>...]): the input if that holds, else no sample.

    error, normal, forwarded, toapplet, processed, stopping, or acl with the name of one.
    """
    word = args.word(0)
    name = word.removeprefix("!")
    negated = name != word
    test = _acl(args) if name == "acl" else CONDITIONS.get(name)
    if test is None:
        raise args.wrong(
            f"expects a supported keyword among {{{','.join([*CONDITIONS, 'acl'])}}} but got '{name}'",
            "one of " + ", ".join([*CONDITIONS, "acl"]),
        )
    holds = test
    return ContextStep(lambda ctx, value: value if holds(ctx) != negated else None)


def shown(kind: Type, value: Value) -> bytes:
    """A sample as debug shows it: its type, and its text without what cannot be printed."""
    if kind == Type.ANY:
        if isinstance(value, bool):
            kind = Type.BOOL
        elif isinstance(value, int):
            kind = Type.SINT
        else:
            kind = Type.ADDR if isinstance(value, Packed) else Type.BIN if isinstance(value, Binary) else Type.STR
    if kind == Type.ADDR and isinstance(value, bytes):
        kind = Type.IPV4 if len(value) == 4 else Type.IPV6
    text = address_text(value) if kind in (Type.IPV4, Type.IPV6) else _AS_TEXT(value)
    assert text is None or isinstance(text, bytes)
    return b"type=%b <%b>" % (kind.name.lower().encode(), (text or b"").translate(PRINTABLE))


def emit(descriptor: int, line: bytes) -> None:
    """Write it if there is room for it now: nobody waits for who reads. A pipe takes so many bytes in one piece."""
    line = line[: select.PIPE_BUF - 1] + b"\n"
    poll = select.poll()
    try:
        poll.register(descriptor, select.POLLOUT)
        if poll.poll(0):
            os.write(descriptor, line)
    except OSError:
        return  # it is closed


@converter_with("debug", "([string,string])", Type.ANY, Type.ANY, Reads.MOVING)
def debug(args: Arguments) -> ContextStep:
    """debug([<prefix>][,<destination>]): show what comes in, and let it pass. The destination is stdout or stderr; a
    line longer than 4095 bytes is cut, and one that cannot be written at once is lost."""
    prefix, destination, kind = args.text(0), args.word(1) or RING, args.input
    descriptor = DESCRIPTORS.get(destination)
    if descriptor is None:
        if destination == RING:
            raise args.wrong(f"there are no rings yet, so none that is called '{RING}'", "debug(<prefix>,stderr)")
        raise args.wrong(f"no such sink '{destination}'", "stdout or stderr")
    target = descriptor

    def run(_: Context, value: Value) -> Value | None:
        emit(target, b"[debug] %b: %b" % (prefix, shown(kind, value)))
        return value

    return ContextStep(run)
