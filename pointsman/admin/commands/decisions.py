"""Commands about decisions: show decisions, set decisions. They are ours; HAProxy has none of that kind.

Each lane keeps its own (stream/ring.py). A lane that has ended has taken its decisions along.
"""

from collections.abc import Sequence

from pointsman.admin.command import ADMIN, CHANGE, LANES, OPERATOR, Call, CommandError, command
from pointsman.admin.decisions import about_lanes, as_json, gathered, lane_lines, line_of, wanted_by
from pointsman.admin.lookup import whole_number
from pointsman.stream.proxies import BackendProxy, Frontend
from pointsman.stream.ring import Kept, Ring
from pointsman.stream.told import MOST, USUAL, keep

LISTED = 20  # decisions, where no number is said
MOST_LISTED = 1_000  # of a lane, which serves nobody while it writes them
OFF = "Decisions are not kept. 'set decisions on' begins to keep them."


class _Wish:
    """show decisions [<id> | last [<n>] | backend <name> [<n>]] [json]"""

    def __init__(self, words: Sequence[str]) -> None:
        words = list(words)
        self.json = words[-1:] == ["json"]
        if self.json:
            words.pop()
        self.identity = ""
        self.backend = ""
        self.most = LISTED
        kind = words.pop(0) if words else ""
        if kind == "backend":
            if not words:
                raise CommandError("Missing backend name.")
            self.backend = words.pop(0)
        elif kind == "last":
            self.most = 1
        else:
            self.identity = kind
        if kind in ("last", "backend") and words:
            self.most = _number(words.pop(0), MOST_LISTED)
        if words:
            raise CommandError(f"Unsupported option '{words[0]}': show decisions [<id>|last|backend <name>] [json].")

    def of(self, call: Call, ring: Ring) -> list[Kept]:
        if self.identity:
            found = wanted_by(call.view, ring, self.identity)
            if not found:
                raise CommandError("No such decision: it is too old, or of a lane that has ended.")
            return found[-MOST_LISTED:]
        kept = ring.latest()
        if self.backend:
            name = self.backend.encode("utf-8", "surrogateescape")
            kept = [one for one in kept if one.backend is not None and one.backend.name == name]
        return kept[-self.most :]


def _number(text: str, most: int) -> int:
    expected = f"Expects a number of decisions, from 1 to {most}."
    number = whole_number(text, expected)
    if not 0 < number <= most:
        raise CommandError(expected)
    return number


def _together(call: Call, texts: Sequence[str]) -> str:
    """What all lanes have answered, by time."""
    wish = _Wish(call.words)
    lanes, found = gathered(texts)
    if not wish.identity:
        found = found[-wish.most :]
    asked = call.view.lanes
    silent = 0 if asked is None else len(asked.links.pairs) - len(texts)
    if wish.json:
        return as_json(lanes, 0 if wish.identity else silent, found)
    lines = [*about_lanes(lanes, silent)] if not wish.identity else []
    return "".join(f"{line}\n" for line in [*lines, *map(line_of, found)])


@command(
    "show decisions",
    "show decisions [<id>|last|...] [json]",
    "list what was decided of requests",
    level=OPERATOR,
    everywhere=LANES,
    together=_together,
)
def show_decisions(call: Call) -> str:
    """Why requests went where they went: the last ones of all lanes by time."""
    wish = _Wish(call.words)
    ring = call.view.program.ring
    if wish.backend and call.view.back(wish.backend) is None:
        raise CommandError("No such backend.")
    if ring is None:
        raise CommandError(OFF)
    return lane_lines(call.view, ring, wish.of(call, ring), wish.json)


@command(
    "set decisions",
    "set decisions {on [<number>]|off}",
    "keep the last decisions, or none",
    level=ADMIN,
    everywhere=CHANGE,
)
def set_decisions(call: Call) -> str:
    """How many a lane keeps, 1,000 where nothing is said. The same once more changes nothing; another number begins
    anew."""
    words = call.words
    if words[:1] not in (["on"], ["off"]) or len(words) > 1 + (words[0] == "on"):
        raise CommandError("Expects 'on', with a number of decisions if one is wanted, or 'off'.")
    size = 0 if words[0] == "off" else _number(words[1], MOST) if len(words) > 1 else USUAL
    program = call.view.program
    if size != (0 if program.ring is None else program.ring.size):
        fronts: list[Frontend] = [proxy.front.frontend for proxy in call.view.proxies if proxy.front is not None]
        backs: list[BackendProxy] = [proxy.back.backend for proxy in call.view.proxies if proxy.back is not None]
        keep(program, fronts, backs, size)
    return ""
