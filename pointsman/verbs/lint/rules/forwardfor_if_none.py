"""forwardfor-if-none."""

from collections.abc import Iterator

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.options import ForwardForSetting
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.exposure import guarded, public_binds
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    option forwardfor if-none  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    option forwardfor
frontend cleans
    mode http
    bind :81
    option forwardfor if-none
    http-request del-header X-Forwarded-For unless { src 192.0.2.0/24 }
frontend behind
    mode http
    bind 127.0.0.1:8080
    option forwardfor if-none
"""


@rule("forwardfor-if-none", Level.INFO, FOUND, CLEAN)
def forwardfor_if_none(subject: Subject) -> Iterator[Found]:
    """Servers get the X-Forwarded-For that a client sends, and nothing of the proxy's own.

    With `if-none` a client that sends the header is who it says, for servers. That is right where all clients come by a
    proxy that writes it. Otherwise remove it first from strangers: `http-request del-header X-Forwarded-For unless {
    src <network> }`; or leave `if-none` out, and let servers take the last value (manual 4.2).
    """
    for section in subject.fronts:
        said = section.one(ForwardForSetting)
        if said is None or not said.if_none or not public_binds(section) or guarded(section, whole=True):
            continue
        header = (said.header or b"x-forwarded-for").decode("utf-8", "replace")
        if not any(
            one.rule_set == HTTP_REQUEST
            and one.action.name in ("set-header", "del-header")
            and header in [word.text.lower() for word in subject.words(one.at)[2:3]]
            for one in section.all(Rule)
        ):
            message = f"servers get the '{header}' that a client sends, as if it were true"
            yield Found(subject.word(said.at, "if-none"), message, "leave 'if-none' out, or remove the header first")
