"""A master with its generations, for tests of reloads."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from support.crowd import ask, until
from support.ports import free_port
from support.programs import POINTSMAN, environment

HEAD = """
global
    nbthread 2
    log {dir}/log local0 notice
    stats socket {dir}/stats mode 600 level admin
"""
BODY = """
defaults
    mode http
    log global
    timeout connect 2s
    timeout client 20s
    timeout server 2s
frontend web
    bind 127.0.0.1:{port}
    bind {dir}/web
    bind abns@pointsman-{port}
    http-request return status 200 content-type text/plain string "{text}"
"""


class Service:
    """A master with its generations. `port` serves the text of the current file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.path = folder / "test.cfg"
        self.process: subprocess.Popen[bytes] | None = None
        self.head = HEAD
        self.body = BODY

    def write(self, text: str, more: str = "") -> None:
        """A sound file; `more` may break it."""
        self.path.write_text(
            (self.head + self.body)
            .replace("{dir}", str(self.folder))
            .replace("{text}", text)
            .replace("{port}", str(self.port))
            + more
        )

    def start(self, *words: str, variables: dict[str, str] | None = None, inherited: tuple[int, ...] = ()) -> None:
        with (self.folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [*POINTSMAN.command, *words, "-f", str(self.path)],
                cwd=self.folder,
                env={**environment(), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=inherited,
            )

    def begin(self, text: str, *words: str) -> None:
        """Write, start, wait until it is at work."""
        self.write(text)
        self.start(*(words or ("-W", "-db")))
        until(lambda: self.said("Loading success."), 10)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def tell(self, number: int) -> None:
        os.kill(self.pid, number)

    def reload(self, text: str, more: str = "", number: int = signal.SIGUSR2) -> None:
        """To its end."""
        ends = "Loading failure!" if more else "Loading success."
        before = self.stderr().count(ends)
        self.write(text, more)
        self.tell(number)
        until(lambda: self.stderr().count(ends) > before, 10)

    def end(self, number: int = 0) -> int:
        assert self.process is not None
        if number:
            self.tell(number)
        return self.process.wait(15)

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def said(self, text: str) -> bool:
        return text in self.stderr()

    def ask(self) -> str:
        return ask(self.port)

    def comes_to(self, text: str) -> bool:
        """The new generation serves; for a moment the old one accepts, too."""
        until(lambda: self.ask() == text)
        return True
