"""The command line, signals, sockets and privileges of the whole program, side by side with haproxy's."""

import contextlib
import grp
import os
import pwd
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.ports import free_port
from support.programs import HAPROXY, POINTSMAN, Kind, Program, environment, peer_version

DEFAULTS = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 2s
"""
HELLO = '    http-request return status 200 content-type text/plain lf-string "%[dst_port] %pid"\n'
WEB = DEFAULTS + "frontend web\n    bind 127.0.0.1:{port:web}\n" + HELLO
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def run(kind: Kind, words: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*kind.command, *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def ask(port: int, host: str = "127.0.0.1", client: socket.socket | None = None) -> list[str]:
    """The words of the answer's body: the port and the pid."""
    with contextlib.ExitStack() as stack:
        if client is None:
            client = stack.enter_context(socket.create_connection((host, port), timeout=5))
        client.sendall(REQUEST)
        head, _, body = client.recv(4096).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        return body.decode().split()


@contextlib.contextmanager
def running(kind: Kind, text: str, folder: Path) -> Iterator[Program]:
    """A program whose end the test itself brings about."""
    program = Program(kind, text, folder)
    program.start()
    try:
        yield program
    finally:
        program.stop(signal.SIGKILL)


def serves(pid: str, program: int) -> bool:
    """%pid is the program's own, or that of one of its lanes."""
    try:
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except FileNotFoundError:
        return False
    return str(program) in (pid, parent)


def refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


# Exit status, and whether anything is said on stdout and stderr, for the same words.

CASES = [
    "",
    "-c",
    "-v",
    "-vv",
    "-Z",
    "foo",
    "-c -f sound.cfg foo",
    "-c -q -f sound.cfg",
    "-c -V -f sound.cfg",
    "-c -q -V -f sound.cfg",
    "-c -V -q -f sound.cfg",
    "-c -q -f warns.cfg",
    "-c -V -f warns.cfg",
    "-c -f warns.cfg",
    "-c -dW -f warns.cfg",
    "-c -q -dW -f warns.cfg",
    "-c -V -dW -f warns.cfg",
    "-c -dW -V -f sound.cfg",
    "-c -f strict.cfg",
    "-c -f bad.cfg",
    "-c -q -f bad.cfg",
    "-c -V -f bad.cfg",
    "-f nobody.cfg",
    "-q -f nobody.cfg",
    "-c -f missing.cfg",
    "-c -V -f quiet.cfg",
    "-c -f quiet.cfg",
    "-c -V -- sound.cfg",
    "-c -V -f nobody.cfg -- sound.cfg",
    "-c -V -- sound.cfg --",
    "-c -V -- -v",
    "-C /nonexistent -c -f sound.cfg",
    "-C . -c -V -f sound.cfg",
    "-n 5 -c -V -f sound.cfg",
    "-N 5 -c -V -f sound.cfg",
    "-m 900 -c -V -f sound.cfg",
    "-p pid -c -V -f sound.cfg",
    "-L me -c -V -f sound.cfg",
    "-sf -c -V -f sound.cfg",
    "-st 99999999 -c -V -f sound.cfg",
    "-sf abc -c -V -f sound.cfg",
    "-sf 12x -c -f sound.cfg",
    "-D -c -V -f sound.cfg",
    "-db -c -V -f sound.cfg",
    "-dr -c -V -f sound.cfg",
    "-dR -c -V -f sound.cfg",
    "-dV -q -c -f sound.cfg",
    "-dG -q -c -f sound.cfg",
    "-dKhelp -c -q -f sound.cfg",
    "-dKall -c -q -f sound.cfg",
    "-dMhelp -c -f sound.cfg",
    "-f folder -c -V",
    "-cc 1",
    "-cc 0",
    "-cc true",
    "-cc bogus()",
    "-cc version_atleast(2.4)",
    "-cc defined(NO_SUCH_VARIABLE)",
    "-cc streq(",
    "-V -cc 0",
    "-cc 1 -c -f bad.cfg",
    "-c -f bad.cfg -v",
    "-v -Z",
    "-f sound.cfg -p",
    "-L",
    "-C",
    "-n",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    sound = WEB.replace("{port:web}", "18999")
    warns = sound.replace("timeout client 20s", "timeout tarpit 1s")
    for name, text in (
        ("sound", sound),
        ("warns", warns),
        ("strict", "global\n    zero-warning\n" + warns),
        ("bad", sound + "    blah\n"),
        ("nobody", "global\n"),
        ("quiet", "global\n    quiet\n" + warns),
    ):
        (folder / f"{name}.cfg").write_text(text)
    (folder / "folder").mkdir()
    (folder / "folder" / "1.cfg").write_text("global\n")
    (folder / "folder" / "2.cfg").write_text(sound)
    (folder / "folder" / "3.txt").write_text("nonsense\n")
    return folder


@pytest.mark.peer
@pytest.mark.parametrize("words", CASES)
def test_status_and_streams_are_haproxys(files: Path, words: str) -> None:
    theirs, ours = run(HAPROXY, words.split(), files), run(POINTSMAN, words.split(), files)
    assert (ours.returncode, bool(ours.stdout), bool(ours.stderr)) == (
        theirs.returncode,
        bool(theirs.stdout),
        bool(theirs.stderr),
    ), f"{theirs}\n{ours}"
    assert "Traceback" not in ours.stderr


@pytest.mark.peer
def test_silence_of_a_sound_file_is_that_of_the_35_manual(files: Path) -> None:
    # The 2.6 program still says "Configuration file is valid" without -V; 3.2 and the manual of 3.5 have ended this.
    said = "Configuration file is valid\n" if peer_version() < (3, 0) else ""
    assert run(HAPROXY, ["-c", "-f", "sound.cfg"], files).stdout == said
    ours = run(POINTSMAN, ["-c", "-f", "sound.cfg"], files)
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, "", "")


@pytest.mark.peer
def test_a_file_without_listeners_is_sound_as_in_35(files: Path) -> None:
    # 2.6 and 3.2 end with status 2; 3.5 has ended this.
    assert run(HAPROXY, ["-c", "-f", "nobody.cfg"], files).returncode == 2
    ours = run(POINTSMAN, ["-c", "-f", "nobody.cfg"], files)
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, "", "")


def test_a_file_with_nothing_but_a_stats_socket_runs(peer: Kind, tmp_path: Path) -> None:
    """Checks without traffic (management manual 9.3)."""
    text = (
        "global\n    stats socket {dir}/s level admin\n"
        + DEFAULTS
        + "backend app\n    server s 127.0.0.1:1 check inter 50 fall 1\n"
    )
    with running(peer, text, tmp_path) as program:
        until(lambda: b"DOWN" in answer_of(tmp_path / "s", b"show stat app 4 -1\n"))
        assert program.stop(signal.SIGTERM) in (0, 128 + signal.SIGTERM, -signal.SIGTERM)


def answer_of(path: Path, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:  # not there yet
            return b""
        client.sendall(command)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("words", ["-4 -c -f sound.cfg", "-dF -c -f sound.cfg", "-dZ -c -f sound.cfg"])
def test_options_that_only_35_knows(files: Path, words: str) -> None:
    assert run(POINTSMAN, words.split(), files).returncode == 0


# Signals.


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -2), (signal.SIGTERM, -15), (signal.SIGUSR1, 0)])
def test_how_signals_end_it(peer: Kind, tmp_path: Path, number: int, status: int) -> None:
    with running(peer, WEB, tmp_path) as program:
        assert program.stop(number) == status


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTTIN])
def test_signals_that_do_not_end_it(peer: Kind, tmp_path: Path, number: int) -> None:
    with Program(peer, WEB, tmp_path) as program:
        os.kill(program.pid, number)
        time.sleep(0.1)
        assert serves(ask(program.ports["web"])[1], program.pid)


def test_a_soft_stop_finishes_what_is_open(peer: Kind, tmp_path: Path) -> None:
    with running(peer, "global\n    hard-stop-after 10s\n" + WEB, tmp_path) as program:
        port = program.ports["web"]
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(REQUEST[:10])
            time.sleep(0.2)
            os.kill(program.pid, signal.SIGUSR1)
            until(lambda: refused(port))
            client.sendall(REQUEST[10:])
            answer = client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in answer
            assert client.recv(10) == b""
        assert program.stop(0) == 0  # no further signal: it ends by itself


def test_a_soft_stop_closes_idle_connections(peer: Kind, tmp_path: Path) -> None:
    with running(peer, WEB, tmp_path) as program:
        with socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=5) as client:
            ask(0, client=client)
            os.kill(program.pid, signal.SIGUSR1)
            assert client.recv(10) == b""
        assert program.stop(0) == 0


def test_hard_stop_after_ends_a_soft_stop(peer: Kind, tmp_path: Path) -> None:
    with (
        running(peer, "global\n    hard-stop-after 500ms\n" + WEB, tmp_path) as program,
        socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=5) as client,
    ):
        client.sendall(REQUEST[:10])
        time.sleep(0.1)
        begin = time.monotonic()
        assert program.stop(signal.SIGUSR1) == 0
        assert 0.4 < time.monotonic() - begin < 4


# Sockets.


def test_a_range_of_ports_and_maxconn_of_the_frontend(peer: Kind, tmp_path: Path) -> None:
    first = free_port()
    text = DEFAULTS + f"frontend web\n    maxconn 1\n    bind 127.0.0.1:{first}-{first + 2}\n" + HELLO
    with Program(peer, text, tmp_path) as program:
        until(lambda: not refused(first + 2))
        with socket.create_connection(("127.0.0.1", first), timeout=5) as busy:
            until(lambda: ask(0, client=busy)[0] == str(first))
            with socket.create_connection(("127.0.0.1", first + 2), timeout=0.3) as waiting:
                waiting.sendall(REQUEST)
                with pytest.raises(TimeoutError):
                    waiting.recv(10)
                busy.close()
                waiting.settimeout(5)
                port, pid = waiting.recv(4096).rpartition(b"\r\n")[2].decode().split()
                assert port == str(first + 2) and serves(pid, program.pid)


def test_maxconn_of_one_socket_leaves_the_others_free(peer: Kind, tmp_path: Path) -> None:
    text = DEFAULTS + ("frontend web\n    bind 127.0.0.1:{port:a} maxconn 1\n    bind 127.0.0.1:{port:b}\n") + HELLO
    with Program(peer, text, tmp_path) as program:
        a, b = program.ports["a"], program.ports["b"]
        with contextlib.ExitStack() as stack:
            busy = stack.enter_context(socket.create_connection(("127.0.0.1", a), timeout=5))
            until(lambda: ask(0, client=busy)[0] == str(a))
            waiting = stack.enter_context(socket.create_connection(("127.0.0.1", a), timeout=0.3))
            waiting.sendall(REQUEST)
            with pytest.raises(TimeoutError):
                waiting.recv(10)
            assert ask(b)[0] == str(b)


@pytest.mark.parametrize("word", ["-n", "-N"])
def test_maxconn_of_the_command_line(peer: Kind, tmp_path: Path, word: str) -> None:
    program = Program(peer, WEB, tmp_path, arguments=("-db", word, "1"))
    with program, socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=5) as busy:
        until(lambda: bool(ask(0, client=busy)))
        with socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=0.3) as waiting:
            waiting.sendall(REQUEST)
            with pytest.raises(TimeoutError):
                waiting.recv(10)


def test_ipv6_v4v6_and_v6only(peer: Kind, tmp_path: Path) -> None:
    text = (
        DEFAULTS
        + (
            "frontend web\n    bind :::{port:both} v4v6\n    bind :::{port:six} v6only\n"
            "    bind ipv6@:{port:prefix} v6only\n"
        )
        + HELLO
    )
    with Program(peer, text, tmp_path) as program:
        both, six, prefix = (program.ports[name] for name in ("both", "six", "prefix"))
        for host in ("::1", "127.0.0.1"):
            port, pid = ask(both, host)
            assert port == str(both) and serves(pid, program.pid)
        assert ask(six, "::1")[0] == str(six)
        assert ask(prefix, "::1")[0] == str(prefix)
        assert refused(six) and refused(prefix)


def unix_ask(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(path)
        client.sendall(REQUEST)
        return client.recv(4096)


@pytest.mark.root
def test_unix_sockets_with_mode_and_owner(peer: Kind, tmp_path: Path) -> None:
    text = (
        "global\n    unix-bind prefix {dir} mode 660\n" + DEFAULTS + "frontend web\n    bind 127.0.0.1:{port:web}\n"
        "    bind /a user nobody group nogroup mode 600\n    bind unix@/b\n    bind abns@{abstract}\n" + HELLO
    )
    name = f"pointsman-scenario-{os.getpid()}"
    abstract = "\0" + name.ljust(107, "\0")

    def listens() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(abstract) == 0

    with Program(peer, text, tmp_path, {"abstract": name}):
        until(listens)  # it is the last one, and the program was waited for at the first
        a, b = (tmp_path / "a").stat(), (tmp_path / "b").stat()
        assert (stat.S_IMODE(a.st_mode), stat.S_IMODE(b.st_mode)) == (0o600, 0o660)
        assert (a.st_uid, a.st_gid) == (pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid)
        for path in (str(tmp_path / "a"), str(tmp_path / "b"), abstract):
            assert unix_ask(path).startswith(b"HTTP/1.1 200")
    left = {path.name for path in tmp_path.iterdir()}
    assert {"a", "b"} <= left and not any(".tmp" in entry for entry in left)


def test_an_inherited_descriptor(peer: Kind, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        (tmp_path / "fd.cfg").write_text(DEFAULTS + f'frontend web\n    bind "fd@${{FD_WEB}}"\n{HELLO}')
        process = subprocess.Popen(
            [*peer.command, "-db", "-f", "fd.cfg"],
            cwd=tmp_path,
            pass_fds=[given.fileno()],
            env={**environment(), "FD_WEB": str(given.fileno())},
            stderr=subprocess.DEVNULL,
        )
        try:
            word, pid = ask(port)
            assert word == str(port) and serves(pid, process.pid)
        finally:
            process.terminate()
            assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("lanes", [1, 2])
def test_an_inherited_descriptor_in_two_lines(peer: Kind, tmp_path: Path, lanes: int) -> None:
    """Whichever frontend is the first to accept serves; USR1 closes both."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        port, number = given.getsockname()[1], given.fileno()
        (tmp_path / "fd.cfg").write_text(
            f"global\n    nbthread {lanes}\n"
            + DEFAULTS
            + "".join(f"listen {name}\n    bind fd@${{FD_WEB}}\n{HELLO}" for name in ("a", "b"))
        )
        process = subprocess.Popen(
            [*peer.command, "-db", "-f", "fd.cfg"],
            cwd=tmp_path,
            pass_fds=[number],
            env={**environment(), "FD_WEB": str(number)},
            stderr=subprocess.DEVNULL,
        )
    try:
        for _ in range(5):
            until(lambda: not refused(port))
            word, pid = ask(port)
            assert word == str(port) and serves(pid, process.pid)
        process.send_signal(signal.SIGUSR1)
        until(lambda: refused(port))
    finally:
        process.terminate()
        process.wait(10)


def test_all_bind_failures_are_told(peer: Kind, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = [sock.getsockname()[1] for sock in (first, second)]
        (tmp_path / "used.cfg").write_text(
            DEFAULTS
            + "frontend web\n"
            + "".join(f"    bind 127.0.0.1:{port}\n" for port in ports)
            + "    bind 192.0.2.1:81\n    bind /nonexistent/s\n"
        )
        done = run(peer, ["-db", "-f", "used.cfg"], tmp_path)
    assert done.returncode == 1
    for line, port in zip((8, 9), ports, strict=True):
        assert f"Binding [used.cfg:{line}] for frontend web: " in done.stderr
        assert f"cannot bind socket (Address already in use) for [127.0.0.1:{port}]" in done.stderr
    assert "cannot bind socket (Cannot assign requested address) for [192.0.2.1:81]" in done.stderr
    assert "cannot bind UNIX socket (No such file or directory) [/nonexistent/s]" in done.stderr
    assert "Some protocols failed to start their listeners! Exiting." in done.stderr


# Background, take-over, privileges.


@pytest.fixture
def daemons() -> Iterator[list[int]]:
    pids: list[int] = []
    yield pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_daemons_take_over_from_each_other(peer: Kind, tmp_path: Path, daemons: list[int]) -> None:
    port = free_port()
    (tmp_path / "d.cfg").write_text(
        "global\n    daemon\n    pidfile {}\n".format(tmp_path / "pid") + WEB.replace("{port:web}", str(port))
    )
    done = run(peer, ["-f", "d.cfg"], tmp_path)
    assert done.returncode == 0, done.stderr
    old = int((tmp_path / "pid").read_text())
    daemons.append(old)
    until(lambda: os.getsid(old) == old)
    assert serves(ask(port)[1], old)
    assert run(peer, ["-f", "d.cfg", "-sf", str(old)], tmp_path).returncode == 0
    new = int((tmp_path / "pid").read_text())
    daemons.append(new)
    assert new != old
    until(lambda: serves(ask(port)[1], new))
    until(lambda: gone(old))
    os.kill(new, signal.SIGTERM)
    until(lambda: gone(new))


def gone(pid: int) -> bool:
    """Ended; a zombie whose new parent has not looked yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_db_overrides_daemon_and_writes_no_pidfile(peer: Kind, tmp_path: Path) -> None:
    text = "global\n    daemon\n    pidfile {dir}/pid\n" + WEB
    with Program(peer, text, tmp_path) as program:
        assert serves(ask(program.ports["web"])[1], program.pid)
        assert not (tmp_path / "pid").exists()


@pytest.mark.root
def test_chroot_user_group_and_a_port_of_root(peer: Kind, tmp_path: Path) -> None:
    jail = tmp_path / "jail"
    jail.mkdir()
    port = next(port for port in range(600, 1024) if refused(port))
    text = f"global\n    chroot {jail}\n    user nobody\n    group nogroup\n" + WEB + f"    bind 127.0.0.1:{port}\n"
    with Program(peer, text, tmp_path) as program:
        until(lambda: Path(f"/proc/{program.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid)
        word, pid = ask(port)
        assert word == str(port) and serves(pid, program.pid)
        for process in (Path(f"/proc/{program.pid}"), Path(f"/proc/{pid}")):
            assert os.readlink(process / "root") == str(jail)
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            assert set(status["Uid"].split()) == {str(pwd.getpwnam("nobody").pw_uid)}
            assert set(status["Gid"].split()) == {str(grp.getgrnam("nogroup").gr_gid)}
            assert status["Groups"].split() == []
            assert int(status["CapEff"], 16) == 0


@pytest.mark.root
def test_unknown_users_and_jails_are_errors(peer: Kind, tmp_path: Path) -> None:
    web = WEB.replace("{port:web}", str(free_port()))
    (tmp_path / "u.cfg").write_text("global\n    user no-such-user\n    group no-such-group\n" + web)
    done = run(peer, ["-c", "-f", "u.cfg"], tmp_path)
    assert done.returncode == 1
    assert "cannot find user id for 'no-such-user'" in done.stderr
    assert "cannot find group id for 'no-such-group'" in done.stderr
    (tmp_path / "c.cfg").write_text("global\n    chroot /nonexistent\n" + web)
    assert run(peer, ["-c", "-f", "c.cfg"], tmp_path).returncode == 0
    done = run(peer, ["-db", "-f", "c.cfg"], tmp_path)
    assert done.returncode == 1
    assert "Cannot chroot(/nonexistent)" in done.stderr


@pytest.mark.root
def test_without_root_strict_limits_decide(peer: Kind, tmp_path: Path) -> None:
    script = 'ulimit -n 100; exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"'

    def limited(text: str) -> "subprocess.CompletedProcess[str]":
        os.chmod(tmp_path, 0o755)
        (tmp_path / "l.cfg").write_text(text + WEB.replace("{port:web}", str(free_port())))
        words = [
            "bash",
            "-c",
            script,
            "-",
            "timeout",
            "-s",
            "USR1",
            "3",
            *peer.command,
            "-db",
            "-n",
            "1000",
            "-f",
            str(tmp_path / "l.cfg"),
        ]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=30, check=False, env=environment(), cwd="/", preexec_fn=None
        )

    for folder in (tmp_path, *(one for one in tmp_path.parents if one.name.startswith(("pytest-", "popen-")))):
        os.chmod(folder, 0o755)
    done = limited("")
    if peer is HAPROXY and done.returncode == 126:
        pytest.skip("the peer lies where root alone can run it")
    assert done.returncode == 1
    assert (
        "Cannot raise FD limit to 2018, limit is 100." in done.stderr
        or "Cannot raise FD limit to 2017, limit is 100." in done.stderr
    )
    done = limited("global\n    no strict-limits\n")
    assert "Cannot raise FD limit to" in done.stderr
    assert "FD limit (100) too low for maxconn=1000/maxsock=201" in done.stderr
    assert "Please raise 'ulimit-n' to 201" in done.stderr


# Who reads may leave; SIGINT ends in every case.


@pytest.mark.parametrize("words", ["-v", "-vv", "--help", "-dKall -c -q -f sound.cfg", "-c -V -f sound.cfg", "-Z"])
@pytest.mark.parametrize("full", [False, True])
def test_a_reader_who_leaves_ends_nothing(files: Path, words: str, full: bool) -> None:
    if full:
        target = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, target = os.pipe()
        os.close(reader)
    try:
        done = subprocess.run(
            [*POINTSMAN.command, *words.split()],
            cwd=files,
            env=environment(),
            stdout=target,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
            check=False,
        )
    finally:
        os.close(target)
    assert done.returncode == (1 if words == "-Z" else 0)
    assert "Error" not in done.stderr


# What a shell without job control does to its background jobs.
IGNORING = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


@pytest.mark.parametrize("master", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("lanes", [1, 2])
def test_the_status_of_an_end_by_a_signal(tmp_path: Path, master: bool, number: signal.Signals, lanes: int) -> None:
    """As 3.2 has it. Debian's 2.6 does not end by INT where its parent ignored that."""
    port = free_port()
    (tmp_path / "a.cfg").write_text(f"global\n    nbthread {lanes}\n" + WEB.replace("{port:web}", str(port)))
    words = [*IGNORING, *POINTSMAN.command, "-W" if master else "-db", "-f", "a.cfg"]
    stderr = tmp_path / "stderr"
    with stderr.open("wb") as file:
        process = subprocess.Popen(words, cwd=tmp_path, env=environment(), stderr=file)
    try:
        until(lambda: not refused(port) and (not master or "Loading success" in stderr.read_text()), 15)
        ask(port)
        process.send_signal(number)
        process.wait(10)
    finally:
        process.kill()
    said = stderr.read_text()
    if not master:
        assert process.returncode == -number
        return
    code, status = (130, 130) if number == signal.SIGINT else (143, 0)
    assert f"exited with code {code} (" in said
    assert f"All workers exited. Exiting... ({status})" in said
    assert process.returncode == status
