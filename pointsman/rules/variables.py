"""set-var, set-var-fmt, unset-var (manual 4.4 and 2.8), and the global keywords that give process-wide values (3.1)."""

from collections.abc import Sequence
from typing import Final

from pointsman.config.action import (
    ACTIONS_WAIT,
    CONTINUE,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
    Action,
    RuleArgs,
    action,
    waiting_in,
)
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.config.verdict import WAIT
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.expression import Expression, parse_words
from pointsman.sample.format import Format, parse_format
from pointsman.sample.types import WAITED, Reads, Where, Writes
from pointsman.sample.variables import PROCESS_VARIABLES, Check, Variable, assign, conditions, marked, parse_variable

_ALL: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER | TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | TCP_RESPONSE


class VariableAction(Action):
    """Base: which variable, and where it was named."""

    def __init__(self, variable: Variable, at: Position) -> None:
        super().__init__()
        self.variable = variable
        self.at = at


class SetVariable(VariableAction):
    """Give it the value of an expression, if there is one and the conditions hold."""

    def __init__(self, variable: Variable, checks: Sequence[Check], expression: Expression, at: Position) -> None:
        super().__init__(variable, at)
        self.checks = checks
        self.expression = expression
        self.waits = expression.reads & WAITED != 0
        self.mark = marked(expression.type)

    def run(self, context: Context) -> int:
        value = self.expression.get(context)
        if value is not None:
            assign(self.variable, self.checks, context, self.mark(value))
        elif self.waits and context.need is not None:
            return WAIT
        return CONTINUE


class SetFormatted(VariableAction):
    """Give it the string that a log-format makes."""

    def __init__(self, variable: Variable, checks: Sequence[Check], value: Format, at: Position) -> None:
        super().__init__(variable, at)
        self.checks = checks
        self.value = value
        self.waits = value.reads & WAITED != 0

    def run(self, context: Context) -> int:
        value = self.value.render(context)
        if self.waits and context.need is not None:
            return WAIT
        assign(self.variable, self.checks, context, value)
        return CONTINUE


class UnsetVariable(VariableAction):
    """Forget its value."""

    def run(self, context: Context) -> int:
        self.variable.unset(context)
        return CONTINUE


@action("set-var", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_set_var(args: RuleArgs) -> Action:
    """set-var(<var-name>[,<cond>...]) <expr>: give a variable the value of an expression, and its type."""
    variable, checks = _named(args)
    with waiting_in(args.rule_set, ACTIONS_WAIT):
        expression = args.expression()
    return SetVariable(variable, checks, expression, args.parameters_at)


@action("set-var-fmt", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_set_var_fmt(args: RuleArgs) -> Action:
    """set-var-fmt(<var-name>[,<cond>...]) <fmt>: give a variable the string that a log-format makes."""
    variable, checks = _named(args)
    with waiting_in(args.rule_set, ACTIONS_WAIT):
        value = args.compiled(args.word("<fmt>"))
    return SetFormatted(variable, checks, value, args.parameters_at)


@action("unset-var", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_unset_var(args: RuleArgs) -> Action:
    """unset-var(<var-name>): forget its value."""
    return UnsetVariable(parse_variable(args.parameters, args.parameters_at), args.parameters_at)


def _named(args: RuleArgs) -> tuple[Variable, list[Check]]:
    name, *words = args.parameters.split(",")
    return parse_variable(name, args.parameters_at), conditions(words, args.parameters_at)


def _process_wide(args: Args) -> Variable:
    word = args.word("<var-name>")
    variable = parse_variable(word.text, word.at)
    if variable.scope != "proc":
        raise ConfigError(
            f"'{args.keyword}': cannot set variable '{word.text}', only scope 'proc' is permitted in the "
            "global section.",
            word.at,
            "proc.<name>",
        )
    return variable


def _nobody() -> Context:
    """What expressions of the global section are asked with."""
    return Context(ProxyFacts("", 0, False), Session(ListenerFacts("", 0)))


@keyword("set-var", In.GLOBAL, "3.1")
def parse_global_set_var(args: Args) -> None:
    """set-var <var-name> <expr>: give a process-wide variable its first value, at once."""
    variable = _process_wide(args)
    if not args.more():
        args.word("<expr>")
    expression, used = parse_words(args.words[args.index :], Where.CONFIG)
    args.index += used
    value = expression.get(_nobody())
    if value is not None:
        PROCESS_VARIABLES[variable.key] = marked(expression.type)(value)


@keyword("set-var-fmt", In.GLOBAL, "3.1")
def parse_global_set_var_fmt(args: Args) -> None:
    """set-var-fmt <var-name> <fmt>: the same with a log-format."""
    variable = _process_wide(args)
    PROCESS_VARIABLES[variable.key] = parse_format(args.word("<fmt>"), Where.CONFIG).render(_nobody())
