"""Headings of lines (manual 4.2, log; RFC 3164 4.1; RFC 5424 6.2). Facility local3 (19) and level info (6): 158."""

import os
import time
from collections.abc import Iterator

import pytest

from pointsman.log import dates
from pointsman.log.heading import Heading
from pointsman.log.target import FACILITIES, INFO, LOG_LEVELS, NOTICE, Syntax

WALL = 1_795_247_624_026  # 21 Nov 2026 02:53:44.026 in New York
LOCAL3 = FACILITIES.index("local3")
PID = b"%d" % os.getpid()


@pytest.fixture(autouse=True)
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    dates.forget()
    yield
    monkeypatch.undo()
    time.tzset()
    dates.forget()


@pytest.mark.parametrize(
    ("syntax", "hostname", "expected"),
    [
        (Syntax.LOCAL, None, b"<158>Nov 21 02:53:44 haproxy[PID]: "),
        (Syntax.LOCAL, b"foo", b"<158>Nov 21 02:53:44 haproxy[PID]: "),
        (Syntax.DEFAULT, None, b"<158>Nov 21 02:53:44 haproxy[PID]: "),
        (Syntax.DEFAULT, b"foo", b"<158>Nov 21 02:53:44 foo haproxy[PID]: "),
        (Syntax.RFC3164, None, b"<158>Nov 21 02:53:44 localhost haproxy[PID]: "),
        (Syntax.RFC3164, b"foo", b"<158>Nov 21 02:53:44 foo haproxy[PID]: "),
        (Syntax.RFC5424, None, b"<158>1 2026-11-21T02:53:44.026000-05:00 - haproxy PID - [e@1] "),
        (Syntax.RFC5424, b"foo", b"<158>1 2026-11-21T02:53:44.026000-05:00 foo haproxy PID - [e@1] "),
        (Syntax.PRIORITY, None, b"<158>"),
        (Syntax.SHORT, None, b"<6>"),
        (Syntax.TIMED, None, b"<6>2026-11-21T02:53:44.026000-05:00 "),
        (Syntax.ISO, None, b"2026-11-21T02:53:44.026000-05:00 "),
        (Syntax.RAW, None, b""),
    ],
)
def test_every_format(syntax: Syntax, hostname: bytes | None, expected: bytes) -> None:
    assert Heading(syntax, LOCAL3, b"haproxy", hostname).text(INFO, WALL, b"[e@1]") == expected.replace(b"PID", PID)


def test_days_below_ten_have_a_space() -> None:
    """RFC 3164 4.1.2: a space takes the place of the first digit."""
    assert Heading(Syntax.PRIORITY, 0, b"", None).text(NOTICE, WALL, b"-") == b"<5>"
    heading = Heading(Syntax.LOCAL, 0, b"t", None)
    assert heading.text(0, 1_233_918_854_000, b"-") == b"<0>Feb  6 06:14:14 t[" + PID + b"]: "


def test_seconds_and_levels_are_kept_apart() -> None:
    heading = Heading(Syntax.LOCAL, LOCAL3, b"t", None)
    first = [heading.text(level, WALL, b"-") for level in range(len(LOG_LEVELS))]
    assert [text[:5] for text in first] == [b"<%d>" % (19 * 8 + level) for level in range(8)]
    assert heading.text(INFO, WALL + 973, b"-") == first[INFO]
    assert heading.text(INFO, WALL + 974, b"-") == b"<158>Nov 21 02:53:45 t[" + PID + b"]: "
    assert heading.text(INFO, WALL, b"-") == first[INFO]


def test_a_forked_process_writes_its_own_number() -> None:
    heading = Heading(Syntax.LOCAL, LOCAL3, b"t", None)
    heading.text(INFO, WALL, b"-")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, heading.text(INFO, WALL, b"-"))
        os._exit(0)
    os.waitpid(child, 0)
    text = os.read(reading, 100)
    os.close(reading)
    os.close(writing)
    assert text == b"<158>Nov 21 02:53:44 t[%d]: " % child
