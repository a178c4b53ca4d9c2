"""Files of patterns: what `-f` of ACLs and the names of maps stand for (manual 2.7, 7.1, 7.3.1).

A name is read once; whoever names it again shares the list. "opt@": the file need not exist; "virt@": there is no file
at all, and the prefix is part of the name; "file@" says what is so anyway. A relative name starts at the working
directory, which `default-path` moves.
"""

from array import array
from collections.abc import Iterator
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.tables.patterns import LISTS, PatternList

_BLANKS: Final = " \t"


def list_name(name: str) -> str:
    """What identifies a list: its file's name without the prefixes that only say how it is read."""
    return name.removeprefix("opt@") if name.startswith("opt@") else name.removeprefix("file@")


def find_list(name: str, pairs: bool, at: Position) -> PatternList:
    """The list of that name, read now if nobody has named it before. ConfigError at the name."""
    known = LISTS.by_name.get(list_name(name))
    if known is not None:
        if known.pairs != pairs:
            has, wanted = ("two", "one") if known.pairs else ("one", "two")
            raise ConfigError(
                f'The file "{known.name}" is already used as {has} column file and cannot be used by as '
                f"{wanted} column file.",
                at,
                "",
                "an ACL reads a map's file with '-M'",
            )
        return known
    keys: list[str] = []
    values: list[str | None] = []
    numbers = array("I")
    for number, line in enumerate(_read(name, at), 1):
        if line[:1] == "#":
            continue
        text = line.lstrip(_BLANKS).rstrip("\r")
        if not text:
            continue
        value: str | None = None
        if pairs:
            text, value = split_pair(text)
        keys.append(text)
        values.append(value)
        numbers.append(number)
    made = LISTS.new(list_name(name), pairs)
    made.read(keys, values, numbers)
    return made


def split_pair(text: str) -> tuple[str, str]:
    """A key, which is the first word, and the rest without the blanks around it."""
    text = text.strip(_BLANKS)
    key, mark, value = text.partition(" ")
    if "\t" in key or not mark:
        key, _, value = text.partition("\t")
    return key, value.lstrip(_BLANKS)


def _read(name: str, at: Position) -> Iterator[str]:
    """The lines of the file, without their ends. One after the other: the file may be large."""
    if name.startswith("virt@"):
        return
    path = list_name(name)
    missing = ConfigError(f"failed to open pattern file <{path}>.", at, "a file that exists")
    if not path:
        raise missing
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                yield line.removesuffix("\n")
    except FileNotFoundError:
        if not name.startswith("opt@"):
            raise missing from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"failed to open pattern file <{path}> : {error}", at) from None


def said_at(at: Position) -> str:
    """A place as `show map` tells it."""
    return f"file '{at.file}' line {at.line}"
