"""Whether the modules that a request passes are compiled. They all are, or none (setup.py)."""
import os
from typing import Final

from pointsman.core import hashes

COMPILED: Final = not hashes.__file__.endswith(".py")


def how() -> str:
    """As `-vv` says it."""
    if COMPILED:
        return "yes"
    by_wish = os.environ.get("POINTSMAN_INTERPRETED") == "1"
    return "no, interpreted: POINTSMAN_INTERPRETED=1" if by_wish else "no, interpreted: not built with a C compiler"
