"""Samples about farms: how many servers can be used, how much they carry, how many streams wait (manual 7.3.2).

Without a name they are about the current proxy: the backend of the stream, or, before there is one, the backend that
has the frontend's name (a listen section is both). Names are looked up when a sample is asked for, in the table that
assemble fills (ProxyFacts.names); whether they exist is checked at start-up, by the references of expressions.
"""

from collections.abc import Callable
from typing import Final

from pointsman.core.columns import CURRENT
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context, ProxyFacts
from pointsman.sample.registry import Getter, fetch, fetch_with
from pointsman.sample.types import Reads, Type, Where
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.server import STOPPED

UNLIMITED: Final = -1

OfBackend = Callable[[Backend, Context], int]
OfServer = Callable[[LiveServer, Context], int]


def find_backend(ctx: Context, name: bytes) -> Backend | None:
    """The backend of that name, b"": the current one."""
    if not name and isinstance(ctx.backend, Backend):
        return ctx.backend
    names = ctx.frontend.names
    found = None if names is None else names.backends.get(name or ctx.frontend.name)
    return found if isinstance(found, Backend) else None


def find_frontend(ctx: Context, name: bytes) -> ProxyFacts | None:
    names = ctx.frontend.names
    if not name:
        return ctx.frontend
    return None if names is None else names.frontends.get(name)


def find_server(ctx: Context, path: bytes) -> LiveServer | None:
    """The server of "backend/server", or of the current backend."""
    backend_name, _, name = path.rpartition(b"/")
    backend = find_backend(ctx, backend_name)
    return None if backend is None else backend.find(name)


def of_backend(args: Arguments, ask: OfBackend) -> Getter:
    """The getter that asks a backend."""
    name = args.text(0)

    def get(ctx: Context) -> int | None:
        backend = find_backend(ctx, name)
        return None if backend is None else ask(backend, ctx)

    return get


def of_server(args: Arguments, ask: OfServer) -> Getter:
    """The getter that asks a server."""
    path = args.text(0)

    def get(ctx: Context) -> int | None:
        server = find_server(ctx, path)
        return None if server is None else ask(server, ctx)

    return get


def waiting(backend: Backend) -> int:
    """Streams in the queues of a backend and of its servers."""
    return len(backend.queue) + sum([server.queued for server in backend.servers])


def usable(backend: Backend) -> int:
    """Servers that can get new work: the active ones, or the backups where none of these can."""
    active = backup = 0
    for server in backend.servers:
        if server.usable:
            backup += server.backup
            active += not server.backup
    return active or backup


def is_up(server: LiveServer) -> bool:
    """Neither down nor in maintenance."""
    return server.state != STOPPED and server.up


@fetch_with("nbsrv", "(backend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def nbsrv(args: Arguments) -> Getter:
    """nbsrv([<backend>]): the number of usable servers."""
    return of_backend(args, lambda backend, _: usable(backend))


@fetch_with("queue", "(backend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def queue(args: Arguments) -> Getter:
    """queue([<backend>]): streams that wait for the backend or one of its servers."""
    return of_backend(args, lambda backend, _: waiting(backend))


@fetch_with("avg_queue", "(backend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def avg_queue(args: Arguments) -> Getter:
    """avg_queue([<backend>]): waiting streams for each usable server, rounded up; twice as many where there is none."""

    def ask(backend: Backend, _: Context) -> int:
        servers = usable(backend)
        total = waiting(backend)
        return -(-total // servers) if servers else 2 * total

    return of_backend(args, ask)


@fetch_with("be_conn", "(backend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def be_conn(args: Arguments) -> Getter:
    """be_conn([<backend>]): current streams of the backend."""
    return of_backend(args, lambda backend, _: backend.connections)


@fetch_with("be_conn_free", "(backend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def be_conn_free(args: Arguments) -> Getter:
    """be_conn_free([<backend>]): free slots of the usable servers; -1 where one has no limit."""

    def ask(backend: Backend, _: Context) -> int:
        active = any(server.usable and not server.backup for server in backend.servers)
        free = 0
        for server in backend.servers:
            if server.usable and server.backup != active:
                slots = server.slots
                if not slots:
                    return UNLIMITED
                free += max(0, slots - server.connections)
        return free

    return of_backend(args, ask)


@fetch_with("connslots", "(backend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def connslots(args: Arguments) -> Getter:
    """connslots([<backend>]): free slots and queue places of all servers that are up; -1 where one has no limit."""

    def ask(backend: Backend, _: Context) -> int:
        free = 0
        for server in backend.servers:
            if server.up:
                if not server.maxconn or not server.maxqueue:
                    return UNLIMITED
                free += server.maxconn - server.connections + server.maxqueue - server.queued
        return free

    return of_backend(args, ask)


@fetch_with("be_sess_rate", "(backend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def be_sess_rate(args: Arguments) -> Getter:
    """be_sess_rate([<backend>]): new sessions in the last second."""
    return of_backend(args, lambda backend, ctx: backend.counters.session_rate.read(ctx.now))


def _of_frontend(args: Arguments, ask: Callable[[ProxyFacts, Context], int]) -> Getter:
    name = args.text(0)

    def get(ctx: Context) -> int | None:
        frontend = find_frontend(ctx, name)
        return None if frontend is None else ask(frontend, ctx)

    return get


@fetch_with("fe_conn", "(frontend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def fe_conn(args: Arguments) -> Getter:
    """fe_conn([<frontend>]): client connections of the frontend."""
    return _of_frontend(args, lambda frontend, _: frontend.connections)


@fetch("act_conn", Type.SINT, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def active_connections(ctx: Context) -> int:
    """The open client connections of the process, in all lanes; 0 where nobody knows of any."""
    names = ctx.frontend.names
    return 0 if names is None or names.process is None else names.process.total(CURRENT)


@fetch_with("fe_sess_rate", "(frontend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def fe_sess_rate(args: Arguments) -> Getter:
    """fe_sess_rate([<frontend>]): new sessions in the last second."""
    return _of_frontend(args, lambda frontend, ctx: frontend.counters.session_rate.read(ctx.now))


@fetch_with("fe_req_rate", "(frontend)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def fe_req_rate(args: Arguments) -> Getter:
    """fe_req_rate([<frontend>]): HTTP requests in the last second."""
    return _of_frontend(args, lambda frontend, ctx: frontend.counters.request_rate.read(ctx.now))


@fetch_with("srv_conn", "(server)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_conn(args: Arguments) -> Getter:
    """srv_conn([<backend>/]<server>): current streams of a server."""
    return of_server(args, lambda server, _: server.connections)


@fetch_with("srv_conn_free", "(server)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_conn_free(args: Arguments) -> Getter:
    """srv_conn_free([<backend>/]<server>): free slots of a server; -1: it has no limit."""

    def ask(server: LiveServer, _: Context) -> int:
        slots = server.slots
        return max(0, slots - server.connections) if slots else UNLIMITED

    return of_server(args, ask)


@fetch_with("srv_is_up", "(server)", Type.BOOL, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_is_up(args: Arguments) -> Getter:
    """srv_is_up([<backend>/]<server>): neither down nor in maintenance."""
    return of_server(args, lambda server, _: is_up(server))


@fetch_with("srv_queue", "(server)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_queue(args: Arguments) -> Getter:
    """srv_queue([<backend>/]<server>): streams that wait for that server."""
    return of_server(args, lambda server, _: server.queued)


@fetch_with("srv_sess_rate", "(server)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_sess_rate(args: Arguments) -> Getter:
    """srv_sess_rate([<backend>/]<server>): new sessions in the last second."""
    return of_server(args, lambda server, ctx: server.counters.session_rate.read(ctx.now))


@fetch_with("srv_iweight", "(server)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_iweight(args: Arguments) -> Getter:
    """srv_iweight([<backend>/]<server>): the configured weight."""
    return of_server(args, lambda server, _: server.initial_weight)


@fetch_with("srv_uweight", "(server)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_uweight(args: Arguments) -> Getter:
    """srv_uweight([<backend>/]<server>): the weight as users see it, changes at run time included."""
    return of_server(args, lambda server, _: server.weight)


@fetch_with("srv_weight", "(server)", Type.SINT, Where.RUNNING, Reads.MOVING, "7.3.2")
def srv_weight(args: Arguments) -> Getter:
    """srv_weight([<backend>/]<server>): the weight in force, less during slowstart."""
    return of_server(args, lambda server, _: -(-server.weight * server.share // 16))
