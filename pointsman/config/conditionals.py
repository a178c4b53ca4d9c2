"""Conditional blocks and messages: .if, .elif, .else, .endif, .diag, .notice, .warning, .alert (manual 2.4).

A condition is read from the words of its line, joined again by single spaces, by a recursive descent that evaluates as
it goes. What lies behind a decided && or || is still parsed, so that a mistake there is found in every case:

    or    := and { "||" and }
    and   := term { "&&" term }
    term  := "!" term | "(" or ")" | integer | predicate [ "(" argument { "," argument } ")" ]

The arguments have a second level of quoting (manual 2.2): the same as the first, but without \\#, \\$ and \\xNN.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from pointsman.config.features import RuntimeOptions
from pointsman.config.lexer import split_line
from pointsman.config.predicates import PREDICATES, Predicate, PredicateInput
from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics, Finding, Position, Severity
from pointsman.core.words import Line, Place, Word

INTEGER: Final = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)")
NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", " ": " ", "\\": "\\", "'": "'", '"': '"'}
DEEPEST: Final = 64  # parentheses and "!" in one condition


class _Condition:
    """One condition; `where` ends its messages, as in "... in '.if'"."""

    def __init__(self, text: str, words: Sequence[Word], asked: PredicateInput, where: str) -> None:
        self.text = text
        self.words = words
        self.asked = asked
        self.where = where
        self.index = 0
        self.operator = 0  # where the last one stands
        self.depth = 0

    def evaluate(self) -> bool:
        result = self._or(True)
        self._blanks()
        if self.index < len(self.text):
            self._fail(
                f"unexpected character '{self.text[self.index]}' at the end of conditional expression '{self.text}'",
                "'&&', '||' or the end of the line",
            )
        return result

    def _or(self, wanted: bool) -> bool:
        result = self._and(wanted)
        while self._accept("||"):
            right = self._and(wanted and not result)
            result = result or right
        return result

    def _and(self, wanted: bool) -> bool:
        result = self._term(wanted)
        while self._accept("&&"):
            right = self._term(wanted and result)
            result = result and right
        return result

    def _term(self, wanted: bool) -> bool:
        start = self.index
        self._blanks()
        self.depth += 1
        if self.depth > DEEPEST:
            self._fail("conditional expression is nested too deeply")
        try:
            if self._accept("!"):
                return not self._term(wanted)
            if self._accept("("):
                result = self._or(wanted)
                if not self._accept(")"):
                    self._fail(f"expected ')' after conditional expression '{self.text[start:].strip()}'", "')'")
                return result
            number = INTEGER.match(self.text, self.index)
            if number is not None:
                self.index = number.end()
                return int(number[0], 16 if "x" in number[0].lower() else 10) != 0
            return self._predicate(wanted)
        finally:
            self.depth -= 1

    def _predicate(self, wanted: bool) -> bool:
        name = NAME.match(self.text, self.index)
        found = PREDICATES.get(name[0]) if name is not None else None
        if name is None or found is None:
            near = PREDICATES.nearest(name[0]) if name is not None else None
            if self.index == len(self.text):
                self.index = self.operator
            self._fail(
                f"unparsable conditional expression '{self.text[self.index :]}'",
                "0, 1, '!', '(' or one of " + ", ".join(PREDICATES),
                f"did you mean '{near}'?" if near else "",
            )
        start = self.index
        self.index = name.end()
        arguments = self._arguments(found) if self.text.startswith("(", self.index) else [""]
        missing = len(found.arguments) - len(arguments)
        if missing > 0:
            self._fail(
                f"missing arguments (got {len(arguments)}/{len(found.arguments)}), type 'string' expected in "
                f"argument {len(arguments)} of predicate '{found.name}' used in conditional expression",
                found.name + "(" + ",".join(found.arguments) + ")",
            )
        if not wanted:
            return False
        try:
            return found.test(self.asked, arguments)
        except ConfigError as error:
            self.index = start
            self._fail(error.finding.message, error.finding.expected, error.finding.hint)

    def _arguments(self, found: Predicate) -> list[str]:
        self.index += 1
        arguments = [self._argument()]
        while len(arguments) < len(found.arguments) and self.text.startswith(",", self.index):
            self.index += 1
            arguments.append(self._argument())
        if not self.text.startswith(")", self.index):
            left = self.text[self.index :]
            before = f" before '{left}'" if left else ""
            self._fail(
                f"expected ')'{before} in argument {len(arguments) - 1} of predicate '{found.name}' used in "
                "conditional expression",
                found.name + "(" + ",".join(found.arguments) + ")",
            )
        self.index += 1
        return arguments

    def _argument(self) -> str:
        """Up to "," or ")" outside quotes."""
        parts: list[str] = []
        text, quote = self.text, ""
        while self.index < len(text):
            char = text[self.index]
            if quote == "" and char in ",)":
                break
            self.index += 1
            if char == quote:
                quote = ""
            elif quote == "" and char in "'\"":
                quote = char
            elif char == "\\" and quote != "'" and text[self.index : self.index + 1] in ESCAPED:
                parts.append(ESCAPED[text[self.index]])
                self.index += 1
            else:
                parts.append(char)
        if quote:
            self._fail(f"unmatched quote in '{text}'", f"a closing {quote}")
        return "".join(parts)

    def _blanks(self) -> None:
        while self.text.startswith((" ", "\t"), self.index):
            self.index += 1

    def _accept(self, sign: str) -> bool:
        self._blanks()
        if self.text.startswith(sign, self.index):
            self.operator = self.index
            self.index += len(sign)
            return True
        return False

    def _fail(self, message: str, expected: str = "", hint: str = "") -> NoReturn:
        raise ConfigError(message + self.where, self._at(), expected, hint)

    def _at(self) -> Position:
        """The word in which the parser stands: the joined text has no place of its own."""
        end = 0
        for word in self.words:
            end += len(word.text) + 1
            if self.index < end:
                return word.at
        return self.words[-1].at if self.words else NOWHERE


def evaluate(words: Sequence[Word], asked: PredicateInput, directive: str) -> bool:
    """A condition of a `.if` or `.elif`. An empty one is false. Raises ConfigError."""
    text = " ".join(word.text for word in words)
    return text != "" and _Condition(text, words, asked, f" in '{directive}'").evaluate()


def check_condition(text: str, variables: Mapping[str, str], runtime: RuntimeOptions | None = None) -> bool:
    """A condition of the command line, option -cc (management manual 3). Raises ConfigError."""
    words = split_line(Place("", 0, text), variables, comments=False)
    asked = PredicateInput(variables, runtime or RuntimeOptions())
    joined = " ".join(word.text for word in words)
    try:
        return joined != "" and _Condition(joined, words, asked, "").evaluate()
    except ConfigError as error:
        found = error.finding
        raise ConfigError(
            f"Failed to evaluate condition: {found.message}", found.position, found.expected, found.hint
        ) from None


@dataclass(slots=True)
class _Block:
    """An open .if: is its present part read, was one read before, did .else come?"""

    at: Position
    active: bool
    decided: bool
    has_else: bool = False


class Conditionals:
    """The open blocks of one file. Every line goes through `take`."""

    MESSAGES: Final = {
        ".diag": Severity.DIAG,
        ".notice": Severity.NOTICE,
        ".warning": Severity.WARNING,
        ".alert": Severity.ALERT,
    }

    def __init__(self, asked: PredicateInput, diagnostics: Diagnostics) -> None:
        self.asked = asked
        self.diagnostics = diagnostics
        self.blocks: list[_Block] = []

    def take(self, line: Line) -> bool:
        """True if the line is to be read by others; false for directives and in blocks that do not count."""
        name = line.words[0].text
        if not name.startswith("."):
            return self._active
        try:
            self._directive(name, line)
        except ConfigError as error:
            self.diagnostics.add(error.finding)
        return False

    def end(self) -> None:
        """The end of the file: all blocks must be closed."""
        for block in self.blocks:
            self.diagnostics.alert("non-terminated '.if' block.", block.at, "a '.endif' in the same file")

    @property
    def _active(self) -> bool:
        return not self.blocks or self.blocks[-1].active

    def _directive(self, name: str, line: Line) -> None:
        if name == ".if":
            self._if(line)
        elif name in (".elif", ".else", ".endif"):
            if not self.blocks:
                raise ConfigError(f"lone '{name}' with no matching '.if'.", line.at)
            if name != ".elif" and len(line.words) > 1:
                self.diagnostics.alert(f"Unexpected argument '{line.words[1].text}' for '{name}'.", line.words[1].at)
            if name == ".endif":
                self.blocks.pop()
            else:
                self._alternative(name, line)
        elif self._active:
            self._message(name, line)

    def _if(self, line: Line) -> None:
        outer = self._active
        block = _Block(line.at, False, decided=not outer)  # inside a part that is left out, no part counts
        self.blocks.append(block)
        if outer:
            block.active = self._evaluate(block, line)
            block.decided = block.decided or block.active

    def _alternative(self, name: str, line: Line) -> None:
        block = self.blocks[-1]
        if block.has_else:
            raise ConfigError(f"'{name}' after '.else' is not permitted.", line.at)
        block.has_else = name == ".else"
        block.active = False
        if not block.decided:
            block.active = name == ".else" or self._evaluate(block, line)
            block.decided = block.active or block.decided

    def _evaluate(self, block: _Block, line: Line) -> bool:
        """A condition that cannot be read leaves out the whole block: only its own error is worth reading."""
        try:
            return evaluate(line.words[1:], self.asked, line.words[0].text)
        except ConfigError as error:
            self.diagnostics.add(error.finding)
            block.decided = True
            return False

    def _message(self, name: str, line: Line) -> None:
        severity = self.MESSAGES.get(name)
        if severity is None:
            raise ConfigError(
                f"unknown directive '{name}'.",
                line.words[0].at,
                "one of .if, .elif, .else, .endif, " + ", ".join(self.MESSAGES),
            )
        if len(line.words) > 2:
            raise ConfigError(
                f"Unexpected argument '{line.words[2].text}' for '{name}'. Use quotes if the message "
                "should contain spaces.",
                line.words[2].at,
            )
        text = line.words[1].text if len(line.words) > 1 else ""
        self.diagnostics.add(Finding(severity, f"'{text}'.", Position(line.at.file, line.at.line)))
