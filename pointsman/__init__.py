"""Pointsman: a TCP and HTTP load balancer and proxy that runs haproxy.cfg unchanged.

POINTSMAN_INTERPRETED=1 in the environment: modules are read from their source although compiled files stand beside it.
That is for tests, and for whoever looks for a mistake of the compiler; it is slower, and changes nothing else.
"""

import os
import sys

__version__ = "0.1.0"
__date__ = "2026/11/21"  # of this version, as `show info` says it


def _read_sources() -> None:
    """Finders of this package's folders look for source before compiled files; what has no source (_cells) is found."""
    from importlib import abc, machinery  # noqa: PLC0415 (nobody else pays for it)

    root = os.path.dirname(os.path.abspath(__file__))
    make = machinery.FileFinder.path_hook(
        (machinery.SourceFileLoader, machinery.SOURCE_SUFFIXES),
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
    )

    def hook(path: str) -> abc.PathEntryFinder:
        if os.path.abspath(path) != root and not os.path.abspath(path).startswith(root + os.sep):
            raise ImportError(path)
        return make(path)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()


if os.environ.get("POINTSMAN_INTERPRETED") == "1":
    _read_sources()
