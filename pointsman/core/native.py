"""Whether the modules that a request passes are compiled. They all are, or none (setup.py)."""

import os
import sys
from typing import Final

from pointsman.core import hashes

COMPILED: Final = not hashes.__file__.endswith(".py")
_LIBRARY: Final = "pointsman._hot__mypyc"  # of all of them; the build for development has one for each


def how() -> str:
    """As `-vv` says it."""
    if COMPILED:
        return "yes" if _LIBRARY in sys.modules else "yes, for development: each on its own, and slower"
    by_wish = os.environ.get("POINTSMAN_INTERPRETED") == "1"
    return "no, interpreted: POINTSMAN_INTERPRETED=1" if by_wish else "no, interpreted: not built with a C compiler"
