"""Why a connection has failed (manual 7.3.3, fc_err_str; 7.3.4, ssl_fc_err): numbers, names and sentences."""

from pointsman.core.connection_faults import FAULTS
from pointsman.sample.context import Context
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.registry import fetch
from pointsman.sample.types import Reads, Type, Where


def _of_server(ctx: Context) -> int | None:
    """The fault of the server's connection; 0: it is well; None: there is none."""
    if ctx.server_fault:
        return ctx.server_fault
    return 0 if ctx.server is not None and ctx.record.connected != NOT_REACHED else None


@fetch("fc_err", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_fault(ctx: Context) -> int:
    """The number of what the client's connection has failed of; 0: it has not."""
    return ctx.session.fault


@fetch("fc_err_name", Type.STR, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_fault_name(ctx: Context) -> bytes:
    """Its name, one word; empty if it has not failed."""
    return FAULTS[ctx.session.fault][0]


@fetch("fc_err_str", Type.STR, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def client_fault_message(ctx: Context) -> bytes:
    """What the error log says of it; "Success" if it has not failed."""
    return FAULTS[ctx.session.fault][1]


@fetch("bc_err", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_fault(ctx: Context) -> int | None:
    """The number of what the connection to the server has failed of; 0: it has not. No sample without one."""
    return _of_server(ctx)


@fetch("bc_err_name", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_fault_name(ctx: Context) -> bytes | None:
    """Its name, one word; empty if it has not failed."""
    fault = _of_server(ctx)
    return FAULTS[fault][0] if fault is not None else None


@fetch("bc_err_str", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def server_fault_message(ctx: Context) -> bytes | None:
    """What is said of it; "Success" if it has not failed."""
    fault = _of_server(ctx)
    return FAULTS[fault][1] if fault is not None else None
