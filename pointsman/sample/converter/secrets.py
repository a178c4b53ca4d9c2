"""Arguments that are a text or the name of a variable that holds one: keys, nonces, tags, paths (manual 7.3.1)."""

import base64
import binascii
from collections.abc import Callable

from pointsman.core.diagnostics import ConfigError
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.converter.variables import text_of
from pointsman.sample.types import Reads
from pointsman.sample.variables import Variable, parse_variable

Ask = Callable[[Context], bytes | None]


def decoded(text: bytes) -> bytes | None:
    """From base64, with either alphabet and with or without padding; None: it is none."""
    plain = text.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def variable_of(args: Arguments, index: int) -> Variable | None:
    """The variable that the argument names; None: it is a text."""
    try:
        found = parse_variable(args.word(index), args.at, parents=True)
    except ConfigError:
        return None
    args.reads |= int(Reads.MOVING)
    return found


def text_or_variable(args: Arguments, index: int) -> Ask:
    """The argument itself, or what its variable holds then; None: it is not set."""
    variable = variable_of(args, index)
    if variable is None:
        text = args.text(index)
        return lambda _: text
    return lambda ctx: text_of(variable, ctx)


def base64_or_variable(args: Arguments, index: int, what: str) -> Ask:
    """The same of base64, decoded. ConfigError for a text that is neither."""
    variable = variable_of(args, index)
    if variable is None:
        value = decoded(args.text(index))
        if value is None:
            raise args.wrong(
                f"failed to parse {what} : argument needs to be base64 encoded, and can either be a string or a "
                "variable",
                "a text in base64, or <scope>.<name>",
            )
        return lambda _: value

    def ask(ctx: Context) -> bytes | None:
        text = text_of(variable, ctx)
        return None if text is None else decoded(text)

    return ask
