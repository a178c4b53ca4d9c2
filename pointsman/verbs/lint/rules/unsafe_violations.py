"""unsafe-violations."""

from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    option accept-unsafe-violations-in-http-request  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    no option accept-unsafe-violations-in-http-request
"""
SIDES: Final = {
    "accept-unsafe-violations-in-http-request": "requests",
    "accept-unsafe-violations-in-http-response": "responses",
    "accept-invalid-http-request": "requests",
    "accept-invalid-http-response": "responses",
}


@rule("unsafe-violations", Level.WARNING, FOUND, CLEAN)
def unsafe_violations(subject: Subject) -> Iterator[Found]:
    """Messages pass that break the rules of HTTP.

    Where two programs read such a message in different ways, one request is smuggled in another, past every rule (RFC
    9112 11.2). The option is for finding out what a client or server does wrong (`show errors`), and not to stay on
    (manual 4.2).
    """
    for _, line in subject.lines:
        words = line.words
        if words[0].text == "option" and len(words) > 1 and words[1].text in SIDES:
            what = SIDES[words[1].text]
            message = f"malformed {what} pass, and may be read in two ways"
            yield Found(words[1].at, message, "remove it, and mend the client or server that needs it")
