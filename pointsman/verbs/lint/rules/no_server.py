"""no-server."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.config.setting import In
from pointsman.config.stick_table import StickTableLine
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.lists import PASSING, ends
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    default_backend app
backend app  # here
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    default_backend app
backend app
    mode http
    http-request return status 200
"""
SERVING = ("stats", "option http_proxy", "option transparent", "transparent", "dispatch", "redirect", "use-service")


@rule("no-server", Level.WARNING, FOUND, CLEAN)
def no_server(subject: Subject) -> Iterator[Found]:
    """A backend that gets traffic has no server, and no rule that answers.

    Every request gets a 503 (manual 1.3), a connection of mode tcp is closed.
    """
    if not subject.configuration.proxies or subject.failed:
        return
    for section in subject.backs:
        if section.kind != In.BACKEND or section.all(ServerLine) or section.name not in subject.named:
            continue
        rules = section.all(Rule)
        if any(ends(one.action) and one.action.name not in PASSING for one in rules) or section.all(StickTableLine):
            continue
        texts = [" ".join(word.text for word in line.words) for line in subject.lines_of(section)]
        if not any(text.startswith(SERVING) or "errorfile" in text for text in texts):
            yield Found(section.at, f"{section.title} has no server: what comes here gets a 503", "add a 'server' line")
