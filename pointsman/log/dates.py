"""Dates as logs write them. The texts of a second are made once; a millisecond only adds three digits.

All take wall-clock milliseconds. Month names are HAProxy's (English), whatever the locale.
"""

import time
from typing import Final

from mypy_extensions import i64

MONTHS: Final = (b"", b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
MILLISECONDS: Final = [b"%03d" % number for number in range(1000)]
_KEPT: Final = 64  # seconds whose texts are remembered


class Seconds:
    """Remembered texts of seconds."""

    def __init__(self) -> None:
        self.last: i64 = -1
        self.text = b""
        self.kept: dict[int, bytes] = {}

    def at(self, second: i64) -> bytes:
        if second != self.last:
            found = self.kept.get(second)
            if found is None:
                if len(self.kept) >= _KEPT:
                    self.kept.clear()
                found = self.kept[second] = self.make(second)
            self.last = second
            self.text = found
        return self.text

    def make(self, second: int) -> bytes:
        raise NotImplementedError


def _zone(local: time.struct_time) -> tuple[bytes, int, int]:
    """Sign, hours and minutes of the offset from UTC."""
    minutes = local.tm_gmtoff // 60
    return (b"-" if minutes < 0 else b"+", abs(minutes) // 60, abs(minutes) % 60)


def _day(date: time.struct_time) -> bytes:
    return b"%02d/%b/%04d:%02d:%02d:%02d" % (
        date.tm_mday,
        MONTHS[date.tm_mon],
        date.tm_year,
        date.tm_hour,
        date.tm_min,
        date.tm_sec,
    )


class LocalSeconds(Seconds):
    """06/Feb/2009:12:14:14"""

    def make(self, second: int) -> bytes:
        return _day(time.localtime(second))


class LocalZoneSeconds(Seconds):
    """06/Feb/2009:12:14:14 +0100"""

    def make(self, second: int) -> bytes:
        date = time.localtime(second)
        return _day(date) + b" %b%02d%02d" % _zone(date)


class UtcSeconds(Seconds):
    """06/Feb/2009:11:14:14 +0000"""

    def make(self, second: int) -> bytes:
        return _day(time.gmtime(second)) + b" +0000"


class SyslogSeconds(Seconds):
    """Feb  6 12:14:14 (RFC 3164 4.1.2)"""

    def make(self, second: int) -> bytes:
        date = time.localtime(second)
        return b"%b %2d %02d:%02d:%02d" % (MONTHS[date.tm_mon], date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec)


class IsoSeconds(Seconds):
    """2009-02-06T12:14:14 and +01:00, with a space between them for the fraction (RFC 5424 6.2.3)"""

    def make(self, second: int) -> bytes:
        date = time.localtime(second)
        return b"%04d-%02d-%02dT%02d:%02d:%02d %b%02d:%02d" % (
            date.tm_year,
            date.tm_mon,
            date.tm_mday,
            date.tm_hour,
            date.tm_min,
            date.tm_sec,
            *_zone(date),
        )


_local: Final = LocalSeconds()
_local_zone: Final = LocalZoneSeconds()
_utc: Final = UtcSeconds()
_syslog: Final = SyslogSeconds()
_iso: Final = IsoSeconds()


def local_date(wall: i64) -> bytes:
    """06/Feb/2009:12:14:14.655"""
    second = wall // 1000
    return _local.at(second) + b"." + MILLISECONDS[wall - second * 1000]


def local_zone_date(wall: i64) -> bytes:
    """06/Feb/2009:12:14:14 +0100"""
    return _local_zone.at(wall // 1000)


def utc_date(wall: i64) -> bytes:
    """06/Feb/2009:11:14:14 +0000"""
    return _utc.at(wall // 1000)


def syslog_date(wall: i64) -> bytes:
    """Feb  6 12:14:14"""
    return _syslog.at(wall // 1000)


def iso_date(wall: i64) -> bytes:
    """2009-02-06T12:14:14.655000+01:00"""
    second = wall // 1000
    date, _, zone = _iso.at(second).partition(b" ")
    return date + b"." + MILLISECONDS[wall - second * 1000] + b"000" + zone


def forget() -> None:
    """Drop what is remembered: for tests that change the time zone."""
    for seconds in (_local, _local_zone, _utc, _syslog, _iso):
        seconds.last = -1
        seconds.kept.clear()
