"""A run: the echo servers, the balancer in a process of its own, and what both tell, from the beginning to the end.

    folder, sweeper --> ports of the echo servers --> balancer started --order--> loads
                                                                       <--plan--  assembled
       faults in force <-- it listens <--------------------------------ready--

Whatever ends a run, `end` leaves neither a process nor a file.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from pointsman.config.keyword import is_number
from pointsman.verbs.trial.authority import Authority, CertificateError
from pointsman.verbs.trial.checked import Checked
from pointsman.verbs.trial.echo import Echo
from pointsman.verbs.trial.faults import Faults
from pointsman.verbs.trial.loopback import Loopback
from pointsman.verbs.trial.order import LOG, READY, RUNTIME, SEEN, Order, Plan, Standing, read_plan
from pointsman.verbs.trial.sweeper import Sweeper

START: Final = 120.0  # s in which a balancer is up; a file with thousands of servers takes a few
SILENT: Final = 1.0  # s without a word on a terminal
AT_ONCE: Final = 3.0  # s in which it ends
LONGEST_PATH: Final = 60  # characters of the folder: names of sockets have 107 with what stands behind it
SIZE: Final = 65_536
MOST_MINTED: Final = 200


class RunError(Exception):
    """It could not be brought up. The balancer has said why on stderr if the text is empty."""


class Running:
    """`on_line` is called with each log line, `on_request` with the fields of each request (told.py)."""

    def __init__(self, order: Order, keep: str = "") -> None:
        self.order = order
        self.kept = bool(keep)
        self.plan = Plan()
        self.faults = Faults([])
        self.on_line: Callable[[str], None] = lambda line: None
        self.on_request: Callable[[list[str]], None] = lambda fields: None
        self.on_error: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
        self.loop = asyncio.get_running_loop()
        self.process: subprocess.Popen[bytes] | None = None
        self.ended: asyncio.Future[int] = self.loop.create_future()  # the balancer's exit status
        self._sockets: list[socket.socket] = []
        self._pipes: list[int] = []
        self._said = b""
        self._commands: set[asyncio.Task[str]] = set()
        self._context: ssl.SSLContext | None = None
        self._minted: dict[str, ssl.SSLContext] = {}
        self._closed = socket.socket()  # bound and not listening: connections to its port are refused
        self._closed.bind(("127.0.0.1", 0))
        self.folder = _folder(keep)
        order.folder = self.folder
        self.sweeper = None if keep else Sweeper(self.folder)
        self.echo: Echo | None = None
        self.checked: Checked | None = None
        self.traffic = Loopback(lambda sock, host: self._echo().accepted(sock, host))
        self.checks = Loopback(lambda sock, host: self._checked().accepted(sock, host))
        self.agents = Loopback(lambda sock, host: self._checked().agent(sock, host))
        order.echo, order.checks, order.agents = (one.port for one in self._loopbacks)

    @property
    def _loopbacks(self) -> tuple[Loopback, ...]:
        return self.traffic, self.checks, self.agents

    def _echo(self) -> Echo:
        assert self.echo is not None
        return self.echo

    def _checked(self) -> Checked:
        assert self.checked is not None
        return self.checked

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    # The beginning.

    async def start(self) -> None:
        """Until it listens, and its servers answer. Raises RunError."""
        ready = self._receiver(READY)
        told: asyncio.Future[int] = self.loop.create_future()
        self.loop.add_reader(ready, partial(_resolve, told))
        self._listen(LOG, lambda data: self.on_line(data.decode("utf-8", "replace").rstrip("\n")))
        self._listen(SEEN, lambda data: self.on_request(data.decode("utf-8", "replace").rstrip("\n").split("\t")))
        patience = self.loop.call_later(SILENT, self._wait_for)
        text = await self._launch()
        patience.cancel()
        if not text:
            await asyncio.wait([self.ended], timeout=AT_ONCE)
            raise RunError("")
        self.plan = read_plan(text)
        self.faults = Faults(self.plan.servers)
        self.faults.on_refusal = self._refuse
        self.echo = Echo(self.plan.servers, self.faults, self.context)
        self.checked = Checked(self.echo)
        hosts = [one.host for one in self.plan.servers if one.kind == "echo"]
        for loopback in self._loopbacks:
            loopback.serve(self.loop, hosts)
        await asyncio.wait([told, self.ended], timeout=START, return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            raise RunError("" if self.ended.done() else f"the balancer was not up within {START:.0f} s")

    def _wait_for(self) -> None:
        if sys.stderr.isatty():
            print(f"reading {', '.join(self.order.files)} ...", file=sys.stderr, flush=True)

    async def _launch(self) -> str:
        """Start the balancer. Its plan as it has written it, or ""."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pointsman.verbs.trial.program", str(writing)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        if self.sweeper is not None:
            self.sweeper.knows(self.process.pid)
        watched = os.pidfd_open(self.process.pid)
        self._pipes.append(watched)
        self.loop.add_reader(watched, self._gone, watched)
        assert self.process.stdin is not None and self.process.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(self.order.dump().encode() + b"\n")
            self.process.stdin.flush()
        os.set_blocking(self.process.stderr.fileno(), False)
        self.loop.add_reader(self.process.stderr.fileno(), self._hear)
        return await self._all_of(reading)

    async def _all_of(self, reading: int) -> str:
        """What comes until the end of a pipe."""
        done: asyncio.Future[None] = self.loop.create_future()
        pieces: list[bytes] = []

        def read() -> None:
            piece = os.read(reading, SIZE)
            pieces.append(piece)
            if not piece and not done.done():
                done.set_result(None)

        self.loop.add_reader(reading, read)
        try:
            await done
        finally:
            self.loop.remove_reader(reading)
            os.close(reading)
        return b"".join(pieces).decode()

    def _gone(self, watched: int) -> None:
        self.loop.remove_reader(watched)
        assert self.process is not None
        status = self.process.wait()
        self._hear()
        if not self.ended.done():
            self.ended.set_result(status)

    def _hear(self) -> None:
        """What the balancer says on stderr."""
        assert self.process is not None and self.process.stderr is not None
        try:
            piece = os.read(self.process.stderr.fileno(), SIZE)
        except OSError:
            return
        if not piece:
            self.loop.remove_reader(self.process.stderr.fileno())
        *lines, self._said = (self._said + piece).split(b"\n")
        for line in lines:
            self.on_error(line.decode("utf-8", "replace"))

    def _receiver(self, name: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.setblocking(False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(name))
        sock.bind(self.path(name))
        self._sockets.append(sock)
        return sock

    def _listen(self, name: str, take: Callable[[bytes], None]) -> None:
        sock = self._receiver(name)

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                for _ in range(100):
                    take(sock.recv(SIZE))

        self.loop.add_reader(sock, read)

    # While it runs.

    def context(self) -> ssl.SSLContext:
        """TLS of the echo servers: a certificate for whatever name is asked for."""
        if self._context is None:
            self._context = self._made("localhost")
            self._context.sni_callback = self._named
        return self._context

    def _named(self, tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        tls.asked_for = name  # type: ignore[attr-defined]
        if name and name not in self._minted and len(self._minted) < MOST_MINTED:
            with contextlib.suppress(CertificateError):
                self._minted[name] = self._made(name)
        if name in self._minted:
            tls.context = self._minted[name]

    def _made(self, name: str) -> ssl.SSLContext:
        authority = Authority(self.folder, self.plan.names)
        chain, key = self.path("echo.pem"), self.path("site.key")
        text = authority.issue(name.lower(), [])
        Path(chain).write_bytes(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _refuse(self, one: Standing, refused: bool) -> None:
        """Connections to a server are refused from now on, or no longer: its address becomes another one."""
        host, port = one.host, self.order.echo
        if one.kind != "echo":
            host, _, text = one.host.rpartition(":")
            port = int(text) if is_number(text) else 0
        if refused:
            port = self._closed.getsockname()[1]
            host = "127.0.0.1"
        self._command(f"set server {one.title} addr {host} port {port}")
        if one.check:
            check = port if refused else self.order.checks
            self._command(f"set server {one.title} check-addr {host} port {check}")

    def _command(self, text: str) -> None:
        task = self.loop.create_task(self.command(text))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def command(self, text: str) -> str:
        """Say it on the balancer's runtime socket. What that answers; "" where it is gone."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.path(RUNTIME))
        except OSError:
            return ""
        try:
            writer.write(text.encode() + b"\n")
            return (await reader.read()).decode("utf-8", "replace")
        except OSError:
            return ""
        finally:
            writer.close()

    async def settled(self) -> None:
        """All commands that were said have been heard."""
        while self._commands:
            await asyncio.gather(*self._commands, return_exceptions=True)

    # The end.

    async def end(self) -> None:
        """Leave nothing behind."""
        process = self.process
        if process is not None:
            if process.poll() is None:
                process.terminate()
                await asyncio.wait([self.ended], timeout=AT_ONCE)
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for fd in self._pipes:
                self.loop.remove_reader(fd)
                os.close(fd)
            for stream in (process.stdin, process.stderr):
                if stream is not None:
                    self.loop.remove_reader(stream.fileno())
                    with contextlib.suppress(OSError):
                        stream.close()
        if self.echo is not None:
            await self.echo.end()
        for loopback in self._loopbacks:
            loopback.close(self.loop)
        for sock in self._sockets:
            self.loop.remove_reader(sock)
            sock.close()
        self._closed.close()
        if not self.kept:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.sweeper is not None:
            self.sweeper.finish()


def _resolve(future: asyncio.Future[int]) -> None:
    if not future.done():
        future.set_result(0)


def _folder(keep: str) -> str:
    """The run's own folder, which nobody else may enter."""
    if keep:
        os.makedirs(keep, mode=0o700, exist_ok=True)
        os.chmod(keep, 0o700)
        folder = os.path.realpath(keep)
    else:
        folder = tempfile.mkdtemp(prefix="pointsman-try-")
        if len(folder) > LONGEST_PATH or len(folder.split()) > 1:  # lists of certificates end names at blanks
            os.rmdir(folder)
            folder = tempfile.mkdtemp(prefix="pointsman-try-", dir="/tmp")
    if len(folder) > LONGEST_PATH:
        raise RunError(f"the path of the folder is too long for sockets: {folder}")
    return folder
