"""Makes transcripts of two runs comparable: what differs between any two runs gets a name instead.

Known ports are named by number; dates, process ids and the values of timers are replaced. A timer keeps one fact:
whether it is -1 (the phase was not reached) or counted (T); with option logasap's "+" kept as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DATE = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d{3})?(?: [+-]\d{4})?")
_SYSLOG_DATE = re.compile(r"^(<\d+>)[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_HTTP_DATE = re.compile(r"(?i)^(date|expires|last-modified): .* GMT$")
# TR/Tw/Tc/Tr/Ta of httplog or Tw/Tc/Tt of tcplog: the first such group of a line; later groups are counts.
_TIMERS = re.compile(r"(?<= )(\+?-?\d+(?:/\+?-?\d+){4}|\+?-?\d+/\+?-?\d+/\+?-?\d+)(?= )")
_TIMER = re.compile(r"(\+?)(-1|\d+)")
# %ST %B of httplog, behind its timers. haproxy 2.6 counts its internal form of a message there, not the bytes on the
# wire.
_BYTES = re.compile(r"(?<=T |1 )(\d{3}|-1) (\+?)\d+(?= )")
# In custom formats the scenarios write t=...: everything numeric up to the next space is a timer.
_CUSTOM_TIMERS = re.compile(r"(?<=t=)[-+\d/]+")
# option httplog clf: milliseconds of the date behind the client's port, three names, five timers.
_CLF = re.compile(r'(<client [^>]+>) \d{1,3}((?: "[^"]*"){3}) (-?\d+ -?\d+ -?\d+ -?\d+ -?\d+)(?= )')
_CLF_BYTES = re.compile(r'(?<=HTTP/1.1" \d{3}) \d+')
_RFC5424 = re.compile(r"^(<\d+>1 <date> \S+ \S+) \d+ ")
# How long a health check took; 0 or 1 on a quiet machine.
_CHECK = re.compile(r"(?<=check duration: )\d+(?=ms)")
# What the system said of a check's connection: 3.5 names the error, too.
_SYSTEM_ERROR = re.compile(r"E[A-Z]+ returned by OS \(([^)]*)\)")
_PID = re.compile(r"(?<=\[)\d+(?=\]: )")


def _timer(match: re.Match[str]) -> str:
    return match[1] + ("-1" if match[2] == "-1" else "T")


def _timers(match: re.Match[str]) -> str:
    return _TIMER.sub(_timer, match[0])


def ports(text: str, names: Mapping[int, str]) -> str:
    """The text with each known port number replaced by its name."""
    return re.sub(r"(?<!\d)\d{5}(?!\d)", lambda match: names.get(int(match[0]), match[0]), text)


def log_line(line: str) -> str:
    """A log line without its dates, process id and the lengths of its timers."""
    line = _SYSLOG_DATE.sub(r"\1<date> ", line)
    line = _ISO_DATE.sub("<date>", _DATE.sub("<date>", line))
    line = _SYSTEM_ERROR.sub(r"\1", _CHECK.sub("T", _PID.sub("<pid>", line)))
    line = _CUSTOM_TIMERS.sub(_timers, line)
    line = _RFC5424.sub(r"\1 <pid> ", line)
    line, clf = _CLF.subn(lambda match: f"{match[1]} T{match[2]} {_TIMER.sub(_timer, match[3])}", line)
    if clf:
        return _CLF_BYTES.sub(" B", line)
    timed, found = _TIMERS.subn(_timers, line, count=1)
    return _BYTES.sub(r"\1 \2B", timed, count=1) if found else line


def header_line(line: str) -> str:
    """A line of a message without the value of a date."""
    return _HTTP_DATE.sub(r"\1: <date>", line)


def table_line(line: str) -> str:
    """A line of `show table` without its address, its expiry, and how many entries there are, which HAProxy counts from
    when they are thought of."""
    return re.sub(r"^0x[0-9a-f]+: |(?<= )(exp|shard)=\d+ |,? used:\d+", "", line)
