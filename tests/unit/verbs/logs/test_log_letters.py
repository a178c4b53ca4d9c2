"""The table of letters is whole: all of manual 8.5, each with what to look at."""

import re

import pytest

from pointsman.config.timeouts import TIMEOUTS
from pointsman.verbs.logs.letters import (
    ENDINGS,
    FIRST,
    FOURTH,
    PERSISTENCE,
    SECOND,
    THIRD,
    ending_of,
    is_normal,
    persistence_of,
)

# The flags that manual 8.5 lists one by one.
LISTED = "--CCCDcDCHcHCQCRcRCTLCLRLHSCsCSDsDSHsHsQPCPDPHPRPTRC"
LISTED_COOKIES = "--NNIINIVNVUEIOIDIVI"


def pairs(text: str) -> list[str]:
    return [text[place : place + 2] for place in range(0, len(text), 2)]


def test_every_letter_of_the_manual() -> None:
    assert sorted(FIRST) == sorted("CSPLRIDUKcs-")
    assert sorted(SECOND) == sorted("RQCHDLT-")
    assert sorted(THIRD) == sorted("NIDVEOU-")
    assert sorted(FOURTH) == sorted("NIUPRD-")


@pytest.mark.parametrize("two", pairs(LISTED)[1:])
def test_listed_combinations_have_causes_and_something_to_look_at(two: str) -> None:
    ending = ENDINGS[two]
    assert ending.meaning.endswith(".")
    assert ending.causes
    assert ending.look


def test_every_combination_is_told() -> None:
    for first in FIRST:
        for second in SECOND:
            assert "no letters" not in ending_of(first + second).meaning
    for third in THIRD:
        for fourth in FOURTH:
            assert "no letters" not in persistence_of(third + fourth)
    assert set(pairs(LISTED)) <= set(ENDINGS)
    assert set(pairs(LISTED_COOKIES)) <= set(PERSISTENCE)
    assert {two[0] for two in ENDINGS} <= set(FIRST)
    assert {two[1] for two in ENDINGS} <= set(SECOND)


def test_letters_that_are_none() -> None:
    assert "no letters" in ending_of("xy").meaning
    assert "no letters" in ending_of("").meaning
    assert "no letters" in persistence_of("zz")


def test_what_one_letter_says_alone() -> None:
    assert ending_of("DD").meaning.startswith("The server went down")
    assert ending_of("KD").causes == ENDINGS["K-"].causes
    assert ending_of("KD").look == ENDINGS["K-"].look
    assert ending_of("DH").meaning == (
        "The server went down, and its sessions were ended with it. "
        "It was while the server's response head was awaited."
    )
    assert ending_of("SR").meaning == (
        "The server broke off, or refused the connection, while the request was received; no server had been asked."
    )


def test_timeouts_that_are_named_are_timeouts() -> None:
    for ending in ENDINGS.values():
        for look in ending.look:
            assert set(re.findall(r"\{([^}]*)\}", look)) <= set(TIMEOUTS)
        assert not ending.timeout or ending.timeout in TIMEOUTS
    struck = {two: ending.timeout for two, ending in ENDINGS.items() if ending.timeout}
    assert (struck["sH"], struck["sC"], struck["sQ"], struck["cR"], struck["cD"]) == (
        "server",
        "connect",
        "queue",
        "http-request",
        "client",
    )


@pytest.mark.parametrize(("letters", "normal"), [("--", True), ("LR--", True), ("PR", False), ("sH--", False)])
def test_what_is_normal(letters: str, normal: bool) -> None:
    assert is_normal(letters) is normal
