"""External checks by both programs: what they are told, statuses, log lines (manual 4.2 option external-check)."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.check_stand import PATIENCE, Checked, CheckStand
from support.programs import HAPROXY, POINTSMAN, Kind, peer_version

pytestmark = [pytest.mark.peer, pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")]

ALLOWED = "external-check\n    insecure-fork-wanted"
OWN = ("PWD", "OLDPWD", "SHLVL", "_")  # the shell's own variables
SHOW = """{ for word in "$@"; do echo "[$word]"; done; /usr/bin/env | /usr/bin/sort
/bin/grep -E 'SigBlk|SigIgn|NoNewPrivs|^Uid|^Gid' /proc/self/status; /bin/grep 'open files' /proc/self/limits
} >$0.told.new; /bin/mv $0.told.new $0.told"""


@dataclass(frozen=True)
class Case:
    body: str
    words: str = Checked.words
    first: str = "#!/bin/sh\n"
    mode: int = 0o755
    path: str = "/usr/bin:/bin"


CASES = {
    "well": Case("exit 0"),
    "ill": Case("exit 1"),
    "very ill": Case("exit 255"),
    "ended by a signal": Case("kill -KILL $$"),
    "no program": Case("exit 0", first="#!/nonexistent\n"),
    "not executable": Case("exit 0", mode=0o644),
    "no first line": Case("exit 3", first=""),
    "not in time": Case("exec sleep 30", "check inter 1500 fastinter 15s downinter 15s fall 1 rise 1"),
    "shown": Case(SHOW),
    "shown, more words": Case(SHOW, Checked.words + " id 77 maxconn 5 weight 9 send-proxy"),
    "shown, elsewhere": Case(SHOW, Checked.words + " addr 127.0.0.9 port 99 check-send-proxy"),
    "shown, no path": Case(SHOW, path=""),
}
Found = dict[str, tuple[tuple[str, ...], list[str], str]]


def told(path: Path) -> str:
    """What a script was told."""
    if not path.exists():
        return ""
    # HAProxy's programs ignore SIGPIPE and SIGUSR2; here they ignore nothing.
    lines = [line for line in path.read_text().splitlines() if not line.startswith("SigIgn:")]
    return "\n".join(line for line in lines if line.partition("=")[0] not in OWN)


def play(kind: Kind, folder: Path) -> Found:
    backends: dict[str, Checked] = {}
    scripts: dict[str, Path] = {}
    for place, (name, case) in enumerate(CASES.items()):
        script = scripts[name] = folder / f"script{place}"
        script.write_text(case.first + case.body + "\n")
        script.chmod(case.mode)
        lines = f"option external-check|external-check command {script}"
        if case.path:
            lines += f"|external-check path {case.path}"
        backends[name] = Checked(lines, 1, case.words)
    with CheckStand(kind, folder, backends, ALLOWED) as stand:
        rows = stand.checked()
        return {
            name: (rows[name], stand.said(name)[:1], told(script.with_name(script.name + ".told")))
            for name, script in scripts.items()
        }


@pytest.mark.skipif(not HAPROXY.missing and peer_version() < (3, 0), reason="the peer is older")
def test_the_same_as_haproxy(tmp_path: Path) -> None:
    """One test for all, so that each program is started once."""
    found: list[Found] = []
    for kind in (HAPROXY, POINTSMAN):
        folder = tmp_path / kind.name
        folder.mkdir()
        found.append(play(kind, folder))
    theirs, ours = found
    assert [name for name in CASES if not theirs[name][0][1].startswith("PROC")] == []
    assert [name for name in CASES if theirs[name][2]] == [name for name in CASES if name.startswith("shown")]
    differ = [name for name in CASES if ours[name] != theirs[name]]
    assert {name: ours[name] for name in differ} == {name: theirs[name] for name in differ}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_program_has_given_up_root(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # Not one of pytest's folders: another pytest may close their parent to other users at any time.
    folder = Path(tempfile.mkdtemp(prefix="pointsman-check-"))
    request.addfinalizer(lambda: shutil.rmtree(folder))
    folder.chmod(0o777)
    script = folder / "script"
    script.write_text(f"#!/bin/sh\n{SHOW}\n")
    script.chmod(0o755)
    lines = f"option external-check|external-check command {script}|external-check path /usr/bin:/bin"
    main = f"{ALLOWED}\n    uid 65534\n    gid 65534"
    with CheckStand(POINTSMAN, tmp_path / "run", {"one": Checked(lines, 1)}, main) as stand:
        assert stand.checked()["one"][1] == "PROCOK"
        limit = time.monotonic() + PATIENCE
        found = folder / "script.told"
        while not found.exists() and time.monotonic() < limit:
            time.sleep(0.02)
        lines = found.read_text()
        assert "Uid:\t65534\t65534\t65534\t65534" in lines
        assert "Gid:\t65534\t65534\t65534\t65534" in lines
        assert "NoNewPrivs:\t1" in lines
        assert "SigBlk:\t0000000000000000" in lines
        ignored = int(lines.partition("SigIgn:\t")[2].split()[0], 16)
        assert ignored & (1 << signal.SIGALRM - 1 | 1 << signal.SIGUSR2 - 1 | 1 << signal.SIGINT - 1) == 0
