r"""From the text of a configuration file to words (manual 2.1 to 2.3).

A line is cut at blanks and ends at `#`. Around and inside words, three things protect characters, one character after
the other in a single pass:

    \       protects a space, `#`, `\`, `'` and `"`; writes \n, \r, \t, \xNN; inside double quotes also `$`.
            In front of any other character it stays, as HAProxy keeps it (so that "\." reaches a regex whole).
    "..."   protects blanks, `#` and `'`; variables are resolved here and only here
    '...'   protects everything

A variable is $NAME, ${NAME} or ${NAME-default}; ${NAME[*]} makes one word of each of its words, and none if it has
none. The pseudo-variables .FILE, .LINE and .SECTION tell the place. A word remembers where it stood, as it was written.

Files are UTF-8; bytes that are not (also those written as \xNN) travel as surrogate escapes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from pointsman.core.diagnostics import ConfigError, Diagnostics, Position, unforeseen
from pointsman.core.words import PLAIN_WORD, Line, Place, Word

BLANKS: Final = " \t\f\v"
MOST_WORDS: Final = 64  # HAProxy's limit, found with the program
UNUSUAL: Final = re.compile(r"""['"\\\r\n\x1c-\x1f]""")  # what protects, and what only str.split takes for blanks
QUOTED: Final = re.compile(r"""[^"\\$]+""")  # inside double quotes
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\.[A-Za-z0-9_]*")
HEX: Final = re.compile(r"[0-9a-fA-F]{2}")
SPACES: Final = re.compile(r"[ \t\n\v\f\r]+")
WRITTEN: Final = {"n": "\n", "r": "\r", "t": "\t", " ": " ", "#": "#", "\\": "\\", "'": "'", '"': '"'}


def split_line(place: Place, variables: Mapping[str, str], comments: bool = True) -> tuple[Word, ...]:
    """The words of one line; none if it is empty or a comment. Raises ConfigError (manual 2.2).

    comments=False takes `#` as any other character, as the option -cc does.
    """
    text = place.text
    if comments and text.isascii() and UNUSUAL.search(text) is None:
        texts = text.partition("#")[0].split()  # so are most lines
        if len(texts) <= MOST_WORDS:
            return tuple([Word(text, place, number) for number, text in enumerate(texts)])
    return _Splitter(place, variables, comments).split()


class _Splitter:
    """One pass over one line."""

    def __init__(self, place: Place, variables: Mapping[str, str], comments: bool) -> None:
        self.place = place
        self.text = place.text
        self.variables = variables
        self.comments = comments
        self.index = 0
        self.parts: list[str] = []  # of the word at hand
        self.expanded = False  # the word at hand has a ${X[*]} in it: where nothing is left of it, it is no word
        self.pending: list[str] = []  # words that ${X[*]} finished inside the word at hand
        self.words: list[Word] = []

    def split(self) -> tuple[Word, ...]:
        text = self.text
        while True:
            while self.index < len(text) and text[self.index] in BLANKS:
                self.index += 1
            if self.index >= len(text) or (self.comments and text[self.index] == "#"):
                return tuple(self.words)
            start = self.index
            self._word()
            at = self.place.at(start, self.index - start)
            for part in (*self.pending, "".join(self.parts)):
                if part or not self.expanded:
                    self._add(part, at)
            self.pending.clear()
            self.parts.clear()
            self.expanded = False

    def _add(self, text: str, at: Position) -> None:
        if len(self.words) == MOST_WORDS:
            raise ConfigError(
                f"too many words, truncating after word {MOST_WORDS}, position {at.column}: <{text}>.",
                at,
                f"at most {MOST_WORDS} words in a line",
            )
        try:
            text.encode()
        except UnicodeEncodeError:  # bytes written one by one as \xNN may make a character together
            text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        self.words.append(Word(text, at))

    def _word(self) -> None:
        """Read up to the blank or comment that ends the word."""
        text = self.text
        while self.index < len(text):
            char = text[self.index]
            if char in BLANKS or (char == "#" and self.comments):
                return
            if char == "\\":
                self._escape(weak=False)
            elif char == '"':
                self._weak()
            elif char == "'":
                self._strong()
            else:
                plain = PLAIN_WORD.match(text, self.index)
                end = plain.end() if plain is not None else self.index + 1  # else: a "#" that is no comment
                self.parts.append(text[self.index : end])
                self.index = end

    def _strong(self) -> None:
        end = self.text.find("'", self.index + 1)
        if end < 0:
            self._unmatched_quote(self.index)
        self.parts.append(self.text[self.index + 1 : end])
        self.index = end + 1

    def _weak(self) -> None:
        start = self.index
        self.index += 1
        text = self.text
        while self.index < len(text):
            char = text[self.index]
            if char == '"':
                self.index += 1
                return
            if char == "\\":
                self._escape(weak=True)
            elif char == "$":
                self._variable()
            else:
                plain = QUOTED.match(text, self.index)
                assert plain is not None
                self.parts.append(plain[0])
                self.index = plain.end()
        self._unmatched_quote(start)

    def _unmatched_quote(self, start: int) -> NoReturn:
        raise ConfigError(
            f"unmatched quote at position {start + 1}",
            self.place.at(start, len(self.text.rstrip()) - start),
            f"a closing {self.text[start]}",
        )

    def _escape(self, weak: bool) -> None:
        following = self.text[self.index + 1 : self.index + 2]
        if following == "x":
            digits = HEX.match(self.text, self.index + 2)
            if digits is None:
                raise ConfigError(
                    f"truncated or invalid hexadecimal sequence at position {self.index + 1}",
                    self.place.at(self.index, 2),
                    "two hexadecimal digits behind \\x",
                )
            value = int(digits[0], 16)
            if value == 0:
                raise ConfigError("a NUL character has no place in a word", self.place.at(self.index, 4))
            self.parts.append(bytes([value]).decode("utf-8", "surrogateescape"))
            self.index += 4
        elif following in WRITTEN and following:
            self.parts.append(WRITTEN[following])
            self.index += 2
        elif following == "$" and weak:
            self.parts.append("$")
            self.index += 2
        else:
            self.parts.append("\\")
            self.index += 1

    def _variable(self) -> None:
        """$NAME, ${NAME}, ${NAME-default}, ${NAME[*]} and ${NAME[*]-default} (manual 2.3)."""
        text, dollar = self.text, self.index
        braced = text.startswith("{", dollar + 1)
        start = dollar + 2 if braced else dollar + 1
        name = NAME.match(text, start)
        if name is None or (name[0][0] == "." and name[0] not in (".FILE", ".LINE", ".SECTION")):
            hint = "to write a dollar sign inside double quotes, put a backslash in front of it" if not braced else ""
            raise ConfigError(
                f"forbidden first char in environment variable name at position {start + 1}",
                self.place.at(min(start, len(text) - 1)),
                "a letter or '_', or one of .FILE, .LINE, .SECTION",
                hint,
            )
        index = name.end()
        several = braced and text.startswith("[", index)
        if several:
            if not text.startswith("[*]", index):
                raise ConfigError(
                    f"truncated or invalid word expansion sequence at position {index + 1}", self.place.at(index), "[*]"
                )
            index += 3
        default = ""
        if braced:
            end = text.find("}", index)
            if end < 0 or (end > index and text[index] != "-"):
                raise ConfigError(
                    f"unmatched brace in environment variable name at position {start + 1}",
                    self.place.at(dollar, index - dollar),
                    "'}', or '-' and a default value",
                    "here the default follows a single '-', as in ${NAME-value}"
                    if text.startswith(":-", index)
                    else "",
                )
            default = text[index + 1 : end]
            index = end + 1
        self.index = index
        value = self._value(name[0], default)
        self._expand(value) if several else self.parts.append(value)

    def _value(self, name: str, default: str) -> str:
        if name == ".FILE":
            return self.place.file
        if name == ".LINE":
            return str(self.place.number)
        if name == ".SECTION":
            return self.place.section
        return self.variables.get(name, default)

    def _expand(self, value: str) -> None:
        """Every run of blanks in the value ends a word; the last part goes on with what follows the brace."""
        self.expanded = True
        first, *others = SPACES.split(value)
        self.parts.append(first)
        for part in others:
            self.pending.append("".join(self.parts))
            self.parts[:] = [part]


class Reader:
    """The lines of one file. Set `section` while you iterate: $.SECTION shows it."""

    def __init__(self, file: str, content: bytes, variables: Mapping[str, str], diagnostics: Diagnostics) -> None:
        self.file = file
        self.content = content
        self.variables = variables
        self.diagnostics = diagnostics
        self.section = ""
        self.failed: set[str] = set()  # the first words of lines that could not be cut

    def __iter__(self) -> Iterator[Line]:
        """Each line that has words. A line that cannot be cut is reported and left out.

        The line's variables are resolved when it is asked for, so that a `setenv` before it counts.
        """
        lines = self.content.decode("utf-8", "surrogateescape").split("\n")
        for number, text in enumerate(lines, 1):
            place = Place(self.file, number, text, self.section)
            try:
                if number == 1 or "\0" in text:
                    self._check(place)
                kept = text if "\r" not in text else self._before_return(place)
                if kept is not text:
                    place = Place(self.file, number, kept, self.section)
                words = split_line(place, self.variables)
            except ConfigError as error:
                self.diagnostics.add(error.finding)
                self.failed.update(part.strip("\"'") for part in text.split()[:3])
                continue
            except Exception as error:
                self.diagnostics.add(unforeseen(error, "while cutting this line into words", place.at(0, len(text))))
                continue
            if words:
                yield Line(words)
        if lines[-1]:  # as HAProxy: a file that was cut short must not run
            text = lines[-1].replace("\0", " ")
            self.diagnostics.alert(
                f"Missing LF on last line, file might have been truncated at position {len(text) + 1}.",
                Place(self.file, len(lines), text).at(len(text)),
                "a line feed at the end of the file",
            )

    def _check(self, place: Place) -> None:
        nul = place.text.find("\0")
        if nul >= 0:
            shown = Place(place.file, place.number, place.text.replace("\0", " "))
            raise ConfigError(
                f"unexpected NUL character at position {nul + 1}, the file is probably not a text file", shown.at(nul)
            )
        if place.number == 1 and place.text.startswith("\ufeff"):
            raise ConfigError(
                "the file begins with a byte order mark",
                place.at(0),
                hint="save it as UTF-8 without a byte order mark (BOM)",
            )

    def _before_return(self, place: Place) -> str:
        """A line ends at a carriage return, as HAProxy ends it; if something follows, say so."""
        kept, _, ignored = place.text.partition("\r")
        if ignored.strip():
            self.diagnostics.warning(
                "what follows a carriage return is ignored",
                place.at(len(kept)),
                hint="end lines with a line feed; write \\r where a carriage return is meant",
            )
        return kept


def read_lines(file: str, content: bytes, variables: Mapping[str, str], diagnostics: Diagnostics) -> list[Line]:
    """All lines of a text that holds no section and no directive: for files that only borrow the syntax."""
    return list(Reader(file, content, variables, diagnostics))
