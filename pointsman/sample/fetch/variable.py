"""The fetches of variables (manual 7.3.2): var, dump_all_vars."""

from typing import Final

from pointsman.core.registry import nearest
from pointsman.proto.weight import ENDLESS
from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import address_text
from pointsman.sample.context import Context, Variables
from pointsman.sample.registry import Getter, fetch_with
from pointsman.sample.types import Binary, Packed, Reads, Type, Value, Where
from pointsman.sample.variables import PROCESS_VARIABLES, parse_variable

DUMPED: Final = (b"sess", b"txn", b"req", b"res", b"proc")  # scopes, in their order
ESCAPES: Final = {0x22: b'\\"', 0x5C: b"\\\\", 0x0D: b"\\r", 0x0A: b"\\n", 0x08: b"\\b", 0x00: b"\\0"}
MOST: Final = 16384  # bytes of a dump, where the context knows no size of buffers (manual 3.2, tune.bufsize)


@fetch_with("var", "(string[,string])", Type.ANY, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def variable(args: Arguments) -> Getter:
    """var(<name>[,<default>]): a variable with the type that it was given. The default is a string."""
    found = parse_variable(args.word(0), args.at, parents=True)
    if not args.given(1):
        return found.get
    default = args.text(1)

    def get(ctx: Context) -> Value | None:
        value = found.get(ctx)
        return default if value is None else value

    return get


@fetch_with("dump_all_vars", "([string,string,string])", Type.STR, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def dump_all_variables(args: Arguments) -> Getter:
    """dump_all_vars([<scope>][,<prefix>][,<delimiter>]): variables as name=value, by default of all scopes (sess, txn,
    req, res, proc, in this order), between them ", ".

    Strings are quoted, binary values are x and hexadecimal digits. No sample where they take more than a buffer.
    """
    scope, prefix, delimiter = args.text(0), args.text(1), args.text(2) or b", "
    if scope and scope not in DUMPED:
        names = [one.decode() for one in DUMPED]
        near = nearest(args.word(0), names)
        raise args.wrong(
            f"invalid scope '{args.word(0)}'" + (f"; did you mean '{near}'?" if near else ""),
            "one of " + ", ".join(names),
        )
    wanted = (scope,) if scope else DUMPED

    def get(ctx: Context) -> Value | None:
        found: list[bytes] = []
        for one in wanted:
            found += _dumped(_store(ctx, one), one + b"." + prefix)
        text = delimiter.join(found)
        return text if len(text) <= (MOST if ctx.buffer is ENDLESS else ctx.buffer.size) else None

    return get


def _store(ctx: Context, scope: bytes) -> Variables:
    """Where the variables of a scope are now."""
    if scope == b"sess":
        return ctx.session.variables
    if scope == b"proc":
        return PROCESS_VARIABLES
    over = scope == b"req" and ctx.responding or scope == b"res" and not ctx.responding
    return {} if over else ctx.variables


def _dumped(store: Variables, start: bytes) -> list[bytes]:
    return [
        b"%b=%b" % (key, variable_text(value))
        for key, value in store.items()
        if value is not None and key.startswith(start)
    ]


def variable_text(value: Value) -> bytes:
    """A value as it is dumped, by its type."""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, Packed):
        return address_text(value) or b""
    if isinstance(value, Binary):
        return b"x" + value.hex().encode()
    return b'"%b"' % b"".join([ESCAPES.get(octet, bytes((octet,))) for octet in value])
