"""How much memory a program and its processes have."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from support.crowd import children


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    with suppress(FileNotFoundError):
        for child in children(pid):
            found += family(child)
    return found


def pss(pid: int) -> int:
    """Bytes of a program, its processes together; what they share counts once."""
    total = 0
    for one in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            found = re.search(r"^Pss: +(\d+) kB$", Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii"), re.M)
            total += int(found[1]) * 1024 if found else 0
    return total
