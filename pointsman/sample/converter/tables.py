"""Converters that look a key up in a stick table: in_table, and table_ with what is asked of it (manual 7.3.1)."""

from collections.abc import Callable
from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.registry import ConverterStep, converter_with
from pointsman.sample.table_values import Clear, Count, Left, OfKey, Operation, Present, Read, Trackers
from pointsman.sample.types import Reads, Type
from pointsman.tables.stick_types import MOST_ELEMENTS

# Converters behind "table_": the type that is read, and how many of its lowest bits are left out.
VALUES: Final = {
    "bytes_in_rate": ("bytes_in_rate", 0),
    "bytes_out_rate": ("bytes_out_rate", 0),
    "conn_cnt": ("conn_cnt", 0),
    "conn_cur": ("conn_cur", 0),
    "conn_rate": ("conn_rate", 0),
    "glitch_cnt": ("glitch_cnt", 0),
    "glitch_rate": ("glitch_rate", 0),
    "gpc0": ("gpc0", 0),
    "gpc0_rate": ("gpc0_rate", 0),
    "gpc1": ("gpc1", 0),
    "gpc1_rate": ("gpc1_rate", 0),
    "gpt0": ("gpt0", 0),
    "http_err_cnt": ("http_err_cnt", 0),
    "http_err_rate": ("http_err_rate", 0),
    "http_fail_cnt": ("http_fail_cnt", 0),
    "http_fail_rate": ("http_fail_rate", 0),
    "http_req_cnt": ("http_req_cnt", 0),
    "http_req_rate": ("http_req_rate", 0),
    "kbytes_in": ("bytes_in_cnt", 10),
    "kbytes_out": ("bytes_out_cnt", 10),
    "server_id": ("server_id", 0),
    "sess_cnt": ("sess_cnt", 0),
    "sess_rate": ("sess_rate", 0),
}
ELEMENTS: Final = {"gpc": "gpc", "gpc_rate": "gpc_rate", "gpt": "gpt"}  # the same of an array's element: the array
COUNTED: Final = {"inc_gpc0": "gpc0", "inc_gpc1": "gpc1"}  # what counts and what clears one of the older counters
CLEARED: Final = {"clr_gpc0": "gpc0", "clr_gpc1": "gpc1"}


def _look_up(operation: Operation, args: Arguments, at: int) -> ConverterStep:
    return OfKey(operation, args.table(at), args.input)


def _simple(name: str) -> Callable[[Arguments], ConverterStep]:
    def make(args: Arguments) -> ConverterStep:
        operation: Operation
        if name in VALUES:
            operation = Read(VALUES[name][0], 0, VALUES[name][1])
        elif name in COUNTED:
            operation = Count(COUNTED[name], COUNTED[name] + "_rate")
        else:
            operation = Clear(CLEARED[name])
        return _look_up(operation, args, 0)

    make.__doc__ = f"table_{name}([<table>]): of the entry whose key comes in."
    return make


def _indexed(name: str) -> Callable[[Arguments], ConverterStep]:
    def make(args: Arguments) -> ConverterStep:
        index = args.number(0)
        if not 0 <= index < MOST_ELEMENTS:
            raise args.wrong(f"index {index} is out of range", f"from 0 to {MOST_ELEMENTS - 1}")
        operation: Operation
        if name in ELEMENTS:
            operation = Read(ELEMENTS[name], index)
        else:
            operation = Count("gpc", "gpc_rate", index) if name == "inc_gpc" else Clear("gpc", index)
        return _look_up(operation, args, 1)

    make.__doc__ = f"table_{name}(<idx>[,<table>]): of the entry whose key comes in, at an index of the array."
    return make


for _name in (*VALUES, *COUNTED, *CLEARED):
    converter_with(f"table_{_name}", "([table])", Type.ANY, Type.SINT, Reads.MOVING)(_simple(_name))
for _name in (*ELEMENTS, "inc_gpc", "clr_gpc"):
    converter_with(f"table_{_name}", "(integer[,table])", Type.ANY, Type.SINT, Reads.MOVING)(_indexed(_name))


@converter_with("in_table", "([table])", Type.ANY, Type.BOOL, Reads.MOVING)
def in_table(args: Arguments) -> ConverterStep:
    """in_table([<table>]): whether the table has an entry of that key."""
    return _look_up(Present(), args, 0)


@converter_with("table_trackers", "([table])", Type.ANY, Type.SINT, Reads.MOVING)
def table_trackers(args: Arguments) -> ConverterStep:
    """table_trackers([<table>]): how many track the entry of that key."""
    return _look_up(Trackers(), args, 0)


@converter_with("table_expire", "([table,integer])", Type.ANY, Type.SINT, Reads.MOVING)
def table_expire(args: Arguments) -> ConverterStep:
    """table_expire([<table>[,<default_value>]]): after how many ms the time of the entry is up."""
    return _look_up(Left(False, args.number(1) if args.given(1) else None), args, 0)


@converter_with("table_idle", "([table,integer])", Type.ANY, Type.SINT, Reads.MOVING)
def table_idle(args: Arguments) -> ConverterStep:
    """table_idle([<table>[,<default_value>]]): for how many ms the entry was not touched."""
    return _look_up(Left(True, args.number(1) if args.given(1) else None), args, 0)
