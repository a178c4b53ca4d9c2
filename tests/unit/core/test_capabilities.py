"""What is kept of root's rights (manual 3.1, setcap)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pointsman.core import capabilities

KEEP = """
import os
from pointsman.worker.privileges import Privileges, drop, left
rights = Privileges(uid=65534, capabilities=({names}))
expected = left(rights)
assert drop(rights) == []
lines = dict(line.split(":", 1) for line in open("/proc/thread-self/status"))
found = [int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapInh")]
print(os.getuid(), expected, *found)
"""


def test_what_is_missing() -> None:
    rights = {"cap_net_raw": "a.cfg:1: 'usesrc'", "cap_sys_admin": "a.cfg:2: 'namespace'"}
    everything = capabilities.mask(list(capabilities.CAPABILITIES))
    assert capabilities.missing(rights, everything) == []
    assert capabilities.missing(rights, capabilities.mask(["cap_net_admin"])) == [
        "a.cfg:2: 'namespace' asks for cap_sys_admin"
    ]
    assert capabilities.missing(rights, capabilities.mask(["cap_net_raw"])) == [
        "a.cfg:2: 'namespace' asks for cap_sys_admin"
    ]
    assert len(capabilities.missing(rights, capabilities.mask(["cap_net_bind_service"]))) == 2
    assert capabilities.missing({}, 0) == []


def test_the_kernel_says_the_same() -> None:
    """capget(2) and /proc."""
    lines = dict(line.split(":", 1) for line in Path("/proc/thread-self/status").read_text().splitlines())
    assert capabilities.sets() == (int(lines["CapEff"], 16), int(lines["CapPrm"], 16))


@pytest.mark.root
@pytest.mark.parametrize("names", [(), ("cap_net_raw",), ("cap_net_raw", "cap_sys_admin")])
def test_another_user_keeps_these_and_no_others(names: tuple[str, ...]) -> None:
    code = KEEP.replace("{names}", "".join([f"'{name}', " for name in names]))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    uid, expected, effective, permitted, inheritable = [int(word) for word in done.stdout.split()]
    assert uid == 65534 and inheritable == 0
    assert expected == effective == permitted == capabilities.mask(list(names)) & capabilities.sets()[1]
