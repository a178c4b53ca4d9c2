"""What a load has compiled, for who wants to look at all of it afterwards: explanations do, traffic does not."""

from typing import Final


class Made:
    """Expressions and ACLs, in the order in which they were parsed, as long as they are `wanted`."""

    def __init__(self) -> None:
        self.wanted = False
        self.expressions: list[object] = []
        self.acls: list[object] = []

    def begin(self) -> None:
        """From here on."""
        self.wanted = True
        self.expressions = []
        self.acls = []

    def end(self) -> tuple[list[object], list[object]]:
        """Expressions and ACLs that were made meanwhile."""
        found = self.expressions, self.acls
        self.wanted = False
        self.expressions, self.acls = [], []
        return found


MADE: Final = Made()
