"""Words, quotes, escapes, variables (manual 2.1 to 2.3). The expected words were found with HAProxy 2.6."""

import os
import re
import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.programs import HAPROXY

from pointsman.config.lexer import MOST_WORDS, Place, Reader, split_line
from pointsman.core.diagnostics import ConfigError, Diagnostics, Severity

VARIABLES = {"X": "one two  three", "EMPTY": "", "WIDE": "  lead trail  ", "SIGNS": "q'\"#\\$X"}


def words(text: str, comments: bool = True) -> list[str]:
    place = Place("a.cfg", 7, text, "web")
    return [word.text for word in split_line(place, VARIABLES, comments)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   \t \f ", []),
        ("# all comment", []),
        ("  # comment", []),
        ("mode http", ["mode", "http"]),
        ("\tmode\t \thttp  ", ["mode", "http"]),
        ("global#comment", ["global"]),
        (r"a\#b", ["a#b"]),
        ('"a#b"', ["a#b"]),
        ("'#'", ["#"]),
        ("\"'#'\"#c", ["'#'"]),
        (r"a\ \ b\\c\'d\"e", ["a  b\\c'd\"e"]),
        (r"'it'\''s'", ["it's"]),
        ("'a b'\"c d\"e", ["a bc de"]),
        ("a\"b c\"d'e f'g h", ["ab cde fg", "h"]),
        ('""', [""]),
        ("'' x", ["", "x"]),
        (r"\x41\x20b", ["A b"]),
        (r'"\x41\x20b\n"', ["A b\n"]),
        (r"'\x41 \n $X'", [r"\x41 \n $X"]),
        (r"\n|\r|\t|\q|\0|\a\b\.", ["\n|\r|\t|\\q|\\0|\\a\\b\\."]),
        (r'''"\n|\r|\t|\q|\0|\'|\""''', ["\n|\r|\t|\\q|\\0|'|\""]),
        ('"a\\ b\\#c\\\td"', ["a b#c\\\td"]),
        ("a\\\td", ["a\\", "d"]),
        ("a\\", ["a\\"]),
        ("'a\\'", ["a\\"]),
        (r"$X \$X ${X} '$X'", ["$X", r"\$X", "${X}", "$X"]),
        (r'"\$X|$X|${X}|${X}y"', ["$X|one two  three|one two  three|one two  threey"]),
        ('"$NOPE" "${NOPE}"', ["", ""]),
        ('"a$NOPE-b"', ["a-b"]),
        ('"${NOPE-d e}"', ["d e"]),
        ('"${NOPE-}" "${EMPTY-d}" "${NOPE-a-b}"', ["", "", "a-b"]),
        ('"${NOPE-"x"}"', ['"x"']),
        ('"${NOPE-$X}"', ["$X"]),
        (r'"${NOPE-a\}b}"', [r"a\b}"]),
        ('"$SIGNS"', ["q'\"#\\$X"]),
        ('"$X.Y" "{$X}"', ["one two  three.Y", "{one two  three}"]),
        ('"${X[*]}"', ["one", "two", "three"]),
        ('foo"a ${X[*]} b"bar', ["fooa one", "two", "three bbar"]),
        ('foo"${WIDE[*]}"bar', ["foo", "lead", "trail", "bar"]),
        ('foo "${WIDE[*]}" bar', ["foo", "lead", "trail", "bar"]),
        ('foo "${EMPTY[*]}" "${NOPE[*]}" bar', ["foo", "bar"]),
        ('foo "${NOPE[*]}""${EMPTY[*]}" "${NOPE[*]}"bar ""', ["foo", "bar", ""]),
        ('"${NOPE[*]}"', []),
        ('foo "${NOPE[*]-x  y }" bar', ["foo", "x", "y", "bar"]),
        ('"$.FILE|$.LINE|$.SECTION" "${.LINE}"', ["a.cfg|7|web", "7"]),
        ("log-format %{+Q}o\\ %t\\ %s\\ %{-Q}r", ["log-format", "%{+Q}o %t %s %{-Q}r"]),
        ("log-format \"%{+Q}o %t\"' %s'\\ %{-Q}r", ["log-format", "%{+Q}o %t %s %{-Q}r"]),
        ("http-request set-var(txn.foo) str(\"\\\\'foo\\\\'\")", ["http-request", "set-var(txn.foo)", r"str(\'foo\')"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_no_comments_on_the_command_line() -> None:
    assert words("streq(a#,a) # b", comments=False) == ["streq(a#,a)", "#", "b"]


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("  log-format 'abc", "unmatched quote at position 14", 14),
        ('log-format "abc', "unmatched quote at position 12", 12),
        ('log-tag "a\\"', "unmatched quote at position 9", 9),
        (r"log-tag \x4", "truncated or invalid hexadecimal sequence at position 9", 9),
        (r"log-tag \xzz", "truncated or invalid hexadecimal sequence at position 9", 9),
        (r"log-tag a\x", "truncated or invalid hexadecimal sequence at position 10", 10),
        (r"log-tag a\x00b", "a NUL character has no place in a word", 10),
        ('log-tag "${A"', "unmatched brace in environment variable name at position 12", 10),
        ('log-tag "${A:-x}"', "unmatched brace in environment variable name at position 12", 10),
        ('log-tag "${A }"', "unmatched brace in environment variable name at position 12", 10),
        ('log-tag "${A[*]x}"', "unmatched brace in environment variable name at position 12", 10),
        ('log-tag "${1A}"', "forbidden first char in environment variable name at position 12", 12),
        ('log-tag "${}"', "forbidden first char in environment variable name at position 12", 12),
        ('log-tag "$"', "forbidden first char in environment variable name at position 11", 11),
        ('log-tag "$.LINEX"', "forbidden first char in environment variable name at position 11", 11),
        ('log-tag "${.FOO-x}"', "forbidden first char in environment variable name at position 12", 12),
        ('log-tag "${A[0]}"', "truncated or invalid word expansion sequence at position 13", 13),
    ],
)
def test_errors(text: str, message: str, column: int) -> None:
    with pytest.raises(ConfigError) as caught:
        words(text)
    assert caught.value.finding.message == message
    assert caught.value.finding.position.column == column
    assert caught.value.finding.position.line == 7


def test_too_many_words() -> None:
    assert len(words("x " * MOST_WORDS)) == 64
    with pytest.raises(ConfigError, match="too many words, truncating after word 64, position 129: <y>"):
        words("x " * MOST_WORDS + "y")


def test_positions_are_those_of_the_written_form() -> None:
    text = 'a  "b c"\\ d "${X[*]}"z # e'
    found = [(word.text, word.at.column, word.at.length) for word in split_line(Place("f", 1, text), VARIABLES)]
    assert found == [("a", 1, 1), ("b c d", 4, 8), ("one", 13, 10), ("two", 13, 10), ("threez", 13, 10)]
    assert text[12:22] == '"${X[*]}"z'


def test_bytes_travel_as_surrogate_escapes() -> None:
    assert words(r"\xe9")[0].encode("utf-8", "surrogateescape") == b"\xe9"
    assert words(r"\xc3\xa9") == ["é"]
    assert words("é") == ["é"]


def read(content: bytes) -> tuple[list[list[str]], list[tuple[Severity, int, str]]]:
    diagnostics = Diagnostics()
    lines = [[word.text for word in line.words] for line in Reader("f.cfg", content, VARIABLES, diagnostics)]
    return lines, [(one.severity, one.position.line, one.message) for one in diagnostics.findings]


def test_a_file_is_read_to_its_end() -> None:
    lines, findings = read(b'a \'b\nc\n\nd "$"\r\n  e f\r\n')
    assert lines == [["c"], ["e", "f"]]
    assert findings == [
        (Severity.ALERT, 1, "unmatched quote at position 3"),
        (Severity.ALERT, 4, "forbidden first char in environment variable name at position 5"),
    ]


def test_the_last_line_must_end() -> None:
    lines, findings = read(b"a\nmode http")
    assert lines == [["a"], ["mode", "http"]]
    assert findings == [(Severity.ALERT, 2, "Missing LF on last line, file might have been truncated at position 10.")]


def test_an_empty_file_is_no_mistake() -> None:
    assert read(b"") == ([], [])


def test_nul_mark_and_carriage_return() -> None:
    lines, findings = read(b"\xef\xbb\xbfglobal\na\0b\nc\rd\n")
    assert lines == [["c"]]
    assert findings == [
        (Severity.ALERT, 1, "the file begins with a byte order mark"),
        (Severity.ALERT, 2, "unexpected NUL character at position 2, the file is probably not a text file"),
        (Severity.WARNING, 3, "what follows a carriage return is ignored"),
    ]


def test_variables_are_resolved_when_the_line_is_asked_for() -> None:
    variables: dict[str, str] = {}
    reader = Reader("f.cfg", b'"$A"\n"$A|$.SECTION"\n', variables, Diagnostics())
    seen = []
    for line in reader:
        seen.append(line.words[0].text)
        variables["A"], reader.section = "later", "now"
    assert seen == ["", "later|now"]


@given(
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))
    | st.text(st.sampled_from("\"'$\\x0{}[*]-:.A#\t "))
)
@example('"$')
@example('"${')
def test_garbage_gives_words_or_one_error(text: str) -> None:
    try:
        found = [word.at for word in split_line(Place("f", 1, text), VARIABLES)]
    except ConfigError as error:
        found = [error.finding.position]
    for at in found:
        assert 1 <= at.column <= len(text)
        assert at.length >= 1
        assert at.column - 1 + at.length <= len(text)


@given(st.text(st.sampled_from(" \t\f\v\r\x1c\x85\xa0#ab:é")))
def test_a_plain_line_is_cut_as_a_protected_one_is(text: str) -> None:
    """A quoted word in front takes the line to the splitter that reads character by character."""
    plain = list(split_line(Place("f", 1, text), VARIABLES))
    whole = list(split_line(Place("f", 1, "'' " + text), VARIABLES))[1:]
    assert [word.text for word in plain] == [word.text for word in whole]
    assert [(word.at.column + 3, word.at.length) for word in plain] == [
        (at.column, at.length) for at in (word.at for word in whole)
    ]


@given(st.text(st.sampled_from(" \t\f#ab'\"\\")))
def test_a_line_reaches_from_its_first_word_to_its_last(text: str) -> None:
    for line in Reader("f", text.encode() + b"\n", VARIABLES, Diagnostics()):
        first, last = line.words[0].at, line.words[-1].at
        assert (line.at.column, line.at.column + line.at.length) == (first.column, last.column + last.length)
        assert line.at.text == text


@given(st.binary())
def test_any_bytes_are_a_file(content: bytes) -> None:
    diagnostics = Diagnostics()
    count = content.count(b"\n") + 1
    for line in Reader("f", content, VARIABLES, diagnostics):
        assert 1 <= line.at.line <= count
        assert line.words
    for one in diagnostics.findings:
        assert 1 <= one.position.line <= count
        one.render().encode("utf-8", "surrogateescape")


def strong(word: str) -> str:
    return "\\'".join(f"'{part}'" for part in word.split("'"))


def weak(word: str) -> str:
    return '"' + re.sub(r'(["\\$])', r"\\\1", word).replace("\n", "\\n") + '"'


def bare(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode()) or "''"


PLAIN_TEXT = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(PLAIN_TEXT, st.sampled_from([strong, weak, bare])), min_size=1, max_size=8))
def test_what_is_quoted_comes_back(parts: list) -> None:
    text = " \t".join(quote(word) for word, quote in parts)
    assert words(text) == [word for word, _ in parts]


PIECES = [
    "a",
    "b",
    " ",
    "  ",
    "\t",
    "'",
    '"',
    "\\",
    "#",
    "$",
    "$X",
    "${X}",
    "${X[*]}",
    "${NOPE-d}",
    "${NOPE-",
    "{",
    "}",
    "\\x41",
    "\\x4",
    "\\ ",
    "\\#",
    "\\'",
    '\\"',
    "\\\\",
    "\\$",
    "\\q",
    "$.LINE",
    "$.",
    "[*]",
    "é",
    "%[path]",
    "(",
    ",",
]
HEAD = re.compile(rb"^\[(NOTICE|ALERT)\] +\(\d+\) : config : parsing \[[^\]:]+:(\d+)\] ?: (.*)$", re.M)


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(8))
def test_quoting_as_haproxy(tmp_path: Path, seed: int) -> None:
    """Random lines: the same word, or the same complaint at the same position."""
    random = Random(seed)
    # Not more in one file: HAProxy stops at the fiftieth error.
    lines = [".notice " + "".join(random.choices(PIECES, k=random.randint(1, 9))) for _ in range(45)]
    file = tmp_path / "t.cfg"
    theirs: dict[int, str] = {}
    for _ in range(3):
        # 3.2 says of a file with errors nothing else: the next run is without what is known by then.
        file.write_text(
            "global\n" + "\n".join("" if number in theirs else line for number, line in enumerate(lines, 2)) + "\n"
        )
        printed = subprocess.run(
            [*HAPROXY.command, "-c", "-f", str(file)],
            capture_output=True,
            check=False,
            env={**os.environ, "X": VARIABLES["X"]},
            timeout=30,
        ).stderr
        theirs |= {int(number): text.decode() for _, number, text in HEAD.findall(printed)}
    for number, line in enumerate(lines, 2):
        ours = told(Place(str(file), number, line, "global"))
        if line.isascii() or "position" not in ours:  # they count bytes, we count characters
            assert theirs[number] == ours, line


def told(place: Place) -> str:
    """What the program would say of a line with `.notice`."""
    try:
        found = [word.text for word in split_line(place, {"X": VARIABLES["X"]})]
    except ConfigError as error:
        return error.finding.message + ":"
    if len(found) > 2 and found[2]:
        return f"Unexpected argument '{found[2]}' for '.notice'. Use quotes if the message should contain spaces."
    return f"'{found[1] if len(found) > 1 else ''}'."
