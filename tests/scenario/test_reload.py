"""The master: reloads on the same sockets without a failed request, systemd's protocol, pid file, statuses."""

import os
import re
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.crowd import REQUEST, Crowd, ask, children, read_response, until
from support.ports import free_port, listening_ports
from support.receiver import LogReceiver
from support.service import BODY, HEAD, Service
from support.storm import LONG, Storm


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    if made.process is not None:
        if made.process.poll() is None:
            made.process.terminate()
        made.process.wait(15)
    assert "Traceback" not in made.stderr()


# Reload.


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGHUP])
def test_a_reload_is_a_new_generation(service: Service, number: int) -> None:
    service.begin("first")
    old = children(service.pid)
    assert (service.ask(), len(old)) == ("first", 1)
    service.reload("second", number=number)
    assert service.comes_to("second")
    until(lambda: len(children(service.pid)) == 1)
    assert children(service.pid) != old
    until(lambda: service.said(f"Former worker ({old[0]}) exited with code 0 (Exit)"))
    assert service.end(signal.SIGTERM) == 0


def test_a_file_that_does_not_load_changes_nothing(service: Service) -> None:
    with closing(LogReceiver(service.folder / "log")) as log:
        service.begin("first")
        old = children(service.pid)
        service.reload("second", more="    blah\n")
        assert (service.ask(), children(service.pid)) == ("first", old)
        assert "unknown keyword 'blah'" in service.stderr()
        until(lambda: any("Reload failed" in line and "unknown keyword 'blah'" in line for line in log.wait(0)))
        service.reload("third")
        assert service.comes_to("third")


def test_an_address_that_is_taken_changes_nothing(service: Service) -> None:
    service.begin("first")
    with socket.create_server(("127.0.0.1", 0)) as other:
        service.reload("second", more=f"frontend more\n    bind 127.0.0.1:{other.getsockname()[1]}\n")
    assert service.ask() == "first"
    assert "Address already in use" in service.stderr()
    service.reload("third")
    assert service.comes_to("third")


def test_addresses_come_and_go(service: Service) -> None:
    service.begin("first")
    more = free_port()
    service.body = BODY.replace("    bind {dir}/web\n", f"    bind 127.0.0.1:{more}\n")
    service.reload("second")
    assert service.comes_to("second")
    assert ask(more) == "second"
    service.body = BODY
    service.reload("third")
    until(lambda: more not in listening_ports())
    assert service.comes_to("third")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_ten_reloads_under_new_connections(service: Service) -> None:
    """Two thousand new connections a second, every second file broken: none fails. The long form is of 50,000."""
    service.body = BODY.replace(
        "    http-request",
        "    http-request return status 200 content-type text/plain "
        'lf-string "%pid" if { path /who }\n    http-request',
    )
    service.begin("0")
    with Storm(service.port, 2000, hold=0) as storm:
        for number in range(1, 11):
            service.reload(str(number), more="    blah\n" if number % 2 else "")
            time.sleep(2 if LONG else 0)
        until(lambda: storm.started > (50_000 if LONG else 5_000), 30)
    print(f"{storm.started} connections in {storm.seconds:.1f} s by {len(storm.owners)} lanes")
    # An idle connection may be closed by a soft stop as long as nothing was asked on it.
    assert [client for client in storm.failures if client.asked or not client.owner] == []
    assert len(storm.failures) < storm.started / 50
    assert storm.answered + len(storm.failures) == storm.started
    assert len(storm.owners) >= 6  # six generations, of one lane each at least
    assert service.comes_to("10")
    until(lambda: len(children(service.pid)) == 1)


def test_a_request_that_was_sent_is_answered(service: Service) -> None:
    service.begin("0")
    with Crowd(service.port, 8, pause=0.001, kept=True) as crowd:
        for number in range(1, 5):
            service.reload(str(number))
            time.sleep(0.3)
    assert crowd.failures == []
    assert crowd.answered > 500


def test_a_long_request_outlives_the_reload_and_hard_stop_after_bounds_it(service: Service) -> None:
    service.head = HEAD.replace("nbthread 2", "nbthread 2\n    hard-stop-after 1s")
    service.begin("first")
    with (
        socket.create_connection(("127.0.0.1", service.port)) as slow,
        socket.create_connection(("127.0.0.1", service.port)) as endless,
    ):
        for client in (slow, endless):
            client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n")
        time.sleep(0.2)
        service.reload("second")
        assert service.comes_to("second")
        slow.sendall(b"\r\n")
        assert read_response(slow).endswith(b"first")
        begin = time.monotonic()
        endless.settimeout(5)
        assert endless.recv(10) == b""
        assert time.monotonic() - begin < 3


def test_unix_sockets_keep_their_inode_and_the_runtime_socket_is_the_new_generations(service: Service) -> None:
    service.begin("first")
    before = os.stat(service.folder / "web").st_ino
    service.head = HEAD.replace("mode 600", "mode 660")
    service.reload("second")
    assert os.stat(service.folder / "web").st_ino == before
    assert stat.S_IMODE(os.stat(service.folder / "stats").st_mode) == 0o660
    until(lambda: len(children(service.pid)) == 1)
    for address in (str(service.folder / "web"), (f"\0pointsman-{service.port}".encode()).ljust(108, b"\0")):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(address)
            client.sendall(REQUEST)
            assert read_response(client).endswith(b"second")

    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(service.folder / "stats"))
            client.sendall(b"show info\n")
            answer = b""
            while data := client.recv(65536):
                answer += data
        assert f"\nPid: {children(service.pid)[0]}\n".encode() in answer


def test_an_inherited_descriptor_survives(service: Service) -> None:
    service.body = BODY.replace("127.0.0.1:{port}", "fd@{fd}")
    with socket.create_server(("127.0.0.1", service.port)) as listening:
        service.body = service.body.replace("{fd}", str(listening.fileno()))
        service.write("first")
        service.start("-W", "-db", inherited=(listening.fileno(),))
    until(lambda: service.said("Loading success."), 10)
    assert service.ask() == "first"
    service.reload("second")
    assert service.comes_to("second")


def test_reloads_that_are_asked_for_at_once_end_with_the_last_file(service: Service) -> None:
    service.begin("first")
    for text in ("second", "third", "fourth"):
        service.write(text)
        service.tell(signal.SIGUSR2)
        time.sleep(0.05)
    until(lambda: service.ask() == "fourth", 10)
    until(lambda: len(children(service.pid)) == 1, 10)
    assert service.ask() == "fourth"


def test_an_old_generation_survives_only_so_many_reloads(service: Service) -> None:
    service.head = HEAD.replace("nbthread 2", "nbthread 1\n    mworker-max-reloads 1")
    service.begin("first")
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        time.sleep(0.2)
        service.reload("second")
        time.sleep(0.3)
        assert len(children(service.pid)) == 2
        service.reload("third")
        assert client.recv(10) == b""


# Start and end.


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGUSR1, 0)])
def test_how_signals_end_it(service: Service, number: int, status: int) -> None:
    service.begin("first")
    keeper = children(service.pid)[0]
    family = [keeper, *children(keeper)]
    assert service.end(number) == status
    assert not [pid for pid in family if os.path.exists(f"/proc/{pid}")]
    assert service.port not in listening_ports()


def test_a_soft_stop_by_the_master(service: Service) -> None:
    service.begin("first")
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n")
        time.sleep(0.2)
        service.tell(signal.SIGUSR1)
        until(lambda: service.port not in listening_ports())
        client.sendall(b"\r\n")
        assert read_response(client).startswith(b"HTTP/1.1 200")
    assert service.end() == 0


def test_a_file_that_does_not_load_at_the_start(service: Service) -> None:
    service.write("first", "    blah\n")
    service.start("-W", "-db")
    assert service.end() == 1
    assert service.stderr().count("unknown keyword 'blah'") == 1


def test_a_crash_of_the_keeper_ends_all_with_its_code(service: Service) -> None:
    service.begin("first")
    keeper = children(service.pid)[0]
    family = children(keeper)
    os.kill(keeper, signal.SIGSEGV)
    assert service.end() == 139
    assert f"Current worker ({keeper}) exited with code 139 (Segmentation fault)" in service.stderr()
    assert "exit-on-failure: killing every processes with SIGTERM" in service.stderr()
    until(lambda: not [pid for pid in family if os.path.exists(f"/proc/{pid}")])


def test_no_exit_on_failure(service: Service) -> None:
    service.head = HEAD.replace("nbthread 2", "nbthread 2\n    master-worker no-exit-on-failure")
    service.begin("first")
    os.kill(children(service.pid)[0], signal.SIGKILL)
    until(lambda: service.stderr().count("Loading success.") == 2, 10)
    assert service.ask() == "first"
    assert service.end(signal.SIGTERM) == 0


def test_the_keyword_does_as_the_option(service: Service) -> None:
    service.head = HEAD.replace("nbthread 2", "nbthread 2\n    master-worker")
    service.head += '    setenv SECOND "$FIRST"\n    setenv FIRST changed\n'
    service.body = BODY.replace("{text}", "${SECOND}-${HAPROXY_MWORKER}")
    service.write("")
    service.start("-db", variables={"FIRST": "original"})
    until(lambda: service.said("Loading success."), 10)
    assert service.ask() == "original-1"
    service.reload("")
    assert service.ask() == "original-1", "each generation starts with the environment of the first"
    assert service.end(signal.SIGUSR1) == 0


def test_the_pid_file_holds_the_masters_pid(service: Service) -> None:
    service.begin("first", "-W", "-db", "-p", str(service.folder / "pid"))
    assert (service.folder / "pid").read_text() == f"{service.pid}\n"
    service.reload("second")
    assert (service.folder / "pid").read_text() == f"{service.pid}\n"


def test_a_pid_file_that_cannot_be_written(service: Service) -> None:
    service.write("first")
    service.start("-W", "-db", "-p", "/nonexistent/pid")
    assert service.end() == 1
    assert service.said("Cannot create pidfile /nonexistent/pid")


@pytest.mark.parametrize("where", ["option", "file"])
def test_in_the_background(service: Service, where: str) -> None:
    if where == "file":
        service.head = HEAD.replace("nbthread 2", "nbthread 2\n    daemon\n    nopoll")
    service.write("first")
    service.start("-W", *(("-D",) if where == "option" else ()), "-p", str(service.folder / "pid"))
    assert service.end() == 0
    pid = int((service.folder / "pid").read_text())
    try:
        assert service.ask() == "first"
        assert pid != service.pid and os.getsid(pid) == pid
        keeper = children(pid)[0]
        for one in (pid, keeper, *children(keeper)):
            assert os.readlink(f"/proc/{one}/fd/2") == "/dev/null"
        assert service.stderr().count("'nopoll' has no effect") == (1 if where == "file" else 0)
        service.write("second")
        os.kill(pid, signal.SIGUSR2)
        until(lambda: service.ask() == "second", 10)
    finally:
        os.kill(pid, signal.SIGTERM)
    until(lambda: not os.path.exists(f"/proc/{pid}") or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text())


# systemd.


class Notified:
    """A NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.settimeout(10)

    def next(self) -> dict[str, str]:
        lines = self.sock.recv(4096).decode().splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def close(self) -> None:
        self.sock.close()


@pytest.mark.parametrize("word", ["-W", "-Ws"])
def test_systemd_is_told(service: Service, word: str) -> None:
    service.head = HEAD.replace("nbthread 2", "nbthread 2" + ("\n    daemon" if word == "-Ws" else ""))
    service.write("first")
    with closing(Notified(service.folder / "notify")) as notified:
        # In -Ws the file's `daemon` is overruled: systemd wants to see the process that it has started.
        service.start(
            word, *(() if word == "-Ws" else ("-db",)), variables={"NOTIFY_SOCKET": str(service.folder / "notify")}
        )
        ready = {"READY": "1", "MAINPID": str(service.pid), "STATUS": "Ready."}
        assert notified.next() == ready
        assert service.ask() == "first"
        before = time.monotonic_ns() // 1000
        service.reload("second")
        reloading = notified.next()
        assert reloading["RELOADING"] == "1"
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert notified.next() == ready
        service.reload("third", more="    blah\n")
        assert notified.next()["RELOADING"] == "1"
        failed = notified.next()
        assert (failed["READY"], failed["MAINPID"]) == ("1", str(service.pid))
        assert re.match(r"Reload failed: .*unknown keyword 'blah'", failed["STATUS"])
        service.tell(signal.SIGUSR1)
        assert notified.next()["STOPPING"] == "1"
        assert service.end() == 0
