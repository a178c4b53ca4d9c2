"""Servers of Debian that speak what checks ask: each one started in a folder of its own, at a free port, and ended.

Which of them cannot be started here, `missing` says. All run as users of their own, none with the system's own
configuration or data.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from support.ports import free_port

SYSTEM_PATHS = ("/usr/sbin", "/sbin", *sorted(glob("/usr/lib/postgresql/*/bin")))
PATIENCE = 60.0  # seconds until a server listens


def program(name: str) -> str:
    """Its path, or ""."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_PATHS])) or ""


class RealServer:
    """A running server. `name`: its program; `package`: what brings it."""

    name = ""
    package = ""
    user = "nobody"

    def __init__(self) -> None:
        # Not one of pytest's: another pytest may close their parent to other users at any time.
        self.place = Path(tempfile.mkdtemp(prefix="pointsman-server-"))
        self.place.chmod(0o755)
        self.folder = self.place / "data"
        self.folder.mkdir(0o700)
        if os.getuid() == 0:
            shutil.chown(self.folder, self.user)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.place / "log"

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be started here; "": it can."""
        return "" if program(cls.name) else f"{cls.package} is not installed"

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def prepare(self) -> None:
        """What has to be done once, before the first start."""

    def run(self, *command: str, data: str = "") -> None:
        """One program to its end, as the server's user."""
        owner = self.user if os.getuid() == 0 else None
        with self.log.open("ab") as log:
            done = subprocess.run(
                command, input=data.encode(), stdout=log, stderr=log, user=owner, cwd=self.folder, check=False
            )
        assert done.returncode == 0, f"{command}\n{self.log.read_text(errors='replace')}"

    def start(self) -> None:
        owner = self.user if os.getuid() == 0 else None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=owner, cwd=self.folder
            )
        limit = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as sock:
                if self.serves(sock):
                    return
            ended = self.process.poll() is not None
            assert not ended and time.monotonic() < limit, self.log.read_text(errors="replace")
            time.sleep(0.02)

    def serves(self, sock: socket.socket) -> bool:
        """Asked on a connection: it has not only begun to listen."""
        return True

    def signal(self, number: int) -> None:
        """To it and to all that it has started."""
        assert self.process is not None
        for pid in [self.process.pid, *children(self.process.pid)]:
            os.kill(pid, number)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()

    def __enter__(self) -> RealServer:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.place)


def children(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    found: list[int] = []
    for path in glob(f"/proc/{pid}/task/*/children"):
        for word in Path(path).read_text().split():
            found += [int(word), *children(int(word))]
    return found


class Redis(RealServer):
    name = package = "redis-server"
    password = ""

    def command(self) -> Sequence[str]:
        words = [program(self.name), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", "."]
        return [*words, "--requirepass", self.password] if self.password else words


class LockedRedis(Redis):
    password = "secret"


class MariaDb(RealServer):
    """User "checker" needs no password, "locked" needs one."""

    name = "mariadbd"
    package = "mariadb-server-core"

    def command(self) -> Sequence[str]:
        return [*self._words(), f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]

    def _words(self) -> list[str]:
        return [
            program(self.name),
            "--no-defaults",
            f"--datadir={self.folder}",
            f"--socket={self.folder}/socket",
            f"--pid-file={self.folder}/pid",
            "--innodb-buffer-pool-size=6M",
            "--innodb-log-file-size=4M",
            "--innodb-fast-shutdown=2",
        ]

    def prepare(self) -> None:
        tables = "".join(
            Path("/usr/share/mysql", f"mysql_{name}.sql").read_text("utf-8")
            for name in ("system_tables", "performance_tables", "system_tables_data")
        )
        users = (
            "FLUSH PRIVILEGES;\nCREATE USER 'checker'@'127.0.0.1' IDENTIFIED BY '';\n"
            "CREATE USER 'locked'@'127.0.0.1' IDENTIFIED BY 'secret';\n"
        )
        self.run(*self._words(), "--bootstrap", data=f"CREATE DATABASE mysql;\nUSE mysql;\n{tables}\n{users}")


class PostgreSql(RealServer):
    """User "locked" needs a password, "refused" may not come at all, "checker" needs none."""

    name = "postgres"
    package = "postgresql-15"

    def command(self) -> Sequence[str]:
        return [
            *(program(self.name), "-D", "data", "-p", str(self.port), "-k", str(self.folder)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=1MB"),
        ]

    def serves(self, sock: socket.socket) -> bool:
        """It listens long before it has looked through its data; until then it answers with an error."""
        sock.settimeout(PATIENCE)
        sock.sendall(b"\0\0\0\x16\0\3\0\0user\0checker\0\0")
        return sock.recv(1) == b"R"

    def prepare(self) -> None:
        self.run(program("initdb"), "-D", "data", "-U", "checker", "-A", "trust", "--no-sync", "--no-locale")
        (self.folder / "data" / "pg_hba.conf").write_text(
            "host all locked 127.0.0.1/32 scram-sha-256\nhost all refused 127.0.0.1/32 reject\n"
            "host all all 127.0.0.1/32 trust\n"
        )


class OpenLdap(RealServer):
    name = package = "slapd"
    lines = ""

    def command(self) -> Sequence[str]:
        return [program(self.name), "-h", f"ldap://127.0.0.1:{self.port}/", "-f", "slapd.conf", "-d", "0"]

    def prepare(self) -> None:
        (self.folder / "slapd.conf").write_text(
            f"pidfile {self.folder}/pid\nargsfile {self.folder}/args\n{self.lines}\n"
        )


class LockedLdap(OpenLdap):
    lines = "disallow bind_anon"


class OpenSmtpd(RealServer):
    """It gives up root itself, and works in a folder of the system: there can be one at a time."""

    name = "smtpd"
    package = "opensmtpd"
    user = "root"

    @classmethod
    def missing(cls) -> str:
        if os.getuid() != 0:
            return "only root can start opensmtpd"
        with socket.socket(socket.AF_UNIX) as sock:
            used = sock.connect_ex("/run/smtpd.sock") == 0
        return "opensmtpd is running already" if used else super().missing()

    def command(self) -> Sequence[str]:
        return [program(self.name), "-d", "-f", str(self.folder / "smtpd.conf")]

    def prepare(self) -> None:
        (self.folder / "smtpd.conf").write_text(
            f"listen on 127.0.0.1 port {self.port} hostname mail.test\n"
            'action "local" mbox\nmatch from local for local action "local"\n'
        )
