"""Regular expressions in configurations (PCRE2's language; core/regex.py says what runs them)."""

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.regex import Regex, compile_bytes
from pointsman.sample.arguments import encode


def compile_regex(text: str, at: Position, nocase: bool = False, groups: bool = True) -> Regex:
    """Compile a pattern. ConfigError, in HAProxy's words, for one that is wrong.

    Where nobody asks for groups (ACLs, map_reg) HAProxy has none, so that a reference to one is an error.
    """
    try:
        return compile_bytes(encode(text), nocase, groups)
    except ValueError as error:
        what, where = error.args
        raise ConfigError(
            f"regex '{text}' is invalid (error={what}, erroffset={where})", at, "a regular expression (PCRE2)"
        ) from None
