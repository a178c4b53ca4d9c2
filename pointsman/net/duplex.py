"""One end of a tunnel, whatever carries it: payload both ways, credit, and what may go on unseen.

A wire is one (wire.py), which the reactor watches. A stream of a connection that carries many will be another: its
descriptor stays -1, and what carries it says what has come. Who pumps from one into the other knows nothing else of
either.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.net.reactor import Channel

NOTHING: Final = -1  # what `pass_on` returns: there is nothing now


@mypyc_attr(allow_interpreted_subclasses=True)
class Duplex(Channel):
    def __init__(self, fd: int = -1) -> None:
        super().__init__(fd)
        self.out = b""  # waits to be written: as long as there is any, it has no credit
        self.unread = False  # there may be something to pass on
        self.finished = False  # its peer sends no more, and that was read
        self.failed = 0  # errno: its peer has broken off, or is gone
        self.shut_down = False  # our end was given to its peer

    def pass_on(self, sink: "Duplex") -> int:
        """Hand a piece of what has come to `sink`, which takes it, and have it written. Its size; 0: there is no more,
        or it is lost; NOTHING: there is nothing now. That the sink is lost shows in its `failed`."""
        raise NotImplementedError

    def accept(self, data: bytes) -> None:
        """A piece to be written at once, as far as that goes."""
        raise NotImplementedError

    def end(self) -> None:
        """No more will be handed to it: its peer is told behind what still waits."""
        raise NotImplementedError

    def ask_again(self) -> None:
        """Its user shall have another go, behind others; `going` until then, and nothing is passed on."""
        raise NotImplementedError
