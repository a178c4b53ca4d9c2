"""Runs a tutorial's configuration without containers: `make example EP=ep5`, or `python examples/run.py ep5`.

What is to run stands in the episode's compose.yaml; the services are Flask applications in this process. The file is
not touched. A copy of it runs, with these substitutions, each of which is printed:

    app1:5001              the name of a service becomes 127.0.0.1
    192.168.1.2, 172.31... addresses of the tutorials' networks get 127 for their first number: every address that
                           begins with 127 is this machine's own (so `curl --interface 127.168.1.77` is such a client)
    port 80, taken ports   a port below 1024 grows by 8000; one that is taken is replaced by a free one
    chroot, user, group    left out: they need root, a user and a folder
    /run/haproxy, /etc/haproxy/errors    a folder of this run, and the episode's own error pages
    /etc/haproxy/certificates            a folder of this run, where the episode's certificates.sh has made some

What runs the file as it is: docker compose in the episode's folder, or `pointsman -f` as root where its names resolve.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import logging
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

EXAMPLES = Path(__file__).resolve().parent
sys.path[:0] = [str(EXAMPLES.parent), str(EXAMPLES / "app")]

from pointsman.demo.balancer import balance, free_port  # noqa: E402

_PRIVATE = re.compile(r"\b(?:192(?=\.168\.)|172(?=\.31\.))")
_AS_ROOT = re.compile(r"^(\s*)((?:chroot|user|group)\s.*)$")


@dataclass(frozen=True, slots=True)
class Service:
    """A server of an episode: its name, the address where it stands in the tutorial, its application's settings."""

    name: str
    address: str
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Episode:
    """What its compose file says."""

    folder: Path
    services: list[Service]
    tries: list[str]


def read_episode(name: str) -> Episode:
    """The episode of that name. Raises FileNotFoundError."""
    import yaml  # noqa: PLC0415 (whoever only lists them needs nothing installed)

    folder = EXAMPLES / name
    compose = yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8"))
    services = []
    for service, words in compose["services"].items():
        if service == "balancer":
            continue
        address = service
        if "network_mode" in words:
            address = "127.0.0.1"
        elif "networks" in words:
            address = words["networks"]["tutorial"]["ipv4_address"]
        services.append(Service(service, address, words["environment"]))
    return Episode(folder, services, compose["x-try"])


def episodes() -> list[str]:
    """Their names."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/compose.yaml"))


def own_address(address: str) -> str:
    """An address of this machine for one of a tutorial."""
    return _PRIVATE.sub("127", address) if address[:1].isdigit() else "127.0.0.1"


def port_for(wanted: int, host: str) -> int:
    """That port, one above 1023 for it, or a free one."""
    return free_port(wanted + 8000 if wanted < 1024 else wanted, host)


@dataclass(slots=True)
class Run:
    """One run of an episode: its applications, and the text that the balancer gets."""

    episode: Episode
    port: int  # wanted for the balancer; -1: the file's own
    scratch: str
    listening: int = 0
    servers: list[BaseWSGIServer] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def make_certificates(self) -> None:
        """Runs the episode's script, if it has one."""
        script = self.episode.folder / "certificates.sh"
        if script.exists():
            words = ["sh", str(script), self.made("certificates")]
            subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def made(self, text: str) -> str:
        """The text with this run's folder of certificates."""
        return re.sub(r"(?:/etc/haproxy/)?\bcertificates\b", f"{self.scratch}/certificates", text)

    def start_services(self) -> dict[str, str]:
        """Starts the applications; where each address of the file is now."""
        from app import create_app  # noqa: PLC0415
        from werkzeug.serving import make_server  # noqa: PLC0415

        moved = {}
        for service in self.episode.services:
            host, wanted = own_address(service.address), int(service.settings["PORT"])
            port = port_for(wanted, host)
            pem = self.made(service.settings["CERTIFICATE"]) if "CERTIFICATE" in service.settings else None
            server = make_server(
                host, port, create_app(service.settings), threaded=True, ssl_context=(pem, pem) if pem else None
            )
            self.servers.append(server)
            self.threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}))
            self.threads[-1].start()
            moved[f"{service.address}:{wanted}"] = f"{host}:{port}"
        return moved

    def stop_services(self) -> None:
        """Ends the applications."""
        for server, thread in zip(self.servers, self.threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    def adapt(self, text: str, moved: dict[str, str]) -> str:
        """The configuration with the substitutions of this file's docstring."""
        return "".join(self._adapt_line(line, moved) for line in text.splitlines(keepends=True))

    def _adapt_line(self, line: str, moved: dict[str, str]) -> str:
        words = line.split()
        if words[:1] == ["server"]:
            return line.replace(words[2], moved[words[2]])
        if words[:1] == ["bind"]:
            wanted = int(words[1].rpartition(":")[2])
            self.listening = port_for(wanted, "0.0.0.0") if self.port < 0 else free_port(self.port, "0.0.0.0")
            return self.made(line.replace(words[1], f"*:{self.listening}"))
        line = _AS_ROOT.sub(r"\1# \2", _PRIVATE.sub("127", line))
        line = self.made(line).replace("/run/haproxy/", f"{self.scratch}/")
        return line.replace("/etc/haproxy/errors/", f"{self.episode.folder}/errors/")

    def told(self) -> str:
        """What to try."""
        lines = [
            _PRIVATE.sub(
                "127", re.sub(r"(https?)://localhost(:\d+)?/", rf"\1://localhost:{self.listening}/", self.made(line))
            )
            for line in self.episode.tries
        ]
        return "\nIt runs. In another terminal:\n\n  " + "\n  ".join(lines) + "\n\nCtrl-C ends it.\n"


def run(name: str, port: int) -> int:
    """Runs an episode until a signal comes; the exit status."""
    episode = read_episode(name)
    original = (episode.folder / "haproxy.cfg").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="pointsman-example-") as scratch:
        this = Run(episode, port, scratch)
        try:
            this.make_certificates()
            adapted = this.adapt(original, this.start_services())
            path = Path(scratch) / "haproxy.cfg"
            path.write_text(adapted, encoding="utf-8")
            print(original)
            sys.stdout.writelines(
                difflib.unified_diff(
                    original.splitlines(keepends=True),
                    adapted.splitlines(keepends=True),
                    f"examples/{name}/haproxy.cfg, as above",
                    str(path),
                    n=0,
                )
            )
            sys.stdout.flush()
            return asyncio.run(balance(str(path), this.listening, this.told(), {}))
        finally:
            this.stop_services()


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="examples/run.py", description="Runs a tutorial's configuration.")
    parser.add_argument("episode", nargs="?", choices=episodes(), help="without one: lists them")
    parser.add_argument("--port", type=int, default=-1, help="of the balancer (default: the file's, 8080 for 80)")
    options = parser.parse_args(words)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    if options.episode is None:
        for name in episodes():
            title = (EXAMPLES / name / "compose.yaml").read_text(encoding="utf-8").splitlines()[0]
            print(f"{name:18}{title.lstrip('# ')}")
        return 0
    return run(options.episode, options.port)


if __name__ == "__main__":
    sys.exit(main())
