"""track-sc0 and its kin: a connection or an exchange is counted in an entry of a stick table (manual 4.4)."""

import re
from typing import Final

from pointsman.config.action import (
    CONTINUE,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_SESSION,
    Action,
    RuleArgs,
    action,
)
from pointsman.config.global_section import global_number
from pointsman.config.setting import Configuration, In
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.words import Word
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.table_key import TableKey, tracking_key
from pointsman.sample.tracking import track, wish
from pointsman.sample.types import Reads, Writes
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_tables import TABLES, TableReference

_OF_CONNECTIONS: Final = TCP_CONNECTION | TCP_SESSION
_ALL: Final = _OF_CONNECTIONS | TCP_CONTENT | HTTP_REQUEST | HTTP_RESPONSE
_READS: Final = Reads.MOVING | Reads.RESPONSE_LINE  # what is tracked already; the status of a response is counted
_OF_CLIENT: Final = int(Reads.SOURCE | Reads.CONNECTION)
NUMBERED: Final = re.compile(r"track-sc([0-9]*)", re.ASCII)


class Track(Action):
    """Track the entry of a key, under the number of a counter."""

    def __init__(
        self, index: int, expression: Expression, reference: TableReference, rule_set: int, at: Position
    ) -> None:
        super().__init__()
        self.index = index
        self.expression = expression
        self.reference = reference
        self.by_connection = bool(rule_set & _OF_CONNECTIONS)
        self.by_content = bool(rule_set & TCP_CONTENT)
        self.at = at
        self.key: TableKey | None = None
        if not self.by_connection and not expression.reads & ~_OF_CLIENT:
            self.repeats = expression.reads
        self.table: StickTable | None = None

    def resolve(self, configuration: Configuration, diagnostics: Diagnostics) -> None:
        """Whether the expression gives keys of the table."""
        table = self.table = self.reference.table
        if table is None:
            return  # which was told where references are looked up
        self.key = tracking_key(self.expression, table.options)
        if self.key is None:
            raise ConfigError(
                f"stick-table '{table.name}' uses a type incompatible with the 'track-sc{self.index}' rule.",
                self.at,
                f"a key that can become {table.options.type_name}, not {self.expression.type.name.lower()}",
            )

    def run(self, context: Context) -> int:
        key, table = self.key, self.table
        if key is not None and table is not None:
            track(context, self.index, table, key, self.by_connection, self.by_content)
        return CONTINUE


# The name is also that of all higher numbers: see `numbered`.
@action("track-sc", HTTP_REQUEST | HTTP_RESPONSE, "4.4", reads=_READS, writes=Writes.MOVING)
@action("track-sc0", _ALL, "4.4", reads=_READS, writes=Writes.MOVING)
@action("track-sc1", _ALL, "4.4", reads=_READS, writes=Writes.MOVING)
@action("track-sc2", _ALL, "4.4", reads=_READS, writes=Writes.MOVING)
def parse_track(args: RuleArgs) -> Action:
    """track-sc<number> <key> [table <table>]: count the connection or the exchange in the entry of a key."""
    word = args.words[args.start - 1]
    index = counter_number(args, word, NUMBERED.sub(r"\1", word.text) or "0")
    at = args.here
    expression = args.expression("<key>")
    name, named_at = "", word.at
    if args.accept("table"):
        if not args.more():
            raise ConfigError(f"'{args.keyword}': missing table name.", args.here, "the name of a table")
        named = args.word("<table>")
        name, named_at = named.text, named.at
    shared = args.section.kind == In.DEFAULTS
    reference = TABLES.refer(name or args.section.name, named_at, shared and not name)
    wish()
    return Track(index, expression, reference, args.rule_set, at)


def numbered(word: str) -> str:
    """The name under which an action is registered: track-sc3 and higher ones are registered as track-sc2."""
    found = NUMBERED.fullmatch(word)
    return "track-sc2" if found is not None and found[1] and int(found[1]) > 2 else word


def counter_number(args: RuleArgs, word: Word, text: str) -> int:
    """The number of a counter, below tune.stick-counters."""
    most = global_number(args.configuration.main, "tune.stick-counters")
    if not (text.isascii() and text.isdigit()) or int(text) >= most:
        allowed = f"a number from 0 to {most - 1}" if most > 1 else "0" if most else "none: tune.stick-counters is 0"
        raise ConfigError(
            f"'{args.keyword}': {text or 'it'} exceeds {most - 1} (tune.stick-counters-1).", word.at, allowed
        )
    return int(text)
