"""What the run and its balancer tell each other: an Order goes there as JSON, a Plan comes back."""

import json
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Final

LOG: Final = "log"  # names of sockets in the run's folder: the file's own log lines,
SEEN: Final = "seen"  # a line about each request,
READY: Final = "ready"  # that it listens,
RUNTIME: Final = "run.sock"  # the run's own stats socket


@dataclass(slots=True)
class Order:
    """How a configuration is to be brought up."""

    files: list[str]
    folder: str  # of the run
    echo: int  # the ports on 127/8 at which each server has an address of its own: traffic,
    checks: int  # health checks,
    agents: int  # agents
    directory: str = ""  # -C
    port_base: int = 0  # 0: ports above 1023 stay where they are
    real: list[str] = field(default_factory=list)  # servers that are not replaced, as patterns
    verbose: bool = False  # warnings are shown, too

    def dump(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True)
class Listening:
    """One address at which a frontend listens."""

    frontend: str
    wanted: str  # as the file has it
    at: str  # file:line
    http: bool
    address: str = ""  # "127.0.0.1", or the path of a UNIX socket
    port: int = 0  # 0: a UNIX socket
    tls: bool = False
    verify: str = ""  # optional, required: clients are asked for a certificate
    proxied: bool = False  # connections begin with a PROXY header
    proto: str = ""
    hello: bool = False  # TLS passes through, and rules look at the name in its hello

    @property
    def place(self) -> str:
        return f"{self.address}:{self.port}" if self.port else self.address

    @property
    def url(self) -> str:
        """ "": nothing that a browser could ask."""
        if not self.http or not self.port:
            return ""
        return f"{'https' if self.tls else 'http'}://{self.place}/"


@dataclass(slots=True)
class Standing:
    """One server, and who stands in for it."""

    backend: str
    name: str
    wanted: str  # its address in the file
    http: bool
    host: str = ""  # of its stand-in: an address in 127/8
    kind: str = "echo"  # echo; chain: a frontend of the same file; real
    check: str = ""  # who answers its checks: "": nobody asks; http, tcp, or a protocol's name
    script: list[list[list[str]]] = field(default_factory=list)  # what they want to hear: see answers.py

    @property
    def title(self) -> str:
        return f"{self.backend}/{self.name}"

    def matches(self, pattern: str) -> bool:
        """A pattern for backend/server, or for the name of either."""
        return any(fnmatchcase(name, pattern) for name in (self.title, self.name, self.backend))


@dataclass(slots=True)
class Plan:
    """What was made of the files."""

    listening: list[Listening] = field(default_factory=list)
    servers: list[Standing] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # host names that the file knows
    warnings: int = 0
    logging: list[str] = field(default_factory=list)  # frontends that have a log of their own

    def dump(self) -> str:
        return json.dumps(asdict(self))


def some(texts: list[str], most: int) -> str:
    """As many of them, and how many more there are."""
    shown = ", ".join(texts[:most])
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most} more"


def read_order(text: str) -> Order:
    return Order(**json.loads(text))


def read_plan(text: str) -> Plan:
    said = json.loads(text)
    listening = [Listening(**one) for one in said.pop("listening")]
    servers = [Standing(**one) for one in said.pop("servers")]
    return Plan(listening=listening, servers=servers, **said)
