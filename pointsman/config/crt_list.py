"""Lists of certificates in files, each line with options and the names it serves (manual 5.1 "crt-list"):

    <crtfile> [ '[' <option> ... ']' ] [ [!]<name> ... ]

Words end at blanks and brackets; nothing is quoted, no variable is resolved, and a comment begins with its line.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from pointsman.config.certificates import Referring, refer
from pointsman.config.crt_store import LIST_WORDS, LOAD_WORDS, Loading
from pointsman.config.keyword import Args
from pointsman.config.parameters import Parameter, Words
from pointsman.config.setting import Configuration
from pointsman.config.vocabulary import not_built
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.refused import refusal
from pointsman.core.registry import Registry, nearest
from pointsman.core.words import Line, Place, Word
from pointsman.tls.options import BindTls, CertificateLine, CertificateList, FrontOptions, LoadedFiles, narrowed

CRT_LIST_WORDS: Final[Registry[Parameter[BindTls]]] = Registry("option of crt-lists")  # filled by tls_bind.py
RUNTIME: Final = "CLI"  # the file of lines that come while the program runs
LONGEST: Final = 65_535  # characters of a line
TOKEN: Final = re.compile(r"[\[\]]|[^ \t\[\]]+")


@dataclass(frozen=True, slots=True)
class LineWords:
    """What options of a line say. `files`: None if they say nothing of files; `crt`: "" if they do not."""

    options: FrontOptions = FrontOptions()  # noqa: RUF009 - frozen
    files: LoadedFiles | None = None
    crt: Word | None = None


def read_line_words(args: Args, said: str, unknown: Callable[[Word], ConfigError]) -> LineWords:
    """All words of `args`: options of a line of a crt-list, or of ssl-f-use. `said` begins errors; `unknown` makes that
    for a word that is none."""
    inside = Words(args, said)
    tls, loading, crt, loads = BindTls(), Loading(), None, False
    while args.more():
        inside.word = args.word("an option")
        name = inside.word.text
        found = CRT_LIST_WORDS.get(name)
        load = LOAD_WORDS.get(name) if name in LIST_WORDS else None
        if found is not None:
            tls = found.parse(inside, tls)
        elif load is not None:
            if name == "crt" and crt is not None:
                raise ConfigError("'crt' already specified, aborting.", inside.word.at)
            loading = load.parse(inside, loading)
            if name == "crt":
                crt = args.words[args.index - 1]
            loads = loads or name != "crt"
        else:
            if refusal("bind", name):
                raise not_built("bind", name, inside.word.at)
            if refusal("load", name):
                raise not_built("load", name, inside.word.at)
            near = nearest(name, [*CRT_LIST_WORDS, *LIST_WORDS])
            error = unknown(inside.word)
            raise ConfigError(str(error), inside.word.at, "", f"did you mean '{near}'?" if near else "")
    files = loading.files
    explicit = bool(files.key or files.ocsp or files.issuer or files.sctl)
    return LineWords(narrowed(tls), replace(files, crt="", explicit=explicit, at=args.at) if loads else None, crt)


class _Lists(dict[str, CertificateList]):
    """Those that were read, by their files: several bind lines may name one."""


def read_crt_list(words: Words, file: Word) -> CertificateList:
    """The list in a file, read once. Raises ConfigError."""
    lists = words.args.configuration.main.tables.setdefault(_Lists, _Lists())
    assert isinstance(lists, _Lists)
    found = lists.get(file.text)
    if found is None:
        found = lists[file.text] = CertificateList(name=file.text, lines=tuple(_lines(words, file)))
    return found


def _lines(words: Words, file: Word) -> Iterator[CertificateLine]:
    try:
        with open(file.text, "rb") as opened:
            content = opened.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise words.wrong(f"cannot open file '{file.text}' : {error.strerror}", file) from None
    texts = content.split("\n")
    for number, text in enumerate(texts, 1):
        try:
            _check_text(words, file.text, number, text, number == len(texts))
            place = Place(file.text, number, text.partition("\r")[0])
            if place.text.strip(" \t") and not text.startswith("#"):
                yield from _CrtListLine(words, place).read()
        except ConfigError as error:  # what is wrong with other lines is told in the same run
            words.args.diagnostics.add(error.finding)


def _check_text(words: Words, file: str, number: int, text: str, last: bool) -> None:
    """What no line may be, whatever it says. `last`: what stands behind the last line feed."""
    place = Place(file, number, text.replace("\0", " "))
    if "\0" in text:
        wrong, at = "unexpected NUL character", place.at(text.find("\0"))
    elif last and text:
        wrong = f"Missing LF on last line, file might have been truncated at position {len(text) + 1}."
        at = place.at(len(text))
    elif len(text) > LONGEST:
        wrong, at = f"line too long, limit is {LONGEST} characters", Position(file, number)
    else:
        return
    raise ConfigError(f"{words.said} : '{words.word.text}' : parsing [{file}:{number}]: {wrong}", at)


class _CrtListLine:
    """One line."""

    def __init__(self, words: Words, place: Place, said: str | None = None) -> None:
        self.words = words
        self.place = place
        self.said = f"{words.said} : '{words.word.text}' : " if said is None else said
        self.name = Word("", place.at(0))
        self.options: list[Word] = []
        self.filters: list[Word] = []

    def _wrong(self, message: str, at: Position) -> ConfigError:
        place = self.place
        return ConfigError(f"{self.said}parsing [{place.file}:{place.number}]: {message}", at)

    def cut(self) -> None:
        """Sort the line's words into the name of the file, options and filters."""
        opened = closed = False
        for found in TOKEN.finditer(self.place.text):
            word = Word(found[0], self.place.at(found.start(), len(found[0])))
            if word.text == "[":
                if opened:
                    raise self._wrong("too many '['", word.at)
                if not self.name.text:
                    raise self._wrong("file name expected before '['", word.at)
                if self.filters:
                    self._unless_running(
                        "malformated line, filters can't be between filename and options!",
                        self.filters[0].at,
                        "it is left out: write it behind the options",
                    )
                    self.filters.clear()
                opened = True
            elif word.text == "]":
                if not opened:
                    raise self._wrong("missing '['", word.at)
                if closed:
                    raise self._wrong("too many ']'", word.at)
                closed = True
            elif not self.name.text:
                self.name = word
            else:
                (self.options if opened and not closed else self.filters).append(word)
        if opened and not closed:
            at = self.place.at(len(self.place.text))
            self._unless_running("missing ']'", at, "all of the line was taken for options")

    def _unless_running(self, message: str, at: Position, hint: str) -> None:
        """A mistake that a line of a file may have."""
        error = self._wrong(message, at)
        if self.place.file == RUNTIME:
            raise error
        self.words.args.diagnostics.warning(str(error), at, hint=hint)

    def read(self) -> Iterator[CertificateLine]:
        """The line; one for each file, where it names a bundle."""
        self.cut()
        said = self.bracketed()
        filters = tuple(word.text for word in self.filters)
        if any(name.startswith("!") for name in filters) and not any(name.startswith(("*", "!*")) for name in filters):
            self.words.args.diagnostics.warning(
                f'crt-list: negative filters on crt-list line "{self.name.text}" without a positive wildcard filter '
                "won't do anything!",
                self.filters[0].at,
            )
        place = self.place
        by = Referring(
            f"{self.words.said} : '{self.words.word.text}'",
            f"'{{name}}' in crt-list '{place.file}' line {place.number}",
            said.files,
        )
        for files in refer(self.words.args.configuration, self.name, by):
            yield CertificateLine(
                files=files,
                options=said.options,
                filters=filters,
                default="*" in filters,
                number=place.number,
                at=self.name.at,
            )

    def bracketed(self) -> LineWords:
        """What stands in brackets."""
        if not self.options:
            return LineWords()
        words = self.words
        args = words.args
        line = Line(tuple(self.options), self.name.at)
        inside = Args(line, 0, args.section, args.configuration, args.diagnostics)
        said = read_line_words(inside, f"{words.said} : '{words.word.text}'", self._unknown)
        if said.crt is not None:
            args.diagnostics.warning(
                f"{words.said} : '{words.word.text}' : parsing [{self.place.file}:{self.place.number}]: 'crt' is "
                f"ignored, as the line is for '{self.name.text}'",
                said.crt.at,
            )
        return said

    def _unknown(self, word: Word) -> ConfigError:
        return self._wrong(f"unknown ssl keyword {word.text}", word.at)


def line_of_runtime(
    configuration: Configuration, text: str, diagnostics: Diagnostics
) -> tuple[str, FrontOptions, tuple[str, ...]]:
    """A line that comes while the program runs: the name of a certificate in memory, options, filters. Raises
    ConfigError."""
    place = Place(RUNTIME, 1, text)
    word = Word("crt-list", place.at(0))
    args = Args(Line((word,), place.at(0)), 1, configuration.main, configuration, diagnostics)
    line = _CrtListLine(Words(args, "parsing [CLI:1]"), place, "")
    line.cut()
    said = line.bracketed()
    if said.files is not None:
        raise ConfigError("parsing [CLI:1]: what belongs to a certificate is not said here", place.at(0))
    return line.name.text, said.options, tuple(word.text for word in line.filters)
