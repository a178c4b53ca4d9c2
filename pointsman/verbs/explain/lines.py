"""The log line that an exchange would leave, and each of its fields by the name of its tag."""

from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.log.logger import Logger
from pointsman.sample.context import Context
from pointsman.sample.ending import failed
from pointsman.sample.format import Format, parse_format
from pointsman.sample.tag import TAGS
from pointsman.sample.types import Where
from pointsman.verbs.explain.words import shown


def line_of(logger: Logger, context: Context) -> bytes:
    """What `Logger.stream` would write."""
    if logger.error_line is not None and failed(context):
        return logger.error_line.text(context)
    return logger.line.text(context)


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
