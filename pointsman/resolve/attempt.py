"""One attempt to resolve a name: queries to all name servers, until a valid response or none is to be had.

    round:   query of the preferred type to all  --valid response--------------------> VALID
                 | all have answered, or the time is up; at least one has answered with an error
                 v
             query of the other type, likewise   --valid response--------------------> VALID
                 | all have answered: the rest of `timeout retry` passes
                 v
             the next round; after `resolve_retries` of them  ---------------------> the last error, or TIMEOUT

This is manual 5.3.2. A query whose time is up without any answer is repeated with the same type, in the next round.
Services (SRV) have one type, as names have where `dns-accept-family` leaves one. Of the answers of several name servers
the first valid one counts, and while one is still to come, errors of the others do not.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from pointsman.proto.errors import ProtocolError
from pointsman.resolve import message
from pointsman.resolve.message import Response, make_query, read_response
from pointsman.resolve.name_server import (
    CNAME_ERROR,
    CNAMES,
    COUNT_INVALID,
    COUNT_NX,
    COUNT_OTHER,
    COUNT_REFUSED,
    COUNT_TIMEOUT,
    COUNT_VALID,
    EMPTY,
    TOO_BIG,
    TRUNCATED,
    NameServer,
)
from pointsman.resolve.records import INVALID, NX, OTHER, REFUSED, TIMEOUT, VALID

_CODES: Final = {message.NAME_ERROR: (NX, COUNT_NX), message.REFUSED_CODE: (REFUSED, COUNT_REFUSED)}


class AttemptOwner(Protocol):
    """What an attempt needs of its section."""

    loop: asyncio.AbstractEventLoop | None
    servers: list[NameServer]
    payload: int
    retries: int
    retry: float  # s

    def take_number(self, attempt: "Attempt") -> int: ...

    def give_number(self, number: int) -> None: ...


class Attempt:
    """`types`: of records, in the order to ask for them. `done` is called once, later than `start`."""

    def __init__(self, owner: AttemptOwner, name: str, types: Sequence[int], done: Callable[["Attempt"], None]) -> None:
        self.owner = owner
        self.name = name
        self.types = types
        self.done = done
        self.rounds = max(owner.retries, 1)  # that are left, this one included
        self.place = 0  # of the type that is asked for
        self.number = -1  # of the query; -1: none is under way
        self.open: set[NameServer] = set()  # who has not answered it yet
        self.error = ""  # the last one of this query
        self.last_error = TIMEOUT
        self.timer: asyncio.TimerHandle | None = None
        self.status = ""
        self.response: Response | None = None  # the valid one
        self.server: NameServer | None = None  # whose it is

    def start(self) -> None:
        self._ask(0)

    def cancel(self) -> None:
        """Nobody wants to know any more: `done` is not called."""
        self._drop()
        self.status = self.status or OTHER

    def _ask(self, place: int) -> None:
        self._drop()
        self.place = place
        self.error = ""
        number = self.number = self.owner.take_number(self)
        query = make_query(number, self.name, self.types[place], self.owner.payload)
        self.open = {server for server in self.owner.servers if server.ask(query)}
        assert self.owner.loop is not None
        self.timer = self.owner.loop.call_later(self.owner.retry, self.late)

    def _drop(self) -> None:
        """No answer to the query is waited for any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.number >= 0:
            self.owner.give_number(self.number)
            self.number = -1
        self.open = set()

    def take(self, server: NameServer, data: bytes, too_big: bool) -> bool:
        """A message with the number of our query. False: that server has answered before, or was not asked."""
        if server not in self.open:
            return False
        self.open.discard(server)
        status, response = self._judge(server, data, too_big)
        if status == VALID:
            self.response, self.server = response, server
            self._end(VALID)
            return True
        self.error = self.last_error = status
        if not self.open:
            self._all_failed()
        return True

    def _judge(self, server: NameServer, data: bytes, too_big: bool) -> tuple[str, Response | None]:
        """The status of a message, which is counted."""
        if too_big:
            server.count(TOO_BIG)
            return OTHER, None
        try:
            response = read_response(data, self.name, self.types[self.place])
        except ProtocolError:
            server.count(COUNT_INVALID)
            return INVALID, None
        if response.code != message.OK:
            status, counter = _CODES.get(response.code, (OTHER, COUNT_OTHER))
            server.count(counter)
            return status, None
        if response.truncated:
            server.count(TRUNCATED)
            return OTHER, None
        if response.chain:
            server.count(CNAMES)
        if not response.records:
            server.count(CNAME_ERROR if response.chain else EMPTY)
            return OTHER, None
        server.count(COUNT_VALID)
        return VALID, response

    def _all_failed(self) -> None:
        """Each name server has answered the query with an error: the other type is next, else the next round, when its
        time has come."""
        if self.place + 1 < len(self.types):
            self._ask(self.place + 1)
        elif self.rounds <= 1:
            self._end(self.last_error)

    def late(self) -> None:
        """The time of the query is up."""
        self.timer = None
        for server in self.open:
            server.count(COUNT_TIMEOUT)
            server.late(self.number)
        if self.open and not self.error:
            self.last_error = TIMEOUT
        if self.open and self.error and self.place + 1 < len(self.types):
            self._ask(self.place + 1)
            return
        self.rounds -= 1
        if self.rounds <= 0:
            self._end(self.last_error)
        else:
            self._ask(0)

    def _end(self, status: str) -> None:
        self._drop()
        self.status = status
        self.done(self)
