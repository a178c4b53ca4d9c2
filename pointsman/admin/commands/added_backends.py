"""Backends that come and go at run time, and those that content switching passes over: add backend, del backend,
publish backend, unpublish backend, and what they can be made of (management manual 9.3)."""

from typing import Final

from pointsman.admin.added import AddError
from pointsman.admin.command import ADMIN, INFO, Call, CommandError, command
from pointsman.admin.commands.added_servers import added, turned
from pointsman.admin.publish import publish
from pointsman.admin.view import BackSide
from pointsman.tables.stick_tables import TABLES


def wanted_backend(call: Call, index: int = 0) -> BackSide:
    """The backend that a word names. Raises CommandError."""
    if not call.word(index):
        raise CommandError("A backend name is expected.")
    found = call.view.back(call.word(index))
    if found is None or found.back is None:
        raise CommandError("No such backend.")
    return found.back


REFERRED: Final = "This backend cannot be removed at runtime due to other configuration elements pointing to it."
IN_USE: Final = "Backend still has streams attached to it, cannot remove it."
USAGE: Final = "Usage: add backend <name> from <defproxy> [mode <mode>] [guid <guid>]"


@command(
    "add backend",
    "add backend <nm> from <def> [mode <md>]",
    "create a new backend, not published",
    level=ADMIN,
)
async def add_backend(call: Call) -> str:
    """add backend <name> from <defproxy> [mode tcp|http] [guid <guid>]"""
    if "/" in call.word(0):
        raise CommandError("Invalid character '/' in backend name.")
    options = call.words[1:]
    said = dict(zip(options[::2], options[1::2], strict=False))
    if not said.get("from") or 2 * len(said) != len(options) or said.keys() - {"from", "mode", "guid"}:
        raise CommandError(USAGE)
    try:
        change = added(call).backend(call.word(0), said["from"], said.get("mode", ""), said.get("guid", ""))
    except AddError as error:
        raise CommandError(str(error)) from None
    await publish(call, change)
    raise CommandError("New backend registered.", INFO)


def backend_obstacle(call: Call, back: BackSide) -> str:
    """Why a backend cannot be deleted, however long one waits; "": there is nothing of the kind."""
    backend = back.backend
    proxy = next(one for one in call.view.proxies if one.back is back)
    if proxy.front is not None:
        return "Only backends can be removed: this proxy is a frontend as well."
    if added(call).refers_to_backend(backend):
        return REFERRED
    if backend.name.decode("utf-8", "surrogateescape") in TABLES.by_name:
        return "Backends with a stick-table cannot be removed at runtime."
    if backend.published:
        return "Backend must be unpublished prior to its deletion."
    return "Backend still has servers, remove them first." if backend.servers else ""


def backend_in_use(back: BackSide) -> bool:
    """Streams are attached to it, or wait for it."""
    return back.backend.connections > 0 or len(back.backend.queue) > 0


@command("del backend", "del backend <backend>", "remove a backend", level=ADMIN)
async def del_backend(call: Call) -> str:
    """del backend <name>: one that is not published, has no servers and no streams, and that nothing refers to."""
    back = wanted_backend(call)
    if not backend_obstacle(call, back):
        await turned(call)
        back = wanted_backend(call)
    reason = backend_obstacle(call, back) or (IN_USE if backend_in_use(back) else "")
    if reason:
        raise CommandError(reason)
    making = added(call)
    change = making.without_backend(back.backend)
    await publish(call, change)
    making.ended(change, making.last_change())
    call.view.settle()
    raise CommandError("Backend deleted.", INFO)


@command("show defaults", "show defaults", "list the named defaults sections that may be used again")
def show_defaults(call: Call) -> str:
    """By `add backend`."""
    return "".join(f"{name}\n" for name in added(call).defaults())


@command("show default-server", "show default-server [<backend>]", "list the default-servers that may be used again")
def show_default_server(call: Call) -> str:
    """show default-server [<backend>]: as `from` takes them (add server)."""
    backends = [proxy.back for proxy in call.view.proxies if proxy.back is not None]
    if call.word(0):
        backends = [wanted_backend(call)]
    return "".join(f"{origin}\n" for back in backends for origin in added(call).default_servers(back.backend))


@command("publish backend", "publish backend <backend>", "let rules that name a backend count", level=ADMIN)
async def publish_backend(call: Call) -> str:
    """publish backend <backend>: after `unpublish backend`, or where it began unpublished."""
    backend = wanted_backend(call).backend
    await publish(call, ["added", "published", backend.name.decode(), True])
    raise CommandError("Backend published.", INFO)


@command("unpublish backend", "unpublish backend <backend>", "pass over rules that name a backend", level=ADMIN)
async def unpublish_backend(call: Call) -> str:
    """unpublish backend <backend>: what is under way goes on, and so do checks."""
    backend = wanted_backend(call).backend
    await publish(call, ["added", "published", backend.name.decode(), False])
    raise CommandError("Backend unpublished.", INFO)
