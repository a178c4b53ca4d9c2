"""Every word of HAProxy 3.5's language is built, refused with a reason, named as coming, or a tuning hint.

words.tsv beside this file names them all: kind, word, where it may stand, and which of the four it is. A word
changes its row in the commit that changes what becomes of it. Kinds are those of config/vocabulary.py, and the
sections acme, crt-store and traces, whose words come with them.
"""

from pathlib import Path

import pytest
from support.configs import Loaded, read

from pointsman.admin.command import COMMANDS, unknown
from pointsman.config import vocabulary
from pointsman.config.action import ACTIONS
from pointsman.config.bind import BIND_OTHERS, BIND_WORDS
from pointsman.config.global_tuning import FAMILIES, HINTS
from pointsman.config.keyword import KEYWORDS
from pointsman.config.options import HINT_OPTIONS
from pointsman.config.parameters import Others
from pointsman.config.removed import removed
from pointsman.config.server_words import SERVER_OTHERS, SERVER_WORDS
from pointsman.config.setting import SECTIONS
from pointsman.core.refused import refusal
from pointsman.sample.acl import DERIVATIVES
from pointsman.sample.registry import CONVERTERS, FETCHES

ROWS = [tuple(line.split("\t")) for line in Path(__file__).with_name("words.tsv").read_text("ascii").splitlines()[1:]]
STATES = {"built", "refused", "coming", "tuning"}
PROXY = "listen x\n mode http\n bind 127.0.0.1:1\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"


def registered(kind: str, word: str) -> bool:
    """Whether something of ours answers to the word."""
    if kind == "global":
        return f"global {word}" in KEYWORDS or any(name.startswith(f"global {word} ") for name in KEYWORDS)
    if kind == "acl":
        real = DERIVATIVES.get(word, (word, ""))[0]
        return real in FETCHES
    if kind == "command":
        return word in COMMANDS or any(name.startswith(word + " ") for name in COMMANDS)
    table = {
        "proxy": KEYWORDS,
        "userlist": KEYWORDS,
        "http-errors": KEYWORDS,
        "crt-store": KEYWORDS,
        "action": ACTIONS,
        "bind": BIND_WORDS,
        "server": SERVER_WORDS,
        "fetch": FETCHES,
        "converter": CONVERTERS,
        "section": SECTIONS,
    }.get(kind, ())
    return word in table or (kind == "proxy" and any(name.startswith(word + " ") for name in KEYWORDS))


def is_hint(kind: str, word: str) -> bool:
    return {"global": HINTS, "bind": BIND_OTHERS.hints, "server": SERVER_OTHERS.hints}.get(kind, {}).get(
        word
    ) is not None or (kind == "proxy" and word.removeprefix("option ") in HINT_OPTIONS)


def waits(kind: str, word: str) -> bool:
    """Accepted with a notice that says for what it waits."""
    if kind == "global":
        return any(word in words and "not built yet" in why for words, why in FAMILIES)
    return kind == "server" and word in SERVER_OTHERS.tls


def state(kind: str, word: str) -> str:
    if refusal(kind, word) or (kind in ("global", "proxy") and removed(word)):
        return "refused"
    if is_hint(kind, word):
        return "tuning"
    return "built" if registered(kind, word) and not waits(kind, word) else "coming"


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
