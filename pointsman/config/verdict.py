"""Actions as they run, and the verdicts that they return. What parses and registers them stands in action.py.

This module is compiled, so that actions may be.
"""

from collections.abc import Sequence
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.config.setting import Configuration, Section
from pointsman.core.diagnostics import Diagnostics
from pointsman.sample.arguments import Reference
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.types import Reads, Writes

CONTINUE: Final = 0  # verdicts: go on with the next rule
ALLOW: Final = 1  # end this list; the message goes on
DENY: Final = 2  # context.answer is the page
ANSWER: Final = 3  # context.answer is what to answer: return, redirect
DROP: Final = 4  # close without a word
SILENT_DROP: Final = 5  # forget the connection; context.answer is the time to live of a reset, 0: none
TARPIT: Final = 6  # context.answer is the page, later
FAILED: Final = 7  # a rewrite did not fit: an internal error
WAIT: Final = 8  # context.need is what has to be waited for (sample/need.py)
CLOSE_SERVER: Final = 9  # close the server's connection; what it has sent is not passed on (tcp-response content)
SWITCH: Final = 10  # the client speaks HTTP from now on (switch-mode)
INVALID: Final = 11  # the request is not what a rule demands of all: 400, and nothing was denied


@mypyc_attr(allow_interpreted_subclasses=True)
class Action:
    """What a rule does. `final`: no rule behind it is looked at once it has run.

    `reads` (Reads) and `writes` (Writes) say what its outcome depends on and what may be another one once it has run.
    The words of its decorator fill them in (RuleArgs.finish in action.py); one that nobody declared may do anything.
    `waits`: it may return WAIT; what it does before that, it does again afterwards. The expressions of all others are
    told at once.
    """

    def __init__(self) -> None:
        self.name = ""
        self.final = False
        self.waits = False
        # What it reads, if a request that is remembered may have it done again instead of being decided anew; else -1.
        self.repeats = -1
        self.reads = int(Reads.ALL)
        self.writes = int(Writes.ALL)
        self.references: list[Reference] = []  # what its expressions name: looked up once all sections are known
        self.expressions: Sequence[Expression] = ()  # that `run` may ask, for explanations (sample/tap.py)

    def resolve(self, configuration: Configuration, diagnostics: Diagnostics) -> None:
        """Look up what the rule names, once all sections are known. Raises ConfigError."""

    def check(self, section: Section, diagnostics: Diagnostics) -> None:
        """Look at the proxy in which the rule stands, once all of it was read."""

    def run(self, context: Context) -> int:
        """Do it; one of the verdicts above."""
        raise NotImplementedError
