"""Which lane evaluates an expression (manual 7.3.2): lanes are what the manual calls threads."""

from typing import Final

from pointsman.sample.context import Context
from pointsman.sample.registry import fetch
from pointsman.sample.types import Reads, Type, Where


class ThisLane:
    """Which lane this process is. A single process, and the control process, are lane 0 of group 0."""

    def __init__(self) -> None:
        self.lane = 0
        self.group = 0

    def be(self, lane: int, group: int) -> None:
        """After a fork: this process is that lane."""
        self.lane = lane
        self.group = group


THIS_LANE: Final = ThisLane()


@fetch("thread", Type.SINT, Where.EVERYWHERE, Reads.CONNECTION, "7.3.2")
def thread(_: Context) -> int:
    """The number of the lane, from 0 to nbthread - 1."""
    return THIS_LANE.lane


@fetch("tgroup", Type.SINT, Where.EVERYWHERE, Reads.CONNECTION, "7.3.2")
def thread_group(_: Context) -> int:
    """The number of the lane's thread group, from 0 to thread-groups - 1."""
    return THIS_LANE.group
