"""Arithmetic, bits and comparisons of integers (manual 7.3.1).

Integers have 64 bits; results saturate instead of wrapping.
"""
from collections.abc import Callable
from typing import Final

from pointsman.core.diagnostics import ConfigError
from pointsman.sample.arguments import INTEGER, Arguments
from pointsman.sample.casts import HIGHEST, clamp
from pointsman.sample.registry import converter, converter_with
from pointsman.sample.types import Type

MASK: Final = (1 << 64) - 1
Operation = Callable[[int], int | None]


def operand(args: Arguments, index: int = 0) -> int:
    """An argument that may be an integer or the name of a variable (manual 2.8)."""
    text = args.word(index)
    if INTEGER.fullmatch(text):
        return clamp(int(text))
    if "." in text:
        raise not_built(args, text)
    raise args.wrong("expects an integer or a variable name", "an integer")


def not_built(args: Arguments, name: str) -> ConfigError:
    """The error for a variable as an argument."""
    return args.wrong(f"variables are not built yet (manual 2.8): '{name}'", "a constant")


def signed(bits: int) -> int:
    """The low 64 bits as a signed number."""
    bits &= MASK
    return bits - (1 << 64) if bits > HIGHEST else bits


@converter_with("add", "(string)", Type.SINT, Type.SINT)
def add(args: Arguments) -> Operation:
    """add(<value>): the sum."""
    other = operand(args)
    return lambda value: clamp(value + other)


@converter_with("sub", "(string)", Type.SINT, Type.SINT)
def subtract(args: Arguments) -> Operation:
    """sub(<value>): the input less the value."""
    other = operand(args)
    return lambda value: clamp(value - other)


@converter_with("mul", "(string)", Type.SINT, Type.SINT)
def multiply(args: Arguments) -> Operation:
    """mul(<value>): the product."""
    other = operand(args)
    return lambda value: clamp(value * other)


@converter_with("div", "(string)", Type.SINT, Type.SINT)
def divide(args: Arguments) -> Operation:
    """div(<value>): the quotient, rounded towards zero. Divided by zero: the largest number."""
    other = operand(args)

    def quotient(value: int) -> int:
        if other == 0:
            return HIGHEST
        result = abs(value) // abs(other)
        return clamp(-result if (value < 0) != (other < 0) else result)
    return quotient


@converter_with("mod", "(string)", Type.SINT, Type.SINT)
def modulo(args: Arguments) -> Operation:
    """mod(<value>): the remainder, with the sign of the input. Divided by zero: zero."""
    other = operand(args)

    def remainder(value: int) -> int:
        if other == 0:
            return 0
        rest = abs(value) % abs(other)
        return -rest if value < 0 else rest
    return remainder


@converter_with("and", "(string)", Type.SINT, Type.SINT)
def bit_and(args: Arguments) -> Operation:
    """and(<value>): the bits that both have."""
    other = operand(args)
    return lambda value: value & other


@converter_with("or", "(string)", Type.SINT, Type.SINT)
def bit_or(args: Arguments) -> Operation:
    """or(<value>): the bits that one of them has."""
    other = operand(args)
    return lambda value: value | other


@converter_with("xor", "(string)", Type.SINT, Type.SINT)
def bit_xor(args: Arguments) -> Operation:
    """xor(<value>): the bits in which they differ."""
    other = operand(args)
    return lambda value: value ^ other


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
