"""Messages about what changes while the program runs: in a log, and on stderr as long as somebody may read it.

They are rare and wanted at once, so a log is not left to wait for more lines. On stderr a message is a warning, or an
alert where nothing is left that could serve; quiet mode silences both (management manual 3, -q).
"""

import os
import sys
from typing import Final

from pointsman.log.logger import Logger
from pointsman.log.target import EMERG


class Stderr:
    """stderr, as far as messages of a running program go there."""

    def __init__(self) -> None:
        self.quiet = False
        self.said = 0  # messages so far, shown or not

    def say(self, level: int, text: bytes) -> None:
        """A line in the form of those about the configuration."""
        self.said += 1
        if self.quiet:
            return
        head = "[ALERT]" if level == EMERG else "[WARNING]"
        try:
            sys.stderr.write(f"{head:<10} ({os.getpid()}) : {text.decode('utf-8', 'replace')}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return  # nobody reads it any more


STDERR: Final = Stderr()


class EventLogger:
    """`logger`: of the proxy that the messages are about; None: only stderr hears them."""

    def __init__(self, logger: Logger | None) -> None:
        self.logger = logger

    def __call__(self, level: int, text: bytes, shown: bytes = b"") -> None:
        """`shown`: what stands on stderr, where that differs."""
        if self.logger is not None:
            self.logger.event(level, text)
            self.logger.flush()
        STDERR.say(level, shown or text)
