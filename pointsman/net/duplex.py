"""One end of a tunnel, whatever carries it: payload both ways, credit, and what may go on unseen.

A wire is one (wire.py); a stream of a connection that carries many will be another. Who pumps from one into the other
knows nothing else of either.
"""

from typing import Final

from mypy_extensions import trait

NOTHING: Final = -1  # what `pass_on` returns: there is nothing now


@trait
class Duplex:
    def takes(self) -> bool:
        """Nothing waits to be written, and it is not lost: there is credit."""
        raise NotImplementedError

    def pass_on(self, sink: "Duplex") -> int:
        """Hand a piece of what has come to `sink`, which takes it, and have it written. Its size; 0: there is no more,
        or it is lost; NOTHING: there is nothing now. That the sink is lost shows in its `is_lost`."""
        raise NotImplementedError

    def accept(self, data: bytes) -> None:
        """A piece to be written at once, as far as that goes."""
        raise NotImplementedError

    def has_more(self) -> bool:
        """There may be more to pass on."""
        raise NotImplementedError

    def has_ended(self) -> bool:
        """Its peer sends no more, and that was read."""
        raise NotImplementedError

    def is_empty(self) -> bool:
        """Nothing waits to be written."""
        raise NotImplementedError

    def is_lost(self) -> bool:
        """Its peer has broken off."""
        raise NotImplementedError

    def was_ended(self) -> bool:
        """Our end was given to its peer."""
        raise NotImplementedError

    def end(self) -> None:
        """No more will be handed to it: its peer is told behind what still waits."""
        raise NotImplementedError

    def ask_again(self) -> None:
        """Its user shall have another go, behind others."""
        raise NotImplementedError

    def has_asked(self) -> bool:
        """It has asked for one, and nothing is read before."""
        raise NotImplementedError
