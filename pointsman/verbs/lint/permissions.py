"""Who on the machine may read a file."""

import os
import stat
from pathlib import Path


def readable_by_all(path: str) -> bool:
    """Everybody may: the file is there, has the right for others, and so have the folders above it."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode) or not os.stat(path).st_mode & stat.S_IROTH:
            return False
        return all(os.stat(folder).st_mode & stat.S_IXOTH for folder in Path(path).resolve().parents)
    except OSError:
        return False
