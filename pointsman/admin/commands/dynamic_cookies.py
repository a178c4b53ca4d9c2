"""Commands about dynamic cookies (management manual 9.3)."""

from collections.abc import Awaitable

from pointsman.admin.command import ADMIN, Call, CommandError, command
from pointsman.admin.publish import publish


def _backend(call: Call) -> str:
    """The name of the backend that the first word names."""
    if not call.word(0):
        raise CommandError("A backend name is expected.")
    found = call.view.back(call.word(0))
    if found is None:
        raise CommandError("No such backend.")
    return found.name


@command(
    "enable dynamic-cookie backend",
    "enable dynamic-cookie backend <bk>",
    "give the servers of a backend dynamic cookies",
    level=ADMIN,
)
def enable_dynamic_cookie(call: Call) -> Awaitable[str]:
    """enable dynamic-cookie backend <backend>: servers whose lines name no cookie get one, if there is a key."""
    return publish(call, ["cookie", _backend(call), "dynamic", True])


@command(
    "disable dynamic-cookie backend",
    "disable dynamic-cookie backend <bk>",
    "take dynamic cookies from the servers of a backend",
    level=ADMIN,
)
def disable_dynamic_cookie(call: Call) -> Awaitable[str]:
    """disable dynamic-cookie backend <backend>: clients that come with one are balanced again."""
    return publish(call, ["cookie", _backend(call), "dynamic", False])


@command(
    "set dynamic-cookie-key backend",
    "set dynamic-cookie-key backend <bk> <k>",
    "change the secret key of a backend's dynamic cookies",
    level=ADMIN,
)
def set_dynamic_cookie_key(call: Call) -> Awaitable[str]:
    """set dynamic-cookie-key backend <backend> <value>: all dynamic cookies of before mean nothing any more."""
    name = _backend(call)
    if not call.word(1):
        raise CommandError("String value expected.")
    return publish(call, ["cookie", name, "key", call.word(1)])
