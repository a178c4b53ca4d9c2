"""show table, set table, clear table: what they print is what the peer program (3.2) printed for the same entries, but
for pointers and sentences to people."""

import re
from collections.abc import Iterator

import pytest
from admin_stand import Stand, stand

from pointsman.core.slabs import Busy
from pointsman.net.clock import monotonic_ms
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_tables import TABLES
from pointsman.tables.stick_types import BY_NAME, DATA_TYPES, KeyType, Kind, Stored

ALL = tuple(Stored(one, 1, 10_000 if one.kind == Kind.RATE else 0) for one in DATA_TYPES if not one.array)
ARRAYS = (Stored(BY_NAME["gpt"], 3), Stored(BY_NAME["gpc"], 2), Stored(BY_NAME["gpc_rate"], 2, 10_000))
EMPTY = (
    "server_id=0 gpt0=0 gpc0=0 gpc0_rate(10000)=0 conn_cnt=0 conn_rate(10000)=0 conn_cur=0 sess_cnt=0 "
    "sess_rate(10000)=0 http_req_cnt=0 http_req_rate(10000)=0 http_err_cnt=0 http_err_rate(10000)=0 bytes_in_cnt=0 "
    "bytes_in_rate(10000)=0 bytes_out_cnt=0 bytes_out_rate(10000)=0 gpc1=0 gpc1_rate(10000)=0 server_key=- "
    "http_fail_cnt=0 http_fail_rate(10000)=0 glitch_cnt=0 glitch_rate(10000)=0"
)


@pytest.fixture
def console() -> Iterator[Stand]:
    with stand() as one:
        TABLES.clear()  # behind the stand, whose configuration has its own
        for options in (
            StickTableOptions(name="t1", type=KeyType.IPV4, key_size=4, size=100, expire=60_000, store=ALL),
            StickTableOptions(name="t2", type=KeyType.STRING, type_name="string", key_size=20, size=1024, store=ARRAYS),
            StickTableOptions(name="t3", type=KeyType.BINARY, type_name="binary", key_size=4, size=1024),
            StickTableOptions(
                name="t4", type=KeyType.INTEGER, type_name="integer", key_size=4, size=1024, nopurge=True
            ),
            StickTableOptions(name="t5", type=KeyType.IPV6, type_name="ipv6", key_size=16, size=3, expire=600_000),
        ):
            TABLES.add(StickTable(options))
        yield one
    TABLES.clear()


@pytest.fixture
def tables(console: Stand) -> dict[str, StickTable]:
    return TABLES.by_name


def lines(console: Stand, command: str) -> list[str]:
    """The answer without its end; pointers are 0x1, times "exp=0" or "exp=?"."""
    text = console.ask(command)
    text = re.sub(r"^0x[0-9a-f]+:", "0x1:", text, flags=re.M)
    return re.sub(r"exp=[1-9][0-9]*", "exp=?", text).splitlines()


def test_show_table_lists_tables_the_last_one_first(console: Stand) -> None:
    assert lines(console, "show table") == [
        "# table: t5, type: ipv6, size:3, used:0",
        "# table: t4, type: integer, size:1024, used:0",
        "# table: t3, type: binary, size:1024, used:0",
        "# table: t2, type: string, size:1024, used:0",
        "# table: t1, type: ip, size:100, used:0",
    ]


def test_an_entry_with_all_types(console: Stand) -> None:
    assert lines(console, "set table t1 key 1.2.3.4") == []
    assert lines(console, "show table t1") == [
        "# table: t1, type: ip, size:100, used:1",
        f"0x1: key=1.2.3.4 use=0 exp=? shard=0 {EMPTY}",
    ]


def test_values_that_are_set(console: Stand) -> None:
    words = "data.gpc0 5 data.http_req_rate 7 data.bytes_in_cnt 99999999999 data.conn_cur 5 data.gpt0 -1"
    assert lines(console, f"set table t1 key 1.2.3.4 {words}") == []
    shown = lines(console, "show table t1 key 1.2.3.4")[1]
    for word in ("gpc0=5", "http_req_rate(10000)=7", "bytes_in_cnt=99999999999", "conn_cur=5", "gpt0=4294967295"):
        assert f" {word} " in shown


def test_arrays(console: Stand) -> None:
    lines(console, "set table t2 key abc data.gpt[1] 5 data.gpc_rate[0] 7")
    lines(console, "set table t2 key y data.gpc 1")
    assert lines(console, "show table t2") == [
        "# table: t2, type: string, size:1024, used:2",
        "0x1: key=abc use=0 exp=0 shard=0 gpt0=0 gpt1=5 gpt2=0 gpc0=0 gpc1=0 gpc0_rate(10000)=7 gpc1_rate(10000)=0",
        "0x1: key=y use=0 exp=0 shard=0 gpt0=0 gpt1=0 gpt2=0 gpc0=1 gpc1=0 gpc0_rate(10000)=0 gpc1_rate(10000)=0",
    ]


@pytest.mark.parametrize(
    ("table", "typed", "shown"),
    [
        ("t4", "zz", "0"),
        ("t4", "-1", "4294967295"),
        ("t4", "99999999999", "1215752191"),
        ("t4", "0x10", "0"),
        ("t4", "7", "7"),
        ("t2", "abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrst"),
        ("t2", '""', '""'),
        ("t2", "a=b", "a\\=b"),
        ("t2", "é", "\\xC3\\xA9"),
        ("t1", "::ffff:1.2.3.9", "1.2.3.9"),
        ("t5", "1.2.3.4", "::ffff:1.2.3.4"),
        ("t5", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_keys(console: Stand, table: str, typed: str, shown: str) -> None:
    assert lines(console, f"set table {table} key {typed}") == []
    assert lines(console, f"show table {table}")[1].startswith(f"0x1: key={shown} use=0 ")
    assert len(lines(console, f"show table {table} key {typed}")) == 2
    assert lines(console, f"clear table {table} key {typed}") == []
    assert lines(console, f"show table {table} key {typed}") == []


def test_what_would_break_a_line_is_escaped(console: Stand, tables: dict[str, StickTable]) -> None:
    tables["t2"].enter(b'a b=\x01\xff"q\\c', monotonic_ms())
    assert lines(console, "show table t2")[1].startswith(r"""0x1: key=a\ b\=\x01\xFF"q\\c use=0 """)


def test_a_binary_key_is_shown_in_hexadecimal(console: Stand, tables: dict[str, StickTable]) -> None:
    tables["t3"].enter(b"\xab\xcd\0\x01", monotonic_ms())
    assert lines(console, "show table t3")[1] == "0x1: key=ABCD0001 use=0 exp=0 shard=0"


def test_filters(console: Stand) -> None:
    for last in range(1, 6):
        lines(console, f"set table t1 key 10.0.0.{last} data.gpc0 {last} data.gpc1 {10 - last}")

    def shown(words: str) -> list[str]:
        return re.findall(r"key=10\.0\.0\.(\d)", console.ask(f"show table t1 {words}"))

    assert sorted(shown("data.gpc0 gt 3")) == ["4", "5"]
    assert sorted(shown("data.gpc0 ge 3")) == ["3", "4", "5"]
    assert sorted(shown("data.gpc0 lt 2")) == ["1"]
    assert sorted(shown("data.gpc0 le 2")) == ["1", "2"]
    assert sorted(shown("data.gpc0 eq 2")) == ["2"]
    assert sorted(shown("data.gpc0 ne 2")) == ["1", "3", "4", "5"]
    assert sorted(shown("data.gpc0 gt 1 data.gpc1 gt 6")) == ["2", "3"]
    assert sorted(shown("data.gpc0 gt 1 data.gpc1 gt 6 data.gpc0 lt 3 data.gpc0 ne 7")) == ["2"]
    assert lines(console, "clear table t1 data.gpc0 gt 2") == []
    assert sorted(shown("")) == ["1", "2"]
    assert lines(console, "clear table t1") == []
    assert shown("") == []


def test_an_entry_by_its_pointer(console: Stand) -> None:
    lines(console, "set table t1 key 10.0.0.1")
    pointer = re.findall(r"^(0x[0-9a-f]+): ", console.ask("show table t1"), re.M)[0]
    assert lines(console, f"set table t1 ptr {pointer} data.gpc0 3") == []
    assert " gpc0=3 " in lines(console, f"show table t1 ptr {pointer}")[1]
    assert lines(console, f"clear table t1 ptr {pointer}") == []
    assert lines(console, f"show table t1 ptr {pointer}") == ["No entry can be found matching ptr."]


def test_what_is_tracked_stays(console: Stand, tables: dict[str, StickTable]) -> None:
    table = tables["t1"]
    ref = table.track(bytes((10, 0, 0, 1)), monotonic_ms())
    assert " use=1 " in lines(console, "show table t1")[1]
    assert lines(console, "clear table t1 key 10.0.0.1") == ["Entry currently in use, cannot remove"]
    lines(console, "clear table t1")
    assert len(lines(console, "show table t1")) == 2
    table.leave(ref, monotonic_ms())
    assert lines(console, "clear table t1 key 10.0.0.1") == []


def test_many_entries_come_in_pieces(console: Stand, tables: dict[str, StickTable]) -> None:
    for number in range(1000):
        tables["t4"].enter(number.to_bytes(4, "big"), monotonic_ms())
    keys = re.findall(r"key=(\d+)", console.ask("show table t4"))
    assert sorted(map(int, keys)) == list(range(1000))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("show table nope", "No such table"),
        ("show table t1 key", "Key value expected"),
        ("show table t1 key zz", "Invalid key"),
        ("show table t1 ptr zz", "Pointer expected (0xffff notation)"),
        ("show table t1 ptr 0x1", "No entry can be found matching ptr."),
        ("show table t1 foo", "'foo': <table> "),
        ("show table t3 key 61626364", "Showing keys of tables of type other than ip, ipv6, string and integer"),
        ("show table t1 data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1", "There are 4 "),
        ("show table t1 data.gpc0 gt 1 foo", "Filter entry #2: "),
        ("show table t1 data.gpc0 eq", "Filter entry #1: Requires a valid integer value"),
        ("clear table nope", "No such table"),
        ("clear table", "<table> "),
        ("clear table t1 key", "Key value expected"),
        ("clear table t1 key zz", "Invalid key"),
        ("clear table t1 foo", "'foo': <table> "),
        ("clear table t1 data.gpc0", 'Filter entry #1: Requires an operator among "eq", "ne", "le", "ge", "lt", "gt"'),
        ("clear table t1 data.gpc0 xx 1", "Filter entry #1: Requires an operator"),
        ("clear table t1 data.gpc0 gt z", "Filter entry #1: Requires a valid integer value"),
        ("clear table t1 data.nope gt 1", "Filter entry #1: Unknown data type"),
        ("clear table t2 data.gpc0 gt 1", "Filter entry #1: Data type not stored in this table"),
        ("clear table t2 data.gpc[5] gt 1", "Filter entry #1: The index is out of the range"),
        ("clear table t1 ptr", "Pointer expected (0xffff notation)"),
        ("set table", "Expects <table> key <key>"),
        ("set table nope", "No such table"),
        ("set table t1 foo", "Expects <table> key <key>"),
        ("set table t1 key", "Key value expected"),
        ("set table t1 key zz", "Invalid key"),
        ("set table t1 key localhost data.gpc0 3", "Invalid key"),
        ("set table t1 key 2001:db8::1 data.gpc0 3", "Invalid key"),
        ("set table t1 key 1.2.3.4 foo 1", '"data.<type>" followed by a value expected'),
        ("set table t1 key 1.2.3.4 data.gpc0", "Requires a valid integer value to store"),
        ("set table t1 key 1.2.3.4 data.gpc0 z", "Requires a valid integer value to store"),
        ("set table t1 key 1.2.3.4 data.server_key srv", "Requires a valid integer value to store"),
        ("set table t1 key 1.2.3.4 data.nope 1", "Unknown data type"),
        ("set table t2 key x data.gpc0 1", "Data type not stored in this table"),
        ("set table t2 key y data.gpc[2] 1", "The index is out of the range"),
        ("set table t3 key abcd", "Inserting keys of tables of type other than ip, ipv6, string and integer"),
    ],
)
def test_complaints(console: Stand, command: str, answer: str) -> None:
    assert lines(console, command)[0].startswith(answer)
    assert lines(console, "show table t1") == ["# table: t1, type: ip, size:100, used:0"]


def test_a_table_that_is_locked_is_told(console: Stand, tables: dict[str, StickTable]) -> None:
    """Its owner, which lives, does not let go."""

    class Locked:
        def entries(self, cursor: int) -> tuple[int, list[int]]:
            raise Busy

    tables["t4"] = Locked()  # type: ignore[assignment]
    assert lines(console, "clear table t4") == ["A process that hangs has locked the table. Try again."]
