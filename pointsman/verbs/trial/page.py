"""The page of what happened, on a port of its own (to come)."""

from pointsman.verbs.trial.running import Running
from pointsman.verbs.trial.seen import Seen


class Page:
    def __init__(self, running: Running, seen: Seen) -> None:
        self.running = running
        self.seen = seen

    async def start(self) -> str:
        return ""
