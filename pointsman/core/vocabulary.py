"""The words of samples that HAProxy 3.5 knows: fetches, converters and log-format tags, with the manual's sections.

It answers one question: is a word that nobody registered misspelt, or only not built yet? The table is samples.tsv:
kind, word, section of the configuration manual.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.refused import refusal
from pointsman.core.registry import nearest


@cache
def sample_words() -> dict[str, dict[str, str]]:
    """Kind ("fetch", "converter", "log-format tag") -> word -> section of the manual."""
    table: dict[str, dict[str, str]] = {}
    for line in (Path(__file__).parent / "samples.tsv").read_text().splitlines():
        kind, word, section = line.split("\t")
        table.setdefault(kind, {})[word] = section
    return table


def of_lua(called: str, word: str, at: Position) -> ConfigError | None:
    """The error for a name that only a Lua script could register; None: it is none such."""
    if not word.startswith("lua."):
        return None
    return ConfigError(f"{called} '{word}' is not built yet: Lua is not", at, hint="manual 3.1 describes lua-load")


def unknown(kind: str, word: str, at: Position, known: Iterable[str] = ()) -> ConfigError:
    """The error for a word that is not registered; `known` are the registered ones."""
    called = {"fetch": "fetch method"}.get(kind, kind)
    lua = of_lua(called, word, at)
    if lua is not None:
        return lua
    reason = refusal(kind, word)
    if reason:
        return ConfigError(f"{called} '{word}' is not supported: {reason}", at)
    section = sample_words().get(kind, {}).get(word)
    if section is not None:
        return ConfigError(f"{called} '{word}' is not built yet (manual {section})", at)
    near = nearest(word, set(known) | set(sample_words().get(kind, ())))
    return ConfigError(f"unknown {called} '{word}'", at, hint=f"did you mean '{near}'?" if near else of_python(word))


def of_python(word: str) -> str:
    """A hint for a name that no file has brought; "": it is none such."""
    if not word.startswith("python."):
        return ""
    return "functions in Python come with 'python-load <file>' in the global section, above their use (docs/python.md)"
