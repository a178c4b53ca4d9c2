"""force-persist and ignore-persist lines: what they say, and what is wrong with them (manual 4.2)."""

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.rules.persistence import PersistLine, PersistRdpCookie


def findings(section: str, line: str) -> list[tuple[int, str, int]]:
    """Line, message and column of what is wrong."""
    diagnostics = Diagnostics()
    load_text(f"{section}\n    {line}\n", diagnostics)
    return [(one.position.line, one.message, one.position.column) for one in diagnostics.findings]


def test_they_are_kept_in_their_order() -> None:
    diagnostics = Diagnostics()
    text = "backend b\n    ignore-persist if { src 10.0.0.1 }\n    force-persist unless { src 10.0.0.2 }\n"
    section = load_text(text, diagnostics).proxies[0]
    assert [(one.forces, one.negated, one.at.line) for one in section.all(PersistLine)] == [
        (False, False, 2),
        (True, True, 3),
    ]


@pytest.mark.parametrize("word", ["force-persist", "ignore-persist"])
@pytest.mark.parametrize(
    ("rest", "message", "column"),
    [
        ("", "requires either 'if' or 'unless' followed by a condition.", 1),
        (" TRUE", "requires either 'if' or 'unless' followed by a condition.", 1),
    ],
    ids=["nothing", "a condition alone"],
)
def test_a_condition_is_needed(word: str, rest: str, message: str, column: int) -> None:
    (line, said, at) = findings("backend b", word + rest)[0]
    assert (line, said) == (2, f"'{word}' {message}")
    assert at == 5 + len(word) + (column if rest else 0)


def test_they_are_for_backends_and_not_for_defaults() -> None:
    assert [message for _, message, _ in findings("defaults d", "force-persist if TRUE")] == [
        "'force-persist' not allowed in 'defaults' section."
    ]
    assert (
        "ignored because frontend 'f' has no backend capability."
        in findings("frontend f", "ignore-persist if TRUE")[0][1]
    )


def cookie(*lines: str) -> bytes | None:
    diagnostics = Diagnostics()
    text = "defaults d\n" + "".join(f" {line}\n" for line in lines[1:]) + f"backend b\n mode tcp\n {lines[0]}\n"
    found = load_text(text, diagnostics).proxies[0].one(PersistRdpCookie)
    assert diagnostics.findings == []
    return None if found is None else found.name


def test_persist_rdp_cookie() -> None:
    assert cookie("") is None
    assert cookie("persist rdp-cookie") == b"msts"
    assert cookie("persist rdp-cookie(Other)") == b"Other"
    assert cookie("", "persist rdp-cookie") == b"msts"
    assert cookie("persist rdp-cookie(x)", "persist rdp-cookie") == b"x"


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("persist", "missing persist method.", 12),
        ("persist cookie", "unknown persist method 'cookie'.", 13),
        ("persist rdp-cookie(", "persist rdp-cookie(name) requires an rdp cookie name.", 13),
        ("persist rdp-cookie()", "persist rdp-cookie(name) requires an rdp cookie name.", 13),
        ("persist rdp-cookie(x", "persist rdp-cookie(name) requires an rdp cookie name.", 13),
        ("persist rdp-cookies", "unknown persist method 'rdp-cookies'.", 13),
        ("persist rdp-cookie x", "'persist rdp-cookie' cannot handle unexpected argument 'x'", 24),
        ("persist rdp-cookie(x) y", "'persist' cannot handle unexpected argument 'y'", 27),
    ],
)
def test_what_is_wrong_with_persist(line: str, message: str, column: int) -> None:
    assert findings("backend b", line) == [(2, message, column)]
