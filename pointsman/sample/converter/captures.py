"""Converters that keep what passes through them in a capture slot of the frontend (manual 7.3.1)."""

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import ContextStep, converter_with
from pointsman.sample.types import Reads, Type, Value


@converter_with("capture-req", "(integer)", Type.STR, Type.STR, Reads.MOVING)
def capture_request(args: Arguments) -> ContextStep:
    """capture-req(<id>): store the value in that slot of the request's captures. No sample without such a slot."""
    index = _index(args)

    def keep(ctx: Context, value: Value) -> Value | None:
        return _store(ctx.request_captures, ctx.request_capture_sizes, index, value)

    return ContextStep(keep)


@converter_with("capture-res", "(integer)", Type.STR, Type.STR, Reads.MOVING)
def capture_response(args: Arguments) -> ContextStep:
    """capture-res(<id>): the same for the response's captures."""
    index = _index(args)

    def keep(ctx: Context, value: Value) -> Value | None:
        return _store(ctx.response_captures, ctx.response_capture_sizes, index, value)

    return ContextStep(keep)


def _index(args: Arguments) -> int:
    index = args.number(0)
    if index < 0:
        raise args.wrong("the index must not be negative", "a number from 0 on")
    return index


def _store(slots: list[bytes], sizes: list[int], index: int, value: Value) -> Value | None:
    assert isinstance(value, bytes)
    if index >= len(slots):
        return None
    slots[index] = value[: sizes[index]]
    return value
