"""The format of server-state files (management manual 9.3). What is accepted was observed at HAProxy 3.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.server_states import COLUMNS, HEAD, UP, state_line

from pointsman.server.state_file import NAMES, SavedState, UnreadableState, read_lines, read_state

LINE = state_line()


def names(data: bytes) -> list[str]:
    return [columns["srv_name"] for columns in read_lines(data)]


def test_the_columns_are_those_of_the_manual() -> None:
    assert NAMES == COLUMNS


@pytest.mark.parametrize(
    "text",
    [
        HEAD + LINE,
        "1\n" + LINE,
        " +01\n" + LINE,
        "1\n\n   \n#x\n  # y\n" + LINE,
        "1\n" + LINE.replace(" ", "\t"),
        "1\n   " + LINE.replace(" ", "  "),
        "1\n" + LINE.replace("\n", "\r\n"),
        "1\n" + " ".join(LINE.split()[:20]) + "\n",
        "1\n" + LINE.replace("\n", " and more\n"),
        "1\n" + LINE.rstrip().ljust(1998) + "\n",
    ],
)
def test_what_is_read(text: str) -> None:
    assert names(text.encode()) == ["s1"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("2\n" + LINE, 0),
        ("x\n" + LINE, 0),
        ("1 \n" + LINE, 0),
        ("1x\n" + LINE, 0),
        ("1\r\n" + LINE, 0),
        ("\n1\n" + LINE, 0),
        ("# x\n1\n" + LINE, 0),
        (LINE, 0),
        ("1", 0),
        ("1\n" + LINE.rstrip(), 2),
        ("1\n" + " ".join(LINE.split()[:19]) + "\n", 2),
        (HEAD + LINE + "hello\n", 4),
        ("1\n" + LINE.rstrip().ljust(1999) + "\n", 2),
        ("1\n#" + "y" * 3000 + "\n" + LINE, 2),
        ("1\n" + LINE.replace("127", "1\x0027"), 2),
    ],
)
def test_what_is_of_no_use(text: str, line: int) -> None:
    with pytest.raises(UnreadableState) as error:
        names(text.encode())
    assert error.value.line == line


@given(st.binary() | st.binary().map(lambda data: b"1\n" + data))
def test_whatever_the_file_holds(data: bytes) -> None:
    try:
        found = list(read_lines(data))
    except UnreadableState:
        return
    for columns in found:
        try:
            read_state(columns)
        except ValueError as error:
            assert "invalid" in str(error)


def state(**columns: str | int) -> SavedState:
    (found,) = read_lines(("1\n" + state_line(**columns)).encode())
    return read_state(found)


def test_values() -> None:
    found = state(srv_addr="10.0.0.1", srv_op_state=3, srv_admin_state=8, srv_uweight=256, srv_iweight=7)
    assert (found.address, found.state, found.admin, found.weight, found.initial_weight) == ("10.0.0.1", 3, 8, 256, 7)
    found = state(srv_check_status=18, srv_check_health=-4, srv_check_state=6, srv_agent_state=18, srv_port=65535)
    assert (found.status, found.health, found.check_state, found.agent_state) == ("PROCERR", -4, 6, 18)
    assert (found.port, found.age, found.fqdn, found.service) == (65_535, 100, "", "")
    assert state(srv_time_since_last_change=-5).age == 0
    assert state(srv_port=4294967291).port == 0  # as HAProxy writes a port of -5
    assert state(srv_check_status=2).status == state(srv_check_status=14).status == "INI"  # no status has that number
    short = read_state(dict(zip(COLUMNS, (UP[name] for name in COLUMNS[:20]))))
    assert (short.tls, short.check_port, short.agent_address) == ("", "", "")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("srv_op_state", "4"),
        ("srv_op_state", "-1"),
        ("srv_admin_state", "128"),
        ("srv_admin_state", "9"),
        ("srv_uweight", "257"),
        ("srv_uweight", "x"),
        ("srv_iweight", "-1"),
        ("srv_time_since_last_change", "x"),
        ("srv_check_status", "21"),
        ("srv_check_result", "5"),
        ("srv_check_health", "x"),
        ("srv_check_state", "32"),
        ("srv_agent_state", "64"),
        ("bk_f_forced_id", "2"),
        ("srv_f_forced_id", "x"),
        ("srv_port", "65536"),
        ("srv_port", "12x"),
        ("srv_port", "9" * 30),
    ],
)
def test_values_that_are_wrong(column: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^invalid {column} value '{value}'$"):
        state(**{column: value})


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(ValueError, match=r"^invalid srv_op_state value '9', invalid srv_uweight value '300'$"):
        state(srv_op_state=9, srv_uweight=300)
