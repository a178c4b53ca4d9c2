"""Several lanes: a process that is killed is replaced, only its own connections go with it, and all get their share."""

import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.crowd import REQUEST, Crowd, ask, children, read_response, until
from support.ports import listening_ports
from support.programs import POINTSMAN, Program
from support.receiver import LogReceiver

TWO = """
global
    nbthread 2
    log {dir}/log local0 notice
    stats socket {dir}/stats level admin
defaults
    mode http
    log global
    timeout connect 2s
    timeout client 20s
    timeout server 2s
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200 content-type text/plain lf-string "%pid"
backend farm
    server one 127.0.0.1:{port:web} check inter 100ms
"""


@contextmanager
def lanes(folder: Path, text: str = TWO) -> Iterator[Program]:
    """The program; it ends by TERM, and none of its processes is left."""
    program = Program(POINTSMAN, text, folder)
    with program:
        begun(program)
        family = children(program.pid)
        yield program
        family += children(program.pid)
    assert not [pid for pid in family if os.path.exists(f"/proc/{pid}")]


def serving(port: int, count: int = 2) -> list[int]:
    """The pids of the lanes, found by asking."""
    found: set[int] = set()
    end = time.monotonic() + 5
    clients: list[socket.socket] = []
    while len(found) < count:
        assert time.monotonic() < end, f"only {found} serve"
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        clients.append(client)
        client.sendall(REQUEST)
        found.add(int(read_response(client).partition(b"\r\n\r\n")[2]))
    for client in clients:
        client.close()
    return sorted(found)


def command(folder: Path, text: str) -> str:
    """One command on the runtime socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(str(folder / "stats"))
        client.sendall(text.encode() + b"\n")
        answer = b""
        while data := client.recv(65536):
            answer += data
    return answer.decode()


def begun(program: Program) -> None:
    """Waits until all its processes are at work: one that ends before that has failed to start."""
    until(lambda: len(children(program.pid)) == 3)
    serving(program.ports["web"])
    until(lambda: checked(program.folder))


def checked(folder: Path) -> bool:
    """The runtime socket answers, and says that the check of the server has passed."""
    try:
        lines = command(folder, "show stat").splitlines()
    except OSError:
        return False
    names = lines[0].lstrip("# ").split(",")
    row = next(line.split(",") for line in lines if line.startswith("farm,one,"))
    return dict(zip(names, row))["check_status"] == "L4OK"


def logged(log: LogReceiver, text: str) -> bool:
    return any(text in line for line in log.wait(0))


# Who runs.


def test_two_lanes_and_control_are_children_of_the_keeper(tmp_path: Path) -> None:
    with lanes(tmp_path) as program:
        family = children(program.pid)
        assert serving(program.ports["web"]) == family[:2]
        assert f"Pid: {program.pid}\n" in command(tmp_path, "show info")


def test_one_lane_is_one_process(tmp_path: Path) -> None:
    with Program(POINTSMAN, TWO.replace("nbthread 2", "nbthread 1"), tmp_path) as program:
        assert children(program.pid) == []
        assert int(ask(program.ports["web"])) == program.pid


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_int_and_term_end_all_at_once(tmp_path: Path, number: int) -> None:
    program = Program(POINTSMAN, TWO, tmp_path)
    program.start()
    begun(program)
    family = children(program.pid)
    with socket.create_connection(("127.0.0.1", program.ports["web"])) as client:
        assert program.stop(number) == -number
        assert client.recv(1) == b""
    assert not [pid for pid in family if os.path.exists(f"/proc/{pid}")]
    assert "exited with" not in program.stderr()


def test_an_interrupt_of_the_whole_group_replaces_nobody(tmp_path: Path) -> None:
    program = Program(POINTSMAN, TWO, tmp_path)
    program.start()
    begun(program)
    for pid in [*children(program.pid), program.pid]:  # the children first
        os.kill(pid, signal.SIGTERM)
    until(lambda: program.stop(0) == -signal.SIGTERM)
    assert "forked" not in program.stderr()


def test_an_interrupt_that_ends_all_children_at_once_ends_their_keeper(tmp_path: Path) -> None:
    """It finds that all have ended together, and is told to end while it looks whether that was meant for all."""
    program = Program(POINTSMAN, TWO, tmp_path)
    program.start()
    begun(program)
    ended = children(program.pid)
    os.kill(program.pid, signal.SIGSTOP)
    for pid in ended:
        os.kill(pid, signal.SIGTERM)
    until(lambda: all(") Z " in Path(f"/proc/{pid}/stat").read_text() for pid in ended))
    os.kill(program.pid, signal.SIGCONT)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in ended))
    assert program.stop() == -signal.SIGTERM


def test_a_soft_stop_lets_requests_finish_and_ends_with_0(tmp_path: Path) -> None:
    program = Program(POINTSMAN, TWO, tmp_path)
    program.start()
    begun(program)
    port = program.ports["web"]
    clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(8)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n")
    time.sleep(0.2)
    os.kill(program.pid, signal.SIGUSR1)
    until(lambda: port not in listening_ports())
    for client in clients:
        client.sendall(b"\r\n")
        response = read_response(client)
        assert response.startswith(b"HTTP/1.1 200") and b"connection: close" in response.lower()
        client.close()
    assert program.stop(0) == 0


def test_hard_stop_after_ends_a_soft_stop(tmp_path: Path) -> None:
    program = Program(POINTSMAN, TWO.replace("nbthread 2", "nbthread 2\n    hard-stop-after 300ms"), tmp_path)
    program.start()
    begun(program)
    with socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        time.sleep(0.1)
        begin = time.monotonic()
        assert program.stop(signal.SIGUSR1) == 0
        assert 0.25 < time.monotonic() - begin < 3


def test_pause_and_resume(tmp_path: Path) -> None:
    with lanes(tmp_path) as program:
        port = program.ports["web"]
        os.kill(program.pid, signal.SIGTTOU)
        until(lambda: port not in listening_ports())
        os.kill(program.pid, signal.SIGTTIN)
        until(lambda: port in listening_ports())
        assert len(serving(port)) == 2


def test_hup_is_for_one_of_them(tmp_path: Path) -> None:
    with closing(LogReceiver(tmp_path / "log")) as log, lanes(tmp_path) as program:
        os.kill(program.pid, signal.SIGHUP)
        until(lambda: logged(log, "SIGHUP: Server farm/one is"))
        time.sleep(0.3)
        assert len([line for line in log.wait(0) if "SIGHUP: Server" in line]) == 1


# Processes that are killed.


def die_and_return(program: Program, victim: int, number: int) -> float:
    """Seconds until the successor serves, after a lane was killed."""
    port = program.ports["web"]
    os.kill(victim, number)
    begin = time.monotonic()
    until(lambda: victim not in children(program.pid) and len(children(program.pid)) == 3)
    until(lambda: victim not in serving(port))
    return time.monotonic() - begin


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_lane_is_killed_under_traffic(tmp_path: Path, number: signal.Signals) -> None:
    with closing(LogReceiver(tmp_path / "log")) as log, lanes(tmp_path) as program:
        port = program.ports["web"]
        victim, other = serving(port)
        clients = connect(port, 60)
        owners = [owner(client) for client in clients]
        assert set(owners) == {victim, other}
        with Crowd(port, 4, pause=0.002) as crowd:
            time.sleep(0.3)
            assert die_and_return(program, victim, number) < 1
            time.sleep(0.3)
        assert crowd.answered > 200
        # Each client had one connection at a time: no more than these can have been the victim's.
        assert len(crowd.failures) <= 4, crowd.failures
        assert [owner(client) for client in clients] == [pid if pid == other else 0 for pid in owners]
        close(clients)
        said = f"Current worker ({victim}) exited with code {128 + number} ({signal.strsignal(number)})"
        assert said in program.stderr()
        until(lambda: logged(log, said))


def test_control_is_killed_and_traffic_does_not_notice(tmp_path: Path) -> None:
    with lanes(tmp_path) as program:
        until(lambda: checked(tmp_path))
        control = children(program.pid)[2]
        with Crowd(program.ports["web"], 4, pause=0.002) as crowd:
            os.kill(control, signal.SIGKILL)
            assert until(lambda: control not in children(program.pid) and checked(tmp_path)) < 1
            time.sleep(0.2)
        assert crowd.failures == []
        assert crowd.answered > 50


def test_many_crashes_slow_the_keeper_down(tmp_path: Path) -> None:
    with closing(LogReceiver(tmp_path / "log")) as log, lanes(tmp_path) as program:
        times = []
        for _ in range(6):
            times.append(die_and_return(program, serving(program.ports["web"])[0], signal.SIGKILL))
        assert max(times[:4]) < 0.9
        assert min(times[4:]) > 0.9
        assert program.stderr().count("5 processes have ended within 10 seconds") == 1
        until(lambda: logged(log, "5 processes have ended within 10 seconds"))


def test_without_their_keeper_lanes_finish_and_end(tmp_path: Path) -> None:
    program = Program(POINTSMAN, TWO, tmp_path)
    program.start()
    begun(program)
    port = program.ports["web"]
    family = children(program.pid)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n")
        time.sleep(0.2)
        assert program.stop(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: port not in listening_ports())
        client.sendall(b"\r\n")
        assert read_response(client).startswith(b"HTTP/1.1 200")
    until(lambda: not any(_runs(pid) for pid in family))


def _runs(pid: int) -> bool:
    try:
        return re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE) is None
    except OSError:
        return False


# Shares.


def connect(port: int, count: int, at_once: bool = False) -> list[socket.socket]:
    """Connections that have been asked something; each waits for the one before to be answered, or none does."""
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        clients.append(client)
        if not at_once:
            owner(client)
    return clients


def owner(client: socket.socket) -> int:
    """The pid of the lane that has it; 0: nobody has it any more."""
    try:
        client.sendall(REQUEST)
        answer = read_response(client)
    except ConnectionError:
        return 0
    return int(answer.partition(b"\r\n\r\n")[2] or b"0")


def close(clients: list[socket.socket]) -> None:
    for client in clients:
        client.close()


@pytest.mark.parametrize("at_once", [False, True])
def test_long_lived_connections_are_shared(tmp_path: Path, at_once: bool) -> None:
    """Neither lane holds more than 60 %, also with traffic on the connections, and they stay where they are."""
    with lanes(tmp_path) as program, Crowd(program.ports["web"], 2, pause=0.002) as crowd:
        clients = connect(program.ports["web"], 100, at_once)
        owners = [owner(client) for client in clients]
        for _ in range(3):
            assert [owner(client) for client in clients] == owners
        close(clients)
        count = Counter(owners)
        assert len(count) == 2 and max(count.values()) <= 60, count
    assert crowd.failures == []


def test_a_new_lane_gets_its_share(tmp_path: Path) -> None:
    """Half of the connections end with a lane; what comes next goes to its successor until both have alike."""
    with lanes(tmp_path) as program:
        port = program.ports["web"]
        victim, other = serving(port)
        clients = connect(port, 100)
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in children(program.pid) and len(children(program.pid)) == 3)
        serving(port)
        owners = {client: owner(client) for client in clients}
        assert set(owners.values()) == {0, other}
        left = [client for client, pid in owners.items() if pid]
        assert 40 <= len(left) <= 60
        close([client for client in clients if client not in left])
        clients = left + connect(port, 100 - len(left))
        count = Counter(owner(client) for client in clients)
        close(clients)
        assert victim not in count and len(count) == 2 and max(count.values()) <= 60, count


def test_a_lane_that_holds_more_than_its_share_makes_way(tmp_path: Path) -> None:
    with lanes(tmp_path) as program:
        port = program.ports["web"]
        stuck, other = serving(port)
        os.kill(stuck, signal.SIGSTOP)
        clients = connect(port, 40)
        assert {owner(client) for client in clients} == {other}
        os.kill(stuck, signal.SIGCONT)
        time.sleep(1.2)  # for so long it may take the other to be stuck
        late = connect(port, 20)
        owners = [owner(client) for client in late]
        close(clients + late)
        assert owners == [stuck] * 20


def test_who_waits_to_be_accepted_is_not_lost_with_a_lane(tmp_path: Path) -> None:
    """Nobody accepts: all are in the kernel's queue. One lane is killed there; its successor serves them all."""
    with lanes(tmp_path) as program:
        port = program.ports["web"]
        victim, other = serving(port)
        for pid in (victim, other):
            os.kill(pid, signal.SIGSTOP)
        clients = connect(port, 50, at_once=True)
        for client in clients:
            client.sendall(REQUEST)
        os.kill(victim, signal.SIGKILL)
        answers = [read_response(client) for client in clients]
        owners = {int(answer.partition(b"\r\n\r\n")[2]) for answer in answers}
        successor = children(program.pid)[-1]
        os.kill(other, signal.SIGCONT)
        close(clients)
        assert owners == {successor}


def test_a_stopped_lane_does_not_hold_up_the_others(tmp_path: Path) -> None:
    with lanes(tmp_path) as program:
        port = program.ports["web"]
        stuck, _ = serving(port)
        os.kill(stuck, signal.SIGSTOP)
        clients = []
        begin = time.monotonic()
        for _ in range(100):
            client = socket.create_connection(("127.0.0.1", port), timeout=5)
            clients.append(client)
            client.sendall(REQUEST)
            assert read_response(client).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - begin < 3
        os.kill(stuck, signal.SIGCONT)
        for client in clients:
            client.close()
