"""docs/vocabulary.md: every word of HAProxy 3.5's language, and what becomes of it here.

    python vocabulary_page.py          writes the page
    python vocabulary_page.py --check  ends with 1 where it is not what it would be

tests/unit/config/words.tsv names the words, config/vocabulary.tsv and core/samples.tsv know their sections of the
manual; what becomes of each is asked of the registries, and of the lists of what is refused or has no effect. So the
page is written anew, not edited: `make vocabulary`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pointsman.keywords
from pointsman.admin.command import COMMANDS
from pointsman.config import vocabulary
from pointsman.config.action import ACTIONS
from pointsman.config.bind import BIND_OTHERS, BIND_WORDS
from pointsman.config.global_tuning import FAMILIES, HINTS
from pointsman.config.keyword import KEYWORDS
from pointsman.config.options import HINT_OPTIONS
from pointsman.config.removed import removed
from pointsman.config.server_words import SERVER_OTHERS, SERVER_WORDS
from pointsman.config.setting import SECTIONS
from pointsman.core.refused import refusal
from pointsman.core.vocabulary import sample_words
from pointsman.sample.acl import DERIVATIVES
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.tag import TAGS

assert pointsman.keywords

ROOT: Final = Path(__file__).resolve().parent
PAGE: Final = ROOT / "docs" / "vocabulary.md"
WORDS: Final = ROOT / "tests" / "unit" / "config" / "words.tsv"
BUILT, REFUSED, COMING, TUNING = "built", "refused", "coming", "tuning"
SAID: Final = {BUILT: "built", REFUSED: "refused", COMING: "later", TUNING: "no effect"}
TITLES: Final = {  # kinds of words.tsv, in the page's order
    "section": "Sections",
    "global": "Words of the global section",
    "proxy": "Words of proxies",
    "action": "Actions",
    "fetch": "Fetches",
    "acl": "ACL keywords that are fetches with a matching method",
    "converter": "Converters",
    "log-format tag": "Tags of log formats",
    "bind": "Words of bind lines",
    "server": "Words of server lines",
    "filter": "Filters",
    "service": "Services",
    "userlist": "Words of userlists",
    "http-errors": "Words of http-errors sections",
    "crt-store": "Words of crt-stores",
    "acme": "Words of acme sections",
    "traces": "Words of traces sections",
    "command": "Commands of the runtime socket",
}
INTRODUCTION: Final = """# Every word

Each word of HAProxy 3.5's language, and what becomes of it here. This page is written by `make vocabulary`; a test
compares it with the program. What a word does stands in [HAProxy's manual](https://docs.haproxy.org/), in the section
that is named; where it does so otherwise, in [differences.md](differences.md). `make where
K="set-header"` says where one is in the source.

- **built**: it works
- **later**: it is refused at start-up by its name ("is not built yet")
- **refused**: it is refused for good, for the reason that is given
- **no effect**: it tunes what does not exist here; it is accepted, and a notice says so

"""


@cache
def _names() -> dict[str, frozenset[str]]:
    """Kind -> what its registry has."""
    return {
        **dict.fromkeys(("proxy", "userlist", "http-errors", "crt-store"), frozenset(KEYWORDS)),
        "action": frozenset(ACTIONS),
        "bind": frozenset(BIND_WORDS),
        "server": frozenset(SERVER_WORDS),
        "fetch": frozenset(FETCHES),
        "converter": frozenset(CONVERTERS),
        "section": frozenset(SECTIONS),
        "log-format tag": frozenset(TAGS),
    }


def registered(kind: str, word: str) -> bool:
    """Whether something of ours answers to the word."""
    if kind == "global":
        return f"global {word}" in KEYWORDS or any(name.startswith(f"global {word} ") for name in KEYWORDS)
    if kind == "acl":
        return DERIVATIVES.get(word, (word, ""))[0] in FETCHES
    if kind == "command":
        return word in COMMANDS or any(name.startswith(word + " ") for name in COMMANDS)
    return word in _names().get(kind, ()) or (kind == "proxy" and any(name.startswith(word + " ") for name in KEYWORDS))


def is_hint(kind: str, word: str) -> bool:
    """Pure tuning of what does not exist here."""
    if kind == "proxy":
        return word.removeprefix("option ") in HINT_OPTIONS
    hints = {"global": HINTS, "bind": BIND_OTHERS.hints, "server": SERVER_OTHERS.hints}
    return hints.get(kind, {}).get(word) is not None


def waits(kind: str, word: str) -> bool:
    """Accepted with a notice that says for what it waits."""
    if kind == "global":
        return any(word in words and "not built yet" in why for words, why in FAMILIES)
    return kind == "server" and word in SERVER_OTHERS.tls


def state(kind: str, word: str) -> str:
    """What becomes of a word."""
    if refusal(kind, word) or (kind in ("global", "proxy") and removed(word)):
        return REFUSED
    if is_hint(kind, word):
        return TUNING
    return BUILT if registered(kind, word) and not waits(kind, word) else COMING


def reason(kind: str, word: str) -> str:
    """Why a word is refused for good."""
    return refusal(kind, word) or "HAProxy has removed it"


def manual(kind: str, word: str) -> str:
    """The section of the manual."""
    found = vocabulary.lookup(kind, word)
    if found is not None and found.manual:
        return found.manual
    return sample_words().get(kind, {}).get(word, "")


def rows() -> list[tuple[str, str, str]]:
    """Kind, word, where it may stand; without the words of other programs that words.tsv has no kind for."""
    found = [line.split("\t") for line in WORDS.read_text("ascii").splitlines()[1:]]
    tags = [("log-format tag", word, "") for word in sample_words()["log-format tag"]]
    return [(kind, word, where) for kind, word, where, _ in found] + tags


def _shown(kind: str, word: str) -> str:
    text = f"%{word}" if kind == "log-format tag" else word
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _row(kind: str, word: str, where: str) -> str:
    found = state(kind, word)
    note = reason(kind, word) if found == REFUSED else where.replace(",", ", ")
    cells = (_shown(kind, word), SAID[found], manual(kind, word), note)
    return "| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |\n"


def page() -> str:
    """The whole page."""
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for kind, word, where in rows():
        by_kind.setdefault(kind, []).append((word, where))
    if set(by_kind) != set(TITLES):
        raise SystemExit(f"kinds without a title, or titles without words: {sorted(set(by_kind) ^ set(TITLES))}")
    parts = [INTRODUCTION, _counts(by_kind)]
    for kind, title in TITLES.items():
        parts.append(f"\n## {title}\n\n| word | | manual | where, or why not |\n|---|---|---|---|\n")
        parts += [_row(kind, word, where) for word, where in sorted(by_kind[kind])]
    return "".join(parts)


def _counts(by_kind: Mapping[str, list[tuple[str, str]]]) -> str:
    lines = ["| | " + " | ".join(SAID.values()) + " |\n", "|---|" + "---|" * len(SAID) + "\n"]
    for kind, title in TITLES.items():
        states = [state(kind, word) for word, _ in by_kind[kind]]
        lines.append(f"| {title} | " + " | ".join(str(states.count(one) or "") for one in SAID) + " |\n")
    return "".join(lines)


def main(words: list[str]) -> int:
    made = page()
    if words == ["--check"]:
        if PAGE.read_text("utf-8") == made:
            return 0
        print("docs/vocabulary.md is not up to date: make vocabulary", file=sys.stderr)
        return 1
    if words:
        print(__doc__, file=sys.stderr)
        return 2
    PAGE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
