"""Samples about timeouts and retries: as proxies have them, and as they hold for this exchange (manual 7.3.3)."""

from pointsman.sample.context import Context, ProxyFacts
from pointsman.sample.limits import (
    CLIENT_TIME,
    CONNECT_TIME,
    QUEUE_TIME,
    SERVER_TIME,
    TARPIT_TIME,
    TUNNEL_TIME,
)
from pointsman.sample.registry import fetch
from pointsman.sample.types import Reads, Type, Where


def _backend(ctx: Context) -> ProxyFacts | None:
    """The backend of the stream; of a listen section's before one is chosen, its own."""
    if ctx.backend is not None:
        return ctx.backend
    names = ctx.frontend.names
    return None if names is None else names.backends.get(ctx.frontend.name)


def _of_backend(ctx: Context, kind: int) -> int | None:
    backend = _backend(ctx)
    return None if backend is None else backend.limits.times[kind]


def _current(ctx: Context, kind: int, proxy: ProxyFacts | None) -> int | None:
    """What a rule has said for this exchange, else what the proxy says."""
    limits = ctx.limits
    if limits is not None and limits.times[kind]:
        return limits.times[kind]
    return None if proxy is None else proxy.limits.times[kind]


@fetch("fe_client_timeout", Type.SINT, Where.SESSION, Reads.CONNECTION, "7.3.3")
def client_timeout(ctx: Context) -> int:
    """`timeout client` of the frontend, in milliseconds; 0: none."""
    return ctx.frontend.limits.times[CLIENT_TIME]


@fetch("fe_tarpit_timeout", Type.SINT, Where.SESSION, Reads.CONNECTION, "7.3.3")
def frontend_tarpit_timeout(ctx: Context) -> int:
    """`timeout tarpit` of the frontend, in milliseconds; `timeout connect` where there is none."""
    return ctx.frontend.limits.times[TARPIT_TIME]


@fetch("cur_client_timeout", Type.SINT, Where.SESSION, Reads.MOVING, "7.3.3")
def current_client_timeout(ctx: Context) -> int | None:
    """`timeout client` as it holds for this exchange, in milliseconds."""
    return _current(ctx, CLIENT_TIME, ctx.frontend)


@fetch("cur_tarpit_timeout", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def current_tarpit_timeout(ctx: Context) -> int | None:
    """`timeout tarpit` as it holds for this exchange, in milliseconds: the backend's once there is one."""
    return _current(ctx, TARPIT_TIME, ctx.backend or ctx.frontend)


@fetch("be_connect_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def connect_timeout(ctx: Context) -> int | None:
    """`timeout connect` of the backend, in milliseconds; 0: none."""
    return _of_backend(ctx, CONNECT_TIME)


@fetch("cur_connect_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def current_connect_timeout(ctx: Context) -> int | None:
    """`timeout connect` as it holds for this exchange, in milliseconds."""
    return _current(ctx, CONNECT_TIME, _backend(ctx))


@fetch("be_queue_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def queue_timeout(ctx: Context) -> int | None:
    """`timeout queue`, else `timeout connect` of the backend, in milliseconds; 0: none."""
    return _of_backend(ctx, QUEUE_TIME)


@fetch("cur_queue_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def current_queue_timeout(ctx: Context) -> int | None:
    """`timeout queue` as it holds for this exchange, in milliseconds."""
    return _current(ctx, QUEUE_TIME, _backend(ctx))


@fetch("be_server_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def server_timeout(ctx: Context) -> int | None:
    """`timeout server` of the backend, in milliseconds; 0: none."""
    return _of_backend(ctx, SERVER_TIME)


@fetch("cur_server_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def current_server_timeout(ctx: Context) -> int | None:
    """`timeout server` as it holds for this exchange, in milliseconds."""
    return _current(ctx, SERVER_TIME, _backend(ctx))


@fetch("be_tarpit_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def tarpit_timeout(ctx: Context) -> int | None:
    """`timeout tarpit`, else `timeout connect` of the backend, in milliseconds; 0: none."""
    return _of_backend(ctx, TARPIT_TIME)


@fetch("be_tunnel_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def tunnel_timeout(ctx: Context) -> int | None:
    """`timeout tunnel` of the backend, in milliseconds; 0: none."""
    return _of_backend(ctx, TUNNEL_TIME)


@fetch("cur_tunnel_timeout", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def current_tunnel_timeout(ctx: Context) -> int | None:
    """`timeout tunnel` as it holds for this exchange, in milliseconds."""
    return _current(ctx, TUNNEL_TIME, _backend(ctx))


@fetch("be_max_retries", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def max_retries(ctx: Context) -> int | None:
    """`retries` of the backend."""
    backend = _backend(ctx)
    return None if backend is None else backend.limits.retries


@fetch("cur_max_retries", Type.SINT, Where.BACKEND_SIDE, Reads.MOVING, "7.3.3")
def current_max_retries(ctx: Context) -> int | None:
    """How often a server is tried again for this exchange."""
    limits = ctx.limits
    if limits is not None and limits.retries >= 0:
        return limits.retries
    return max_retries(ctx)


@fetch("prio_class", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def priority_class(ctx: Context) -> int:
    """The class that rules gave the exchange in queues: lower ones go first. 0: they said nothing."""
    return 0 if ctx.limits is None else ctx.limits.priority_class


@fetch("prio_offset", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def priority_offset(ctx: Context) -> int:
    """The milliseconds by which rules have moved the exchange in queues. 0: they said nothing."""
    return 0 if ctx.limits is None else ctx.limits.priority_offset
