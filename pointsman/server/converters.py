"""Converters that take the name of a proxy or server: nbsrv, srv_is_up, srv_queue, fe_exists (manual 7.3.1).

Names come with traffic, so they are looked up each time; one that nobody has is no sample.
"""

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import ContextStep, converter_with
from pointsman.sample.types import Reads, Type, Value
from pointsman.server.fetches import find_backend, find_server, is_up, usable


@converter_with("nbsrv", "", Type.STR, Type.SINT, Reads.MOVING)
def usable_servers(_: Arguments) -> ContextStep:
    """The number of usable servers of the backend of that name."""

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        found = find_backend(ctx, value) if value else None
        return None if found is None else usable(found)

    return ContextStep(run)


@converter_with("srv_is_up", "", Type.STR, Type.BOOL, Reads.MOVING)
def server_is_up(_: Arguments) -> ContextStep:
    """Whether that server, "backend/server" or one of the current backend, is up."""

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        found = find_server(ctx, value)
        return None if found is None else is_up(found)

    return ContextStep(run)


@converter_with("srv_queue", "", Type.STR, Type.SINT, Reads.MOVING)
def server_queue(_: Arguments) -> ContextStep:
    """How many streams wait for that server."""

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        found = find_server(ctx, value)
        return None if found is None else found.queued

    return ContextStep(run)


@converter_with("fe_exists", "", Type.STR, Type.BOOL, Reads.MOVING)
def frontend_exists(_: Arguments) -> ContextStep:
    """Whether there is a frontend of that name."""

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        names = ctx.frontend.names
        return names is not None and value in names.frontends

    return ContextStep(run)
