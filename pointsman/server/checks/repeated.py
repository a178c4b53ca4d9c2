"""What is done again and again for one server, as a task on the loop of control: health checks, agent checks."""

import asyncio

from pointsman.server.backend import LiveServer


class Repeated:
    """Base. `what`: for the report of a bug."""

    what = "check"

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.task: asyncio.Task[None] | None = None
        self.room: asyncio.Semaphore | None = None  # how many at once, of all there are; None: no limit
        self.due = 0.0  # by the loop's clock: when it rests, until when; 0: it is at work

    @property
    def enabled(self) -> bool:
        """It is its turn: neither the server's state nor the runtime socket has anything against it."""
        raise NotImplementedError

    async def once(self) -> None:
        """One time, with its consequences."""
        raise NotImplementedError

    def pause(self) -> float:
        """Milliseconds to the next time."""
        raise NotImplementedError

    def begin(self, delay: float) -> None:
        """On the running loop, after so many ms."""
        self.task = asyncio.get_running_loop().create_task(self.run(delay))

    def end(self) -> None:
        """It is not done any more."""
        if self.task is not None:
            self.task.cancel()

    async def run(self, delay: float) -> None:
        """Until it is cancelled."""
        await self.rest(delay)
        while True:
            if self.enabled:
                try:
                    await self._in_turn()
                except Exception as error:  # a bug: it is reported, and does not end the checks
                    message = f"{self.what} of server {self.server.route.decode()}"
                    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
            await self.rest(self.pause())

    async def _in_turn(self) -> None:
        """Once, as soon as there is room for it: who has waited longest is next."""
        if self.room is None:
            await self.once()
            return
        async with self.room:
            if self.enabled:  # still
                await self.once()

    async def rest(self, milliseconds: float) -> None:
        self.due = asyncio.get_running_loop().time() + milliseconds / 1000
        await asyncio.sleep(milliseconds / 1000)
        self.due = 0.0

    def hurry(self, milliseconds: float) -> None:
        """The next time is no later than then."""
        if self.due and self.due > asyncio.get_running_loop().time() + milliseconds / 1000:
            self.end()
            self.begin(milliseconds)
