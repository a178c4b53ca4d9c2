"""The runtime socket of a running program: raw sockets and socat, rights, modes, limits, and what commands change."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.crowd import until as comes
from support.origin import Origin, answering
from support.programs import HAPROXY, Kind, Program, peer_version

TEXT = """
global
    maxconn 100
    stats socket {dir}/admin mode 600 level admin
    stats socket {dir}/user mode 666 level user
    stats socket ipv4@127.0.0.1:{port:cli} level operator
    stats timeout 1s
    stats maxconn 2
defaults
    mode http
    timeout connect 500ms
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
frontend other
    bind 127.0.0.1:{port:other}
    default_backend app
backend app
    balance roundrobin
    server s1 127.0.0.1:{one}
    server s2 127.0.0.1:{two}
"""


@dataclass(frozen=True, slots=True)
class Running:
    program: Program
    folder: Path

    def connect(self, name: str = "admin") -> socket.socket:
        """A connection to a stats socket."""
        if name == "cli":
            return socket.create_connection(("127.0.0.1", self.program.ports["cli"]), 5)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(5)
        try:
            sock.connect(str(self.folder / name))
        except OSError:
            sock.close()
            raise
        return sock

    def ask(self, line: str, name: str = "admin") -> str:
        """The answer to one line."""
        with self.connect(name) as sock:
            sock.sendall(line.encode() + b"\n")
            return everything(sock).decode()

    def get(self, port: str = "web") -> bytes:
        """The body that a request gets, b"" where nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.program.ports[port]), 5) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return everything(sock).rpartition(b"\r\n\r\n")[2]
        except ConnectionError:
            return b""


def everything(sock: socket.socket) -> bytes:
    """What comes up to the end."""
    data = b""
    while some := sock.recv(65536):
        data += some
    return data


def until(sock: socket.socket, mark: bytes) -> bytes:
    """What comes up to the mark."""
    data = b""
    while not data.endswith(mark):
        some = sock.recv(1)
        assert some, data
        data += some
    return data


@contextmanager
def running(kind: Kind, folder: Path, text: str = TEXT) -> Iterator[Running]:
    origins = [Origin(answering(b"one")), Origin(answering(b"two"))]
    try:
        values = {"one": str(origins[0].port), "two": str(origins[1].port)}
        with Program(kind, text, folder, values) as program:
            yield Running(program, folder)
    finally:
        for origin in origins:
            origin.close()


def test_answers_end_with_an_empty_line(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one:
        assert one.ask("show cli level;show backend") == "admin\n\n# name\napp\n\n"
        assert one.ask("user;show cli level;operator") == "\nuser\n\nPermission denied\n\n"
        assert one.ask("get weight app/s1") == "1 (initial 1)\n\n"
        assert one.ask("disable server app/nope") == "No such server.\n\n"
        assert one.ask("quit") == ""


def test_rights(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one:
        modes = [stat.S_IMODE((one.folder / name).stat().st_mode) for name in ("admin", "user")]
        assert modes == [0o600, 0o666]
        assert one.ask("show cli level", "cli") == "operator\n\n"
        assert one.ask("show env", "user") == "Permission denied\n\n"
        assert one.ask("set weight app/s1 5", "cli") == "Permission denied\n\n"
        assert one.ask("show info", "user").endswith("\n\n")
        addresses = one.ask("show cli sockets").splitlines()
    assert addresses[1:3] == [f"unix@{tmp_path}/admin admin all", f"unix@{tmp_path}/user user all"]
    assert re.fullmatch(r"ipv4@127\.0\.0\.1:\d+ operator all", addresses[3])


def test_prompt(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one, one.connect() as sock:
        sock.sendall(b"prompt\n")
        assert until(sock, b"> ") == b"\n> "
        sock.sendall(b"show cli level\n")
        assert until(sock, b"> ") == b"admin\n\n> "
        sock.sendall(b"show cli level;show cli level\n")
        if peer is HAPROXY and peer_version() < (3, 0):  # has a prompt behind each command
            assert until(sock, b"> ") + until(sock, b"> ") == b"admin\n\n> admin\n\n> "
        else:
            assert until(sock, b"> ") == b"admin\n\nadmin\n\n> "
        sock.sendall(b"quit\n")
        assert everything(sock) == b""


def test_a_silent_client_is_left_after_stats_timeout(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one, one.connect() as sock:
        began = time.monotonic()
        assert everything(sock) == b""
        assert 0.8 < time.monotonic() - began < 3


def test_stats_maxconn(pointsman: Kind, tmp_path: Path) -> None:
    """A third connection waits until one of the two has ended."""
    with running(pointsman, tmp_path) as one, one.connect() as first, one.connect() as second:
        first.sendall(b"prompt i;set timeout cli 10\n")
        second.sendall(b"prompt i;set timeout cli 10\n")
        assert until(first, b"\n\n") == until(second, b"\n\n") == b"\n\n"
        with one.connect() as third:
            third.sendall(b"show cli level\n")
            third.settimeout(0.3)
            with pytest.raises(TimeoutError):
                third.recv(1)
            first.sendall(b"quit\n")
            third.settimeout(5)
            assert everything(third) == b"admin\n\n"


def test_half_commands_starve_nobody(pointsman: Kind, tmp_path: Path) -> None:
    """200 clients have begun a command; whoever says a whole one has his answer soon, and who converses stays."""
    text = (
        TEXT.replace("    stats maxconn 2\n", "")
        .replace("maxconn 100\n", "maxconn 1000\n")
        .replace("timeout 1s", "timeout 60s")
    )
    with running(pointsman, tmp_path, text) as one, ExitStack() as crowd, one.connect() as talking:
        talking.sendall(b"prompt i\n")
        assert until(talking, b"\n") == b"\n"
        for _ in range(200):
            crowd.enter_context(one.connect()).sendall(b"show ver")
        began = time.monotonic()
        with one.connect() as sock:
            sock.settimeout(10)
            sock.sendall(b"show version\n")
            assert everything(sock).startswith(b"3.5")
        assert time.monotonic() - began < 5
        talking.sendall(b"show cli level\n")
        assert until(talking, b"\n\n") == b"admin\n\n"


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
def test_by_socat(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one:
        done = subprocess.run(
            ["socat", "-t5", f"UNIX-CONNECT:{one.folder}/admin", "-"],
            input=b"show info;show stat\n",
            capture_output=True,
            check=True,
        )
        pid = one.program.pid
    info, rows = done.stdout.decode().split("\n\n", 1)
    fields = dict(line.split(": ", 1) for line in info.splitlines() if not line.endswith(": "))
    assert fields["Pid"] == str(pid) and fields["Maxconn"] == "100" and fields["Nbproc"] == "1"
    assert fields["Stopping"] == "0" and fields["CurrConns"] == "0"
    assert rows.startswith("# pxname,svname,qcur,") and rows.endswith("\n\n")
    assert [line.split(",")[1] for line in rows.splitlines()[1:-1]] == ["FRONTEND", "FRONTEND", "s1", "s2", "BACKEND"]


def test_every_field_of_show_info_is_there(tmp_path: Path, pointsman: Kind) -> None:
    """All names that tools know, whatever their value."""
    known = """
        Name Version Release_date Nbthread Nbproc Process_num Pid Uptime Uptime_sec Memmax_MB PoolAlloc_MB PoolUsed_MB
        PoolFailed Ulimit-n Maxsock Maxconn Hard_maxconn CurrConns CumConns CumReq MaxSslConns CurrSslConns
        CumSslConns Maxpipes PipesUsed PipesFree ConnRate ConnRateLimit MaxConnRate SessRate SessRateLimit MaxSessRate
        SslRate SslRateLimit MaxSslRate SslFrontendKeyRate SslFrontendMaxKeyRate SslFrontendSessionReuse_pct
        SslBackendKeyRate SslBackendMaxKeyRate SslCacheLookups SslCacheMisses CompressBpsIn CompressBpsOut
        CompressBpsRateLim Tasks Run_queue Idle_pct node Stopping Jobs Listeners ActivePeers
        ConnectedPeers DroppedLogs BusyPolling FailedResolutions TotalBytesOut BytesOutRate DebugCommandsIssued
        CumRecvLogs Memmax_bytes PoolAlloc_bytes PoolUsed_bytes Start_time_sec Tainted"""
    with running(pointsman, tmp_path) as one:
        for _ in range(4):
            one.get()
        info = dict(line.split(":", 1) for line in one.ask("show info").strip().splitlines())
    assert set(known.split()) <= set(info)
    # The connection to the socket is one, too.
    assert (info["CumConns"], info["CumReq"], info["Listeners"]) == (" 5", " 5", " 5")


@pytest.mark.parametrize("lanes", [1, 2])
def test_lost_log_lines_of_all_lanes_are_counted(pointsman: Kind, tmp_path: Path, lanes: int) -> None:
    """Nobody listens at the log's socket."""
    text = TEXT.replace("global", f"global\n    nbthread {lanes}\n    log {{dir}}/nobody local0").replace(
        "mode http", "mode http\n    log global\n    option httplog"
    )
    with running(pointsman, tmp_path, text) as one:

        def dropped() -> int:
            info = dict(line.split(": ", 1) for line in one.ask("show info").strip().splitlines())
            return int(info["DroppedLogs"])

        before = dropped()
        assert [one.get() for _ in range(20)] == [b"one", b"two"] * 10
        wait(lambda: dropped() == before + 20)
        one.ask("clear counters all")
        assert dropped() == before + 20


@pytest.mark.parametrize("arguments", [("-db",), ("-W", "-db"), ("-q", "-db")])
def test_what_was_said_at_the_start(pointsman: Kind, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Also where it was not shown."""
    text = TEXT.replace("balance roundrobin", "balance roundrobin\n    timeout client 5s")
    program = Program(pointsman, text, tmp_path, {"one": "1", "two": "2"}, arguments)
    program.start()
    try:
        one = Running(program, tmp_path)
        said = one.ask("show startup-logs")
        assert "[WARNING]  (" in said and "'timeout client'" in said, said
        assert one.ask("show startup-logs", "user") == "Permission denied\n\n"
    finally:
        program.stop()


def test_states_and_weights_take_effect(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one:
        assert [one.get() for _ in range(2)] == [b"one", b"two"]
        one.ask("set server app/s1 state maint")
        assert [one.get() for _ in range(3)] == [b"two"] * 3
        one.ask("set server app/s1 state ready;set server app/s2 state drain")
        assert [one.get() for _ in range(3)] == [b"one"] * 3
        one.ask("set server app/s2 state ready;set weight app/s1 3")
        assert sorted(one.get() for _ in range(8)) == [b"one"] * 6 + [b"two"] * 2
        one.ask("disable server app/s1;disable server app/s2")
        assert b"503 Service Unavailable" in one.get()
        one.ask("enable server app/s1")
        assert one.get() == b"one"


def test_frontends_stop_and_go(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one:
        assert one.ask("disable frontend other") == "\n" and one.get("other") == b""
        assert one.ask("disable frontend other") == "All sockets are already disabled.\n\n"
        status = one.ask("show stat other 1 -1")
        assert ",PAUSED," in status
        assert one.ask("enable frontend other") == "\n" and one.get("other") in (b"one", b"two")
        assert one.ask("shutdown frontend other") == "\n" and one.get("other") == b""
        assert one.ask("enable frontend other") == "Frontend was previously shut down, cannot enable.\n\n"
        assert one.ask("shutdown frontend other") == "Frontend was already shut down.\n\n"
        assert ",STOP," in one.ask("show stat other 1 -1")
        assert one.get() in (b"one", b"two")


def refuses(family: int, where: str | tuple[str, int]) -> bool:
    with socket.socket(family) as sock:
        return sock.connect_ex(where) != 0


@pytest.mark.parametrize("lanes", [1, 2])
def test_what_was_shut_down_is_back_after_a_reload(pointsman: Kind, tmp_path: Path, lanes: int) -> None:
    """No process holds the address so that somebody would wait there; a new lane does not accept there either."""
    text = TEXT.replace("global", f"global\n    nbthread {lanes}").replace(
        "frontend other", "frontend other\n    bind {dir}/other"
    )
    program = Program(pointsman, text, tmp_path, {"one": "1", "two": "2"}, ("-W", "-db"))
    program.start()
    try:
        one = Running(program, tmp_path)
        places: list[tuple[int, str | tuple[str, int]]] = [
            (socket.AF_INET, ("127.0.0.1", program.ports["other"])),
            (socket.AF_UNIX, str(tmp_path / "other")),
        ]
        assert not any(refuses(*place) for place in places)
        assert one.ask("shutdown frontend other") == "\n"
        assert all(refuses(*place) for place in places)
        keeper = children(program.pid)[0]
        lane = children(keeper)[0]
        os.kill(lane, signal.SIGKILL)
        wait(lambda: len(children(keeper)) == lanes + 1 and lane not in children(keeper))
        time.sleep(0.5)
        assert all(refuses(*place) for place in places)
        assert b"503" in one.get()
        os.kill(program.pid, signal.SIGUSR2)
        wait(lambda: not any(refuses(*place) for place in places))
    finally:
        assert program.stop() == 0, program.stderr()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.02)


def test_limits_hold_at_once(pointsman: Kind, tmp_path: Path) -> None:
    """The second connection is accepted only when the limit is raised."""
    with running(pointsman, tmp_path) as one:
        one.ask("set maxconn frontend web 1")
        where = ("127.0.0.1", one.program.ports["web"])
        with socket.create_connection(where, 5) as first, socket.create_connection(where, 5) as second:
            first.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert until(first, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
            second.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            second.settimeout(0.3)
            with pytest.raises(TimeoutError):
                second.recv(1)
            assert ",FULL," in one.ask("show stat web 1 -1")
            one.ask("set maxconn frontend web 2")
            second.settimeout(5)
            assert until(second, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_sessions_are_listed_and_ended(pointsman: Kind, tmp_path: Path) -> None:
    with running(pointsman, tmp_path) as one:
        with socket.create_connection(("127.0.0.1", one.program.ports["web"]), 5) as sock:
            sock.sendall(b"GET /part HTTP/1.1\r\n")
            time.sleep(0.1)
            listed = one.ask("show sess").splitlines()
            source = sock.getsockname()[1]
            assert len(listed) == 3 and f" src=127.0.0.1:{source} fe=web be=<NONE> srv=<none> " in listed[0]
            assert " proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> " in listed[1]
            keys = "proto src fe be srv ts epoch age calls rate cpu lat exp rc c_exp"
            for line in listed[:2]:
                assert [key for key in re.findall(r" (\w+)=", line) if key in keys.split()] == keys.split()
                assert re.search(
                    r" rq\[f=\w+h,i=\d+,an=\w+h,ax=] rp\[f=\w+h,i=\d+,an=\w+h,ax=] scf=\[8,\w+h,fd=\d/\d+,"
                    r"rex=\d+s,wex=] scb=\[\d,\w+h,fd=\d/-1,rex=,wex=] exp=",
                    line,
                )
            assert one.ask("show sess older 60") == one.ask("show sess susp") == "\n"
            assert one.ask("show sess older 0").splitlines()[0].partition(":")[0] == listed[0].partition(":")[0]
            first, *rest = one.ask(f"show sess {listed[0].partition(':')[0]}").splitlines()
            assert f" proto=tcpv4 source=127.0.0.1:{source}" in first and all(line[:2] in ("  ", "") for line in rest)
            words = [line.split("=")[0].strip() for line in rest[:6]]
            assert words == ["flags", "p_con", "frontend", "backend", "server", "task"]
            everything_known = one.ask("show sess all")
            assert "  frontend=web (id=" in everything_known and "  frontend=GLOBAL (id=0 mode=tcp)" in everything_known
            assert "applet=<CLI>" in everything_known
            assert one.ask("show sess frontend other") == "\n"
            assert one.ask(f"shutdown session {listed[0].partition(':')[0]}") == "\n"
            assert everything(sock) == b""
        # The client may see the end before its lane has put the session away.
        comes(lambda: [line for line in one.ask("show sess").splitlines() if " fe=GLOBAL " not in line] == [""], 15)


def test_counters_are_cleared(peer: Kind, tmp_path: Path) -> None:
    def column(name: str) -> list[str]:
        lines = one.ask("show stat app -1 -1").removeprefix("# ").splitlines()
        place = lines[0].split(",").index(name)
        return [line.split(",")[place] for line in lines[1:-1]]

    with running(peer, tmp_path) as one:
        for _ in range(4):
            one.get()
        assert column("stot") == ["2", "2", "4"] and column("smax") == ["1", "1", "1"]
        one.ask("clear counters")
        assert column("stot") == ["2", "2", "4"] and column("smax") == ["0", "0", "0"]
        one.ask("clear counters all")
        assert column("stot") == ["0", "0", "0"]


def test_a_soft_stop_lets_nobody_in(pointsman: Kind, tmp_path: Path) -> None:
    """The sockets close with the listeners; a request at work finishes, and the process ends with status 0."""
    origin = Origin(answering(b"one"))
    values = {"one": str(origin.port), "two": str(origin.port)}
    program = Program(pointsman, TEXT, tmp_path, values)
    program.start()
    try:
        one = Running(program, tmp_path)
        assert one.ask("show info").count("Stopping: 0") == 1
        assert program.stop(signal.SIGUSR1) == 0
        with pytest.raises(ConnectionError):
            one.connect()
    finally:
        program.stop()
        origin.close()
