"""The keywords that tie clients to servers by stick tables: stick on, stick match, stick store-request, stick
store-response (manual 4.2)."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.acls import acls_of
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.rules.keywords import parse_if
from pointsman.sample.condition import Condition
from pointsman.sample.expression import Expression, parse_words
from pointsman.sample.types import Where
from pointsman.tables.stick_tables import TABLES, TableReference


@dataclass(frozen=True, slots=True, kw_only=True)
class StickLine(Setting):
    """One of these lines. `matches`: the table is asked for the server; `stores`: it learns the server, from requests,
    or (`response`) from responses."""

    matches: bool = False
    stores: bool = False
    response: bool = False
    pattern: Expression
    pattern_at: Position
    table: TableReference
    condition: Condition | None = None
    negated: bool = False
    many: ClassVar[bool] = True


def _parse(args: Args, matches: bool, stores: bool, response: bool = False) -> StickLine:
    where = Where.RESPONSE if response else Where.REQUEST
    if not args.more():
        raise ConfigError(f"'{args.keyword}' expects a fetch method.", args.here, "<pattern>, such as src")
    at = args.here
    pattern, used = parse_words(args.words[args.index :], where, acls_of(args.section))
    args.index += used
    name, named = args.section.name, args.at
    if args.accept("table"):
        word = args.word("<table>")
        name, named = word.text, word.at
    if args.more() and args.peek() not in ("if", "unless"):
        word = args.word("")
        raise args.wrong(word, f"'{args.keyword}': unknown keyword '{word.text}'.", ("table", "if", "unless"))
    condition, negated = parse_if(args, where)
    for data_type in ("server_id", "server_key"):
        TABLES.want(name, data_type)
    return StickLine(
        at=args.at,
        matches=matches,
        stores=stores,
        response=response,
        pattern=pattern,
        pattern_at=at,
        table=TABLES.refer(name, named),
        condition=condition,
        negated=negated,
    )


@keyword("stick match", In.BACK, "4.2")
def stick_match(args: Args) -> StickLine:
    """stick match <pattern> [table <table>] [{if | unless} <condition>]: the server that the table has for it."""
    return _parse(args, True, False)


@keyword("stick on", In.BACK, "4.2")
def stick_on(args: Args) -> StickLine:
    """stick on <pattern> [table <table>] [{if | unless} <condition>]: `stick match` and `stick store-request`."""
    return _parse(args, True, True)


@keyword("stick store-request", In.BACK, "4.2")
def stick_store_request(args: Args) -> StickLine:
    """stick store-request <pattern> [table <table>] [{if | unless} <condition>]: the table learns the server."""
    return _parse(args, False, True)


@keyword("stick store-response", In.BACK, "4.2")
def stick_store_response(args: Args) -> StickLine:
    """stick store-response <pattern> [table <table>] [{if | unless} <condition>]: the same, from a response."""
    return _parse(args, False, True, True)
