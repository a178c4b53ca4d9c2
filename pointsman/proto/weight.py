"""What a head takes of a buffer, as the peer program counts it: tune.bufsize and tune.maxrewrite (manual 3.2) are
limits of that, not of the bytes on the wire.

Heads have no fixed room here. But whoever sets these two expects the same heads to pass, and the same rewrites to fail.
The figures were measured: a fixed part, the parts of the first line, and each field with a part for itself.
"""

from typing import Final

from pointsman.proto.message import Head, Request, Response

FIXED: Final = 93  # what every head takes, and the eight bytes of its version
PIECE: Final = 8  # what each field takes besides its bytes, and a body
STATUS: Final = 3


def weight(head: Head) -> int:
    """Bytes of a buffer."""
    total = FIXED
    for one in head.fields:
        total += PIECE + len(one.name) + len(one.blanks or one.value)
    if isinstance(head, Request):
        return total + len(head.method) + len(head.uri)
    if isinstance(head, Response):
        return total + STATUS + len(head.reason)
    return total


def least_to_weigh(limit: int, most_fields: int) -> int:
    """A head of fewer bytes on the wire than this has no weight over `limit`: of a field, at least a colon and an end
    of line fall away, and PIECE is added."""
    return limit - FIXED - STATUS - (PIECE - 3) * (most_fields + 1)


class Buffer:
    """The sizes of a process."""

    def __init__(self, size: int, reserve: int) -> None:
        self.size = size  # tune.bufsize: what head and waiting body may take after a rewrite
        self.reserve = reserve  # tune.maxrewrite: what is free of it, at least, when a message comes


ENDLESS: Final = Buffer(1 << 40, 1 << 40)  # for contexts that belong to no connection: nothing is too large
