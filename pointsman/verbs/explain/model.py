"""What is asked about, and what an explanation says: plain data, for whoever shows it or compares it.

Asked  -->  Engine.explain (engine.py)  -->  Explanation
                                               stages: lists of rules in the order in which they had their say
                                                 steps: one rule each, with what it saw and what it changed
                                               server: why that one, and why not the others
                                               branches: what else could be, where a value cannot be known
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.sample.trace import ConditionRecord, SampleRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the server would answer."""

    status: int = 200
    reason: str = ""  # "": that of the status
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and what is to be taken as given. Addresses as people write them: "192.0.2.7", "[2001:db8::1]:443"."""

    method: str = "GET"
    url: str = "/"  # a path, or absolute: then its host is the Host field, https wants a bind line with TLS
    headers: tuple[tuple[str, str], ...] = ()
    version: str = "1.1"  # 1.0, 1.1, 2
    body: bytes = b""
    source: str = ""  # of the client; "": 127.0.0.1
    destination: str = ""  # which bind line it comes to; "": the only one, or the one that fits the URL
    frontend: str = ""  # or its name
    sni: str = ""  # "": the host of an https URL
    client_certificate: str = ""  # a PEM file
    payload: bytes | None = None  # of a TCP frontend: what comes instead of a request
    down: frozenset[str] = frozenset()  # "backend/server"
    given: Mapping[str, str] = field(default_factory=dict)  # --set: an expression or a fetch, and its value
    answer: Answered = Answered()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadDiff:
    """What a rule has changed in a head."""

    before: str = ""  # the start line, if that was changed
    after: str = ""
    removed: tuple[str, ...] = ()  # "name: value"
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A value that cannot be known offline. `assumed`: what this explanation took for it; None: that there is none."""

    text: str  # the expression, by which --set names it
    why: str
    at: Position
    assumed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rule, a route, or what an option did. `at` and `text`: its line."""

    at: Position
    text: str
    what: str  # the action, "use_backend", or the option
    ran: bool
    condition: ConditionRecord | None = None
    negated: bool = False
    samples: tuple[SampleRecord, ...] = ()  # that the action asked for
    verdict: str = ""  # in words, of rules/explained.py's VERDICTS; "": it did not run, or is no rule
    names: str = ""  # of a route that holds: the backend or server
    diff: HeadDiff | None = None
    variables: tuple[tuple[str, str | None], ...] = ()  # set; None: taken away
    captures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what it would change elsewhere: tables, maps, variables of the process
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One list: "http-request" of frontend 'web'."""

    name: str
    proxy: str  # "frontend 'web'"
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    name: str
    at: Position
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The server. `name` "": there is none. `candidates`: all that a pick may give, where chance or a turn decides."""

    name: str
    at: Position
    address: str
    algorithm: str  # "balance roundrobin", or what has gone before it: "cookie", "use-server", "stick"
    why: str
    candidates: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A timeout or another limit in force: "timeout server", "30s"."""

    name: str
    value: str
    at: Position = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """What would be if an unknown value were another."""

    unknown: Unknown
    explanation: "Explanation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    asked: Asked
    frontend: str
    at: Position  # of the frontend
    bind: Position
    stages: tuple[Stage, ...] = ()  # of the request, then of the response
    outcome: str = ""  # "server", "answer", "deny", "tarpit", "drop", "service", "no server", "no backend"
    ended_by: Position = NOWHERE  # the line of the rule, where a rule has ended it
    backend: str = ""
    backend_at: Position = NOWHERE
    backend_why: str = ""  # "use_backend", "default_backend", "a rule of it"
    server: Choice | None = None
    limits: tuple[Limit, ...] = ()
    request: tuple[str, ...] = ()  # as the server would get it: start line and fields
    body_from: str = ""  # whose body is answered: "server", or what made it
    body: bytes = b""  # as the client would get it
    status: int = 0  # of what the client gets; 0: nothing
    response: tuple[str, ...] = ()  # as the client would get it
    letters: str = ""  # termination state
    log_line: str = ""
    log_fields: Mapping[str, str] = field(default_factory=dict)  # by the names of log tags: "b", "s", "ST"
    variables: Mapping[str, str] = field(default_factory=dict)  # all of them, at the end
    unknown: tuple[Unknown, ...] = ()
    branches: tuple[Branch, ...] = ()
    notes: tuple[str, ...] = ()
