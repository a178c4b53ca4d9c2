"""External checks: a program is run, and the server is well if it ends with 0 (manual 4.2 option external-check).

The program leads a group of its own, so that at the deadline, which is the interval, all of it is ended: by SIGTERM,
and by SIGKILL a moment later. It inherits no descriptor but standard output and standard error, and has as many of its
own as this program was started with. Its end is told by a descriptor of its process (pidfd_open(2)), without a thread.
"""

import asyncio
import contextlib
import ctypes
import errno
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from pointsman.log.events import STDERR
from pointsman.log.target import EMERG
from pointsman.net.clock import monotonic_ms
from pointsman.server.backend import LiveServer
from pointsman.server.checks.status import Result

DESCRIPTORS: Final = resource.getrlimit(resource.RLIMIT_NOFILE)  # before this program asks for more
GRACE: Final = 0.5  # seconds from SIGTERM to SIGKILL
NOT_STARTED: Final = 255  # the code of a program that cannot be run
KILLED: Final = -1  # of one that a signal has ended
RUNNING: Final[set["subprocess.Popen[bytes]"]] = set()
IGNORED: Final = (signal.SIGALRM, signal.SIGINT, signal.SIGUSR2)
NONE: Final = "NOT_USED"
PR_SET_NO_NEW_PRIVS: Final = 38  # <linux/prctl.h>


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCheck:
    """What is run for the servers of one backend. `address`, `port`: of the first bind line; "": there is none."""

    command: str
    path: str = ""  # PATH
    address: str = ""
    port: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)  # what is passed on (external-check preserve-env)
    setuid: bool = False  # insecure-setuid-wanted

    def arguments(self, address: str, port: str) -> list[str]:
        return [self.command, self.address or NONE, self.port or NONE, address, port or NONE]

    def variables(self, server: LiveServer, encrypted: bool) -> dict[str, str]:
        """The environment (manual 4.2 external-check command)."""
        backend = server.backend
        address, port = end_of(server)
        return {
            **self.environment,
            "HAPROXY_PROXY_ADDR": self.address,
            "HAPROXY_PROXY_ID": str(backend.number),
            "HAPROXY_PROXY_NAME": backend.name.decode("utf-8", "surrogateescape"),
            "HAPROXY_PROXY_PORT": self.port,
            "HAPROXY_SERVER_ADDR": address,
            "HAPROXY_SERVER_CURCONN": str(server.connections),
            "HAPROXY_SERVER_ID": str(server.number),
            "HAPROXY_SERVER_MAXCONN": str(server.maxconn),
            "HAPROXY_SERVER_NAME": server.name.decode("utf-8", "surrogateescape"),
            "HAPROXY_SERVER_PORT": port,
            "HAPROXY_SERVER_PROTO": "h1" if backend.http else "tcp",
            "HAPROXY_SERVER_SSL": "1" if encrypted else "0",
            "PATH": self.path,
        }


def end_of(server: LiveServer) -> tuple[str, str]:
    """Where the server is: address and port, or a path and nothing."""
    target = server.dial.target
    if isinstance(target, str):
        return target, ""
    return target[0], str(target[1])


def end_programs() -> None:
    """This process ends: nobody would wait for what it still runs."""
    for process in RUNNING:
        _signal(process, signal.SIGKILL)


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left, or nobody that may be told
        os.killpg(process.pid, number)


def prepare_to_run_programs(setuid: bool) -> None:
    """Once, in the process that runs the checks. `setuid`: set-user-ID bits of programs count (insecure-setuid-wanted).

    A program would inherit which signals are ignored, and could not trap them; what is caught by a handler is not.
    """
    if not setuid:
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for number in IGNORED:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, _overlook)


def _overlook(number: int, frame: FrameType | None) -> None:
    """As good as ignoring a signal."""


class ExternalRun:
    """One check by a program. `perform` is called once."""

    def __init__(self, server: LiveServer, check: ExternalCheck, inter: int, encrypted: bool) -> None:
        self.server = server
        self.check = check
        self.inter = inter  # ms
        self.encrypted = encrypted
        self.process: subprocess.Popen[bytes] | None = None

    async def perform(self) -> Result:
        """The result, with its duration."""
        begun = monotonic_ms()
        result = await self._run()
        return Result(result.status, result.code, result.info, monotonic_ms() - begun)

    async def _run(self) -> Result:
        try:
            self.process = self._start()
        except OSError as error:
            if error.filename is None:  # there was not even a process
                return Result("SOCKERR", 0, os.strerror(error.errno or 0))
            said = f"Failed to exec process for external health check: {os.strerror(error.errno or 0)}."
            STDERR.say(EMERG, f"{said} ({self.check.command})".encode("utf-8", "surrogateescape"))
            return Result("PROCERR", NOT_STARTED)
        RUNNING.add(self.process)
        try:
            ended = await self._ended(self.process, self.inter / 1000)
            if not ended:
                await self._stop(self.process)
                return Result("PROCTOUT")
        except asyncio.CancelledError:  # there will be no more checks
            _signal(self.process, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
            raise
        finally:
            RUNNING.discard(self.process)
        code = self.process.returncode
        return Result("PROCERR", KILLED if code < 0 else code) if code else Result("PROCOK")

    def _start(self) -> "subprocess.Popen[bytes]":
        address, port = end_of(self.server)
        words = self.check.arguments(address, port)
        variables = self.check.variables(self.server, self.encrypted)
        try:
            process = self._open(words, variables)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            # As execvp(3) does: a script that does not say what it is for is one for the shell.
            path = shutil.which(words[0], path=self.check.path) or words[0]
            process = self._open(["/bin/sh", path, *words[1:]], variables)
        with contextlib.suppress(OSError, ValueError):  # it has ended, or was already given less
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, DESCRIPTORS)
        return process

    def _open(self, words: list[str], variables: dict[str, str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(words, env=variables, stdin=subprocess.DEVNULL, start_new_session=True)

    async def _ended(self, process: "subprocess.Popen[bytes]", seconds: float) -> bool:
        """Wait until it has ended; False: it has not within that time."""
        if process.poll() is not None:
            return True
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        descriptor = os.pidfd_open(process.pid)
        loop.add_reader(descriptor, over.set)
        try:
            async with asyncio.timeout(seconds):
                await over.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return process.poll() is not None

    async def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        _signal(process, signal.SIGTERM)
        await self._ended(process, GRACE)
        _signal(process, signal.SIGKILL)  # also what it has left behind
        await self._ended(process, GRACE)  # one that the kernel holds is waited for when the next one starts
