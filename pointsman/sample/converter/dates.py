"""Dates (manual 7.3.1): from seconds, milliseconds or microseconds since 1970 to text, and back."""

import calendar
import re
import time
from collections.abc import Callable
from typing import Final

from pointsman.sample.arguments import Arguments, encode
from pointsman.sample.fetch.constant import UNITS
from pointsman.sample.registry import converter, converter_with
from pointsman.sample.types import Type

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SPECIFIER: Final = re.compile(r"%(%|s|Z|([1-9]?)N)")
Write = Callable[[int], bytes | None]


def write_date(layout: str, ticks: int, parts: int, local: bool) -> bytes | None:
    """`ticks` are a `parts`th of a second each. Layouts are those of strftime(3), with %N for nanoseconds.

    %3N are milliseconds. None for a date that the system cannot tell.
    """
    seconds, rest = divmod(ticks, parts)
    nanoseconds = f"{rest * (1_000_000_000 // parts):09d}"

    def own(found: re.Match[str]) -> str:
        if found.group(1) == "%":
            return "%%"
        if found.group(1) == "s":
            return str(seconds)
        if found.group(1) == "Z":
            return found.group() if local else "GMT"
        if parts == 1:  # the converters of seconds do not know %N
            return found.group()
        return nanoseconds[: int(found.group(2) or "9")]

    try:
        fields = time.localtime(seconds) if local else time.gmtime(seconds)
        return encode(time.strftime(SPECIFIER.sub(own, layout), fields))
    except (ValueError, OverflowError, OSError):
        return None


def _writer(args: Arguments, parts: int, local: bool) -> Write:
    layout, offset = args.word(0), args.number(1)
    return lambda value: write_date(layout, value + offset, parts, local)


@converter_with("ltime", "(string[,integer])", Type.SINT, Type.STR)
def local_time(args: Arguments) -> Write:
    """ltime(<format>[,<offset>]): seconds as local time."""
    return _writer(args, 1, True)


@converter_with("utime", "(string[,integer])", Type.SINT, Type.STR)
def universal_time(args: Arguments) -> Write:
    """utime(<format>[,<offset>]): seconds as UTC."""
    return _writer(args, 1, False)


@converter_with("ms_ltime", "(string[,integer])", Type.SINT, Type.STR)
def local_time_milliseconds(args: Arguments) -> Write:
    """ms_ltime(<format>[,<offset>]): milliseconds as local time."""
    return _writer(args, 1000, True)


@converter_with("ms_utime", "(string[,integer])", Type.SINT, Type.STR)
def universal_time_milliseconds(args: Arguments) -> Write:
    """ms_utime(<format>[,<offset>]): milliseconds as UTC."""
    return _writer(args, 1000, False)


@converter_with("us_ltime", "(string[,integer])", Type.SINT, Type.STR)
def local_time_microseconds(args: Arguments) -> Write:
    """us_ltime(<format>[,<offset>]): microseconds as local time."""
    return _writer(args, 1_000_000, True)


@converter_with("us_utime", "(string[,integer])", Type.SINT, Type.STR)
def universal_time_microseconds(args: Arguments) -> Write:
    """us_utime(<format>[,<offset>]): microseconds as UTC."""
    return _writer(args, 1_000_000, False)


@converter_with("http_date", "([integer,string])", Type.SINT, Type.STR)
def http_date(args: Arguments) -> Write:
    """http_date([<offset>[,<unit>]]): for header fields (RFC 9110 5.6.7); "ms" and "us" give seconds a fraction."""
    offset, unit = args.number(0), args.text(1, b"s") or b"s"
    if unit not in UNITS:
        raise args.wrong(f"expects 's', 'ms' or 'us', got '{args.word(1)}'", "one of s, ms, us")
    parts = UNITS[unit]

    def write(value: int) -> bytes | None:
        seconds, rest = divmod(value + offset, parts)
        try:
            date = time.gmtime(seconds)
        except (ValueError, OverflowError, OSError):
            return None
        fraction = "" if parts == 1 else f".{rest:0{len(str(parts)) - 1}d}"
        return (
            f"{DAYS[date.tm_wday]}, {date.tm_mday:02d} {MONTHS[date.tm_mon - 1]} {date.tm_year:04d} "
            f"{date.tm_hour:02d}:{date.tm_min:02d}:{date.tm_sec:02d}{fraction} GMT"
        ).encode()

    return write


IMF: Final = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
RFC850: Final = re.compile(r"[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
ASCTIME: Final = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})", re.ASCII)


@converter("date", Type.STR, Type.SINT)
def read_date(value: bytes) -> int | None:
    """Seconds since 1970 of a date in one of the three forms of HTTP (RFC 9110 5.6.7). No sample for another text."""
    text = value.decode("latin-1")
    found = IMF.fullmatch(text) or RFC850.fullmatch(text)
    if found is not None:
        day, name, year, clock = found.group(1), found.group(2), int(found.group(3)), found.groups()[3:]
    else:
        found = ASCTIME.fullmatch(text)
        if found is None:
            return None
        day, name, year, clock = found.group(2), found.group(1), int(found.group(6)), found.groups()[2:5]
    if year < 100:  # two digits: not more than 50 years ahead
        this = time.gmtime().tm_year
        year += this - this % 100
        year -= 100 if year > this + 50 else 0
    hour, minute, second = (int(part) for part in clock)
    if name not in MONTHS or hour > 23 or minute > 59 or second > 60:
        return None
    month = MONTHS.index(name) + 1
    if year < 1 or not 1 <= int(day) <= calendar.monthrange(year, month)[1]:
        return None
    return calendar.timegm((year, month, int(day), hour, minute, second))
