"""What a run needs: nginx as two servers, a receiver of log lines, the two programs, each on its core.

    core 0: the program under test (the other one idles)        the other cores: nginx, wrk, the receiver
"""
from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rows import SIZES, SMALL, Row

ROOT = Path(__file__).resolve().parents[1]
FRONTENDS = ("http", "full", "tcp")
PATIENCE = 15.0  # s
SO_RCVBUFFORCE = 33  # asm-generic/socket.h: beyond net.core.rmem_max, for root

NGINX = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 8192; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 75s; sendfile on; tcp_nopush on;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
{servers}
    server {{ listen unix:{folder}/status.sock; location / {{ stub_status; }} }}
}}
"""
SERVER = """\
    server {{ listen 127.0.0.1:{port} backlog=8192; root {folder}/www; default_type text/plain;
        location = / {{ return 200 "{text}"; }} }}
"""
CONFIGURATION = """\
global
    nbthread 1
    maxconn 4000
    log 127.0.0.1:{log} local0

defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    default_backend servers

frontend http
    bind 127.0.0.1:{http}

frontend full
    bind 127.0.0.1:{full}
    log global
    option httplog
    option forwardfor
    acl is_static path_beg /static
    acl internal src 10.0.0.0/8 192.168.0.0/16
    acl mobile req.hdr(User-Agent) -i -m sub mobile
    http-request deny if internal
    http-request set-header X-Forwarded-Proto http
    use_backend others if is_static or mobile
    http-response del-header Server

frontend tcp
    mode tcp
    bind 127.0.0.1:{tcp}
    default_backend raw

backend servers
    balance roundrobin
{servers}
backend others
{servers}
backend raw
    mode tcp
{servers}"""


@dataclass(slots=True)
class Program:
    """One of the two: its command, its ports, its process."""

    name: str
    command: Sequence[str]
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process is not None
        return self.process.pid


class Receiver:
    """Takes log datagrams and counts them: a log that somebody reads.

    UDP, because its buffer can be large: a unix socket holds few datagrams (net.unix.max_dgram_qlen), so that
    what comes while this thread waits for its core would be dropped.
    """

    def __init__(self) -> None:
        self.lines = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
        self._socket.settimeout(0.2)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._ending = False
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()

    def _receive(self) -> None:
        while not self._ending:
            try:
                self._socket.recv(65536)
            except TimeoutError:
                continue
            self.lines += 1

    def close(self) -> None:
        """Ends it."""
        self._ending = True
        self._thread.join()
        self._socket.close()


def free_ports(count: int) -> list[int]:
    """That many ports of 127.0.0.1 which nobody uses."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def cpu_microseconds(pid: int) -> int:
    """User and system time of a process and of all that descends from it, in steps of 1/SC_CLK_TCK s."""
    total = 0
    ticks = os.sysconf("SC_CLK_TCK")
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue  # it has just ended
        total += (int(fields[11]) + int(fields[12])) * 1_000_000 // ticks
    return total


def resident_kilobytes(pid: int) -> int:
    """Anonymous memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


class Stage:
    """Everything that runs. Use as `with Stage(...) as stage:`."""

    def __init__(self, python: str, haproxy: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pointsman-bench-"))
        self.folder.chmod(0o755)
        # Not beyond what we may use: a container can be held to some of the machine's cores.
        cores = sorted(os.sched_getaffinity(0))
        self.core = cores[0]
        self.load_cores = cores[1:] or cores
        ports = free_ports(2 + 2 * len(FRONTENDS))
        self.servers = ports[:2]
        self.receiver: Receiver | None = None
        self.nginx: subprocess.Popen[bytes] | None = None
        self._asked = 0
        named = [dict(zip(FRONTENDS, ports[2 + 3 * n : 5 + 3 * n], strict=True)) for n in range(2)]
        self.ours = Program("pointsman", [python, "-m", "pointsman"], named[0])
        self.theirs = Program("haproxy", [haproxy], named[1])

    def __enter__(self) -> Stage:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close()

    def _start(self) -> None:
        www = self.folder / "www"
        www.mkdir()
        for name, size in SIZES.items():
            if size:
                (www / f"{name}.bin").write_bytes(os.urandom(size))
        servers = "".join(SERVER.format(port=port, folder=self.folder, text=(SMALL % number).decode())
                          for number, port in enumerate(self.servers, 1))
        (self.folder / "nginx.conf").write_text(NGINX.format(folder=self.folder, servers=servers))
        # Root's workers become another user, who must read the files.
        self.nginx = self._run("nginx", self.load_cores, ["nginx", "-c", f"{self.folder}/nginx.conf", "-e", "stderr"])
        self.receiver = Receiver()
        for program in (self.ours, self.theirs):
            self._start_program(program)
        self._wait([*self.servers, *self.ours.ports.values(), *self.theirs.ports.values()])

    def _start_program(self, program: Program) -> None:
        assert self.receiver is not None
        lines = "".join(f"    server s{number} 127.0.0.1:{port}\n" for number, port in enumerate(self.servers, 1))
        path = self.folder / f"{program.name}.cfg"
        path.write_text(CONFIGURATION.format(log=self.receiver.port, servers=lines, **program.ports))
        program.process = self._run(program.name, [self.core], [*program.command, "-db", "-f", str(path)])

    def _run(self, name: str, cores: Sequence[int], command: Sequence[str]) -> subprocess.Popen[bytes]:
        pinned = ["taskset", "-c", ",".join(str(core) for core in cores), *command]
        with (self.folder / f"{name}.out").open("wb") as out:
            return subprocess.Popen(pinned, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT)

    def _wait(self, ports: Sequence[int]) -> None:
        limit = time.monotonic() + PATIENCE
        for port in ports:
            while True:
                with socket.socket() as probe:
                    if not probe.connect_ex(("127.0.0.1", port)):
                        break
                if time.monotonic() > limit:
                    printed = "".join(path.read_text(errors="replace") for path in self.folder.glob("*.out"))
                    raise SystemExit(f"port {port} does not listen:\n{printed}")
                time.sleep(0.05)

    def close(self) -> None:
        """Ends everything and removes the folder."""
        running = [process for process in (self.ours.process, self.theirs.process, self.nginx) if process]
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        if self.receiver is not None:
            self.receiver.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def served(self) -> int:
        """Requests that nginx has answered so far, these questions apart."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.folder / "status.sock"))
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while data := sock.recv(4096):
                answer += data
        line = answer.decode().split("handled requests\n")[1].split("\n")[0]
        self._asked += 1
        return int(line.split()[2]) - self._asked

    def verify_body(self, program: Program, row: Row) -> None:
        """One request of the row outside of the load: its status and every byte. SystemExit if it is wrong."""
        connection = http.client.HTTPConnection("127.0.0.1", program.ports[row.frontend], timeout=10)
        connection.request("GET", row.path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        right = [SMALL % 1, SMALL % 2] if not row.size else [(self.folder / "www" / row.path[1:]).read_bytes()]
        if response.status != 200 or body not in right:
            raise SystemExit(f"{program.name}, row {row.name}: wrong answer, status {response.status}")


def versions(stage: Stage, haproxy: str) -> dict[str, str]:
    """What the figures depend on."""
    def first(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        return (done.stdout + done.stderr).strip().splitlines()[0]

    python = stage.ours.command[0]
    details = subprocess.run([python, "-m", "pointsman", "-vv"], capture_output=True, text=True, check=True, cwd=ROOT)
    compiled = [line for line in details.stdout.splitlines() if "compiled" in line]
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "interpreter": f"{first(python, '-VV')} ({os.path.realpath(python)})",
        "modules": compiled[0].strip() if compiled else "unknown",
        "peer": first(haproxy, "-v"),
        "servers": first("nginx", "-v"),
        "load": first("wrk", "-v"),
        "kernel": " ".join(os.uname()[i] for i in (0, 2)),
        "processor": f"{models[0].partition(':')[2].strip() if models else 'unknown'}, {os.cpu_count()} cores",
        "cores": f"program {stage.core}, load and servers {','.join(map(str, stage.load_cores))}",
        "python of this script": sys.version.split()[0],
    }
