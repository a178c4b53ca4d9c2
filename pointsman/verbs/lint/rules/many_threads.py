"""many-threads."""

import os
from collections.abc import Iterator

from pointsman.config.global_section import GlobalNumber
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global
    nbthread 64  # here
frontend www
    mode http
    bind :80
"""
CLEAN = """
global
    nbthread 1
frontend www
    mode http
    bind :80
"""


@rule("many-threads", Level.INFO, FOUND, CLEAN)
def many_threads(subject: Subject) -> Iterator[Found]:
    """`nbthread` is higher than the number of processors of this machine.

    Threads (lanes) that share a processor only take it from each other. Without the line there are as many as
    processors. Where the file is for another machine, all is well.
    """
    line = subject.configuration.main.one(GlobalNumber, "nbthread")
    processors = os.cpu_count() or 64
    if line is not None and line.value > processors:
        yield Found(line.at, f"this machine has {processors} processors", "leave the line out")
