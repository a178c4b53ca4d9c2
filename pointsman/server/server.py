"""A server: where it is, whether it may be used, how much it carries.

                 checks fail `fall` times                 enable / ready
     RUNNING ------------------------------> STOPPED      MAINT <--> (any)      DRAIN: only what persists
        ^  ^--- STARTING (slowstart) <---------'  rise times

Two independent things decide whether it gets new work: its operational state (by checks) and its administrative one
(by configuration, runtime socket, `http-check disable-on-404`). Whoever changes either calls `changed` of its backend,
which then gives its algorithm the servers that may be used.

All of it lives in the arena: one set of cells that every lane reads and the control process writes. What each exchange
asks is kept beside them as plain attributes, worked out again (`refresh`) whenever the backend catches up with its
version, and whenever this process writes a cell.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.arena import Arena
from pointsman.net.tls_state import TlsAccount
from pointsman.sample.context import ServerFacts
from pointsman.server.handshake_faults import HandshakeFaults
from pointsman.server.state_row import NO_ROW, STATE_FIELDS, StateRow

STOPPED: Final = 0  # operational states, with the numbers of the server-state file
STARTING: Final = 1
RUNNING: Final = 2
STOPPING: Final = 3  # answers 404 to checks under disable-on-404

FORCED_MAINT: Final = 0x01  # administrative flags (management manual 9.3, show servers state): by the runtime socket
INHERITED_MAINT: Final = 0x02  # from the server that it tracks
CONFIGURED_MAINT: Final = 0x04  # its line says `disabled`: says why it began so, and stays when that is over
FORCED_DRAIN: Final = 0x08
INHERITED_DRAIN: Final = 0x10
RESOLUTION_MAINT: Final = 0x20  # its name has no address
NAMED_BY_SOCKET: Final = 0x40  # `set server ... fqdn` gave it its name; says nothing of its use
MAINT: Final = FORCED_MAINT | INHERITED_MAINT | RESOLUTION_MAINT  # whichever of them: it gets no traffic
DRAIN: Final = FORCED_DRAIN | INHERITED_DRAIN
OUT: Final = MAINT | DRAIN  # it gets no new work

GENERATION: Final = 31  # bits of the number of a server, below its generation

TEXT: Final = 16  # cells of the text of the last check: 128 bytes


@mypyc_attr(allow_interpreted_subclasses=True)
class Server(ServerFacts):
    """A live server. Weights: `weight` is the configured one (0 to 256), `effective` what slowstart leaves of it in
    1/16."""

    def __init__(self, name: str, number: int, backend_name: str, weight: int, arena: Arena | None = None) -> None:
        place = arena if arena is not None else Arena(1, 256)
        super().__init__(name, number, place)
        self.route = backend_name.encode() + b"/" + self.name  # as logs show it
        self.cells = place.cells
        first = place.take(len(STATE_FIELDS) + 2 * TEXT)
        self.text_cells = first + len(STATE_FIELDS)  # of the last check; behind them those of the last agent check
        self.row = StateRow(place.cells, first)
        if not place.attached:
            self.row.weight = weight
            self.row.state = RUNNING
            self.row.share = 16
            self.row.check_duration = self.row.agent_duration = -1
        self.alive = True  # `up`, as last looked at
        self.limited = False  # it has a maxconn, as last looked at
        self.tls_account: TlsAccount | None = None  # where the TLS of its connections is counted
        self.links = 0  # open connections of this lane, and how many of them are idle
        self.idle = 0
        self.granted_as = number  # what grants call it: no server that comes later is called so (`be_generation`)
        self.initial_weight = weight
        self.referred = False  # another server depends on it, so that it cannot be deleted
        self.generation = 0  # of all that were added at run time; 0: it stands in the configuration
        self.backup = False
        self.redirects = False  # some requests are sent elsewhere in place of being served (stream/redirecting.py)
        self.sticks = True  # stick tables may learn it (manual 5.2, non-stick)
        self.minconn = 0  # what it takes at least where its limit follows its backend's load; 0: that is its maxconn
        self.maxqueue = 0  # how many may wait for it; 0: no limit
        self.strict = False  # its maxconn is for connections, too, idle ones included (strict-maxconn)
        self.hash_kind = "id"  # what that is made of (manual 5.2, hash-key)
        self.hash_key = b""  # what places it on a consistent hash (balance.build.hash_key); b"": its number
        self.checked = False
        self.agent = False  # an agent says what its state is (agent-check)
        self.rise = 2
        self.fall = 3
        self.handshakes: HandshakeFaults | None = None  # those that have failed; None: none is ever tried

    def be_generation(self, generation: int) -> None:
        """It was added at run time, as no other was with this number: a grant for one whose place it has is not its."""
        self.generation = generation
        self.granted_as = generation << GENERATION | self.number

    def end(self) -> None:
        """It was deleted: nobody may use it any more. Its cells may be another one's soon: who still knows it, as the
        last one of a client, does not look there."""
        self.row = NO_ROW
        self.refresh()

    def rename(self, name: str, backend_name: str) -> None:
        """It has another name from now on."""
        self.name = name.encode()
        self.route = backend_name.encode() + b"/" + self.name
        self.spot = -1
        if self.handshakes is not None:
            self.handshakes.route = self.route

    def refresh(self) -> None:
        """Another process may have changed something."""
        self.alive = self.up
        self.limited = self.row.maxconn > 0

    @property
    def state(self) -> int:
        return self.row.state

    @state.setter
    def state(self, value: int) -> None:
        self.row.state = value
        self.refresh()

    @property
    def admin(self) -> int:
        return self.row.admin

    @admin.setter
    def admin(self, value: int) -> None:
        self.row.admin = value
        self.refresh()

    @property
    def weight(self) -> int:
        return self.row.weight

    @weight.setter
    def weight(self, value: int) -> None:
        self.row.weight = value

    @property
    def share(self) -> int:
        return self.row.share

    @share.setter
    def share(self, value: int) -> None:
        self.row.share = value

    @property
    def maxconn(self) -> int:
        return self.row.maxconn

    @maxconn.setter
    def maxconn(self, value: int) -> None:
        self.row.maxconn = value
        self.refresh()

    @property
    def last_change(self) -> int:
        return self.row.last_change

    @last_change.setter
    def last_change(self, value: int) -> None:
        self.row.last_change = value

    @property
    def down_time(self) -> int:
        return self.row.down_time

    @down_time.setter
    def down_time(self, value: int) -> None:
        self.row.down_time = value

    @property
    def downs(self) -> int:
        return self.row.downs

    @downs.setter
    def downs(self, value: int) -> None:
        self.row.downs = value

    @property
    def check_fails(self) -> int:
        return self.row.check_fails

    @check_fails.setter
    def check_fails(self, value: int) -> None:
        self.row.check_fails = value

    @property
    def check_code(self) -> int:
        return self.row.check_code

    @check_code.setter
    def check_code(self, value: int) -> None:
        self.row.check_code = value

    @property
    def check_duration(self) -> int:
        return self.row.check_duration

    @check_duration.setter
    def check_duration(self, value: int) -> None:
        self.row.check_duration = value

    @property
    def check_health(self) -> int:
        return self.row.check_health

    @check_health.setter
    def check_health(self, value: int) -> None:
        self.row.check_health = value

    @property
    def check_paused(self) -> bool:
        """Its health checks were stopped by the runtime socket."""
        return self.row.check_paused == 1

    @check_paused.setter
    def check_paused(self, value: bool) -> None:
        self.row.check_paused = int(value)

    @property
    def check_status(self) -> str:
        """INI, L4OK, L7OK, L4CON ... (management 9.1)."""
        return self.row.check_status.to_bytes(8, "big", signed=True).strip(b"\0").decode()

    @check_status.setter
    def check_status(self, text: str) -> None:
        self.row.check_status = int.from_bytes(text.encode()[:8], "big", signed=True)

    @property
    def last_check(self) -> str:
        """The text of the last check's result; up to 128 bytes of it are kept."""
        return self._text(self.text_cells)

    @last_check.setter
    def last_check(self, text: str) -> None:
        self._keep_text(self.text_cells, text)

    @property
    def agent_status(self) -> str:
        """INI, L7OK (up), L7STS (down), CHECKED (nothing of that), L4CON ... (management 9.1)."""
        return self.row.agent_status.to_bytes(8, "big", signed=True).strip(b"\0").decode()

    @agent_status.setter
    def agent_status(self, text: str) -> None:
        self.row.agent_status = int.from_bytes(text.encode()[:8], "big", signed=True)

    @property
    def agent_duration(self) -> int:
        return self.row.agent_duration

    @agent_duration.setter
    def agent_duration(self, value: int) -> None:
        self.row.agent_duration = value

    @property
    def agent_health(self) -> int:
        """0: its agent says that it is down."""
        return self.row.agent_health

    @agent_health.setter
    def agent_health(self, value: int) -> None:
        self.row.agent_health = value

    @property
    def agent_paused(self) -> bool:
        """Its agent is not asked: the runtime socket said so."""
        return self.row.agent_paused == 1

    @agent_paused.setter
    def agent_paused(self, value: bool) -> None:
        self.row.agent_paused = int(value)

    @property
    def last_agent(self) -> str:
        """What its agent said last, as far as last_check is kept."""
        return self._text(self.text_cells + TEXT)

    @last_agent.setter
    def last_agent(self, text: str) -> None:
        self._keep_text(self.text_cells + TEXT, text)

    def _text(self, first: int) -> str:
        pieces = [self.cells.load(first + i).to_bytes(8, "big", signed=True) for i in range(TEXT)]
        return b"".join(pieces).rstrip(b"\0").decode("utf-8", "surrogateescape")

    def _keep_text(self, first: int, text: str) -> None:
        data = text.encode("latin-1", "replace")[: 8 * TEXT].ljust(8 * TEXT, b"\0")
        for i in range(TEXT):
            self.cells.store(first + i, int.from_bytes(data[8 * i : 8 * i + 8], "big", signed=True))

    @property
    def usable(self) -> bool:
        """The server may get new work: it is up, neither in maintenance nor draining, and has a weight."""
        row = self.row
        state = row.state
        return state >= STARTING and state != STOPPING and not row.admin & OUT and row.weight > 0

    @property
    def up(self) -> bool:
        return self.row.state != STOPPED and not self.row.admin & MAINT

    @property
    def slots(self) -> int:
        """Its maxconn, less during slowstart; 0: no limit."""
        limit = self.row.maxconn
        return max(1, limit * self.row.share // 16) if limit else 0

    @property
    def queued(self) -> int:
        """Streams that wait for it, in all lanes."""
        return 0

    @property
    def effective(self) -> int:
        """Its weight in sixteenths: 16 times the configured weight, less during slowstart (at least one)."""
        weight = self.row.weight
        return max(1, weight * self.row.share) if weight else 0
