"""Capabilities (capabilities(7)): what a process may keep of root's rights (manual 3.1, setcap), and who asks for some.

Lines that ask for a right while the program runs, not only for sockets that are opened at start-up, note it in their
generation (`Generation.rights`). Whoever starts without one of them is told so, and does not start.
"""

import ctypes
import os
import struct
from collections.abc import Mapping
from typing import Final

# Those that lines may ask for and setcap may keep, with their numbers in <linux/capability.h>.
CAPABILITIES: Final = {"cap_net_raw": 13, "cap_net_admin": 12, "cap_net_bind_service": 10, "cap_sys_admin": 21}
_VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3 of <linux/capability.h>
_PR_SET_KEEPCAPS: Final = 8  # <linux/prctl.h>
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def mask(names: list[str]) -> int:
    """A bit for each of these."""
    found = 0
    for name in names:
        found |= 1 << CAPABILITIES[name]
    return found


def sets() -> tuple[int, int]:
    """The effective and the permitted set of this thread. Raises OSError."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION, 0))
    data = ctypes.create_string_buffer(24)
    if _LIBC.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    effective, permitted, _, effective_high, permitted_high, _ = struct.unpack("=6I", data.raw)
    return effective | effective_high << 32, permitted | permitted_high << 32


def keep_over_setuid() -> None:
    """A change of user leaves the permitted set as it is. Raises OSError."""
    if _LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def restrict(wanted: int) -> None:
    """These, as far as they are permitted, are in effect, and no other ever again. Raises OSError."""
    kept = wanted & sets()[1]
    low, high = kept & 0xFFFFFFFF, kept >> 32
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION, 0))
    data = ctypes.create_string_buffer(struct.pack("=6I", low, low, 0, high, high, 0))
    if _LIBC.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def missing(rights: Mapping[str, str], had: int) -> list[str]:
    """What is asked for that is not `had`, a text each. cap_net_admin stands for cap_net_raw."""
    lacking: list[str] = []
    for name, line in rights.items():
        enough = 1 << CAPABILITIES[name]
        if name == "cap_net_raw":
            enough |= 1 << CAPABILITIES["cap_net_admin"]
        if not had & enough:
            lacking.append(f"{line} asks for {name}")
    return lacking
