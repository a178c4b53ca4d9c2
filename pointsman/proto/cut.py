"""Cuts out of a head what varies in it, where the rest is known (proto/shape.py): by the extension, or, where that was
not built, in plain Python, which means the same.

    cut(data, start, runs, last, values)

From `start` on `data` must hold, one after the other, each of `runs` with a value behind it, and then `last`. A value
ends before the next CR. `values` has those of an earlier head: the one at each place says where to look for the CR
first, stays where it is the same again, and is replaced where it is another. A new one is not empty, has no blank or
control at its ends and no CR, LF or NUL in it. Returns where `last` ends; -1: it is another head, and `values` is to be
thrown away.
"""

from typing import TYPE_CHECKING

__all__ = ["cut"]


def plain_cut(data: bytes, start: int, runs: list[bytes], last: bytes, values: list[bytes]) -> int:
    size = len(data)
    at = start
    fresh: list[bytes] = []
    for place, run in enumerate(runs):
        if not data.startswith(run, at):
            return -1
        old = values[place]
        at += len(run)
        end = at + len(old)
        if end >= size or data[end] != 0x0D:
            end = data.find(b"\r", at)
            if end <= at:
                return -1
        value = data[at:end]
        if value != old:
            if data[at] <= 0x20 or data[end - 1] <= 0x20:
                return -1
            fresh.append(value)
            values[place] = value
        at = end
    text = b"".join(fresh)
    if not data.startswith(last, at) or 0x0D in text or 0x0A in text or 0 in text:
        return -1
    return at + len(last)


if TYPE_CHECKING:
    from pointsman.proto._cut import cut
else:
    try:
        from pointsman.proto._cut import cut
    except ImportError:  # no compiler was at hand
        cut = plain_cut
