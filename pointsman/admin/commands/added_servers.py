"""Servers that come and go at run time: add server, del server (management manual 9.3)."""

from collections.abc import Awaitable

from pointsman.admin.added import Added, AddError
from pointsman.admin.command import ADMIN, INFO, Call, CommandError, command
from pointsman.admin.commands.set_server import part
from pointsman.admin.links import FOLLOW
from pointsman.admin.lookup import wanted_server
from pointsman.admin.publish import publish
from pointsman.server.backend import LiveServer
from pointsman.server.server import MAINT

REFERRED = "This server cannot be removed at runtime due to other configuration elements pointing to it."
NOT_MAINT = "Only servers in maintenance mode can be deleted."
IN_USE = "Server still has connections attached to it, cannot remove it."


def added(call: Call) -> Added:
    found = call.view.added
    if found is None:
        raise CommandError("Nothing can be added here at run time.")
    return found


@command("add server", "add server <bk>/<srv> <addr> [args]*", "create a new server", level=ADMIN)
def add_server(call: Call) -> str | Awaitable[str]:
    """add server <backend>/<server> <address>[:<port>] [from <origin>] [parameters]; add server help

    It begins in maintenance, and its checks paused: `enable server` and `enable health` begin them.
    """
    if call.word(0) == "help" and len(call.words) == 1:
        listed = "".join(f"{word}\n" for word in added(call).words())
        return f"List of keywords supported for dynamic server:\n{listed}"
    backend_name, slash, name = call.word(0).partition("/")
    if not slash or not name:
        raise CommandError("Require 'backend/server'.")
    proxy = call.view.back(backend_name)
    if proxy is None or proxy.back is None:
        raise CommandError("No such backend.")
    if proxy.back.backend.static_weights:
        raise CommandError("Backend must use a dynamic load balancing to support dynamic servers.")
    if call.word(1) and proxy.back.backend.find(name.encode("utf-8", "surrogateescape")) is not None:
        raise CommandError("Already exists a server with the same name in backend.")
    return _add(call, proxy.back.backend.name.decode(), name)


async def _add(call: Call, backend_name: str, name: str) -> str:
    proxy = call.view.back(backend_name)
    assert proxy is not None and proxy.back is not None
    try:
        change, remarks = added(call).server(proxy.back.backend, [name, *call.words[1:]])
    except AddError as error:
        raise CommandError(str(error)) from None
    await publish(call, change)
    raise CommandError(f"{remarks}New server registered.", INFO)


def obstacle(call: Call, server: LiveServer) -> str:
    """Why a server cannot be deleted, however long one waits; "": there is nothing of the kind."""
    if added(call).refers_to(server):
        return REFERRED
    return "" if server.admin & MAINT else NOT_MAINT


def in_use(server: LiveServer) -> bool:
    """Some lane has a connection to it, or a stream waits for it."""
    totals = server.counters.totals
    return totals.links > 0 or server.connections > 0 or server.queued > 0


async def turned(call: Call) -> None:
    """Every lane has answered: whoever chose a server before it went into maintenance has counted itself by now."""
    if call.view.lanes is not None:
        await call.view.lanes.ask(FOLLOW)


@command("del server", "del server <bk>/<srv>", "remove a server", level=ADMIN)
async def del_server(call: Call) -> str:
    """del server <backend>/<server>: one that is in maintenance, that nothing refers to, and that is not in use."""
    server = wanted_server(call)[1]
    if not obstacle(call, server):
        await turned(call)
        server = wanted_server(call)[1]
    reason = obstacle(call, server) or (IN_USE if in_use(server) else "")
    if reason:
        raise CommandError(reason)
    making = added(call)
    change = making.without_server(server)
    await publish(call, change)
    making.ended(change, making.last_change())
    call.view.settle()
    raise CommandError("Server deleted.", INFO)


@part("name")
async def rename(call: Call) -> str:
    """set server <backend>/<server> name <newname>: of one in maintenance that nothing refers to."""
    server = wanted_server(call)[1]
    if not call.word(2):
        raise CommandError("set server <b>/<s> name requires a name.")
    if added(call).refers_to(server):
        raise CommandError(
            "This server cannot be renamed at runtime due to other configuration elements pointing to it."
        )
    if not server.admin & MAINT:
        raise CommandError("Only servers in maintenance mode can be renamed.")
    try:
        change = added(call).renamed(server, call.word(2))
    except AddError as error:
        raise CommandError(str(error)) from None
    return await publish(call, change)
