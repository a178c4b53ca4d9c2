"""`pointsman lint`: what is wrong, or suspicious, in a file that loads, and in one that does not.

Status: 0 nothing of the level that counts, 1 findings, 2 wrong usage.
"""

import gc
import os
from collections.abc import Sequence


def main(words: Sequence[str]) -> int:
    """Run the verb. What is made stays until the end: the collector of cycles would look at all of it again and again,
    the modules included, and once more at the end."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        from pointsman.verbs.lint.running import run  # noqa: PLC0415

        return run(words)
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
