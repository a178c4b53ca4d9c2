"""The cells of a server's state in the arena. In a module of its own because it makes a class at run time, which is
nothing for a compiled module."""

from typing import TYPE_CHECKING, Final

from pointsman.core.arena import Cells, row_type


class StateFields:
    """The cells of a server's state."""

    state: int
    admin: int
    weight: int  # 0 to 256
    share: int  # sixteenths of its weight that are in force (slowstart)
    maxconn: int  # 0: no limit
    last_change: int  # monotonic ms of the last change of state
    down_time: int  # ms
    downs: int  # transitions to DOWN (chkdown)
    check_fails: int  # chkfail
    check_status: int  # up to eight letters
    check_code: int
    check_duration: int  # ms, -1: none yet
    check_health: int  # 0 .. rise + fall - 1
    ended: int  # how often all that ran on it had to end at once
    returned: int  # how often all that ran on backup servers had to, because it came back
    check_paused: int  # 1: by `disable health`
    agent_status: int  # as check_status
    agent_duration: int  # ms, -1: none yet
    agent_health: int  # 0 or 1
    agent_paused: int  # 1: by `disable agent`
    moved: int  # when its load last changed, as a number in its backend's changes (balance leastconn)
    wanted_links: int  # by how many exchanges that may open no connection while others are idle (strict-maxconn)


STATE_FIELDS: Final = tuple(StateFields.__annotations__)

if TYPE_CHECKING:

    class StateRow(StateFields):
        def __init__(self, cells: object, first: int) -> None: ...
else:
    StateRow = row_type("pointsman.server.state_row.StateRow", STATE_FIELDS)

NO_ROW: Final = StateRow(Cells(len(STATE_FIELDS)), 0)  # that of all servers which were deleted: they are down for good
