"""How control changes what is no cell: in this process, and in all lanes where there are some."""

from pointsman.admin.command import Call, CommandError
from pointsman.admin.view import View
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import PatternError


async def everywhere(view: View, change: Change) -> None:
    """Make a change in all processes. Raises PatternError where it is impossible."""
    if view.lanes is not None:
        await view.lanes.publish(change)
    else:
        CHANGES.apply(change)


async def publish(call: Call, change: Change) -> str:
    """A runtime command's change; the answer is empty. Raises CommandError where it is impossible."""
    try:
        await everywhere(call.view, change)
    except PatternError as error:
        raise CommandError(str(error)) from None
    return ""
