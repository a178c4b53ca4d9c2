"""Lines of server-state files, as `show servers state` writes them (management manual 9.3)."""

from __future__ import annotations

from typing import Final

COLUMNS: Final = (
    *("be_id", "be_name", "srv_id", "srv_name", "srv_addr", "srv_op_state", "srv_admin_state", "srv_uweight"),
    *("srv_iweight", "srv_time_since_last_change", "srv_check_status", "srv_check_result", "srv_check_health"),
    *("srv_check_state", "srv_agent_state", "bk_f_forced_id", "srv_f_forced_id", "srv_fqdn", "srv_port", "srvrecord"),
    *("srv_use_ssl", "srv_check_port", "srv_check_addr", "srv_agent_addr", "srv_agent_port"),
)
HEAD: Final = f"1\n# {' '.join(COLUMNS)}\n"
UP: Final = {
    **{"be_id": "3", "be_name": "b", "srv_id": "1", "srv_name": "s1", "srv_addr": "127.0.0.1", "srv_op_state": "2"},
    **{"srv_admin_state": "0", "srv_uweight": "1", "srv_iweight": "1", "srv_time_since_last_change": "100"},
    **{"srv_check_status": "1", "srv_check_result": "0", "srv_check_health": "0", "srv_check_state": "0"},
    **{"srv_agent_state": "0", "bk_f_forced_id": "0", "srv_f_forced_id": "0", "srv_fqdn": "-", "srv_port": "0"},
    **{"srvrecord": "-", "srv_use_ssl": "0", "srv_check_port": "0", "srv_check_addr": "-", "srv_agent_addr": "-"},
    "srv_agent_port": "0",
}


def state_line(**columns: str | int) -> str:
    """Server b/s1, that was up, but for what is said of it."""
    assert set(columns) <= set(COLUMNS)
    row = {**UP, **{name: str(value) for name, value in columns.items()}}
    return " ".join(row[name] for name in COLUMNS) + "\n"


def rows_of(answer: str) -> dict[str, dict[str, str]]:
    """What `show servers state` has answered, by backend/server."""
    _, head, *lines = answer.strip().splitlines()
    names = head.removeprefix("# ").split()
    rows = [dict(zip(names, line.split(), strict=True)) for line in lines]
    return {f"{row['be_name']}/{row['srv_name']}": row for row in rows}
