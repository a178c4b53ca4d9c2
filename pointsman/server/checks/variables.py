"""Variables of health checks: http-check and tcp-check set-var, set-var-fmt, unset-var (manual 4.2 and 2.8)."""

from pointsman.config.acls import acls_of
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.sample.expression import parse_words
from pointsman.sample.types import Where
from pointsman.sample.variables import Check, Variable, conditions, marked, parse_variable
from pointsman.server.checks import words
from pointsman.server.checks.order import check_order
from pointsman.server.checks.plan import HTTP, TCP, CheckRule
from pointsman.server.checks.steps import SCOPES, SetVariable, UnsetVariable

RULES = In.DEFAULTS | In.BACK | In.HEALTHCHECK


@keyword("http-check set-var", RULES, "4.2", named=True)
def http_check_set_var(args: Args) -> CheckRule:
    """http-check set-var(<var-name>[,<cond>...]) <expr>: give a variable the value of an expression."""
    return _set(args, HTTP)


@keyword("tcp-check set-var", RULES, "4.2", named=True)
def tcp_check_set_var(args: Args) -> CheckRule:
    """tcp-check set-var(<var-name>[,<cond>...]) <expr>: give a variable the value of an expression."""
    return _set(args, TCP)


@keyword("http-check set-var-fmt", RULES, "4.2", named=True)
def http_check_set_var_fmt(args: Args) -> CheckRule:
    """http-check set-var-fmt(<var-name>[,<cond>...]) <fmt>: give a variable the string that a log-format makes."""
    return _set_formatted(args, HTTP)


@keyword("tcp-check set-var-fmt", RULES, "4.2", named=True)
def tcp_check_set_var_fmt(args: Args) -> CheckRule:
    """tcp-check set-var-fmt(<var-name>[,<cond>...]) <fmt>: give a variable the string that a log-format makes."""
    return _set_formatted(args, TCP)


@keyword("http-check unset-var", RULES, "4.2", named=True)
def http_check_unset_var(args: Args) -> CheckRule:
    """http-check unset-var(<var-name>): forget its value."""
    return _unset(args, HTTP)


@keyword("tcp-check unset-var", RULES, "4.2", named=True)
def tcp_check_unset_var(args: Args) -> CheckRule:
    """tcp-check unset-var(<var-name>): forget its value."""
    return _unset(args, TCP)


def _set(args: Args, kind: str) -> CheckRule:
    variable, checks = _variable(args)
    if not args.more():
        args.word("<expr>")
    expression, used = parse_words(args.words[args.index :], Where.CHECK, acls_of(args.section))
    args.index += used
    return _rule(
        args,
        kind,
        SetVariable(variable=variable, checks=tuple(checks), expression=expression, mark=marked(expression.type)),
    )


def _set_formatted(args: Args, kind: str) -> CheckRule:
    variable, checks = _variable(args)
    return _rule(
        args, kind, SetVariable(variable=variable, checks=tuple(checks), form=words.form(args, args.word("<fmt>")))
    )


def _unset(args: Args, kind: str) -> CheckRule:
    name, at = _inside(args)
    return _rule(args, kind, UnsetVariable(variable=_scoped(args, name, at)))


def _rule(args: Args, kind: str, step: SetVariable | UnsetVariable) -> CheckRule:
    check_order(args, kind, step)
    return CheckRule(kind=kind, step=step, at=args.at)


def _inside(args: Args) -> tuple[str, Position]:
    """What stands in the parentheses, and where."""
    word = args.words[args.start - 1]
    action, _, rest = word.text.partition("(")
    if not rest.removesuffix(")"):
        raise ConfigError(f"'{args.keyword}' : missing variable name", word.at, f"{action}(<var-name>)")
    return rest.removesuffix(")"), word.at


def _variable(args: Args) -> tuple[Variable, list[Check]]:
    text, at = _inside(args)
    name, *names = text.split(",")
    return _scoped(args, name, at), conditions(names, at)


def _scoped(args: Args, name: str, at: Position) -> Variable:
    """A variable of a scope that checks do not have is never set: the peer program takes it without a word."""
    variable = parse_variable(name, at)
    if variable.scope not in SCOPES:
        args.diagnostics.warning(
            f"'{args.keyword}' : variables of the scope '{variable.scope}' do not exist in health checks, so the rule "
            "has no effect.",
            at,
            "a variable of the scope proc, sess or check",
        )
    return variable
