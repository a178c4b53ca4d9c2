"""Programs of external checks when Pointsman ends (manual 4.2 option external-check)."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.crowd import until
from support.programs import POINTSMAN, Program

TEXT = """
global
    external-check
    insecure-fork-wanted
    stats socket {dir}/stats
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen one
    bind 127.0.0.1:{port:one}
    option external-check
    external-check command {dir}/script
    server s 127.0.0.1:1 check inter 100s
"""
SCRIPT = "#!/bin/sh\n/bin/sleep 60 & echo $$ $! >$0.new; /bin/mv $0.new $0.pids; wait\n"
PATIENCE = 15.0


def _is_over(pid: str) -> bool:
    """It has ended, even if nobody has asked after it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=["TERM", "USR1"])
def test_no_program_outlives_us(tmp_path: Path, number: signal.Signals) -> None:
    """Nor does what it has started, however Pointsman ends."""
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    pids = tmp_path / "script.pids"
    program = Program(POINTSMAN, TEXT, tmp_path)
    program.start()
    until(pids.exists, PATIENCE)
    program.stop(number)
    for pid in pids.read_text().split():
        until(lambda pid=pid: _is_over(pid), PATIENCE)  # type: ignore[misc]
