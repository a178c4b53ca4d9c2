"""The life of a process: signals, soft stop, background, take-over, privileges."""

import contextlib
import json
import os
import pwd
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("echo_program.py")


class Started:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []

    def ready(self) -> list[str]:
        """The words of the line that says it runs: ready, pid, uid, gid, maxconn."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().split()
        assert line and line[0] == "ready", self.process.communicate(timeout=10)
        return line

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        """Its status (negative: the signal it died by), and what it said."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


@pytest.fixture
def start() -> Iterator[object]:
    started: list[Started] = []

    def begin(uvloop: bool = True, **asked: object) -> Started:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        code = (
            [str(PROGRAM)]
            if uvloop
            else [
                "-c",
                f"import sys, runpy; sys.modules['uvloop'] = None; sys.argv = [{str(PROGRAM)!r}, sys.argv[1]]; "
                f"runpy.run_path({str(PROGRAM)!r}, run_name='__main__')",
            ]
        )
        process = subprocess.Popen(
            [sys.executable, *code, json.dumps(asked)],
            text=True,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(Started(process))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def talk(port: int) -> tuple[socket.socket, int]:
    """A connection, and the pid of who serves it."""
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    try:
        return client, int(client.recv(100))
    except (OSError, ValueError):  # a socket that is left open would be a fault of some later test
        client.close()
        raise


def echoes(client: socket.socket) -> bool:
    client.sendall(b"hello")
    return client.recv(100) == b"hello"


def refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def until(holds: object, seconds: float = 5) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


@pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_int_and_term_end_at_once_by_that_signal(start, number: int, uvloop: bool) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    program = start(uvloop=uvloop, ports=[port])
    program.ready()
    client, _ = talk(port)
    with client:
        status, out, _ = program.end(number)
        assert status == -number
        assert out == "flushed\n"
        assert client.recv(10) == b""


def test_a_shell_shows_143(start) -> None:  # type: ignore[no-untyped-def]
    script = f"{sys.executable} {PROGRAM} '{{\"ports\": [{free_port()}]}}' & p=$!; sleep 1; kill $p; wait $p; echo $?"
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.splitlines()[-1] == "143"


@pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
def test_usr1_lets_connections_finish_and_ends_with_0(start, uvloop: bool) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    program = start(uvloop=uvloop, ports=[port])
    program.ready()
    client, _ = talk(port)
    with client:
        program.process.send_signal(signal.SIGUSR1)
        until(lambda: refused(port))
        assert echoes(client)
        assert program.process.poll() is None
    status, out, _ = program.end()
    assert (status, out) == (0, "flushed\n")


def test_usr1_without_connections_ends_at_once(start) -> None:  # type: ignore[no-untyped-def]
    program = start(ports=[free_port()])
    program.ready()
    assert program.end(signal.SIGUSR1)[0] == 0


def test_hard_stop_after(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    program = start(ports=[port], plan={"hard_stop_after": 300})
    program.ready()
    client, _ = talk(port)
    with client:
        begin = time.monotonic()
        status, _, err = program.end(signal.SIGUSR1)
        assert status == 0
        assert 0.25 < time.monotonic() - begin < 3
        assert "soft-stop running for too long, performing a hard-stop." in err
        assert "1 remaining conns will be closed" in err


def test_grace_delays_the_soft_stop(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    program = start(ports=[port], plan={"grace": 600})
    program.ready()
    program.process.send_signal(signal.SIGUSR1)
    time.sleep(0.2)
    client, _ = talk(port)
    client.close()
    assert program.end()[0] == 0


def test_ttou_pauses_and_ttin_resumes(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    program = start(ports=[port])
    program.ready()
    old, _ = talk(port)
    with old:
        program.process.send_signal(signal.SIGTTOU)
        until(lambda: refused(port))
        assert echoes(old)
        program.process.send_signal(signal.SIGTTIN)
        until(lambda: not refused(port))
        client, _ = talk(port)
        with client:
            assert echoes(client)
    assert program.end(signal.SIGTERM)[0] == -signal.SIGTERM


def test_hup_dumps_and_usr2_is_nothing_and_quit_tells_memory(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    program = start(ports=[port])
    program.ready()
    program.process.send_signal(signal.SIGUSR2)
    program.process.send_signal(signal.SIGHUP)
    assert program.process.stdout.readline() == "dumped\n"
    program.process.send_signal(signal.SIGQUIT)
    client, _ = talk(port)
    client.close()
    status, _, err = program.end(signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert "kB resident" in err


def test_no_signal_is_lost_under_load(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    program = start(ports=[port])
    program.ready()
    for _ in range(20):
        clients = [talk(port)[0] for _ in range(10)]
        program.process.send_signal(signal.SIGHUP)
        assert all(echoes(client) for client in clients)
        assert program.process.stdout.readline() == "dumped\n"
        for client in clients:
            client.close()
    assert program.end(signal.SIGUSR1)[0] == 0


# Sockets.


def test_all_bind_failures_are_told_and_status_is_1(start) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = [first.getsockname()[1], second.getsockname()[1]]
        status, out, err = start(ports=ports, paths=["/nonexistent/s"]).end()
    assert (status, out) == (1, "")
    for port in ports:
        assert (
            f"Binding [echo.cfg:1] for frontend echo: cannot bind socket (Address already in use) "
            f"for [127.0.0.1:{port}]"
        ) in err
    assert "cannot bind UNIX socket (No such file or directory) [/nonexistent/s]" in err
    assert "Some protocols failed to start their listeners! Exiting." in err


def test_quiet_says_nothing(start) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert start(ports=[other.getsockname()[1]], quiet=True).end() == (1, "", "")


def test_sf_takes_over_without_a_refusal(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    old = start(ports=[port])
    old.ready()
    client, pid = talk(port)
    with client:
        assert pid == old.process.pid
        new = start(ports=[port], plan={"old_pids": [old.process.pid]})
        while new.process.stdout is not None and old.process.poll() is None:
            other, pid = talk(port)
            other.close()
            if pid == new.process.pid:
                break
        until(lambda: served_by(port) == new.process.pid)
        assert echoes(client)
    assert old.end()[0] == 0
    new.ready()
    assert new.end(signal.SIGTERM)[0] == -signal.SIGTERM


def served_by(port: int) -> int:
    client, pid = talk(port)
    client.close()
    return pid


def test_st_terminates_the_old_one(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    old = start(ports=[port])
    old.ready()
    new = start(ports=[port], plan={"old_pids": [old.process.pid], "old_finish": False})
    new.ready()
    assert old.end()[0] == -signal.SIGTERM
    assert served_by(port) == new.process.pid


def test_without_reuseport_the_old_one_is_paused_for_the_new_one(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    old = start(ports=[port], reuse_port=False)
    old.ready()
    begin = time.monotonic()
    new = start(ports=[port], reuse_port=False, plan={"old_pids": [old.process.pid]})
    new.ready()
    assert time.monotonic() - begin < 2, "a pause is short: all retries together take 2 s"
    assert old.end()[0] == 0
    assert served_by(port) == new.process.pid


@pytest.mark.slow
def test_if_the_new_one_fails_the_old_one_resumes(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    path = str(tmp_path / "s")
    old = start(ports=[port], paths=[path], reuse_port=False)
    old.ready()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        new = start(
            ports=[port, taken.getsockname()[1]], paths=[path], reuse_port=False, plan={"old_pids": [old.process.pid]}
        )
        assert new.end()[0] == 1
    until(lambda: not refused(port))
    assert served_by(port) == old.process.pid
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        assert int(client.recv(100)) == old.process.pid


def test_a_unix_socket_is_taken_over(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = str(tmp_path / "s")
    old = start(paths=[path])
    old.ready()
    new = start(paths=[path], plan={"old_pids": [old.process.pid]})
    new.ready()
    assert old.end()[0] == 0
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        assert int(client.recv(100)) == new.process.pid
    assert os.listdir(tmp_path) == ["s"]


# Background.


@pytest.fixture
def daemons() -> Iterator[list[int]]:
    pids: list[int] = []
    yield pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_daemon_leaves_a_pidfile_and_its_terminal(start, tmp_path: Path, daemons: list[int]) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    pidfile = tmp_path / "pid"
    program = start(ports=[port], plan={"daemon": True, "pidfile": str(pidfile)})
    status, out, _ = program.end()
    assert status == 0
    pid = int(pidfile.read_text())
    daemons.append(pid)
    assert out.split()[:2] == ["ready", str(pid)]
    assert served_by(port) == pid
    assert os.getsid(pid) == pid
    for stream in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{stream}") == "/dev/null"
    os.kill(pid, signal.SIGTERM)
    until(lambda: refused(port))


def test_a_daemon_that_cannot_start_is_a_failure_of_the_command(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plan = {"daemon": True, "privileges": {"chroot": "/nonexistent"}}
    status, _, err = start(ports=[free_port()], plan=plan).end()
    assert status == 1
    assert "Cannot chroot(/nonexistent)" in err
    plan = {"daemon": True, "pidfile": "/nonexistent/pid"}
    status, _, err = start(ports=[free_port()], plan=plan).end()
    assert status == 1
    assert "Cannot create pidfile /nonexistent/pid" in err


def test_in_the_foreground_there_is_no_pidfile(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    program = start(ports=[free_port()], plan={"pidfile": str(tmp_path / "pid")})
    program.ready()
    assert not (tmp_path / "pid").exists()


# Limits and privileges.


def test_maxconn_follows_from_the_limit_of_descriptors(start) -> None:  # type: ignore[no-untyped-def]
    limit = min(max(resource.getrlimit(resource.RLIMIT_NOFILE)), 1 << 20)
    assert int(start(ports=[free_port()]).ready()[4]) == (limit - 18) // 2
    assert start(ports=[free_port()], plan={"wanted": {"maxconn": 77}}).ready()[4] == "77"


def test_maxconn_bounds_the_process(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    start(ports=[port], plan={"wanted": {"maxconn": 1}}).ready()
    first, _ = talk(port)
    with socket.create_connection(("127.0.0.1", port), timeout=0.3) as second:
        with pytest.raises(TimeoutError):
            second.recv(10)
        first.close()
        second.settimeout(5)
        assert second.recv(10)


@pytest.mark.root
def test_chroot_user_and_group(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    nobody = pwd.getpwnam("nobody")
    rights = {"chroot": str(tmp_path), "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    port = free_port()
    program = start(ports=[port], plan={"privileges": rights})
    _, pid, uid, gid, _ = program.ready()
    assert (int(uid), int(gid)) == (nobody.pw_uid, nobody.pw_gid)
    assert os.readlink(f"/proc/{pid}/root") == str(tmp_path)
    assert os.readlink(f"/proc/{pid}/cwd") == str(tmp_path)
    groups = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Groups"))
    assert groups.split() == ["Groups:"]
    assert served_by(port) == int(pid)
    assert program.end(signal.SIGTERM)[0] == -signal.SIGTERM


@pytest.mark.root
def test_chroot_auto_is_an_empty_place_without_a_name(start) -> None:  # type: ignore[no-untyped-def]
    program = start(ports=[free_port()], plan={"privileges": {"chroot": "auto"}})
    pid = program.ready()[1]
    assert os.readlink(f"/proc/{pid}/root").endswith("(deleted)")
    assert os.listdir(f"/proc/{pid}/root") == []
    assert "Started as root without 'chroot'" not in program.end(signal.SIGTERM)[2]


@pytest.mark.root
def test_root_without_chroot_is_warned(start) -> None:  # type: ignore[no-untyped-def]
    program = start(ports=[free_port()])
    program.ready()
    said = program.end(signal.SIGTERM)[2]
    assert "Started as root without 'chroot'" in said
    assert "Started as root without 'user'" in said


@pytest.mark.root
def test_root_by_its_own_will_is_not_warned(start) -> None:  # type: ignore[no-untyped-def]
    program = start(ports=[free_port()], plan={"privileges": {"chroot": "/", "uid": 0}})
    program.ready()
    assert "Started as root" not in program.end(signal.SIGTERM)[2]


@pytest.mark.root
def test_a_pidfile_is_written_outside_of_the_jail(start, tmp_path: Path, daemons: list[int]) -> None:  # type: ignore[no-untyped-def]
    jail = tmp_path / "jail"
    jail.mkdir()
    nobody = pwd.getpwnam("nobody")
    rights = {"chroot": str(jail), "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    program = start(ports=[free_port()], plan={"daemon": True, "pidfile": str(tmp_path / "pid"), "privileges": rights})
    assert program.end()[0] == 0
    pid = int((tmp_path / "pid").read_text())
    daemons.append(pid)
    assert Path(f"/proc/{pid}").stat().st_uid == nobody.pw_uid


@pytest.mark.root
def test_an_old_process_of_root_is_told_before_the_new_one_becomes_another_user(start) -> None:  # type: ignore[no-untyped-def]
    port = free_port()
    nobody = pwd.getpwnam("nobody")
    # Without root's SO_REUSEPORT group: sockets of different users do not share a port, but both are opened by root.
    old = start(ports=[port])
    old.ready()
    new = start(ports=[port], plan={"old_pids": [old.process.pid], "privileges": {"uid": nobody.pw_uid}})
    new.ready()
    assert old.end()[0] == 0
    assert served_by(port) == new.process.pid
