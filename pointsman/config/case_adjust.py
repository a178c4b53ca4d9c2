"""h1-case-adjust, h1-case-adjust-file (manual 3.1): how peers want names of header fields spelt that do not know that
case means nothing. The options h1-case-adjust-bogus-client and -server say who these are (options.py)."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAdjust(Setting):
    """One name in lower case, and its spelling."""

    name: str
    spelling: str
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAdjustFile(Setting):
    """The names of a file and their spellings, with the numbers of their lines. The last file holds."""

    path: str
    pairs: tuple[tuple[str, str, int], ...]


def spellings(main: Section, diagnostics: Diagnostics) -> dict[bytes, bytes]:
    """All of them, by names in lower case."""
    found = {one.name.encode(): one.spelling.encode() for one in main.all(CaseAdjust)}
    file = main.one(CaseAdjustFile)
    for name, spelling, line in file.pairs if file is not None else ():
        if name.encode() in found and file is not None:
            diagnostics.alert(f"h1-case-adjust-file '{file.path}': duplicate entry '{name}' at line {line}", file.at)
        found[name.encode()] = spelling.encode()
    return found


def _wrong(name: str, spelling: str) -> str:
    """What is wrong with a pair; "": nothing."""
    if not (name.isascii() and spelling.isascii()):
        return "names of header fields are ASCII"
    if name.lower() != spelling.lower():
        return "<from> and <to> must not differ except for their case"
    return "" if name == name.lower() else "<from> must be in lower case"


@keyword("h1-case-adjust", In.GLOBAL, "3.1")
def h1_case_adjust(args: Args) -> CaseAdjust:
    """h1-case-adjust <from> <to>: send the field <from>, in lower case, as <to> to whom an option says."""
    if len(args.words) - args.index < 2:
        raise ConfigError("'h1-case-adjust' expects <from> and <to> as argument.", args.here, "<from> <to>")
    word = args.word("<from>")
    spelling = args.take("<to>")
    args.end()
    wrong = _wrong(word.text, spelling)
    if wrong:
        raise ConfigError(f"'h1-case-adjust': {wrong}", word.at, "such as: content-length Content-Length")
    if any(one.name == word.text for one in args.section.all(CaseAdjust)):
        raise ConfigError(f"'h1-case-adjust': duplicate entry '{word.text}'", word.at)
    return CaseAdjust(name=word.text, spelling=spelling, at=args.at)


@keyword("h1-case-adjust-file", In.GLOBAL, "3.1")
def h1_case_adjust_file(args: Args) -> CaseAdjustFile:
    """h1-case-adjust-file <hdrs-file>: pairs of names, one a line. The last such file holds."""
    if not args.more():
        raise ConfigError("'h1-case-adjust-file' expects <file> as argument.", args.here, "<hdrs-file>")
    word = args.word("<hdrs-file>")
    args.end()
    return CaseAdjustFile(path=word.text, pairs=tuple(_pairs(word.text, word.at)), at=args.at)


def _pairs(path: str, at: Position) -> list[tuple[str, str, int]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise ConfigError(f"h1-case-adjust-file '{path}': {error.strerror}", at, "a file that can be read") from None
    found: dict[str, tuple[str, str, int]] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        wrong = _wrong(words[0], words[1]) if len(words) == 2 else "expects <from> and <to>"
        if not wrong and words[0] in found:
            wrong = f"duplicate entry '{words[0]}'"
        if wrong:
            raise ConfigError(f"h1-case-adjust-file '{path}', line {number}: {wrong}", at, "two names on each line")
        found[words[0]] = (words[0], words[1], number)
    return list(found.values())
