"""logged-secret."""

from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    capture request header Authorization len 64  # here
    http-request capture req.hdr(X-Api-Key) len 64  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    capture request header Host len 64
    http-request capture req.hdr(Authorization),word(1,.) len 64
"""
HEADERS: Final = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-auth-token", "cookie"})
WHOLE: Final = frozenset(f"{fetch}({header})" for fetch in ("req.hdr", "hdr", "req.fhdr") for header in HEADERS)


@rule("logged-secret", Level.WARNING, FOUND, CLEAN)
def logged_secret(subject: Subject) -> Iterator[Found]:
    """Credentials of clients go to the log.

    Captured headers stand in each line of `option httplog`, and in whatever keeps these. Authorization holds passwords
    in all but clear, Cookie sessions. Capture a part of them, or a hash (`,sha2,hex`), or use a variable.
    """
    for _, line in subject.lines:
        words = line.words
        texts = [word.text.lower() for word in words]
        if texts[:3] == ["capture", "request", "header"] and len(texts) > 3 and texts[3] in HEADERS:
            yield Found(words[3].at, f"'{words[3].text}' of each request goes to the log", "capture something else")
        elif texts[:2] == ["http-request", "capture"] and len(texts) > 2 and texts[2] in WHOLE:
            yield Found(words[2].at, f"'{words[2].text}' of each request goes to the log", "log a hash: ',sha2,hex'")
