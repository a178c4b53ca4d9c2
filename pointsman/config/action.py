"""Rules and actions: what `http-request`, `http-response` and their kin are made of.

An action registers itself for the rule sets where it may stand; its parser returns an Action whose `run` is called for
each message that reaches the rule:

    @action("set-log-level", HTTP_REQUEST | HTTP_RESPONSE, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
    def parse_set_log_level(args: RuleArgs) -> Action: ...

`if` and `unless` are taken off by the caller. `reads` and `writes` are the only place where it is said what the outcome
of the action depends on, and what may be another one once it has run; without them: everything. What its formats and
expressions read is added by RuleArgs. A parser whose arguments tell that less is touched says so with `args.only`.
tests/unit/rules/test_contract_of_actions.py runs every action against its declaration.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pointsman.config.acls import acls_of
from pointsman.config.keyword import Args
from pointsman.config.setting import Configuration, Section
from pointsman.config.verdict import (
    ALLOW,
    ANSWER,
    CONTINUE,
    DENY,
    DROP,
    SILENT_DROP,
    TARPIT,
    Action,
)
from pointsman.core.diagnostics import Diagnostics, Position
from pointsman.core.registry import Registry
from pointsman.core.words import Line, Word
from pointsman.sample.arguments import Reference
from pointsman.sample.expression import Expression, parse_words
from pointsman.sample.format import Format, parse_format
from pointsman.sample.need import WAITING_PLACE
from pointsman.sample.types import Reads, Where, Writes

__all__ = [
    "ACTIONS",
    "ACTIONS_WAIT",
    "ALLOW",
    "ANSWER",
    "CONDITIONS_WAIT",
    "CONTINUE",
    "DENY",
    "DROP",
    "HTTP_AFTER",
    "HTTP_REQUEST",
    "HTTP_RESPONSE",
    "PLACE",
    "RULE_SETS",
    "SILENT_DROP",
    "TARPIT",
    "TCP_CONNECTION",
    "TCP_CONTENT",
    "TCP_RESPONSE",
    "TCP_SESSION",
    "Action",
    "ActionEntry",
    "RuleArgs",
    "RulePlace",
    "action",
    "waiting_in",
]

HTTP_REQUEST: Final = 1  # rule sets
HTTP_RESPONSE: Final = 2
HTTP_AFTER: Final = 4
TCP_CONNECTION: Final = 8
TCP_SESSION: Final = 16
TCP_CONTENT: Final = 32
TCP_RESPONSE: Final = 64

RULE_SETS: Final = {
    HTTP_REQUEST: "http-request",
    HTTP_RESPONSE: "http-response",
    HTTP_AFTER: "http-after-response",
    TCP_CONNECTION: "tcp-request connection",
    TCP_SESSION: "tcp-request session",
    TCP_CONTENT: "tcp-request content",
    TCP_RESPONSE: "tcp-response content",
}
PLACE: Final = {
    HTTP_REQUEST: Where.HTTP_REQ,
    HTTP_RESPONSE: Where.HTTP_RES,
    HTTP_AFTER: Where.HTTP_AFTER,
    TCP_CONNECTION: Where.TCP_REQ_CON,
    TCP_SESSION: Where.TCP_REQ_SES,
    TCP_CONTENT: Where.TCP_REQ_CNT,
    TCP_RESPONSE: Where.TCP_RES_CNT,
}


@contextmanager
def waiting_in(rule_set: int, rule_sets: int) -> Iterator[None]:
    """What is parsed meanwhile is waited for by rules, if they are of these sets."""
    WAITING_PLACE.here = rule_set & rule_sets != 0
    try:
        yield
    finally:
        WAITING_PLACE.here = False


CONDITIONS_WAIT: Final = HTTP_REQUEST | HTTP_RESPONSE  # rule sets whose conditions are waited for
ACTIONS_WAIT: Final = CONDITIONS_WAIT | TCP_CONTENT  # and whose actions are, those that wait at all


class RuleArgs(Args):
    """The words of an action behind its name; `rule_set` is the one it stands in."""

    def __init__(
        self, line: Line, start: int, section: Section, configuration: Configuration, diagnostics: Diagnostics
    ) -> None:
        super().__init__(line, start, section, configuration, diagnostics)
        self.rule_set = HTTP_REQUEST
        self.parameters = ""  # between the parentheses of the action's name
        self.parameters_at = line.at
        self.references: list[Reference] = []  # what its formats and expressions name
        self.expressions: list[Expression] = []  # all of them
        self.asked = 0  # bits of Reads: what its formats and expressions read
        self.reads = int(Reads.ALL)  # what the action declares beside that
        self.writes = int(Writes.ALL)

    def begin(self, entry: "ActionEntry") -> None:
        """The words of this action follow."""
        self.reads = int(entry.reads)
        self.writes = int(entry.writes)

    def only(self, reads: Reads | None = None, writes: Writes | None = None) -> None:
        """With these arguments the action reads or writes less than its decorator says: not more, which is a bug."""
        if reads is not None:
            assert not int(reads) & ~self.reads, f"{self.said} reads more than it declares"
            self.reads = int(reads)
        if writes is not None:
            assert not int(writes) & ~self.writes, f"{self.said} writes more than it declares"
            self.writes = int(writes)

    def finish(self, made: Action, name: str) -> None:
        """The action is made: it gets its name, and what was declared of it."""
        made.name = name
        made.references += self.references
        made.expressions = tuple(self.expressions)
        made.reads = self.reads | self.asked
        made.writes = self.writes

    @property
    def place(self) -> Where:
        return PLACE[self.rule_set]

    def format(self, expected: str) -> Format:
        """The next word as a log-format."""
        return self.compiled(self.word(expected))

    def compiled(self, word: Word) -> Format:
        """A word as a log-format."""
        made = parse_format(word, self.place, acls=acls_of(self.section))
        self.references += made.references
        self.expressions += made.expressions
        self.asked |= made.reads
        return made

    def expression(self, expected: str = "<expr>") -> Expression:
        """The next words as a sample expression."""
        if not self.more():
            self.word(expected)
        made, used = parse_words(self.words[self.index :], self.place, acls_of(self.section))
        self.index += used
        self.references += made.references
        self.expressions.append(made)
        self.asked |= made.reads
        return made


@dataclass(frozen=True, slots=True)
class ActionEntry:
    name: str
    rule_sets: int
    manual: str
    reads: Reads  # beside its formats and expressions
    writes: Writes
    parse: Callable[[RuleArgs], Action]
    named: bool = False  # "set-var(<name>)": something stands in parentheses behind the word
    bare: bool = False  # and may be left out


ACTIONS: Registry[ActionEntry] = Registry("action", loads=True)


def action(
    name: str,
    rule_sets: int,
    manual: str,
    *,
    reads: Reads = Reads.ALL,
    writes: Writes = Writes.ALL,
    named: bool = False,
    bare: bool = False,
) -> Callable[[Callable[[RuleArgs], Action]], Callable[[RuleArgs], Action]]:
    """Register the parser of an action, and declare what that reads and writes."""

    def record(parse: Callable[[RuleArgs], Action]) -> Callable[[RuleArgs], Action]:
        ACTIONS.add(name, ActionEntry(name, rule_sets, manual, reads, writes, parse, named, bare))
        return parse

    return record


@dataclass(frozen=True, slots=True)
class RulePlace:
    """Which rule, for explanations."""

    rule_set: int
    at: Position
