"""Who waits for the program learns when it is ready: through NOTIFY_SOCKET, with one process and with several."""

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ports import free_port
from support.programs import POINTSMAN, environment
from support.scenario import query

from pointsman.config.lanes import available_cpus
from pointsman.core.arena import BUILT
from pointsman.core.native import COMPILED

TEXT = """
global
    nbthread {lanes}
    stats socket {folder}/admin level admin
    {more}
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200
"""


class Service:
    """A program and the socket that it tells how it goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(folder / "notify"))
        self.sock.settimeout(10)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, lanes: int, more: str = "", *words: str) -> int:
        """Returns its pid."""
        text = TEXT.format(lanes=lanes, folder=self.folder, port=self.port, more=more)
        (self.folder / "web.cfg").write_text(text)
        self.process = subprocess.Popen(
            [*POINTSMAN.command, *words, "-f", "web.cfg"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**environment(), "NOTIFY_SOCKET": str(self.folder / "notify")},
        )
        return self.process.pid

    def told(self) -> dict[str, str]:
        lines = self.sock.recv(4096).decode().splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200 ")

    def end(self) -> int:
        assert self.process is not None
        return self.process.wait(10)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.sock.close()
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGUSR1, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_in_the_foreground(service: Service, lanes: int, number: int, status: int) -> None:
    pid = service.start(lanes, "", "-db")
    assert service.told() == {"READY": "1", "MAINPID": str(pid), "STATUS": "Ready."}
    assert service.answers()
    # Runtime commands are served, too; and nobody finds the variable who might tell something by mistake.
    assert "NOTIFY_SOCKET" not in query(service.folder / "admin", "show env")
    os.kill(pid, number)
    assert service.told()["STOPPING"] == "1"
    assert service.end() == status
    service.sock.setblocking(False)
    with pytest.raises(BlockingIOError):  # it was told once, by one
        service.told()


@pytest.mark.parametrize("lanes", [1, 2])
def test_in_the_background(service: Service, lanes: int) -> None:
    service.start(lanes, "daemon", "-p", "pid")
    told = service.told()
    pid = int((service.folder / "pid").read_text())
    try:
        assert told == {"READY": "1", "MAINPID": str(pid), "STATUS": "Ready."}
        assert service.answers()
        assert service.end() == 0
    finally:
        os.kill(pid, signal.SIGTERM)
    assert service.told()["STOPPING"] == "1"


@pytest.mark.root
@pytest.mark.parametrize("lanes", [1, 2])
def test_out_of_a_jail(service: Service, lanes: int) -> None:
    (service.folder / "jail").mkdir()
    os.chmod(service.folder / "notify", 0o600)
    pid = service.start(lanes, f"chroot {service.folder}/jail\n    user nobody", "-db")
    assert service.told()["MAINPID"] == str(pid)
    assert os.stat(f"/proc/{pid}").st_uid == pwd.getpwnam("nobody").pw_uid
    os.kill(pid, signal.SIGTERM)
    assert service.told()["STOPPING"] == "1"


def test_a_lane_that_is_replaced_tells_nothing(service: Service) -> None:
    pid = service.start(2, "", "-db")
    assert service.told()["READY"] == "1"
    children = Path(f"/proc/{pid}/task/{pid}/children")
    before = children.read_text().split()
    os.kill(int(before[0]), signal.SIGKILL)
    limit = time.monotonic() + 10
    while len(set(children.read_text().split()) - {before[0]}) < len(before):
        assert time.monotonic() < limit
        time.sleep(0.01)
    os.kill(pid, signal.SIGUSR1)
    assert service.told()["STOPPING"] == "1"


@pytest.mark.parametrize("lanes", [1, 2])
def test_what_does_not_come_to_serve_is_not_ready(service: Service, lanes: int) -> None:
    with socket.create_server(("127.0.0.1", service.port)):
        service.start(lanes, "", "-db")
        assert service.end() == 1
    service.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        service.told()


@pytest.mark.skipif(not BUILT, reason="the extension for shared cells is not built")
def test_without_nbthread_there_is_a_lane_for_each_cpu(service: Service) -> None:
    text = TEXT.format(lanes=2, folder=service.folder, port=service.port, more="thread-hard-limit 3")
    (service.folder / "web.cfg").write_text(text.replace("nbthread 2", ""))
    service.process = subprocess.Popen(
        [*POINTSMAN.command, "-db", "-f", "web.cfg"],
        cwd=service.folder,
        env={**environment(), "NOTIFY_SOCKET": str(service.folder / "notify")},
    )
    assert service.told()["READY"] == "1"
    lanes = min(3, available_cpus()) if COMPILED else 1
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    assert len(children) == (lanes + 1 if lanes > 1 else 0)
    assert f"\nNbthread: {lanes}\n" in query(service.folder / "admin", "show info")
    service.process.terminate()
    assert service.end() == -signal.SIGTERM


def family(pid: int) -> list[int]:
    """That process and all below it."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *[below for child in found for below in family(int(child))]]


@pytest.mark.parametrize(("lanes", "words", "processes"), [(1, ["-db"], 1), (2, ["-db"], 4), (2, ["-W", "-db"], 5)])
def test_an_alarm_is_ignored(service: Service, lanes: int, words: list[str], processes: int) -> None:
    """By all processes: SIGALRM would end those that leave it at its default."""
    pid = service.start(lanes, "", *words)
    while "READY" not in service.told():
        pass
    alive = family(pid)
    assert len(alive) == processes
    for one in alive:
        os.kill(one, signal.SIGALRM)
    time.sleep(0.2)
    assert family(pid) == alive
    assert service.answers()
    os.kill(pid, signal.SIGTERM)
    service.end()


@pytest.mark.parametrize(("said", "processes"), [("", 1), ("nbthread 2", 4)])
def test_without_the_extension_for_cells(service: Service, said: str, processes: int) -> None:
    """Plain Python serves one lane unless more are asked for."""
    (service.folder / "sitecustomize.py").write_text("import sys\nsys.modules['pointsman.core._cells'] = None\n")
    (service.folder / "web.cfg").write_text(
        TEXT.format(lanes=2, folder=service.folder, port=service.port, more="").replace("nbthread 2", said)
    )
    variables = environment()
    variables["PYTHONPATH"] += f"{os.pathsep}{service.folder}"
    done = subprocess.run(
        [*POINTSMAN.command, "-c", "-f", "web.cfg"],
        cwd=service.folder,
        env=variables,
        check=True,
        capture_output=True,
        text=True,
    )
    assert ("the extension for shared cells is not built" in done.stderr) == (processes > 1)
    with (service.folder / "stderr").open("wb") as err:
        service.process = subprocess.Popen(
            [*POINTSMAN.command, "-db", "-f", "web.cfg"],
            cwd=service.folder,
            stderr=err,
            env={**variables, "NOTIFY_SOCKET": str(service.folder / "notify")},
        )
    pid = service.process.pid
    assert service.told()["MAINPID"] == str(pid)
    assert all(service.answers() for _ in range(8))
    assert len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()) == processes - 1
    info = query(service.folder / "admin", "show info")
    assert "\nCumReq: 9\n" in info and "\nCumConns: 9\n" in info  # the socket's is one of them
    assert f"\nNbthread: {max(1, processes - 2)}\n" in info
    service.process.terminate()
    assert service.end() == -signal.SIGTERM
