"""How often something was changed while running that remembered decisions depend on: lists of patterns, maps.

Whoever changes such a thing raises the number; whoever remembers a decision keeps the number with it, and does not
trust it any more when the two differ.
"""

from typing import Final


class Epoch:
    """`number` only grows. It is this process's own: each lane applies the changes for itself."""

    def __init__(self) -> None:
        self.number = 0

    def end(self) -> None:
        """Something has changed."""
        self.number += 1


EPOCH: Final = Epoch()
