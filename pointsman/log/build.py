"""From settings to loggers: what a proxy's `log`, format, tag and option lines come to.

The mode of a proxy decides which formats fit: an HTTP format in a TCP proxy falls back to tcplog with a warning, as
HAProxy does; a log-format with a tag that needs HTTP is an error there.
"""

import platform
from typing import Final

from pointsman.config.environment import (
    HTTP_CLF_LOG_FORMAT,
    HTTP_LOG_FORMAT,
    HTTPS_LOG_FORMAT,
    TCP_CLF_LOG_FORMAT,
    TCP_LOG_FORMAT,
)
from pointsman.config.global_section import global_number
from pointsman.config.setting import In, Section
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.words import Word
from pointsman.log.heading import Heading
from pointsman.log.keywords import ErrorFormat, LineFormat, LogTag, SendHostname, StructuredFormat
from pointsman.log.logger import Line, Logger, LoggerTarget, default_line
from pointsman.log.policy import when
from pointsman.log.sinks import SinkSet
from pointsman.log.tags import LOG_LIMITS
from pointsman.log.target import LogTarget
from pointsman.sample.format import Format, parse_format
from pointsman.sample.types import Where

PROGRAM: Final = b"haproxy"  # the tag by default: filters on logs look for it
FORMATS: Final = {
    "httplog": HTTP_LOG_FORMAT,
    "httplog clf": HTTP_CLF_LOG_FORMAT,
    "tcplog": TCP_LOG_FORMAT,
    "tcplog clf": TCP_CLF_LOG_FORMAT,
    "httpslog": HTTPS_LOG_FORMAT,
}


def build_logger(
    section: Section, main: Section, sinks: SinkSet, *, http: bool, separate_errors: bool, diagnostics: Diagnostics
) -> Logger | None:
    """The logger of a proxy; None where it has no target. `main` is the global section.

    Errors and warnings go to `diagnostics`, at the lines that are to blame.
    """
    form = section.one(LineFormat)
    line = _line_format(form, section, http, diagnostics)
    outlets = build_outlets(section, main, sinks)
    if not outlets:
        if section.kind & In.FRONT and form is not None:
            diagnostics.warning(f"log format ignored for {section.title} since it has no log address.", form.at)
        return None
    error = section.one(ErrorFormat)
    structured = section.one(StructuredFormat)
    for setting in (error, structured):
        if setting is not None:
            _check_mode(setting.format, setting.word, http, diagnostics)
    renderer: Line = line.line if line is not None else default_line
    return Logger(
        outlets,
        renderer,
        error_line=error.format.line if error is not None else None,
        structured=structured.format.line if structured is not None else None,
        separate_errors=separate_errors,
        when=when(line, http),
    )


def build_process_logger(main: Section, sinks: SinkSet) -> Logger:
    """The logger of the process itself: starts, stops, signals (manual 3.1, log). Sets tune.http.logurilen too."""
    LOG_LIMITS.line = max(global_number(main, "tune.http.logurilen") - 1, 0)
    return Logger(build_outlets(main, main, sinks), default_line)


def build_outlets(section: Section, main: Section, sinks: SinkSet) -> list[LoggerTarget]:
    """A section's targets in their order, `log global` replaced by those of the global section."""
    tag = section.one(LogTag) or main.one(LogTag)
    name = tag.text if tag is not None else PROGRAM
    send = main.one(SendHostname)
    hostname = None if send is None else send.text or platform.node().encode()
    targets: list[LogTarget] = []
    for one in section.all(LogTarget):
        targets += main.all(LogTarget) if one.address is None else [one]
    outlets = []
    for one in targets:
        if one.address is not None:
            outlets.append(
                LoggerTarget(one, sinks.sink(one.address), Heading(one.syntax, one.facility, name, hostname))
            )
    return outlets


def _line_format(form: LineFormat | None, section: Section, http: bool, diagnostics: Diagnostics) -> Format | None:
    """The format that holds; None is the default format."""
    if form is None or not section.kind & In.FRONT:
        return None
    if form.format is not None:
        assert form.word is not None
        _check_mode(form.format, form.word, http, diagnostics)
        return form.format
    kind = form.kind
    if kind.startswith("http") and not http:
        option = kind.partition(" ")[0]
        diagnostics.warning(
            f"'option {option}' not usable with {section.title} (needs 'mode http'). Falling back to 'option tcplog'.",
            form.at,
        )
        kind = "tcplog"
    return _standard(kind, form.at, diagnostics)


def _standard(kind: str, at: Position, diagnostics: Diagnostics) -> Format | None:
    try:
        return parse_format(Word(FORMATS[kind], at), Where.LOG, merge_spaces=True)
    except ConfigError as error:
        diagnostics.alert(f"'option {kind}' needs what is not built yet: {error.finding.message}", at)
        return None


def _check_mode(compiled: Format, word: Word, http: bool, diagnostics: Diagnostics) -> None:
    if not http and compiled.http:
        diagnostics.alert(
            f"failed to parse log-format : format variable '{compiled.http[0]}' is reserved for HTTP mode.",
            word.at,
            "a tag without the mark H in the table of manual 8.2.6, or mode http",
        )
