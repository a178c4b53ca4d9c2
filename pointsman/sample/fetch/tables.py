"""Fetches that ask stick tables: sc0_, sc1_, sc2_, sc_ of what is tracked, src_ of the client's address (manual 7.3.3),
table_avl and table_cnt of a whole table (7.3.2)."""

from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.registry import Fetched, fetch_with
from pointsman.sample.table_values import (
    Clear,
    Count,
    CountConnection,
    EntriesUsed,
    IsTracked,
    KeyOf,
    OfCounter,
    OfSource,
    Operation,
    Read,
    Trackers,
)
from pointsman.sample.types import Reads, Type, Where
from pointsman.tables.stick_tables import TableReference
from pointsman.tables.stick_types import MOST_ELEMENTS

# Fetches behind their prefix: the type that is read, and how many of its lowest bits are left out.
VALUES: Final = {
    "bytes_in_rate": ("bytes_in_rate", 0),
    "bytes_out_rate": ("bytes_out_rate", 0),
    "conn_cnt": ("conn_cnt", 0),
    "conn_cur": ("conn_cur", 0),
    "conn_rate": ("conn_rate", 0),
    "get_gpc0": ("gpc0", 0),
    "get_gpc1": ("gpc1", 0),
    "get_gpt0": ("gpt0", 0),
    "glitch_cnt": ("glitch_cnt", 0),
    "glitch_rate": ("glitch_rate", 0),
    "gpc0_rate": ("gpc0_rate", 0),
    "gpc1_rate": ("gpc1_rate", 0),
    "http_err_cnt": ("http_err_cnt", 0),
    "http_err_rate": ("http_err_rate", 0),
    "http_fail_cnt": ("http_fail_cnt", 0),
    "http_fail_rate": ("http_fail_rate", 0),
    "http_req_cnt": ("http_req_cnt", 0),
    "http_req_rate": ("http_req_rate", 0),
    "kbytes_in": ("bytes_in_cnt", 10),
    "kbytes_out": ("bytes_out_cnt", 10),
    "sess_cnt": ("sess_cnt", 0),
    "sess_rate": ("sess_rate", 0),
}
# The same of an array's element: the array.
ELEMENTS: Final = {"get_gpc": "gpc", "get_gpt": "gpt", "gpc_rate": "gpc_rate"}
# What counts and what clears one of the older counters: the type.
COUNTED: Final = {"inc_gpc0": "gpc0", "inc_gpc1": "gpc1"}
CLEARED: Final = {"clr_gpc0": "gpc0", "clr_gpc1": "gpc1"}


def simple(name: str) -> Operation:
    """What a fetch without an index does."""
    if name in VALUES:
        kind, shift = VALUES[name]
        return Read(kind, 0, shift)
    if name in COUNTED:
        return Count(COUNTED[name], COUNTED[name] + "_rate")
    return Clear(CLEARED[name])


def indexed(name: str, args: Arguments) -> Operation:
    """What one with an index, its first argument, does."""
    index = args.number(0)
    if not 0 <= index < MOST_ELEMENTS:
        raise args.wrong(f"index {index} is out of range", f"from 0 to {MOST_ELEMENTS - 1}")
    if name in ELEMENTS:
        return Read(ELEMENTS[name], index)
    return Count("gpc", "gpc_rate", index) if name == "inc_gpc" else Clear("gpc", index)


class Factory:
    """Makes one fetch. `counter`: the number of its counter; -1: it is an argument, -2: the client's address is asked.
    `index`: its first argument is the index in an array."""

    def __init__(self, name: str, counter: int, index: bool) -> None:
        self.name = name
        self.counter = counter
        self.index = index

    def make(self, args: Arguments) -> Fetched:
        """Of the entry that a counter tracks, or of that of the client's address, in the table that is named."""
        """sc0_, sc1_, sc2_, sc_ and src_<value>([<ctr>,][<index>,][<table>]): what a table has counted of an entry that
        is tracked, or of that of the client's address. inc_ counts, too, and clr_ clears what it returns."""
        operation = indexed(self.name, args) if self.index else simple(self.name)
        at = 1 if self.index else 0
        if self.counter == -2:
            return OfSource(operation, args.table(at))
        counter = self.counter
        if counter == -1:
            counter = args.number(at)
            at += 1
        return OfCounter(counter, operation, other_table(args, at))


def other_table(args: Arguments, at: int) -> TableReference | None:
    """The table in which the tracked key is looked up instead, if one is named."""
    return args.table(at) if args.given(at) else None


_TRACKED: Final = Where.RUNNING  # the runtime socket is said to have them, too
_CLIENT: Final = Where.TRAFFIC


def _of_three(name: str, counter: int, where: Where) -> None:
    factory = Factory(name, counter, False)
    fetch_with(f"sc{counter}_{name}", "([table])", Type.SINT, where, Reads.MOVING, "7.3.3")(factory.make)


for _name in (*VALUES, *COUNTED, *CLEARED):
    _where = _CLIENT if _name in ("kbytes_in", "kbytes_out") else _TRACKED
    for _counter in range(3):
        _of_three(_name, _counter, _where)
    fetch_with(f"sc_{_name}", "(integer[,table])", Type.SINT, _where, Reads.MOVING, "7.3.3")(
        Factory(_name, -1, False).make
    )
    fetch_with(f"src_{_name}", "([table])", Type.SINT, _CLIENT, Reads.MOVING, "7.3.3")(Factory(_name, -2, False).make)
for _name in (*ELEMENTS, "inc_gpc", "clr_gpc"):
    fetch_with(f"sc_{_name}", "(integer,integer[,table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.3")(
        Factory(_name, -1, True).make
    )
    fetch_with(f"src_{_name}", "(integer[,table])", Type.SINT, _CLIENT, Reads.MOVING, "7.3.3")(
        Factory(_name, -2, True).make
    )
fetch_with("sc1_clr_gpc", "(integer[,table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.3")(
    Factory("clr_gpc", 1, True).make
)


@fetch_with("src_updt_conn_cnt", "([table])", Type.SINT, _CLIENT, Reads.MOVING, "7.3.3")
def update_connections(args: Arguments) -> Fetched:
    """src_updt_conn_cnt([<table>]): count a connection in the entry of the client's address, which is made if there is
    none; the count behind it. No sample if conn_cnt is not stored."""
    return OfSource(CountConnection("conn_cnt", ""), args.table(0))


@fetch_with("sc_tracked", "(integer[,table])", Type.BOOL, _TRACKED, Reads.MOVING, "7.3.3")
def is_tracked(args: Arguments) -> Fetched:
    """sc_tracked(<ctr>[,<table>]): whether the counter tracks anything."""
    return IsTracked(args.number(0), other_table(args, 1))


@fetch_with("sc0_tracked", "([table])", Type.BOOL, _TRACKED, Reads.MOVING, "7.3.3")
def is_tracked_0(args: Arguments) -> Fetched:
    """sc0_tracked([<table>]): whether the first counter tracks anything."""
    return IsTracked(0, other_table(args, 0))


@fetch_with("sc1_tracked", "([table])", Type.BOOL, _TRACKED, Reads.MOVING, "7.3.3")
def is_tracked_1(args: Arguments) -> Fetched:
    """sc1_tracked([<table>]): whether the second counter tracks anything."""
    return IsTracked(1, other_table(args, 0))


@fetch_with("sc2_tracked", "([table])", Type.BOOL, _TRACKED, Reads.MOVING, "7.3.3")
def is_tracked_2(args: Arguments) -> Fetched:
    """sc2_tracked([<table>]): whether the third counter tracks anything."""
    return IsTracked(2, other_table(args, 0))


@fetch_with("sc_trackers", "(integer[,table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.3")
def trackers(args: Arguments) -> Fetched:
    """sc_trackers(<ctr>[,<table>]): how many track the same entry."""
    return OfCounter(args.number(0), Trackers(), other_table(args, 1))


@fetch_with("sc0_trackers", "([table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.3")
def trackers_0(args: Arguments) -> Fetched:
    """sc0_trackers([<table>]): how many track the entry of the first counter."""
    return OfCounter(0, Trackers(), other_table(args, 0))


@fetch_with("sc1_trackers", "([table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.3")
def trackers_1(args: Arguments) -> Fetched:
    """sc1_trackers([<table>]): how many track the entry of the second counter."""
    return OfCounter(1, Trackers(), other_table(args, 0))


@fetch_with("sc2_trackers", "([table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.3")
def trackers_2(args: Arguments) -> Fetched:
    """sc2_trackers([<table>]): how many track the entry of the third counter."""
    return OfCounter(2, Trackers(), other_table(args, 0))


@fetch_with("sc_key", "(integer)", Type.ANY, _TRACKED, Reads.MOVING, "7.3.3")
def key(args: Arguments) -> Fetched:
    """sc_key(<ctr>): the key of the entry that the counter tracks."""
    return KeyOf(args.number(0))


@fetch_with("sc0_key", "", Type.ANY, _TRACKED, Reads.MOVING, "7.3.3")
def key_0(_: Arguments) -> Fetched:
    """sc0_key: the key that the first counter tracks."""
    return KeyOf(0)


@fetch_with("sc1_key", "", Type.ANY, _TRACKED, Reads.MOVING, "7.3.3")
def key_1(_: Arguments) -> Fetched:
    """sc1_key: the key that the second counter tracks."""
    return KeyOf(1)


@fetch_with("sc2_key", "", Type.ANY, _TRACKED, Reads.MOVING, "7.3.3")
def key_2(_: Arguments) -> Fetched:
    """sc2_key: the key that the third counter tracks."""
    return KeyOf(2)


@fetch_with("table_avl", "([table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.2")
def available(args: Arguments) -> Fetched:
    """table_avl([<table>]): how many more entries the table has room for."""
    return EntriesUsed(args.table(0), True)


@fetch_with("table_cnt", "([table])", Type.SINT, _TRACKED, Reads.MOVING, "7.3.2")
def count(args: Arguments) -> Fetched:
    """table_cnt([<table>]): how many entries the table has."""
    return EntriesUsed(args.table(0), False)
