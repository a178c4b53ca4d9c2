"""What the runtime socket changes is told: the same lines in the log and on stderr as the peer's, and states in the
statistics. Checks are so far apart that only the socket changes anything."""

from __future__ import annotations

import csv
import io
import re
import socket
from pathlib import Path

import pytest
from support.origin import Origin, answering
from support.programs import Kind, Program
from support.receiver import LogReceiver

TEXT = """
global
    stats socket {dir}/admin level admin
    log {log} local0
defaults
    mode http
    log global
    timeout connect 500ms
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    default_backend d
listen both
    bind 127.0.0.1:{port:both}
    server s1 127.0.0.1:{up}
backend d
    server s1 127.0.0.1:{down} check inter 600s fall 1 rise 2
    server s2 127.0.0.1:{up} check inter 600s fall 2 rise 2
    server s5 127.0.0.1:{up}
backend b
    server s1 127.0.0.1:{up} check inter 600s fall 3 rise 2
    server s2 127.0.0.1:{up} backup
"""

LOST = "0 sessions active, 0 requeued, 0 remaining in queue."
MAINT = "is going DOWN for maintenance."
BACKUP = "1 backup servers left. Running on backup."
KEPT = "0 sessions requeued, 0 total in queue."

# A command and the messages that it brings, with their levels in the log.
STORY: list[tuple[str, list[str]]] = [
    ("set server b/s1 state maint", [f"<129>Server b/s1 {MAINT} 0 active and {BACKUP} {LOST}"]),
    ("set server b/s1 state maint", []),
    (
        "set server b/s2 state maint",
        [
            f"<129>Backup Server b/s2 is going DOWN for maintenance. 0 active and 0 backup servers left. {LOST}",
            "<128>backend b has no server available!",
        ],
    ),
    ("set server b/s1 state ready", ["<133>Server b/s1 is UP/READY (leaving forced maintenance)."]),
    ("set server b/s2 state ready", ["<133>Backup Server b/s2 is UP/READY (leaving forced maintenance)."]),
    (
        "set server b/s1 state drain",
        [f"<133>Server b/s1 enters drain state. 0 active and 1 backup servers online. Running on backup. {KEPT}"],
    ),
    ("set server b/s1 state drain", []),
    ("set server b/s1 state maint", [f"<133>Server b/s1 {MAINT} 0 active and {BACKUP} {LOST}"]),
    (
        "set server b/s1 state drain",
        [
            "<133>Server b/s1 is UP/DRAIN (leaving forced maintenance).",
            "<133>Server b/s1 remains in forced drain mode.",
        ],
    ),
    ("set server b/s1 state ready", ["<133>Server b/s1 is UP (leaving forced drain)."]),
    (
        "disable server b/s1;enable server b/s1",
        [
            f"<129>Server b/s1 {MAINT} 0 active and {BACKUP} {LOST}",
            "<133>Server b/s1 is UP/READY (leaving forced maintenance).",
        ],
    ),
    (
        "set server b/s1 state drain;enable server b/s1",
        [
            f"<133>Server b/s1 enters drain state. 0 active and 1 backup servers online. Running on backup. {KEPT}",
            "<133>Server b/s1 is UP (leaving forced drain).",
        ],
    ),
    ("set server b/s1 weight 0", []),
    ("set server b/s2 weight 0", ["<128>backend b has no server available!"]),
    ("set server b/s1 weight 100%;set server b/s2 weight 100%", []),
    ("set server d/s1 state maint", ["<133>Server d/s1 was DOWN and now enters maintenance."]),
    ("set server d/s1 state ready", ["<133>Server d/s1 is UP/READY (leaving forced maintenance)."]),
    (
        "set server d/s1 health down",
        [f"<129>Server d/s1 is DOWN, changed from CLI. 2 active and 0 backup servers left. {LOST}"],
    ),
    (
        "set server d/s1 state drain",
        [f"<133>Server d/s1 enters drain state. 2 active and 0 backup servers left. {LOST}"],
    ),
    ("set server d/s1 state ready", ["<133>Server d/s1 is DOWN (leaving forced drain)."]),
    (
        "set server d/s1 health stopping",
        [f"<133>Server d/s1 is stopping, changed from CLI. 2 active and 0 backup servers online. {KEPT}"],
    ),
    (
        "set server d/s1 health up",
        [f"<133>Server d/s1 is UP, changed from CLI. 3 active and 0 backup servers online. {KEPT}"],
    ),
    ("set server d/s1 health up", []),
    (
        "set server d/s5 health down",
        [f"<129>Server d/s5 is DOWN, changed from CLI. 2 active and 0 backup servers left. {LOST}"],
    ),
    (
        "set server d/s5 health up",
        [f"<133>Server d/s5 is UP, changed from CLI. 3 active and 0 backup servers online. {KEPT}"],
    ),
    ("disable frontend web", ["<132>Paused frontend web."]),
    ("disable frontend web", []),
    ("enable frontend web", ["<132>Resumed frontend web."]),
    ("shutdown frontend both", ["<132>Proxy both stopped (cumulated conns: FE: 0, BE: 0)."]),
]
STEPS = [line for _, lines in STORY for line in lines]


def ask(folder: Path, line: str) -> str:
    data = b""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(folder / "admin"))
        sock.sendall(line.encode() + b"\n")
        while some := sock.recv(65536):
            data += some
    return data.decode()


def rows(folder: Path) -> dict[str, dict[str, str]]:
    found = csv.DictReader(io.StringIO(ask(folder, "show stat").removeprefix("# ").rstrip("\n")))
    return {f"{row['pxname']}/{row['svname']}": row for row in found}


def state(folder: Path, name: str) -> str:
    row = rows(folder)[name]
    return " ".join(row[column] or "-" for column in ("status", "check_health", "chkdown"))


@pytest.fixture
def values(tmp_path: Path) -> dict[str, str]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        return {"down": str(nobody.getsockname()[1])}


@pytest.mark.parametrize("lanes", [1, 2])
def test_changes_are_told(peer: Kind, tmp_path: Path, values: dict[str, str], lanes: int) -> None:
    receiver, origin = LogReceiver(), Origin(answering(b"ok"))
    text = TEXT.replace("global\n", f"global\n    nbthread {lanes}\n", 1)
    names = values | {"log": receiver.where, "up": str(origin.port)}
    try:
        with Program(peer, text, tmp_path, names) as program:
            down = "Server d/s1 is DOWN, reason: Layer4 connection problem"
            before = receiver.wait(1)
            assert down in before[-1]
            for line, messages in STORY:
                ask(tmp_path, line)
                before = receiver.wait(len(before) + len(messages))
            lines = [re.sub(r"^(<\d+>).*?\]: ", r"\1", line) for line in before]
            assert lines[1:] == STEPS
            shown = [line for line in program.stderr().splitlines() if ") : " in line]
            said = [re.sub(r" +\(\d+\) : ", " ", line) for line in shown]
            for message in STEPS:
                text = message[5:].replace("backend b has", "backend 'b' has")
                assert f"{'[ALERT]' if '!' in text else '[WARNING]'} {text}" in said
            assert next(line for line in said if down in line).startswith("[WARNING] ")
    finally:
        origin.close()
        receiver.close()


def test_states(peer: Kind, tmp_path: Path, values: dict[str, str]) -> None:
    """Behind maintenance a server is up, as far as `rise`; so is one that was down before."""
    origin = Origin(answering(b"ok"))
    receiver = LogReceiver()
    try:
        with Program(peer, TEXT, tmp_path, values | {"log": receiver.where, "up": str(origin.port)}):
            receiver.wait(1)
            assert state(tmp_path, "d/s1") == "DOWN 0 1"
            ask(tmp_path, "set server d/s2 state maint")
            assert state(tmp_path, "d/s2") == "MAINT - 1"
            assert " d 2 s2 127.0.0.1 0 1 1 1 " in ask(tmp_path, "show servers state d")
            line = next(line for line in ask(tmp_path, "show servers state").splitlines() if " d 2 s2 " in line)
            assert line.split()[12:14] == ["0", "14"]  # srv_check_health, srv_check_state
            ask(tmp_path, "set server d/s2 state ready")
            assert state(tmp_path, "d/s2") == "UP 1/2 2 1"
            ask(tmp_path, "set server d/s1 state maint;set server d/s1 state ready")
            assert state(tmp_path, "d/s1") == "UP 2 1"  # fall is 1
            ask(tmp_path, "set server d/s2 health down")
            assert state(tmp_path, "d/s2") == "DOWN 0 2"
            ask(tmp_path, "set server d/s2 health up")
            assert state(tmp_path, "d/s2") == "UP 3 2"
            ask(tmp_path, "set server d/s2 health stopping")
            assert state(tmp_path, "d/s2") == "NOLB 3 2"
            ask(tmp_path, "set server d/s2 health up;disable health d/s2")
            assert state(tmp_path, "d/s2") == "no check - -"
            ask(tmp_path, "enable health d/s2")
            assert state(tmp_path, "d/s2") == "UP 3 2"
            ask(tmp_path, "set server d/s5 health down")
            assert state(tmp_path, "d/s5") == "DOWN - -"
            ask(tmp_path, "disable frontend web")
            assert rows(tmp_path)["web/FRONTEND"]["status"] == "PAUSED"
            assert ask(tmp_path, "disable frontend web") == "All sockets are already disabled.\n\n"
            ask(tmp_path, "enable frontend web")
            assert rows(tmp_path)["web/FRONTEND"]["status"] == "OPEN"
    finally:
        origin.close()
        receiver.close()


def test_checks_stand_still_while_they_are_disabled(pointsman: Kind, tmp_path: Path) -> None:
    """With a control process of its own, and one that has taken its place."""
    text = TEXT.replace("inter 600s", "inter 50ms").replace("global\n", "global\n    nbthread 2\n", 1)
    receiver, origin = LogReceiver(), Origin(answering(b"ok"))
    try:
        with Program(pointsman, text, tmp_path, {"log": receiver.where, "up": str(origin.port), "down": "1"}):
            before = receiver.wait(1)
            ask(tmp_path, "disable health d/s1;set server d/s1 health up")
            receiver.wait(len(before) + 3, 0.5)
            assert state(tmp_path, "d/s1") == "no check - -"
            ask(tmp_path, "enable health d/s1")
            receiver.wait(len(before) + 2)
            assert state(tmp_path, "d/s1") == "DOWN 0 2"
    finally:
        origin.close()
        receiver.close()


def test_quiet_mode_silences_stderr_only(pointsman: Kind, tmp_path: Path, values: dict[str, str]) -> None:
    receiver, origin = LogReceiver(), Origin(answering(b"ok"))
    try:
        with Program(
            pointsman, TEXT, tmp_path, values | {"log": receiver.where, "up": str(origin.port)}, ("-q", "-db")
        ) as program:
            receiver.wait(1)
            ask(tmp_path, "disable server d/s5")
            assert len(receiver.wait(2)) == 2 and program.stderr() == ""
    finally:
        origin.close()
        receiver.close()
