"""What a run needs: nginx as two servers, receivers of log lines, the programs, each on its core.

    the first core: the program under test (all others idle)        the other cores: nginx, wrk, the receivers
    two lanes:      program, load and servers on all cores

A program is started when the first row wants it: each in its variants "one" (a lane), "two" (lanes), "off" (without
memories; only Pointsman has any), "h2" (with frontends and servers of HTTP/2), and idles when others are measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.client import Answer, once, once_h2
from bench.configs import FRONTENDS, H2_FRONTENDS, configuration, h2_configuration, nginx
from bench.processes import dropped_logs, show_stat
from bench.receiver import Receiver
from bench.rows import SIZES, SMALL, Row
from bench.verify import Counts

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 20.0  # s
OURS, THEIRS = "pointsman", "haproxy"
CERTIFICATES = {"ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("-newkey", "rsa:2048")}
MEMORIES_OFF = {"POINTSMAN_MEMORIES": "off"}


@dataclass(slots=True)
class Program:
    """One that is measured: its command, its ports, its process."""

    name: str
    command: Sequence[str]
    folder: Path
    cores: Sequence[int]
    ports: dict[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    receiver: Receiver | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def socket(self) -> Path:
        """Where it answers questions."""
        return self.folder / "stats.sock"

    def start(self, text: str) -> None:
        """Start it on this configuration; it need not listen yet."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "test.cfg"
        path.write_text(text)
        command = [*self.command, "-db", "-f", str(path)]
        self.process = run(command, self.cores, self.folder / "output", self.environment)

    def printed(self) -> str:
        """What it has printed so far."""
        return (self.folder / "output").read_text(errors="replace")

    def close(self) -> None:
        """Ends it."""
        if self.process is not None:
            stop(self.process)
            self.process = None
        if self.receiver is not None:
            self.receiver.close()
            self.receiver = None


def run(
    command: Sequence[str], cores: Sequence[int], output: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process on these cores. taskset becomes the command, so the process id is the command's."""
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *command]
    with output.open("wb") as out:
        return subprocess.Popen(
            pinned,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force if it does not listen."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """That many ports of 127.0.0.1 which nobody uses."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait_for(ports: Sequence[int], process: subprocess.Popen[bytes], output: Path, patience: float = PATIENCE) -> None:
    """Until all ports listen. SystemExit with what the process printed if it ends or takes too long."""
    limit = time.monotonic() + patience
    for port in ports:
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            if time.monotonic() > limit or process.poll() is not None:
                raise SystemExit(f"port {port} does not listen:\n{output.read_text(errors='replace')}")
            time.sleep(0.02)


def make_certificate(path: Path, words: Sequence[str]) -> None:
    """A certificate that signs itself, and its key, in one file."""
    key = path.with_suffix(".key")
    command = ["openssl", "req", "-x509", *words, "-nodes", "-days", "30", "-subj", "/CN=www.example.com"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(path)], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())


class Stage:
    """Everything that runs. Use as `with Stage(...) as stage:`."""

    def __init__(self, python: str, haproxy: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pointsman-bench-"))
        self.folder.chmod(0o755)  # root's nginx workers become another user, who must read the files
        # Not beyond what we may use: a container can be held to some of the machine's cores.
        self.cores = sorted(os.sched_getaffinity(0))
        self.core = self.cores[0]
        self.load_cores = self.cores[1:] or self.cores
        self.commands = {OURS: [python, "-m", "pointsman"], THEIRS: [haproxy]}
        self.servers = free_ports(2)
        self.secure = free_ports(2)  # the same servers, with TLS
        self.multiplexed = free_ports(2)  # and with HTTP/2
        self.nginx: subprocess.Popen[bytes] | None = None
        self.programs: dict[tuple[str, str], Program] = {}
        self._asked = 0
        self._runs = 0

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
        # An installed package has its bytecode; this tree may have none, or an environment that forbids to write it.
        subprocess.run([self.commands[OURS][0], "-m", "compileall", "-q", str(ROOT / "pointsman")], check=True)
        www = self.folder / "www"
        www.mkdir()
        for name, size in SIZES.items():
            (www / name).write_bytes(os.urandom(size))
        for kind, words in CERTIFICATES.items():
            make_certificate(self.folder / f"{kind}.pem", words)
        (self.folder / "nginx.conf").write_text(nginx(self.folder, self.servers, self.secure, self.multiplexed))
        output = self.folder / "nginx.out"
        self.nginx = run(["nginx", "-c", f"{self.folder}/nginx.conf", "-e", "stderr"], self.load_cores, output)
        wait_for([*self.servers, *self.secure, *self.multiplexed], self.nginx, output)

    def program(self, name: str, variant: str) -> Program:
        """One of the two in that variant, started when it is first asked for."""
        if name == THEIRS and variant == "off":
            variant = "one"
        found = self.programs.get((name, variant))
        if found is None:
            cores = self.cores if variant == "two" else [self.core]
            frontends = (*FRONTENDS, *H2_FRONTENDS) if variant == "h2" else FRONTENDS
            found = Program(
                name,
                self.commands[name],
                self.folder / f"{name}-{variant}",
                cores,
                dict(zip(frontends, free_ports(len(frontends)), strict=True)),
                MEMORIES_OFF if variant == "off" else {},
                Receiver(),
            )
            self.programs[name, variant] = found
            assert found.receiver is not None
            text = configuration(
                2 if variant == "two" else 1,
                found.folder,
                found.receiver.port,
                found.ports,
                self.servers,
                self.secure,
            )
            if variant == "h2":
                text += h2_configuration(self.folder, found.ports, self.multiplexed)
            found.start(text)
            assert found.process is not None
            wait_for(list(found.ports.values()), found.process, found.folder / "output")
        return found

    def spare(self, name: str, label: str) -> Program:
        """One of the two, not started yet, for a measurement of its own; the caller closes it."""
        return Program(name, self.commands[name], self.folder / f"{name}-{label}", [self.core])

    def close(self) -> None:
        """Ends everything and removes the folder."""
        for program in self.programs.values():
            program.close()
        if self.nginx is not None:
            stop(self.nginx)
        shutil.rmtree(self.folder, ignore_errors=True)

    def next_run(self) -> int:
        """A number for each run, so that no run repeats another's requests."""
        self._runs += 1
        return self._runs

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

    def counts(self, program: Program, row: Row) -> Counts:
        """What everybody has counted up to now."""
        rows = show_stat(program.socket)
        backend = "raw" if row.frontend == "tcp" else row.backend
        front, back = rows[f"{row.frontend}/FRONTEND"], rows[f"{backend}/BACKEND"]
        receiver = program.receiver
        assert receiver is not None
        routed = back["stot"]
        return Counts(
            self.served(),
            int(front["stot"]),
            int(front["req_tot"] or 0),
            int(front["hrsp_2xx"] or 0),
            int(front["bin"]),
            int(routed),
            receiver.lines,
            dropped_logs(program.socket),
            receiver.dropped(),
        )

    def settled(self, program: Program, row: Row, patience: float = 3.0) -> Counts:
        """The counts when they have come to rest: log lines wait for a flush, connections for their end."""
        limit = time.monotonic() + patience
        last = self.counts(program, row)
        while True:
            time.sleep(0.1)
            now = self.counts(program, row)
            if now == last or time.monotonic() > limit:
                return now
            last = now

    def ask(self, program: Program, row: Row, number: int) -> Answer:
        """The answer to a request of the row, outside of the load."""
        port = program.ports[row.frontend]
        if row.streams:
            return once_h2(port, row, self.folder)
        return once(port, row.request(number), tls=row.tls)

    def verify_answers(self, program: Program, row: Row) -> None:
        """Some requests of the row outside of the load: status and every byte. SystemExit if one is wrong."""
        right = [SMALL % 1, SMALL % 2] if not row.size else [(self.folder / "www" / row.path[1:]).read_bytes()]
        for number in range(4):
            answer = self.ask(program, row, number)
            if answer.status != 200 or answer.body not in right:
                raise SystemExit(f"{program.name}, row {row.name}: wrong answer, status {answer.status}")
            if row.grpc and b"grpc-status: 0" not in answer.lines:
                raise SystemExit(f"{program.name}, row {row.name}: an answer without its trailer")
            if row.logged and answer.has(b"server"):
                raise SystemExit(f"{program.name}, row {row.name}: del-header had no effect")
        if row.logged:
            seen = self.ask(program, replace(row, path="/seen", lines=(), post=0, grpc=False), 0).body
            if seen != b"127.0.0.1 http":
                raise SystemExit(f"{program.name}, row {row.name}: a server saw the headers {seen!r}")
