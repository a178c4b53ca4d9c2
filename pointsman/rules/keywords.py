"""The keywords that hold rules: http-request, http-response, http-after-response, redirect, use_backend,
default_backend, use-server, monitor-uri, monitor fail (manual 4.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.acls import acls_of
from pointsman.config.action import (
    ACTIONS,
    CONDITIONS_WAIT,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    PLACE,
    RULE_SETS,
    RuleArgs,
    waiting_in,
)
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.config.vocabulary import lookup, not_built
from pointsman.config.vocabulary import words as words_of
from pointsman.core.diagnostics import ConfigError, UnknownName
from pointsman.core.registry import nearest
from pointsman.core.vocabulary import of_lua, of_python
from pointsman.core.words import Word
from pointsman.rules.redirect import Redirect, parse_words
from pointsman.rules.rule import Rule
from pointsman.rules.tracking import numbered
from pointsman.sample.arguments import inside
from pointsman.sample.condition import Condition, parse_condition
from pointsman.sample.format import Format, parse_format
from pointsman.sample.types import Where


def parse_if(args: Args, where: Where) -> tuple[Condition | None, bool]:
    """What stands behind `if` or `unless`, and whether it is `unless`. None: nothing does."""
    word = args.accept("if", "unless")
    if not word:
        return None, False
    words = args.rest()
    if not words:
        args.diagnostics.warning(
            f"'{args.keyword}': empty condition behind '{word}', it never holds", args.here, "a condition"
        )
        return parse_condition(words, acls_of(args.section), where), word == "unless"
    return parse_condition(words, acls_of(args.section), where, args.diagnostics), word == "unless"


def rules_of(rule_set: int) -> Callable[[Args], Rule]:
    """The parser of the lines of a rule set."""
    name = RULE_SETS[rule_set]
    kind = f"{name} action"

    def parse(args: Args) -> Rule:
        word = args.word("<action>")
        bare, mark, rest = word.text.partition("(")
        entry = ACTIONS.get(numbered(bare))
        if entry is None or not entry.rule_sets & rule_set:
            _look_at_condition(args, PLACE[rule_set])
            raise _no_action(Word(bare, inside(word, 0, len(bare))), rule_set)
        if entry.named != bool(mark) and (mark or not entry.bare) or mark and not rest.endswith(")"):
            expected = f"{bare}(<name>)" if entry.named else bare
            raise ConfigError(f"'{name}': invalid or incomplete action '{word.text}'", word.at, expected)
        _warn_of_final(args, rule_set)
        inner = RuleArgs(args.line, args.index, args.section, args.configuration, args.diagnostics)
        inner.said = f"{name} {word.text}"
        inner.rule_set = rule_set
        inner.parameters = rest[:-1]
        if mark:
            inner.parameters_at = inside(word, len(bare) + 1, len(rest) - 1)
        inner.begin(entry)
        made = entry.parse(inner)
        inner.finish(made, entry.name)
        with waiting_in(rule_set, CONDITIONS_WAIT):
            condition, negated = parse_if(inner, PLACE[rule_set])
        inner.end()
        args.index = inner.index
        return Rule(at=args.at, rule_set=rule_set, action=made, condition=condition, negated=negated)

    parse.__doc__ = f"{kind} [options] [{{if | unless}} <condition>]: one rule of the list."
    return parse


def _look_at_condition(args: Args, where: Where) -> None:
    """Parse the condition of a rule whose action is invalid, so that its mistakes are told in the same run."""
    for index in range(len(args.words) - 1, args.index - 1, -1):
        if args.words[index].text in ("if", "unless"):
            try:
                parse_condition(args.words[index + 1 :], acls_of(args.section), where)
            except ConfigError as error:
                if not (isinstance(error, UnknownName) and error.name in args.configuration.failed):
                    args.diagnostics.add(error.finding)
            return


def _no_action(word: Word, rule_set: int) -> ConfigError:
    """The error for a word that is no action of a rule set."""
    name = RULE_SETS[rule_set]
    lua = of_lua("action", word.text, word.at)
    if lua is not None:
        return lua
    built = [one for one in ACTIONS.names() if (found := ACTIONS.get(one)) is not None and found.rule_sets & rule_set]
    entry = lookup("action", word.text)
    if entry is not None and name in entry.where:
        return not_built("action", word.text, word.at)
    near = nearest(
        word.text,
        [
            *built,
            *(
                one
                for one in words_of("action")
                if (known := lookup("action", one)) is not None and name in known.where
            ),
        ],
    )
    elsewhere = ACTIONS.get(word.text)
    if entry is not None or elsewhere is not None:
        sets = elsewhere.rule_sets if elsewhere is not None else 0
        names = entry.where if entry is not None else [RULE_SETS[one] for one in RULE_SETS if one & sets]
        places = " or ".join(f"'{place}'" for place in names)
        return ConfigError(f"'{name}': action '{word.text}' is not possible here", word.at, f"it belongs to {places}")
    return ConfigError(
        f"'{name}': unknown action '{word.text}'",
        word.at,
        "an action (manual 4.4)",
        f"did you mean '{near}'?" if near else of_python(word.text),
    )


def _warn_of_final(args: Args, rule_set: int) -> None:
    """The line before this one ends the list in any case."""
    for setting in reversed(args.section.typed.get(Rule, ())):
        assert isinstance(setting, Rule)
        if setting.rule_set == rule_set:
            if setting.condition is None and setting.action.final:
                args.diagnostics.warning(
                    f"previous '{RULE_SETS[rule_set]}' action is final and has no condition "
                    "attached, further entries are NOOP.",
                    args.at,
                )
            return


keyword("http-request", In.ANY_PROXY, "4.2")(rules_of(HTTP_REQUEST))
keyword("http-response", In.ANY_PROXY, "4.2")(rules_of(HTTP_RESPONSE))
keyword("http-after-response", In.ANY_PROXY, "4.2")(rules_of(HTTP_AFTER))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectLine(Setting):
    """A `redirect` line: it is looked at behind all http-request rules."""

    rule: Rule
    many: ClassVar[bool] = True


@keyword("redirect", In.PROXY, "4.2")
def parse_redirect_line(args: Args) -> RedirectLine:
    """redirect {location | prefix | scheme} <value> [options] [{if | unless} <condition>]: a redirection."""
    inner = RuleArgs(args.line, args.index, args.section, args.configuration, args.diagnostics)
    entry = ACTIONS.get("redirect")
    assert entry is not None
    inner.begin(entry)
    made = Redirect(parse_words(inner, False))
    inner.finish(made, entry.name)
    made.final = True
    condition, negated = parse_if(inner, Where.HTTP_REQ)
    inner.end()
    args.index = inner.index
    return RedirectLine(
        at=args.at, rule=Rule(at=args.at, rule_set=HTTP_REQUEST, action=made, condition=condition, negated=negated)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UseBackendLine(Setting):
    """A use_backend line; `format` where the name is computed."""

    name: Word
    format: Format | None
    condition: Condition | None
    negated: bool
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultBackendLine(Setting):
    name: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class UseServerLine(Setting):
    """A use-server line; `format` where the name is computed."""

    name: Word
    format: Format | None
    condition: Condition | None
    negated: bool
    many: ClassVar[bool] = True


def _computed(args: Args, word: Word, where: Where) -> Format | None:
    if "%" not in word.text:
        return None
    compiled = parse_format(word, where, acls=acls_of(args.section))
    return compiled if compiled.constant is None else None


@keyword("use_backend", In.FRONT, "4.2")
def parse_use_backend(args: Args) -> UseBackendLine:
    """use_backend <backend> [{if | unless} <condition>]: the first rule that holds chooses the backend."""
    name = args.word("<backend>")
    computed = _computed(args, name, Where.HTTP_REQ)
    condition, negated = parse_if(args, Where.HTTP_REQ)
    return UseBackendLine(at=args.at, name=name, format=computed, condition=condition, negated=negated)


@keyword("default_backend", In.DEFAULTS | In.FRONT, "4.2")
def parse_default_backend(args: Args) -> DefaultBackendLine:
    """default_backend <backend>: where what no use_backend rule has sent elsewhere goes."""
    return DefaultBackendLine(at=args.at, name=args.word("<backend>"))


@keyword("use-server", In.BACK, "4.2")
def parse_use_server(args: Args) -> UseServerLine:
    """use-server <server> {if | unless} <condition>: only that server, if it is up."""
    name = args.word("<server>")
    computed = _computed(args, name, Where.HTTP_REQ)
    condition, negated = parse_if(args, Where.HTTP_REQ)
    if condition is None:
        raise ConfigError(
            "'use-server' expects either 'if' or 'unless' followed by a condition", args.here, "'if' or 'unless'"
        )
    return UseServerLine(at=args.at, name=name, format=computed, condition=condition, negated=negated)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorUriLine(Setting):
    uri: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorFailLine(Setting):
    """A `monitor fail` line: while one holds, monitor-uri answers 503."""

    condition: Condition
    negated: bool
    many: ClassVar[bool] = True


@keyword("monitor-uri", In.DEFAULTS | In.FRONT, "4.2")
def parse_monitor_uri(args: Args) -> MonitorUriLine:
    """monitor-uri <uri>: requests for exactly this URI are answered here, without a log line."""
    return MonitorUriLine(at=args.at, uri=args.take("<uri>").encode("utf-8", "surrogateescape"))


@keyword("monitor fail", In.FRONT, "4.2")
def parse_monitor_fail(args: Args) -> MonitorFailLine:
    """monitor fail {if | unless} <condition>: monitor-uri answers 503 while it holds."""
    condition, negated = parse_if(args, Where.HTTP_REQ)
    if condition is None:
        raise ConfigError("'monitor fail' expects 'if' or 'unless' and a condition", args.here, "'if' or 'unless'")
    return MonitorFailLine(at=args.at, condition=condition, negated=negated)
