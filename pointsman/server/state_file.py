"""The lines of `show servers state`, which server-state files hold: version 1 of the format (management manual 9.3).

    1
    # be_id be_name srv_id ...
    4 app 1 s1 10.0.0.1 2 0 10 10 356 6 3 4 6 0 0 0 - 80 - 0 0 - - 0

A file that somebody has cut or mixed up is of no use as a whole: `read_lines` raises UnreadableState. What is wrong
with the values of one line concerns one server: `read_state` raises ValueError. What stands behind the last known
column is ignored, and columns behind the first 20 may be missing, as files of older versions have it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pointsman.server.server import FORCED_DRAIN, FORCED_MAINT

VERSION: Final = 1
COLUMNS: Final = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)
NAMES: Final = tuple(COLUMNS.split())
FEWEST: Final = 20  # columns of a line
LONGEST: Final = 1_998  # bytes of a line
NOTHING: Final = "-"

# Numbers of check statuses, as the peer program writes them.
STATUS_NUMBERS: Final = {
    "UNK": 0,
    "INI": 1,
    "CHECKED": 3,
    "HANA": 4,
    "SOCKERR": 5,
    "L4OK": 6,
    "L4TOUT": 7,
    "L4CON": 8,
    "L6OK": 9,
    "L6TOUT": 10,
    "L6RSP": 11,
    "L7TOUT": 12,
    "L7RSP": 13,
    "L7OK": 15,
    "L7OKC": 16,
    "L7STS": 17,
    "PROCERR": 18,
    "PROCTOUT": 19,
    "PROCOK": 20,
}
STATUS_NAMES: Final = {number: name for name, number in STATUS_NUMBERS.items()}

CONFIGURED: Final = 2  # bits of srv_check_state and srv_agent_state
ENABLED: Final = 4
PAUSED: Final = 8
AGENT: Final = 16

BIGGEST: Final = (1 << 31) - 1
# Columns of numbers, and what they may be. How long ago something was may be any number of seconds.
RANGES: Final = {
    "srv_op_state": (0, 3),
    "srv_admin_state": (0, 127),
    "srv_uweight": (0, 256),
    "srv_iweight": (0, 256),
    "srv_time_since_last_change": (-BIGGEST, BIGGEST),
    "srv_check_status": (0, 20),
    "srv_check_result": (0, 4),
    "srv_check_health": (-BIGGEST, BIGGEST),
    "srv_check_state": (0, 31),
    "srv_agent_state": (0, 31),
    "bk_f_forced_id": (0, 1),
    "srv_f_forced_id": (0, 1),
}
HIGHEST_PORT: Final = 65_535
NEGATIVE: Final = (1 << 32) - HIGHEST_PORT - 1  # from here on a negative number is added to the client's port
_VERSION: Final = re.compile(rb"[ \t]*\+?0*1\n")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


class UnreadableState(Exception):
    """What a file holds is no state of servers. `line` counts from 1; 0: its version is not known."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True, slots=True)
class SavedState:
    """What one line says of a server. Texts are "" where it says nothing."""

    address: str
    state: int  # STOPPED ... STOPPING
    admin: int  # FORCED_MAINT ... NAMED_BY_SOCKET
    weight: int
    initial_weight: int  # what its line in the configuration said of that
    age: int  # seconds since the state changed
    status: str  # of the last check
    health: int
    check_state: int  # CONFIGURED, ENABLED ...
    agent_state: int
    fqdn: str
    port: int  # 0: not said, or that of the client
    service: str
    tls: str  # "0" or "1"
    check_port: str
    check_address: str
    agent_address: str
    agent_port: str


def read_lines(data: bytes) -> Iterator[dict[str, str]]:
    """The columns of each server, by their names. UnreadableState: nothing of it is to be used."""
    found = _VERSION.match(data)
    if found is None:
        raise UnreadableState(0)
    lines = data[found.end() :].split(b"\n")
    for number, line in enumerate(lines, 2):
        cut = number > len(lines) and line  # what the last line feed does not end
        if cut or len(line) > LONGEST or b"\0" in line:
            raise UnreadableState(number)
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        if len(words) < FEWEST:
            raise UnreadableState(number)
        yield dict(zip(NAMES, [word.decode("utf-8", "surrogateescape") for word in words]))


def read_state(columns: dict[str, str]) -> SavedState:
    """ValueError: what is wrong with its values."""
    numbers: dict[str, int] = {}
    wrong: list[str] = []
    for name, (low, high) in RANGES.items():
        text = columns[name]
        value = int(text) if _NUMBER.fullmatch(text) else None
        if value is not None and low <= value <= high:
            numbers[name] = value
        else:
            wrong.append(f"invalid {name} value '{text}'")
    port = int(columns["srv_port"]) if _NUMBER.fullmatch(columns["srv_port"]) else -1
    if not 0 <= port <= HIGHEST_PORT and not NEGATIVE <= port < 1 << 32:
        wrong.append(f"invalid srv_port value '{columns['srv_port']}'")
    admin = numbers.get("srv_admin_state", 0)
    if admin & FORCED_MAINT and admin & FORCED_DRAIN:  # the runtime socket ends the one with the other
        wrong.append(f"invalid srv_admin_state value '{admin}'")
    if wrong:
        raise ValueError(", ".join(wrong))
    return SavedState(
        address=_text(columns, "srv_addr"),
        state=numbers["srv_op_state"],
        admin=admin,
        weight=numbers["srv_uweight"],
        initial_weight=numbers["srv_iweight"],
        age=max(0, numbers["srv_time_since_last_change"]),
        status=STATUS_NAMES.get(numbers["srv_check_status"], "INI"),
        health=numbers["srv_check_health"],
        check_state=numbers["srv_check_state"],
        agent_state=numbers["srv_agent_state"],
        fqdn=_text(columns, "srv_fqdn"),
        port=port if port <= HIGHEST_PORT else 0,
        service=_text(columns, "srvrecord"),
        tls=_text(columns, "srv_use_ssl"),
        check_port=_text(columns, "srv_check_port"),
        check_address=_text(columns, "srv_check_addr"),
        agent_address=_text(columns, "srv_agent_addr"),
        agent_port=_text(columns, "srv_agent_port"),
    )


def _text(columns: dict[str, str], name: str) -> str:
    text = columns.get(name, NOTHING)
    return "" if text == NOTHING else text
