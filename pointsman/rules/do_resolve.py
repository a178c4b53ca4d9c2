"""do-resolve (manual 4.4): the address of a name that a request brings, found while it waits.

Control knows, or asks name servers (resolve/answering.py); the lane goes on with others meanwhile. In one exchange a
name is asked about once; it is control that remembers answers for `hold valid`.
"""

from typing import Final

from pointsman.config.action import ACTIONS_WAIT, HTTP_REQUEST, TCP_CONTENT, RuleArgs, action, waiting_in
from pointsman.config.setting import Configuration, Section
from pointsman.config.verdict import CONTINUE, WAIT, Action
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.registry import nearest
from pointsman.resolve.resolution import RESOLVERS
from pointsman.sample.context import Context
from pointsman.sample.control import ControlNeed
from pointsman.sample.expression import Expression
from pointsman.sample.source import Getter
from pointsman.sample.types import Packed, Reads, Type, Writes
from pointsman.sample.variables import Check, Variable, assign, parse_variable

KIND: Final = b"resolve"
FAMILIES: Final = {"ipv4": 4, "ipv6": 6}
PATIENCE: Final = 1_000  # ms beyond the time that name servers have
LONGEST: Final = 255  # bytes of a name; control is not bothered with more
NO_CHECKS: Final[list[Check]] = []


class DoResolve(Action):
    """Give a variable the address of a name, if there is one."""

    def __init__(self, variable: Variable, resolvers: str, family: int, ask: Getter, at: Position) -> None:
        super().__init__()
        self.waits = True
        self.variable = variable
        self.resolvers = resolvers
        self.ask = ask
        self.at = at
        self.prefix = resolvers.encode() + b"\0%d" % family
        self.time = PATIENCE

    def resolve(self, configuration: Configuration, diagnostics: Diagnostics) -> None:
        found = RESOLVERS.by_name.get(self.resolvers)
        if found is not None:
            self.time = found.longest() + PATIENCE

    def check(self, section: Section, diagnostics: Diagnostics) -> None:
        if self.resolvers in RESOLVERS.by_name:
            return
        near = nearest(self.resolvers, RESOLVERS.by_name)
        raise ConfigError(
            f"Proxy '{section.name}': Can't find resolvers section '{self.resolvers}' for do-resolve action.",
            self.at,
            "the name of a resolvers section",
            f"did you mean '{near}'?" if near else "",
        )

    def run(self, context: Context) -> int:
        name = self.ask(context)
        if context.need is not None:
            return WAIT  # the expression itself waits
        if not isinstance(name, bytes) or not name or len(name) > LONGEST:
            return CONTINUE
        question = self.prefix + name
        asked = context.answer_to(question)
        if asked is None:
            if context.may_wait:
                context.need = ControlNeed(KIND, question, self.time, question)
                return WAIT
            return CONTINUE
        address = asked.answer if isinstance(asked, ControlNeed) else None
        if address:
            assign(self.variable, NO_CHECKS, context, Packed(address))
        return CONTINUE


def _wrong(args: RuleArgs) -> ConfigError:
    return ConfigError(
        f"Can't parse 'do-resolve({args.parameters})'. Expects 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>'. "
        "Available options are 'ipv4' and 'ipv6'.",
        args.parameters_at,
        "do-resolve(<var>,<resolvers>[,ipv4|ipv6]) <expr>",
    )


@action("do-resolve", HTTP_REQUEST | TCP_CONTENT, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_do_resolve(args: RuleArgs) -> Action:
    """do-resolve(<var>,<resolvers>[,ipv4|ipv6]) <expr>: resolve the name that the expression yields by a resolvers
    section, of which an address of that family is preferred (ipv6), and give it to a variable. Without an address the
    variable stays as it is. The exchange waits meanwhile."""
    words = args.parameters.split(",")
    if len(words) < 2 or not words[0] or not words[1]:
        raise _wrong(args)
    family = 6
    for word in words[2:]:
        if word:
            if word not in FAMILIES:
                raise _wrong(args)
            family = FAMILIES[word]
    variable = parse_variable(words[0], args.parameters_at)
    at = args.here
    with waiting_in(args.rule_set, ACTIONS_WAIT):
        expression = args.expression()
    return DoResolve(variable, words[1], family, _text(expression, args, at), args.parameters_at)


def _text(expression: Expression, args: RuleArgs, at: Position) -> Getter:
    found = expression.cast_to(Type.STR)
    if found is None:
        raise ConfigError(f"'{args.keyword}': '{expression.text}' yields no name", at, "an expression of a host's name")
    return found
