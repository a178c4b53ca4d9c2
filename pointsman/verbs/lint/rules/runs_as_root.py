"""runs-as-root."""

from collections.abc import Iterator

from pointsman.config.global_section import GlobalNumber, GlobalText
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global  # here
    log 192.0.2.14 local0
frontend www
    mode http
    bind :80
"""
CLEAN = """
global
    log 192.0.2.14 local0
    uid 65534
frontend www
    mode http
    bind :80
"""


@rule("runs-as-root", Level.INFO, FOUND, CLEAN)
def runs_as_root(subject: Subject) -> Iterator[Found]:
    """The process keeps the rights of who starts it.

    A process that is started by root for the sake of port 80 remains root. `user` and `group` give the rights away once
    the sockets are open, `chroot` hides the file system (manual 3.1). Where the service manager or the container does
    that already, there is nothing to do.
    """
    main = subject.configuration.main
    if main.one(GlobalText, "user") or main.one(GlobalNumber, "uid") or subject.may_be_used("user"):
        return
    for _, line in subject.lines:
        if line.words[0].text == "global":
            message = "the process keeps the rights of who starts it: there is no 'user'"
            yield Found(line.at, message, "say 'user haproxy' and 'group haproxy'")
            return
