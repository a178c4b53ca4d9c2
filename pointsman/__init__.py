"""Pointsman: a TCP and HTTP load balancer and proxy that runs haproxy.cfg unchanged.

POINTSMAN_INTERPRETED=1 in the environment: modules are read from their source although compiled files stand beside it.
That is for tests, and for whoever looks for a mistake of the compiler; it is slower, and changes nothing else.

Files that `python-load` brings (docs/python.md) find here what they need: the decorators `fetch`, `converter`,
`action`, `service` and `task`, and what functions are given. It is imported when it is asked for.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointsman.extension.api import Headers as Headers
    from pointsman.extension.api import Reply as Reply
    from pointsman.extension.api import Request as Request
    from pointsman.extension.api import Response as Response
    from pointsman.extension.api import Transaction as Transaction
    from pointsman.extension.api import Variables as Variables
    from pointsman.extension.api import action as action
    from pointsman.extension.api import arguments as arguments
    from pointsman.extension.api import converter as converter
    from pointsman.extension.api import fetch as fetch
    from pointsman.extension.api import http as http
    from pointsman.extension.api import logger as logger
    from pointsman.extension.api import service as service
    from pointsman.extension.api import set_map as set_map
    from pointsman.extension.api import set_variable as set_variable
    from pointsman.extension.api import task as task
    from pointsman.extension.api import variable as variable

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


def __getattr__(name: str) -> object:
    """What files of `python-load` ask for."""
    if name.startswith("_"):
        raise AttributeError(f"module 'pointsman' has no attribute {name!r}")
    from pointsman.extension import api  # noqa: PLC0415 (only where a file is loaded)

    if name not in api.__all__:
        raise AttributeError(f"module 'pointsman' has no attribute {name!r}")
    found: object = getattr(api, name)
    return found
