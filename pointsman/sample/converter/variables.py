"""Converters about variables: set-var, unset-var, and comparisons with one (manual 7.3.1)."""

import hmac

from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import find_cast, same
from pointsman.sample.context import Context
from pointsman.sample.registry import ContextStep, converter_with
from pointsman.sample.types import Reads, Type, Value
from pointsman.sample.variables import Variable, assign, conditions, marked, parse_variable

_AS_TEXT = find_cast(Type.ANY, Type.STR) or same
_AS_BYTES = find_cast(Type.ANY, Type.BIN) or same


def text_of(variable: Variable, ctx: Context) -> bytes | None:
    """A variable as a string."""
    value = variable.get(ctx)
    text = None if value is None else _AS_TEXT(value)
    return text if isinstance(text, bytes) else None


@converter_with("set-var", "(string[,string,string,string,string])", Type.ANY, Type.ANY, Reads.MOVING)
def set_variable(args: Arguments) -> ContextStep:
    """set-var(<var>[,<cond>...]): store what comes in and let it pass; no sample if a condition does not hold."""
    variable = parse_variable(args.word(0), args.at)
    checks = conditions([args.word(index) for index in range(1, 5)], args.at)
    mark = marked(args.input)

    def keep(ctx: Context, value: Value) -> Value | None:
        return value if assign(variable, checks, ctx, mark(value)) else None

    return ContextStep(keep)


@converter_with("unset-var", "(string)", Type.ANY, Type.ANY, Reads.MOVING)
def unset_variable(args: Arguments) -> ContextStep:
    """unset-var(<var>): forget its value, and let what comes in pass."""
    variable = parse_variable(args.word(0), args.at)

    def forget(ctx: Context, value: Value) -> Value | None:
        variable.unset(ctx)
        return value

    return ContextStep(forget)


@converter_with("strcmp", "(string)", Type.STR, Type.SINT, Reads.MOVING)
def compare(args: Arguments) -> ContextStep:
    """strcmp(<var>): below, at or above zero as the input sorts before, with or behind the variable."""
    variable = parse_variable(args.word(0), args.at, parents=True)

    def difference(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        other = text_of(variable, ctx)
        if other is None:
            return None
        return 0 if value == other else -1 if value < other else 1

    return ContextStep(difference)


@converter_with("secure_memcmp", "(string)", Type.BIN, Type.BOOL, Reads.MOVING)
def compare_securely(args: Arguments) -> ContextStep:
    """secure_memcmp(<var>): whether both are the same bytes, in a time that does not tell where they differ."""
    variable = parse_variable(args.word(0), args.at, parents=True)

    def equal(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        known = variable.get(ctx)
        other = None if known is None else _AS_BYTES(known)
        return hmac.compare_digest(value, other) if isinstance(other, bytes) else None

    return ContextStep(equal)


@converter_with("concat", "(string[,string,string])", Type.STR, Type.STR, Reads.MOVING)
def concatenate(args: Arguments) -> ContextStep:
    """concat([<start>[,<var>[,<end>]]]): append a constant, a variable and another constant."""
    start, end = args.text(0), args.text(2)
    variable = parse_variable(args.word(1), args.at, parents=True) if args.word(1) else None

    def append(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        middle = text_of(variable, ctx) if variable is not None else None
        return value + start + (middle or b"") + end

    return ContextStep(append)


@converter_with("add_item", "(string,string[,string])", Type.STR, Type.STR, Reads.MOVING)
def add_item(args: Arguments) -> ContextStep:
    """add_item(<delim>[,<var>[,<suff>]]): append a variable and a constant, behind the delimiter where there is
    something on both sides of it."""
    if not args.word(1) and not args.word(2):
        raise args.wrong("one of the optional arguments should be nonempty", "a variable, a suffix, or both")
    delimiter, suffix = args.text(0), args.text(2)
    variable = parse_variable(args.word(1), args.at, parents=True) if args.word(1) else None

    def append(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        item = (text_of(variable, ctx) or b"") if variable is not None else b""
        added = item + suffix
        return value + (delimiter if value and added else b"") + added

    return ContextStep(append)
