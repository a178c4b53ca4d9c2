"""Arithmetic, bits and comparisons of integers (manual 7.3.1).

Integers have 64 bits; results saturate instead of wrapping.
"""

from collections.abc import Callable
from typing import Final

from pointsman.core.diagnostics import ConfigError
from pointsman.sample.arguments import INTEGER, Arguments
from pointsman.sample.casts import HIGHEST, clamp, find_cast, same
from pointsman.sample.context import Context
from pointsman.sample.registry import ContextStep, converter, converter_with
from pointsman.sample.types import Reads, Type, Value
from pointsman.sample.variables import Variable, parse_variable

MASK: Final = (1 << 64) - 1
Operation = Callable[[int], int | None]
_AS_NUMBER: Final = find_cast(Type.ANY, Type.SINT) or same


def operand(args: Arguments, index: int = 0) -> Callable[[Context], int | None]:
    """An argument that may be an integer or the name of a variable (manual 2.8)."""
    variable = variable_of(args, index)
    if variable is None:
        number = constant(args, index)
        return lambda _: number
    return lambda ctx: number_of(variable, ctx)


def constant(args: Arguments, index: int) -> int:
    return clamp(int(args.word(index)))


def variable_of(args: Arguments, index: int = 0) -> Variable | None:
    """The variable that an argument names; None: it is an integer. ConfigError for what is neither."""
    text = args.word(index)
    if INTEGER.fullmatch(text):
        return None
    args.reads |= int(Reads.MOVING)
    try:
        return parse_variable(text, args.at, parents=True)
    except ConfigError:
        raise args.wrong("expects an integer or a variable name", "an integer, or <scope>.<name>") from None


def number_of(variable: Variable, ctx: Context) -> int | None:
    value = variable.get(ctx)
    number = None if value is None else _AS_NUMBER(value)
    return number if isinstance(number, int) else None


def with_operand(args: Arguments, operate: Callable[[int, int], int]) -> Operation | ContextStep:
    """A converter of two numbers, the second of which may be a variable. No sample if that is not set."""
    variable = variable_of(args)
    if variable is None:
        other = constant(args, 0)
        return lambda value: operate(value, other)

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, int)
        known = number_of(variable, ctx)
        return None if known is None else operate(value, known)

    return ContextStep(run)


def signed(bits: int) -> int:
    """The low 64 bits as a signed number."""
    bits &= MASK
    return bits - (1 << 64) if bits > HIGHEST else bits


@converter_with("add", "(string)", Type.SINT, Type.SINT)
def add(args: Arguments) -> Operation | ContextStep:
    """add(<value>): the sum."""
    return with_operand(args, lambda value, other: clamp(value + other))


@converter_with("sub", "(string)", Type.SINT, Type.SINT)
def subtract(args: Arguments) -> Operation | ContextStep:
    """sub(<value>): the input less the value."""
    return with_operand(args, lambda value, other: clamp(value - other))


@converter_with("mul", "(string)", Type.SINT, Type.SINT)
def multiply(args: Arguments) -> Operation | ContextStep:
    """mul(<value>): the product."""
    return with_operand(args, lambda value, other: clamp(value * other))


@converter_with("div", "(string)", Type.SINT, Type.SINT)
def divide(args: Arguments) -> Operation | ContextStep:
    """div(<value>): the quotient, rounded towards zero. Divided by zero: the largest number."""
    return with_operand(args, _quotient)


def _quotient(value: int, other: int) -> int:
    if other == 0:
        return HIGHEST
    result = abs(value) // abs(other)
    return clamp(-result if (value < 0) != (other < 0) else result)


@converter_with("mod", "(string)", Type.SINT, Type.SINT)
def modulo(args: Arguments) -> Operation | ContextStep:
    """mod(<value>): the remainder, with the sign of the input. Divided by zero: zero."""
    return with_operand(args, _remainder)


def _remainder(value: int, other: int) -> int:
    if other == 0:
        return 0
    rest = abs(value) % abs(other)
    return -rest if value < 0 else rest


@converter_with("and", "(string)", Type.SINT, Type.SINT)
def bit_and(args: Arguments) -> Operation | ContextStep:
    """and(<value>): the bits that both have."""
    return with_operand(args, lambda value, other: value & other)


@converter_with("or", "(string)", Type.SINT, Type.SINT)
def bit_or(args: Arguments) -> Operation | ContextStep:
    """or(<value>): the bits that one of them has."""
    return with_operand(args, lambda value, other: value | other)


@converter_with("xor", "(string)", Type.SINT, Type.SINT)
def bit_xor(args: Arguments) -> Operation | ContextStep:
    """xor(<value>): the bits in which they differ."""
    return with_operand(args, lambda value, other: value ^ other)


@converter("neg", Type.SINT, Type.SINT)
def negate(value: int) -> int:
    """The opposite."""
    return clamp(-value)


@converter("cpl", Type.SINT, Type.SINT)
def complement(value: int) -> int:
    """All bits flipped."""
    return ~value


@converter("bool", Type.SINT, Type.BOOL)
def to_bool(value: int) -> bool:
    """True unless it is zero."""
    return value != 0


@converter("not", Type.SINT, Type.BOOL)
def is_zero(value: int) -> bool:
    """True if it is zero."""
    return value == 0


@converter("odd", Type.SINT, Type.BOOL)
def is_odd(value: int) -> bool:
    """True if it is odd."""
    return value & 1 == 1


@converter("even", Type.SINT, Type.BOOL)
def is_even(value: int) -> bool:
    """True if it is even."""
    return value & 1 == 0


@converter("htonl", Type.SINT, Type.BIN)
def network_order(value: int) -> bytes:
    """The low 32 bits as 4 bytes, the most significant first."""
    return (value & 0xFFFFFFFF).to_bytes(4, "big")


@converter_with("iif", "(string,string)", Type.BOOL, Type.STR)
def choose(args: Arguments) -> Callable[[bool], bytes]:
    """iif(<true>,<false>): one string or the other."""
    yes, no = args.text(0), args.text(1)
    return lambda value: yes if value else no
