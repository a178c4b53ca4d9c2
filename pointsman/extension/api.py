"""What `import pointsman` offers to the files that `python-load` loads."""

from typing import TYPE_CHECKING

from pointsman.extension import http
from pointsman.extension.declare import NOTED, action, converter, fetch, service, task
from pointsman.extension.replies import Reply
from pointsman.extension.reports import make_logger
from pointsman.extension.shared import set_map, set_variable, variable
from pointsman.extension.transaction import Transaction
from pointsman.extension.views import Headers, Request, Response, Variables

if TYPE_CHECKING:
    import logging

    arguments: list[str]
    logger: logging.Logger

__all__ = [
    "Headers",
    "Reply",
    "Request",
    "Response",
    "Transaction",
    "Variables",
    "action",
    "arguments",
    "converter",
    "fetch",
    "http",
    "logger",
    "service",
    "set_map",
    "set_variable",
    "task",
    "variable",
]


def __getattr__(name: str) -> object:
    if name == "arguments":  # of the python-load line that is being read
        return list(NOTED.arguments)
    if name == "logger":
        return make_logger()
    raise AttributeError(name)
