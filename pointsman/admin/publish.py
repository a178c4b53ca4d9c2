"""How a runtime command changes what is no cell: in this process, and in all lanes where there are some."""

from pointsman.admin.command import Call, CommandError
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import PatternError


async def publish(call: Call, change: Change) -> str:
    """Make a change everywhere; the answer is empty. Raises CommandError where it is impossible."""
    try:
        if call.view.lanes is not None:
            await call.view.lanes.publish(change)
        else:
            CHANGES.apply(change)
    except PatternError as error:
        raise CommandError(str(error)) from None
    return ""
