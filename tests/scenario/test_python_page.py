"""docs/python.md and examples/python: what they show works, in a running program. (Its transcripts:
test_transcripts.py.)"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.configs import read
from support.programs import HAPROXY, POINTSMAN, Program

import pointsman
from pointsman.config.load import load
from pointsman.core.diagnostics import Diagnostics
from pointsman.extension.load import functions_of
from pointsman.extension.transaction import Transaction
from pointsman.extension.views import End, Headers, Request, Response, Variables

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "python"
PAGE = (ROOT / "docs" / "python.md").read_text()
# What plays the servers, and the service of logins.
OTHERS = """
frontend logins
    bind 127.0.0.1:{port:9000}
    http-request return status 503 if { req.hdr(authorization) Bearer:broken }
    http-request return status 403 if { req.hdr(x-path) /private }
    http-request return status 401 unless { req.hdr(authorization) Bearer:good }
    http-request return status 200 content-type text/plain string ok hdr x-user otto
frontend old1
    bind 127.0.0.1:{port:8001}
    http-request return status 200 content-type text/plain lf-string "old %[req.hdr(x-user)]"
frontend new1
    bind 127.0.0.1:{port:8002}
    http-request return status 200 content-type text/plain lf-string "new %[req.hdr(x-user)]"
"""


class Example(Program):
    log: socket.socket


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("example")
    for name in ("canary.py", "enrich.py", "auth.py"):
        shutil.copy(EXAMPLES / name, folder)
    text = re.sub(r":(80\d\d|9000)\b", r":{port:\1}", (EXAMPLES / "haproxy.cfg").read_text())
    text = text.replace("log stdout format raw", "log {dir}/log format raw").replace("bind :", "bind 127.0.0.1:")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(folder / "log"))
        log.settimeout(10)
        running = Example(POINTSMAN, text + OTHERS, folder)
        running.log = log
        with running:
            yield running


def ask(example: Program, path: str, *fields: str) -> tuple[int, str, str]:
    """Status, head, body."""
    with socket.create_connection(("127.0.0.1", example.ports["8080"]), 10) as client:
        lines = [f"GET {path} HTTP/1.1", "host: Acme.example.com", "connection: close", *fields, "", ""]
        client.sendall("\r\n".join(lines).encode())
        found = b""
        while data := client.recv(65_536):
            found += data
    head, _, content = found.decode().partition("\r\n\r\n")
    return int(head[9:12]), head, content


def test_the_configuration_serves_two_programs() -> None:
    diagnostics = Diagnostics()
    configuration = load([str(EXAMPLES / "haproxy.cfg")], diagnostics)
    assert not diagnostics.findings
    assert {one.name for one in functions_of(configuration.main)} == {
        "app",
        "authenticate",
        "canary",
        "details",
        "note",
    }
    if not HAPROXY.missing:
        command = [*HAPROXY.command, "-c", "-f", str(EXAMPLES / "haproxy.cfg")]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr


def test_logins(example: Example) -> None:
    status, head, _ = ask(example, "/a")
    assert status == 401 and 'www-authenticate: Bearer realm="members"' in head
    assert ask(example, "/public/a", "x-user: me")[2] == "old me"
    assert ask(example, "/a", "authorization: Bearer:bad")[0] == 401
    assert ask(example, "/a", "authorization: Bearer:good", "x-user: me")[2] == "old otto"
    assert ask(example, "/private", "authorization: Bearer:good")[0] == 403
    assert ask(example, "/a", "authorization: Bearer:broken")[0] == 500


def test_canaries(example: Example) -> None:
    new = [n for n in range(200) if ask(example, "/public/", f"cookie: uid=u{n}")[2].startswith("new")]
    assert new == [n for n in range(200) if zlib.crc32(f"springu{n}".encode()) % 100 < 5] and len(new) in range(3, 20)
    assert ask(example, "/public/", "cookie: uid=anna")[2] == "new "


def test_log_lines(example: Example) -> None:
    lines: list[str] = []
    ask(example, "/lines", "authorization: Bearer:good", "user-agent: x Android 5")

    while not lines or " /lines " not in lines[-1]:
        lines.append(example.log.recv(65_536).decode())
    details = '{"tenant":"acme","app":"android","user":"otto","slow":false}'
    assert lines[-1].strip().endswith(f" 200 GET /lines {details}")


def test_the_page_shows_what_is_there(tmp_path: Path) -> None:
    """Its functions can be loaded; what its tables name exists."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    for number, block in enumerate(blocks):
        file = tmp_path / f"block{number}.py"
        file.write_text(f"import asyncio\nimport pointsman\nfrom pointsman import Transaction\n{block}")
        file.chmod(0o644)
        assert read(f"global\n python-load {file}\n").errors == []
    attributes = {name for kind in (Transaction, Request, Response, Headers, Variables, End) for name in dir(kind)}
    named = set(re.findall(r"(?<![\w/])(?:txn|request|response|headers|variables)\.([a-z_]+)", PAGE))
    named |= set(re.findall(r"[`, ]\.([a-z_]+)[`(]", PAGE))
    others = {"user", "timer", "f", "c", "sf", "host", "tenant", "checked", "longest"}  # names of Lua, of variables
    assert len(named) > 30 and named - attributes <= others
    offered = set(re.findall(r"pointsman\.([A-Za-z_]+)", PAGE.replace("-", "_"))) - {"md"}
    assert all(hasattr(pointsman, name) for name in offered), offered


def test_what_a_table_says_of_lua_is_there() -> None:
    for name in ("fetch", "converter", "action", "service", "task"):
        assert f"`@pointsman.{name}`" in PAGE and callable(getattr(pointsman, name))
