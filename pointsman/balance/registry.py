"""The registry of balance algorithms, and what a `balance` line becomes.

    @algorithm("uri", http=True)
    def uri(args: Args, argument: str) -> Make:
        "uri [whole] [len <n>] ...: ..."

The function reads the words behind the algorithm's name (`argument` is what stood in parentheses) and returns what
makes the live object: that is called once per backend, with the settings of its hash, when the backend is assembled.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pointsman.balance.hashing import Hashing
from pointsman.config.keyword import Args
from pointsman.config.setting import Setting
from pointsman.core.registry import Registry
from pointsman.sample.expression import Expression
from pointsman.server.algorithm import Algorithm


@dataclass(frozen=True, slots=True)
class Make:
    """How the live algorithm is made; and the expression that it evaluates, whose references must exist."""

    algorithm: Callable[[Hashing], Algorithm]
    expression: Expression | None = None


Parse = Callable[[Args, str], Make]


@dataclass(frozen=True, slots=True)
class AlgorithmEntry:
    name: str
    parse: Parse
    http: bool  # asks about the HTTP request, so it needs "mode http"
    hashed: bool  # hash-type says how
    argument: str  # what parentheses may hold, as in "<draws>"; "": nothing


ALGORITHMS: Registry[AlgorithmEntry] = Registry("balance algorithm")


def algorithm(name: str, http: bool = False, hashed: bool = False, argument: str = "") -> Callable[[Parse], Parse]:
    """Register an algorithm of the `balance` keyword."""

    def record(parse: Parse) -> Parse:
        ALGORITHMS.add(name, AlgorithmEntry(name, parse, http, hashed, argument))
        return parse

    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance(Setting):
    """A `balance` line."""

    algorithm: AlgorithmEntry
    make: Make
    text: str  # as written, for explanations
