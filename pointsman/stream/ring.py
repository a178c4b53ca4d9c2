"""The last decisions of a lane: what became of each exchange and why, for `show decisions` and `pointsman why`.

A ring of records that are made once, when decisions begin to be kept (`set decisions on`, pointsman-decisions), and
written over in turn. To note an exchange is to copy numbers and references (270 instructions; as i64 the numbers took
70 more): nothing is made, formatted or looked up. While nothing is kept there is no ring, and exchanges do not ask for
it: `Frontend.watched` stands where they looked already (accounts.py), the entries and routes that note why a server was
taken are put into plans only while decisions are kept (told.py).

A record keeps the head of its request alive. So that these are bounded whatever clients send, only the last `heads`
records do.
"""

from pointsman.core.address import UNIX_ADDRESS, NetAddress
from pointsman.core.diagnostics import Position
from pointsman.proto.message import Request
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, ServerFacts
from pointsman.sample.record import NOT_REACHED


class Kept:
    """What became of one exchange. Marks and letters are those of its record (sample/record.py)."""

    def __init__(self) -> None:
        self.next: Kept = self
        self.offset = 0  # wall clock minus monotonic clock, ms
        self.number = 0
        self.accepted = 0
        self.begun = 0
        self.head = NOT_REACHED
        self.queued = NOT_REACHED
        self.connected = NOT_REACHED
        self.answered = NOT_REACHED
        self.ended = NOT_REACHED  # NOT_REACHED: nothing stands here yet
        self.status = NOT_REACHED
        self.uploaded = 0
        self.sent = 0
        self.cause = 0x2D
        self.step = 0x2D
        self.cookie_request = 0x2D
        self.cookie_response = 0x2D
        self.retries = 0
        self.server_queue = 0
        self.backend_queue = 0
        self.redispatched = False
        self.reused = False
        self.request_line = b""
        self.stand_in = b""
        self.unique_id = b""
        self.source: NetAddress = UNIX_ADDRESS
        self.listener: ListenerFacts | None = None
        self.frontend: ProxyFacts | None = None
        self.backend: ProxyFacts | None = None
        self.server: ServerFacts | None = None
        self.request: Request | None = None  # `lines` are those that were received, if there are any
        self.block: object = None  # where it came by HTTP/2: the block that was received
        self.route: Position | None = None  # the use_backend rule that has held
        self.named_by = 0  # of sample/context.py: what has named the server before the algorithm was asked
        self.ended_by: Position | None = None  # the rule whose verdict has ended it


class Ring:
    """`size` records, of which the last `heads` keep heads. `since`: from when on (monotonic ms)."""

    def __init__(self, size: int, heads: int, since: int) -> None:
        self.size = size
        self.heads = min(size, heads)
        self.since = since
        self.count = 0  # noted since then
        first = Kept()
        last = first
        for _ in range(size - 1):
            one = Kept()
            last.next = one
            last = one
        last.next = first
        self.last = last  # the latest one; behind it the oldest
        headed = first  # the oldest one that may have a head is behind this one
        for _ in range(size - self.heads - 1):
            headed = headed.next
        self.headed = headed if size > self.heads else last
        self.drops = size > self.heads

    def note(self, context: Context, backend: ProxyFacts | None, offset: int) -> Kept:
        """An exchange is over. `offset`: the wall clock minus the monotonic one, ms."""
        record = context.record
        one = self.last.next
        self.last = one
        self.count += 1
        one.offset = offset
        one.number = record.number
        one.accepted = record.accepted
        one.begun = record.begun
        one.head = record.head
        one.queued = record.queued
        one.connected = record.connected
        one.answered = record.answered
        one.ended = record.ended
        one.status = record.status
        one.uploaded = record.uploaded
        one.sent = record.sent
        one.cause = record.cause
        one.step = record.step
        one.cookie_request = record.cookie_request
        one.cookie_response = record.cookie_response
        one.retries = record.retries
        one.server_queue = record.server_queue
        one.backend_queue = record.backend_queue
        one.redispatched = record.redispatched
        one.reused = context.reused
        one.request_line = record.request_line
        one.stand_in = record.stand_in
        one.unique_id = context.unique_id
        one.source = context.source
        one.listener = context.listener
        one.frontend = context.frontend
        one.backend = backend
        one.server = context.server
        one.request = context.request
        decided = context.decided_by
        if decided is None:
            one.route = None
            one.named_by = 0
            one.ended_by = None
        else:
            one.route = decided.route
            one.named_by = decided.named_by
            one.ended_by = decided.ended_by
            decided.route = None
            decided.named_by = 0
            decided.ended_by = None
        if self.drops:
            old = self.headed.next
            self.headed = old
            old.request = None
            old.block = None
        return one

    def latest(self) -> list[Kept]:
        """All that is there, the oldest first."""
        found: list[Kept] = []
        one = self.last.next
        for _ in range(self.size):
            if one.ended != NOT_REACHED:
                found.append(one)
            one = one.next
        return found

    def take_apart(self) -> None:
        """It is not used any more: records hold nothing, and not each other."""
        one = self.last.next
        for _ in range(self.size):
            following = one.next
            one.next = one
            one = following
