"""Backends that content switching passes over: publish backend, unpublish backend (management manual 9.3)."""

from pointsman.admin.command import ADMIN, INFO, Call, CommandError, command
from pointsman.admin.publish import publish
from pointsman.admin.view import BackSide


def wanted_backend(call: Call, index: int = 0) -> BackSide:
    """The backend that a word names. Raises CommandError."""
    if not call.word(index):
        raise CommandError("A backend name is expected.")
    found = call.view.back(call.word(index))
    if found is None or found.back is None:
        raise CommandError("No such backend.")
    return found.back


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
