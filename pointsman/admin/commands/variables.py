"""Commands about variables of the process (management manual 9.3)."""

import socket

from pointsman.admin.command import ADMIN, OPERATOR, Call, CommandError, command
from pointsman.admin.publish import publish
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.expression import parse_words
from pointsman.sample.format import parse_format
from pointsman.sample.types import Binary, Packed, Type, Value, Where
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.sample.variables import PROCESS_VARIABLES, marked, parse_variable, process_change

_HERE = Position("the runtime socket", 0)


def _address(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _shown(value: Value) -> str:
    """Its type and content."""
    if isinstance(value, bool):
        return f"type=bool value=<{int(value)}>"
    if isinstance(value, int):
        return f"type=sint value=<{value}>"
    if isinstance(value, Packed):
        return f"type={'ipv4' if len(value) == 4 else 'ipv6'} value=<{_address(value)}>"
    if isinstance(value, Binary):
        return f"type=bin value=<{value.hex()}>"
    return f"type=str value=<{value.decode('utf-8', 'surrogateescape')}>"


@command("get var", "get var <name>", "retrieve contents of a process-wide variable", level=OPERATOR)
def get_var(call: Call) -> str:
    """get var <name>: of the scope proc."""
    name = call.word(0)
    if not name:
        raise CommandError("Missing variable name. Expected argument: <name>.")
    value = PROCESS_VARIABLES.get(name.encode("utf-8", "surrogateescape"))
    if value is None:
        raise CommandError("Variable not found.")
    return f"{name}: {_shown(value)}\n"


@command(
    "set var",
    "set var <name> [fmt|expr] {<fmt>|<expr>}",
    "set variable from an expression/format",
    level=OPERATOR,
    experimental=True,
)
async def set_var(call: Call) -> str:
    """set var <name> <expression>, or expr <expression>, or fmt <format>; in experimental mode only."""
    if not call.terminal.experimental:
        raise CommandError("This command is restricted to experimental mode only.")
    words = call.words
    if len(words) < 2:
        raise CommandError("missing arguments: set var <name> [expr|fmt] {<expression>|<format>}")
    try:
        variable = parse_variable(words[0], _HERE)
        if variable.scope != "proc":
            raise CommandError(f"'set var': cannot set variable '{words[0]}', only scope 'proc' is permitted here.")
        value = _evaluated(words[1:])
    except ConfigError as error:
        raise CommandError(f"'set var': {error}") from None
    if (
        value is not None
        and VARIABLE_LIMITS.on
        and not VARIABLE_LIMITS.admits(_nobody(), variable.key, value, PROCESS_VARIABLES)
    ):
        raise CommandError("'set var': no room for the variable: see tune.vars.proc-max-size.")
    return await publish(call, process_change(variable.key, value))


def _nobody() -> Context:
    return Context(ProxyFacts("", 0, False), Session(ListenerFacts("", 0)))


def _evaluated(words: list[str]) -> Value | None:
    """The value of what was typed. An expression that has none unsets the variable."""
    nobody = _nobody()
    kind = words[0] if words[0] in ("expr", "fmt") and len(words) > 1 else "expr"
    rest = [Word(word, _HERE) for word in (words[1:] if words[0] in ("expr", "fmt") and len(words) > 1 else words)]
    if kind == "fmt":
        if len(rest) > 1:
            raise CommandError(f"'set var': unexpected argument '{rest[1].text}'.")
        return parse_format(rest[0], Where.CLI).render(nobody)
    expression, used = parse_words(rest, Where.CLI)
    if used < len(rest):
        raise CommandError(f"'set var': unexpected argument '{rest[used].text}'.")
    value = expression.get(nobody)
    return None if value is None else marked(Type(expression.type))(value)


@command(
    "experimental-mode", "experimental-mode [on|off]", "enable experimental commands of this connection", level=ADMIN
)
def experimental_mode(call: Call) -> str:
    """experimental-mode [on | off]: without a word it says which it is."""
    word = call.word(0)
    if not word:
        return f"experimental-mode is {'ON' if call.terminal.experimental else 'OFF'}\n"
    if word not in ("on", "off"):
        raise CommandError("Expects 'on' or 'off'.")
    call.terminal.experimental = word == "on"
    return ""
