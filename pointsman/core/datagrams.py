"""Lines as datagrams: with one system call for many where the extension was built, else with one for each.

    send(fd, lines, start, flags)    lines[start:], as many as the socket takes, at most 64 at once

It returns how many it took, at least one, or the negative number of the error that stopped the first.
"""
import socket
from typing import TYPE_CHECKING, Final

__all__ = ["send", "send_each"]

BATCH: Final = 64


def send_each(fd: int, lines: list[bytes], start: int, flags: int) -> int:
    """What the extension does, in plain Python."""
    done = start
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM, 0, fd)  # whatever its family: nothing here asks for it
        try:
            for done in range(start, min(start + BATCH, len(lines))):
                sock.send(lines[done], flags)
        finally:
            sock.detach()
    except OSError as error:
        return done - start or -(error.errno or 0)
    return done + 1 - start


if TYPE_CHECKING:
    from pointsman.core._lines import send
else:
    try:
        from pointsman.core._lines import send
    except ImportError:  # no compiler was at hand
        send = send_each
