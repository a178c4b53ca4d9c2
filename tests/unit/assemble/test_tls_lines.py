"""Bind lines with `ssl` until something serves them: one error each run, at the line (manual 5.1)."""

import subprocess
import sys
from pathlib import Path

from support.programs import ROOT

SAID = "'bind 127.0.0.1:1' in section 'frontend' : 'ssl' asks for TLS, which is not built yet (manual 5.1)"


def test_a_line_with_ssl_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text("frontend f\n bind 127.0.0.1:1 ssl crt /none.pem\n")
    command = [sys.executable, "-m", "pointsman", "-c", "-f", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and f"parsing [{file}:2] : {SAID}\n" in done.stderr
