"""Every word of HAProxy 3.5's language is built, refused with a reason, named as coming, or a tuning hint.

words.tsv beside this file names them all: kind, word, where it may stand, and which of the four it is. A word
changes its row in the commit that changes what becomes of it. Kinds are those of config/vocabulary.py, and the
sections acme, crt-store and traces, whose words come with them.
"""

from pathlib import Path

import pytest
from support.configs import Loaded, read

from pointsman.admin.command import unknown
from pointsman.config import vocabulary
from pointsman.config.bind import BIND_OTHERS
from pointsman.config.global_tuning import FAMILIES
from pointsman.config.parameters import Others
from pointsman.config.server_words import SERVER_OTHERS
from vocabulary_page import PAGE, main, page, rows, state

ROWS = [tuple(line.split("\t")) for line in Path(__file__).with_name("words.tsv").read_text("ascii").splitlines()[1:]]
STATES = {"built", "refused", "coming", "tuning"}
PROXY = "listen x\n mode http\n bind 127.0.0.1:1\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"


def test_each_word_has_one_row_and_the_vocabulary_knows_it() -> None:
    assert {row[3] for row in ROWS} == STATES
    assert len({row[:2] for row in ROWS}) == len(ROWS) > 1800
    for kind, word, _, verdict in ROWS:
        if verdict == "coming" and vocabulary.words(kind):
            assert vocabulary.lookup(kind, word) is not None, (kind, word)


@pytest.mark.parametrize("kind", sorted({row[0] for row in ROWS}))
def test_what_the_rows_say_is_so(kind: str) -> None:
    wrong = [
        (word, verdict, state(kind, word))
        for of, word, _, verdict in ROWS
        if of == kind and verdict != state(kind, word)
    ]
    assert wrong == [], "change these rows of words.tsv: (word, its row, what it is)"


def _with_values(word: str, others: Others) -> str:
    """The word and as many values as it takes; one of TLS asks for it besides."""
    values = {**others.tls, **others.hints, **dict.fromkeys(others.encrypts, 0)}.get(word, 1)
    return ("ssl " if word in others.tls else "") + word + " 1" * values


def line_of(kind: str, word: str, where: str) -> str:
    """A configuration that uses the word."""
    if kind == "global":
        return f"global\n {word} {'' if any(words.get(word) == 'flag' for words, _ in FAMILIES) else '1'}\n"
    if kind == "proxy":
        sections = where.split(",")
        name = next(one for one in ("backend", "listen", "frontend", "defaults") if one in sections)
        return f"{name} x\n mode http\n {word}{'' if word.startswith('option ') else ' x'}\n"
    if kind == "action":
        sets = where.split(",")
        rules = next((one for one in ("http-request", "http-response", "http-after-response") if one in sets), "")
        return (
            f"{PROXY} {rules} {word}\n"
            if rules
            else f"{PROXY} {next(one for one in sets if one != 'quic-initial' or len(sets) == 1)} {word}\n"
        )
    if kind == "bind":
        return f"frontend x\n bind 127.0.0.1:1 {_with_values(word, BIND_OTHERS)}\n"
    if kind == "server":
        return f"backend x\n server s 127.0.0.1:1 {_with_values(word, SERVER_OTHERS)}\n"
    if kind in ("fetch", "acl"):
        return f"{PROXY} acl x {word}\n"
    if kind == "converter":
        return f"{PROXY} http-request set-header x %[src,{word}]\n"
    if kind == "filter":
        return f"{PROXY} filter {word}\n"
    return f"{word} x\n" if kind == "section" else f"{kind} x\n {word} x\n"


def said(loaded: Loaded) -> str:
    return "\n".join(f"{one.message} {one.hint}" for one in loaded.diagnostics.findings)


@pytest.mark.parametrize("kind", sorted({row[0] for row in ROWS} - {"command", "service"}))
def test_what_the_loader_says(kind: str) -> None:
    """Coming: "not built yet". Refused: the reason. Tuning: a notice that it has no effect. Built: none of these."""
    wrong: list[tuple[str, str, str]] = []
    for of, word, where, verdict in ROWS:
        if of != kind:
            continue
        loaded = read(line_of(kind, word, where))
        text = said(loaded)
        told = {
            "coming": "not built yet" in text,
            "tuning": "no effect" in text and not loaded.errors,
            "refused": bool(loaded.errors)
            and "not built yet" not in text
            and ("is not supported" in text or "not supported anymore" in text),
            "built": "is not built yet" not in text.replace("which is not built yet", ""),
        }[verdict]
        if not told:
            wrong.append((word, verdict, text))
    assert wrong == []


def test_what_the_runtime_socket_says() -> None:
    for kind, word, _, verdict in ROWS:
        if kind == "command" and verdict == "refused":
            assert "is not supported: " in unknown(word.split()), word
        if kind == "command" and verdict == "coming":
            assert "Unknown command" in unknown(word.split()), word


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/vocabulary.md is what `make vocabulary` would write."""
    assert PAGE.read_text("utf-8") == page(), "make vocabulary"
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_the_page_has_each_word() -> None:
    """Each word of words.tsv and each tag of log formats has its row, with what becomes of it."""
    lines = page().splitlines()
    assert len([line for line in lines if line.startswith("| `")]) == len(rows()) > 1900
    assert "| `set-header` | built | 4.4 | http-request, http-response, http-after-response |" in lines
    assert any(line.startswith("| `51d.all` | refused | ") and "proprietary" in line for line in lines)
    assert any(line.startswith("| `acme` | later | 12.8 |") for line in lines)
    assert "| `%ci` | built | 8.2.6 |  |" in lines


def test_an_old_page_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vocabulary_page.PAGE", tmp_path / "page.md")
    (tmp_path / "page.md").write_text("# Every word\n")
    assert main(["--check"]) == 1
    assert "make vocabulary" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert main(["--nonsense"]) == 2
