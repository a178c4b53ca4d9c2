"""Who may see the statistics page, and who may change servers with it: `stats http-request` and `stats admin`
(manual 4.2). The other `stats` lines stand in config/stats.py; each of these enables the page, too."""

from dataclasses import dataclass
from typing import ClassVar, Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import nearest
from pointsman.rules.keywords import parse_if
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.types import Where

VERDICTS: Final = ("allow", "deny", "auth")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsAdmin(Setting):
    """A `stats admin` line: one that holds is enough."""

    condition: Condition
    negated: bool
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRule(Setting):
    """A `stats http-request` line: the first that holds is final. No condition: it holds."""

    verdict: str
    realm: str  # that `auth` names; "": the page's
    condition: Condition | None
    negated: bool
    many: ClassVar[bool] = True


@keyword("stats admin", In.PROXY, "4.2")
def parse_stats_admin(args: Args) -> StatsAdmin:
    """stats admin {if | unless} <cond>: whoever fulfils it may change servers."""
    condition, negated = parse_if(args, Where.HTTP_REQ)
    if condition is None:
        raise ConfigError(
            "'stats admin' requires either 'if' or 'unless' followed by a condition", args.here, "'if' or 'unless'"
        )
    return StatsAdmin(at=args.at, condition=condition, negated=negated)


@keyword("stats http-request", In.PROXY, "4.2")
def parse_stats_http_request(args: Args) -> StatsRule:
    """stats http-request {allow | deny | auth [realm <realm>]} [{if | unless} <cond>]: who may see the page."""
    word = args.word("'allow', 'deny' or 'auth'")
    if word.text not in VERDICTS:
        near = nearest(word.text, VERDICTS)
        raise ConfigError(
            f"'stats http-request' expects 'allow', 'deny' or 'auth', but got '{word.text}'",
            word.at,
            "'allow', 'deny' or 'auth'",
            f"did you mean '{near}'?" if near else "",
        )
    realm = args.word("<realm>").text if word.text == "auth" and args.accept("realm") else ""
    condition, negated = parse_if(args, Where.HTTP_REQ)
    return StatsRule(at=args.at, verdict=word.text, realm=realm, condition=condition, negated=negated)


def conditions(section: Section) -> list[Condition]:
    """All conditions of these lines, for the names that they refer to."""
    found: list[Condition] = [line.condition for line in section.all(StatsAdmin)]
    return found + [line.condition for line in section.all(StatsRule) if line.condition is not None]


def verdict(rules: tuple[StatsRule, ...], context: Context) -> StatsRule | None:
    """The first rule that holds."""
    for rule in rules:
        if rule.condition is None or rule.condition.test(context) != rule.negated:
            return rule
    return None


def is_admin(lines: tuple[StatsAdmin, ...], context: Context) -> bool:
    return any(line.condition.test(context) != line.negated for line in lines)
