"""Faults by their words, and which server has which."""

import re

import pytest

from pointsman.verbs.trial.faults import FaultError, Faults, parse_fault
from pointsman.verbs.trial.order import Standing

SERVERS = [
    Standing("web", "s1", "10.0.0.1:80", True),
    Standing("web", "s2", "10.0.0.2:80", True),
    Standing("api", "s1", "10.0.0.3:80", True),
    Standing("own", "f", "127.0.0.1:81", True, kind="chain"),
]


def test_words() -> None:
    slow = parse_fault("web/s1=slow:1.5s")
    assert (slow.pattern, slow.fault.kind, slow.fault.seconds, slow.fault.share) == ("web/s1", "slow", 1.5, 1.0)
    assert parse_fault("*=slow:250").fault.seconds == 0.25  # a bare number counts milliseconds, as in the configuration
    share = parse_fault("s=500:10%").fault
    assert (share.kind, share.status, share.share) == ("status", 500, 0.1)
    assert parse_fault("s=slow:2s:20%").fault.share == 0.2
    assert parse_fault("a=b/c=hang").pattern == "a=b/c"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web", "expected SERVER=FAULT"),
        ("web=refused", "did you mean 'refuse'?"),
        ("web=slow", "expected a time behind slow"),
        ("web=slow:fast", "expected a time behind slow"),
        ("web=500:x%", "is no share"),
        ("web=500:101%", "is no share"),
        ("web=hang:2s", "'2s' makes no sense there"),
        ("web=refuse:10%", "refuse has no share"),
        ("web=100", "is no fault"),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    with pytest.raises(FaultError, match=re.escape(said)):
        parse_fault(text)


def test_who_has_them() -> None:
    faults = Faults(SERVERS)
    refusals: list[tuple[str, bool]] = []
    faults.on_refusal = lambda one, refused: refusals.append((one.title, refused))
    faults.add(parse_fault("web/*=slow:2s"))
    faults.add(parse_fault("s1=503"))
    assert [[fault.text for fault in faults.of(one)] for one in SERVERS] == [
        ["slow:2s", "503"],
        ["slow:2s"],
        ["503"],
        [],
    ]
    assert faults.of_request(SERVERS[0]) == (2.0, 503, False)
    assert faults.of_request(SERVERS[3]) == (0.0, 0, False)
    faults.add(parse_fault("web=refuse"))
    faults.add(parse_fault("web/s2=none"))
    assert refusals == [("web/s1", True), ("web/s2", True), ("web/s2", False)]
    assert faults.of(SERVERS[1]) == []
    assert [fault.text for fault in faults.of(SERVERS[0])] == ["slow:2s", "503", "refuse"]


def test_shares_are_drawn() -> None:
    faults = Faults(SERVERS)
    faults.add(parse_fault("web/s1=reset:0%"))
    faults.add(parse_fault("web/s2=reset:50%"))
    assert {faults.of_connection(SERVERS[0]) for _ in range(200)} == {""}
    assert {faults.of_connection(SERVERS[1]) for _ in range(200)} == {"", "reset"}


def test_nobody_is_meant() -> None:
    faults = Faults(SERVERS)
    with pytest.raises(FaultError, match="no server is 'wev/s1'; did you mean 'web/s1'"):
        faults.add(parse_fault("wev/s1=hang"))
    with pytest.raises(FaultError, match="own/f is no echo server"):
        faults.add(parse_fault("own/f=hang"))
