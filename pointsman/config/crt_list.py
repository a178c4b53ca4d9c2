"""Lists of certificates in files, each line with options and the names it serves (manual 5.1 "crt-list"):

    <crtfile> [ '[' <option> ... ']' ] [ [!]<name> ... ]

Words end at blanks and brackets; nothing is quoted, no variable is resolved, and a comment begins with its line.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pointsman.config.certificates import certificate_files, certificate_path, narrowed
from pointsman.config.keyword import Args
from pointsman.config.parameters import Parameter, Words
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.registry import Registry
from pointsman.core.words import Line, Place, Word
from pointsman.tls.options import BindTls, CertificateLine, CertificateList, FrontOptions

CRT_LIST_WORDS: Final[Registry[Parameter[BindTls]]] = Registry("option of crt-lists")  # filled by tls_bind.py
LONGEST: Final = 65_535  # characters of a line
TOKEN: Final = re.compile(r"[\[\]]|[^ \t\[\]]+")


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
        place = Place(file.text, number, text.partition("\r")[0])
        said = f"parsing [{file.text}:{number}]"
        if "\0" in text or (number == len(texts) and text):
            shown = text.replace("\0", " ")
            what = (
                "unexpected NUL character"
                if "\0" in text
                else f"Missing LF on last line, file might have been truncated at position {len(text) + 1}."
            )
            at = Place(file.text, number, shown).at(text.find("\0") if "\0" in text else len(text))
            raise ConfigError(f"{words.said} : '{words.word.text}' : {said}: {what}", at)
        if len(text) > LONGEST:
            at = Position(file.text, number)
            limit = f"line too long, limit is {LONGEST} characters"
            raise ConfigError(f"{words.said} : '{words.word.text}' : {said}: {limit}", at)
        if place.text.strip(" \t") and not text.startswith("#"):
            yield from _CrtListLine(words, place).read()


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
                    raise self._wrong("malformated line, filters can't be between filename and options!", word.at)
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
            raise self._wrong("missing ']'", self.place.at(len(self.place.text.rstrip())))

    def read(self) -> Iterator[CertificateLine]:
        """The line; one for each file, where it names a bundle."""
        self.cut()
        options = self.bracketed()
        filters = tuple(word.text for word in self.filters)
        if any(name.startswith("!") for name in filters) and not any(name.startswith(("*", "!*")) for name in filters):
            self.words.args.diagnostics.warning(
                f'crt-list: negative filters on crt-list line "{self.name.text}" without a positive wildcard filter '
                "won't do anything!",
                self.filters[0].at,
            )
        configuration = self.words.args.configuration
        path = certificate_path(configuration, self.name.text)
        if os.path.isdir(path):
            raise self._wrong(f"'{path}' is a directory, and a line is for one certificate", self.name.at)
        line = CertificateLine(
            files=certificate_files(configuration, path, self.name.at)[0],
            options=options,
            filters=filters,
            default="*" in filters,
            number=self.place.number,
            at=self.name.at,
        )
        for files in certificate_files(configuration, path, self.name.at):
            yield replace(line, files=files)

    def bracketed(self) -> FrontOptions:
        """What stands in brackets."""
        said = BindTls()
        if not self.options:
            return FrontOptions()
        parent = self.words.args
        args = Args(
            Line(tuple(self.options), self.place.at(0)), 0, parent.section, parent.configuration, parent.diagnostics
        )
        words = Words(args, f"{self.words.said} : 'crt-list'")
        while args.more():
            words.word = args.word("an option")
            found = CRT_LIST_WORDS.get(words.word.text)
            if found is None:
                near = CRT_LIST_WORDS.nearest(words.word.text)
                error = self._wrong(f"unknown ssl keyword {words.word.text}", words.word.at)
                raise ConfigError(str(error), words.word.at, "", f"did you mean '{near}'?" if near else "")
            said = found.parse(words, said)
        return narrowed(said)


def line_of_runtime(
    configuration: Configuration, text: str, diagnostics: Diagnostics
) -> tuple[str, FrontOptions, tuple[str, ...]]:
    """A line that comes while the program runs: the name of a certificate in memory, options, filters. Raises
    ConfigError."""
    place = Place("CLI", 1, text)
    word = Word("crt-list", place.at(0))
    args = Args(Line((word,), place.at(0)), 1, configuration.main, configuration, diagnostics)
    line = _CrtListLine(Words(args, "parsing [CLI:1]"), place, "")
    line.cut()
    return line.name.text, line.bracketed(), tuple(filter.text for filter in line.filters)
