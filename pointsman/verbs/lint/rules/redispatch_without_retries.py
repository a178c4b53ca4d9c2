"""redispatch-without-retries."""

from collections.abc import Iterator

from pointsman.config.options import Redispatch
from pointsman.config.proxy import ProxyNumber
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    retries 0  # here
    option redispatch
    server one 192.0.2.1:80
    server two 192.0.2.2:80
"""
CLEAN = """
backend app
    mode http
    retries 2
    option redispatch
    server one 192.0.2.1:80
    server two 192.0.2.2:80
"""


@rule("redispatch-without-retries", Level.WARNING, FOUND, CLEAN)
def redispatch_without_retries(subject: Subject) -> Iterator[Found]:
    """`option redispatch` lets a retry go to another server, and `retries 0` allows none.

    A server that refuses a connection is an error for its client, although others could serve it.
    """
    for section in subject.sections[1:]:
        retries, option = section.one(ProxyNumber, "retries"), section.one(Redispatch)
        if retries is None or retries.value or option is None or not option.interval:
            continue
        if any(one is retries or one is option for one in section.settings):
            yield Found(
                retries.at, "'option redispatch' has no retry that it could send elsewhere", "say 'retries 1' or more"
            )
