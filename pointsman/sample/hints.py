"""What rules tell clients early: the fields of responses 103 (RFC 8297), noted until the stream sends them."""

from pointsman.proto.message import Field


class Hints:
    def __init__(self) -> None:
        self.responses: list[list[Field]] = []
        self.open = False  # the next field belongs into the last one

    def add(self, made: Field, continues: bool) -> None:
        """`continues`: so does the next one."""
        if self.open:
            self.responses[-1].append(made)
        else:
            self.responses.append([made])
        self.open = continues
