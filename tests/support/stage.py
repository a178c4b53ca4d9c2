"""A stage: private network, mount and process namespaces in which a configuration runs unchanged.

`play` (outside) starts `python -m support.stage <story> <program> <folder>` under unshare(1); `main` (inside, process
1 of its namespace, so that nothing outlives it) sets the scene and runs one function of tests/scenario/stories.py:

- /etc is a copy: app1 to app3 are host names, user and group haproxy exist, error files lie in /etc/haproxy/errors
- /dev has a log socket and the usual devices; /run and /var/lib/haproxy are empty
- every address that a story asks for stands on the loopback interface
"""

from __future__ import annotations

import grp
import http.client
import importlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from support.ports import listening_ports
from support.programs import HAPROXY, POINTSMAN, Kind, Notified, environment, lane_words
from support.receiver import LogReceiver

TESTS = Path(__file__).resolve().parents[1]
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def play(story: str, kind: Kind, folder: Path) -> None:
    """Runs the story in fresh namespaces; AssertionError with its output when it fails."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable]
    paths = os.pathsep.join([str(TESTS), str(TESTS / "scenario"), environment()["PYTHONPATH"]])
    done = subprocess.run(
        [*command, "-m", "support.stage", story, kind.name, str(folder)],
        env={**environment(), "PYTHONPATH": paths},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


def run(*command: str) -> None:
    """Runs a command that has to succeed."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def set_scene(folder: Path) -> None:
    """Mounts and addresses that every story shares."""
    run("ip", "link", "set", "lo", "up")
    copy = folder / "etc"
    shutil.copytree("/etc", copy, symlinks=True)
    with (copy / "hosts").open("a", encoding="ascii") as hosts:
        hosts.write("\n127.0.0.1 localhost app1 app2 app3\n")
    _user(copy)
    errors = copy / "haproxy" / "errors"
    errors.mkdir(parents=True, exist_ok=True)
    for status in (400, 403, 408, 500, 502, 503, 504):
        page = (
            f"HTTP/1.0 {status} From File\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>page {status}</p>\n"
        )
        (errors / f"{status}.http").write_bytes(page.encode())
    run("mount", "--bind", str(copy), "/etc")
    devices = folder / "dev"
    devices.mkdir()
    run("mount", "-t", "tmpfs", "none", str(devices))
    for name in DEVICES:
        (devices / name).touch()
        run("mount", "--bind", f"/dev/{name}", str(devices / name))
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (devices / name).symlink_to(target)
    run("mount", "--rbind", str(devices), "/dev")
    run("mount", "-t", "tmpfs", "none", "/run")
    Path("/run/haproxy").mkdir()
    home = "/var/lib/haproxy"
    run("mount", "-t", "tmpfs", "none", home if os.path.isdir(home) else "/var/lib")
    os.makedirs(home + "/dev", exist_ok=True)


def _user(etc: Path) -> None:
    """User and group haproxy, as Debian's package makes them."""
    try:
        grp.getgrnam("haproxy")
    except KeyError:
        with (etc / "group").open("a", encoding="ascii") as file:
            file.write("haproxy:x:64990:\n")
    try:
        pwd.getpwnam("haproxy")
    except KeyError:
        group = re.search(r"^haproxy:[^:]*:(\d+):", (etc / "group").read_text(), re.MULTILINE)
        assert group
        with (etc / "passwd").open("a", encoding="ascii") as file:
            file.write(f"haproxy:x:64990:{group[1]}::/var/lib/haproxy:/usr/sbin/nologin\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got."""

    status: int
    body: str


@dataclass(slots=True)
class Stage:
    """What a story works with: the program under test, its folder, the log socket."""

    kind: Kind
    folder: Path
    log: LogReceiver
    port: int = 80
    pid: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))

    def address(self, *addresses: str) -> None:
        """Puts addresses on the loopback interface."""
        for address in addresses:
            run("ip", "address", "add", f"{address}/32", "dev", "lo")

    def start(self, name: str, port: int = 80) -> None:
        """Starts the program on the seed of that name, unchanged, and waits until it is ready."""
        self.port = port
        seed = TESTS / "scenario" / "seeds" / f"{name}.cfg"
        lanes = lane_words(self.kind, "", self.folder)
        command = [*self.kind.command, "-p", str(self.folder / "pid"), *lanes, "-f", str(seed)]
        notified = Notified()
        with notified, (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=notified.environment, cwd="/"
            )
            self.pid = self._process.pid
            limit = time.monotonic() + 15
            while not (notified.is_ready(0.02) if self.kind is POINTSMAN else port in listening_ports()):
                assert time.monotonic() < limit, f"it does not begin: {self.printed()}"
                assert not self._process.poll(), f"ended with {self._process.returncode}: {self.printed()}"
                time.sleep(0.02)
        if re.search(r"^\s*daemon\b", seed.read_text(), re.MULTILINE):
            assert self._process.wait(10) == 0, self.printed()
            self.pid = int((self.folder / "pid").read_text().split()[0])

    def stop(self) -> None:
        """Ends the program by SIGTERM and sees that it goes."""
        os.kill(self.pid, signal.SIGTERM)
        limit = time.monotonic() + 5
        while self._alive():
            assert time.monotonic() < limit, "SIGTERM does not end it"
            time.sleep(0.02)
        assert "Traceback" not in self.printed(), self.printed()

    def _alive(self) -> bool:
        assert self._process is not None
        if self._process.pid == self.pid:
            return self._process.poll() is None
        # A daemon's parent has gone: it is a child of process 1, which is ourselves.
        return os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def printed(self) -> str:
        """Standard output and standard error of the program so far."""
        return "".join((self.folder / name).read_text(errors="replace") for name in ("stdout", "stderr"))

    def get(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        source: str = "127.0.0.1",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(source, 0))
        try:
            connection.request(method, path, body, {"Connection": "close", **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode())
        finally:
            connection.close()

    def later(self, path: str = "/") -> Future[Answer]:
        """One GET in the background."""
        return self._pool.submit(self.get, path)


def main(story: str, program: str, folder: str) -> None:
    """Inside the namespaces: sets the scene, plays the story."""
    room = Path(folder)
    set_scene(room)
    log = LogReceiver(Path("/dev/log"))
    os.chmod("/dev/log", 0o666)
    kind = HAPROXY if program == "haproxy" else POINTSMAN
    function: Callable[[Stage], None] = getattr(importlib.import_module("stories"), story)
    stage = Stage(kind, room, log)
    try:
        function(stage)
    except BaseException as error:
        if (room / "stderr").exists():
            error.add_note(f"--- {program} printed:\n{stage.printed()}")
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
