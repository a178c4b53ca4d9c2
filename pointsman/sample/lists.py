"""Files of patterns: what `-f` of ACLs and the names of maps stand for (manual 2.7, 7.1, 7.3.1).

A name is read once; whoever names it again shares the list. "opt@": the file need not exist; "virt@": there is no file
at all, and the prefix is part of the name; "file@" says what is so anyway. A relative name starts at the working
directory, which `default-path` moves.
"""
import re
from pathlib import Path
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.tables.patterns import LISTS, Reference

_BLANKS: Final = " \t"


def list_name(name: str) -> str:
    """What identifies a list: its file's name without the prefixes that only say how it is read."""
    return name.removeprefix("opt@") if name.startswith("opt@") else name.removeprefix("file@")


def find_list(name: str, pairs: bool, at: Position) -> Reference:
    """The list of that name, read now if nobody has named it before. ConfigError at the name."""
    known = LISTS.by_name.get(list_name(name))
    if known is not None:
        if known.pairs != pairs:
            has, wanted = ("two", "one") if known.pairs else ("one", "two")
            raise ConfigError(f'The file "{known.name}" is already used as {has} column file and cannot be used by as '
                              f"{wanted} column file.", at, "", "an ACL reads a map's file with '-M'")
        return known
    lines = _read(name, at)
    made = LISTS.new(list_name(name), pairs)
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        text = line.lstrip(_BLANKS).rstrip("\r")
        if not text:
            continue
        if not pairs:
            made.add(text, None, place=(made.name, number))
            continue
        key, value = split_pair(text)
        made.add(key, value, place=(made.name, number))
    made.changed = False
    return made


def split_pair(text: str) -> tuple[str, str]:
    """A key, which is the first word, and the rest without the blanks around it."""
    key, *rest = re.split(r"[ \t]+", text.strip(_BLANKS), maxsplit=1)
    return key, rest[0] if rest else ""


def _read(name: str, at: Position) -> list[str]:
    if name.startswith("virt@"):
        return []
    path = list_name(name)
    try:
        content = Path(path).read_text("utf-8", "surrogateescape") if path else None
    except FileNotFoundError:
        if name.startswith("opt@"):
            return []
        content = None
    except (OSError, ValueError) as error:
        raise ConfigError(f"failed to open pattern file <{path}> : {error}", at) from None
    if content is None:
        raise ConfigError(f"failed to open pattern file <{path}>.", at, "a file that exists")
    return content.split("\n")


def said_at(at: Position) -> str:
    """A place as `show map` tells it."""
    return f"file '{at.file}' line {at.line}"
