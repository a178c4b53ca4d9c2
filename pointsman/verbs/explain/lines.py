"""The log line that an exchange would leave, and each of its fields by the name of its tag."""

from collections.abc import Mapping
from dataclasses import dataclass

from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.log.logger import Logger
from pointsman.log.policy import wanted
from pointsman.sample.context import Context
from pointsman.sample.ending import failed
from pointsman.sample.format import Format, parse_format
from pointsman.sample.record import SILENT
from pointsman.sample.tag import TAGS
from pointsman.sample.types import Where
from pointsman.stream.proxies import Frontend
from pointsman.verbs.explain.words import shown


def line_of(logger: Logger, context: Context) -> bytes:
    """What `Logger.stream` would write."""
    if logger.error_line is not None and failed(context):
        return logger.error_line.text(context)
    return logger.line.text(context)


@dataclass(frozen=True, slots=True)
class Logged:
    """`line` "": there is none, and `why` says why."""

    line: str
    fields: Mapping[str, str]
    why: str = ""


class LogFields:
    """All tags, compiled once."""

    def __init__(self) -> None:
        self.formats: dict[str, Format] = {}
        self.http: set[str] = set()
        for name in TAGS:
            tag = TAGS.get(name)
            if tag is None or name in ("o", "E"):
                continue
            self.formats[name] = parse_format(Word(f"%{name}", Position("", 0)), Where.LOG)
            if tag.http:
                self.http.add(name)

    def of(self, context: Context) -> dict[str, str]:
        """What each would show."""
        http = context.frontend.http
        return {
            name: shown(made.render_log(context))
            for name, made in self.formats.items()
            if http or name not in self.http
        }

    def logged(self, frontend: Frontend, context: Context, logs: bool) -> Logged:
        """What is logged of an exchange now. `logs`: it is one of those that are."""
        fields = self.of(context)
        logger = frontend.logger
        if not logs:
            return Logged("", fields)
        if logger is None:
            return Logged("", fields, "nothing is logged: the frontend has no 'log' line")
        if context.record.level == SILENT:
            return Logged("", fields, "nothing is logged: a rule says so (set-log-level silent)")
        if not wanted(context, frontend.log_null, frontend.log_normal):
            return Logged("", fields, "nothing is logged: 'option dontlog-normal' or 'option dontlognull'")
        return Logged(shown(line_of(logger, context)), fields)
