"""Words about threads, which are lanes here: which of them a `bind` line is for, and on which CPUs they run.

They stand in 3.1 and 5.1 of the manual.

Sets of threads are written `all | odd | even | number[-[number]]`, of CPUs `number[-[number]]`. Lanes are numbered from
1 on; thread groups only number them once more, as "<group>/<thread>": each group has its share of the lanes in a row,
unless `thread-group` says which ones.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from pointsman.config.bind import BindParameters, Lanes, bind_word
from pointsman.config.keyword import Args, is_number, keyword
from pointsman.config.parameters import Words
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word

MOST: Final = 64  # threads of a group
GROUPS: Final = 16  # thread groups, as HAProxy is built by default
LAST_CPU: Final = 1023
SHARDS: Final = MOST * GROUPS
NO_THREADS: Final = "'thread' directive contains threads that belong to no group in 'bind {text}' at [{at}]."


def parse_set(text: str, most: int) -> frozenset[int]:
    """A set of threads or groups: numbers from 1 to `most`. Raises ValueError with what is wrong."""
    if text == "all":
        return frozenset(range(1, most + 1))
    if text in ("odd", "even"):
        return frozenset(range(1 if text == "odd" else 2, most + 1, 2))
    first, dash, last = text.partition("-")
    if not (first or last) or any(end and not is_number(end) for end in (first, last)):
        raise ValueError(
            f"'{text}' is not a valid number/range." + ("" if text else f" It supports numbers from 1 to {most}.")
        )
    low = int(first) if first else 1
    high = (int(last) if last else most) if dash else low
    if not (1 <= low <= most and 1 <= high <= most):
        raise ValueError(f"'{text}' is not a valid number/range. It supports numbers from 1 to {most}.")
    return frozenset(range(min(low, high), max(low, high) + 1))


def parse_cpus(words: Iterable[str]) -> tuple[int, ...]:
    """Sets of CPUs, in rising order. Raises ValueError with what is wrong."""
    found: set[int] = set()
    for text in ",".join(words).split(","):
        first, dash, last = text.partition("-")
        if not is_number(first) or (last and not is_number(last)):
            raise ValueError(f"'{text}' is not a CPU range.")
        low = int(first)
        high = (int(last) if last else MOST - 1) if dash else low
        if max(low, high) > LAST_CPU:
            raise ValueError(f"supports CPU numbers from 0 to {LAST_CPU}.")
        found.update(range(min(low, high), max(low, high) + 1))
    return tuple(sorted(found))


# Groups.


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadGroups(Setting):
    """`thread-groups`: into how many groups lanes are counted."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadGroup(Setting):
    """`thread-group`: which lanes a group has."""

    group: int
    threads: frozenset[int]

    def key(self) -> object:
        return self.group


def _number(args: Args, low: int, high: int) -> int:
    text = args.peek()
    if not is_number(text):
        raise ConfigError(
            f"'{args.keyword}' passed a missing or unparsable integer value in '{text}'",
            args.here,
            f"a number from {low} to {high}",
        )
    if not low <= int(text) <= high:
        what = "value" if args.keyword == "thread-groups" else "thread-group number"
        raise ConfigError(
            f"'{args.keyword}' {what} must be between {low} and {high} (was {text})",
            args.here,
            f"a number from {low} to {high}",
        )
    args.take("<number>")
    return int(text)


@keyword("thread-groups", In.GLOBAL, "3.1")
def thread_groups(args: Args) -> ThreadGroups:
    """thread-groups <number>: how lanes are counted where "<group>/<thread>" is said; they share all the same."""
    count = _number(args, 1, GROUPS)
    args.end()
    if count > 1:
        args.diagnostics.notice(
            "'thread-groups' only numbers the lanes, for 'cpu-map' and 'bind ... thread': all of "
            "them share everything.",
            args.at,
        )
    return ThreadGroups(count=count, at=args.at)


@keyword("thread-group", In.GLOBAL, "3.1")
def thread_group(args: Args) -> ThreadGroup:
    """thread-group <group> [<thread-range>...]: which lanes a group has."""
    group = _number(args, 1, GROUPS)
    threads: frozenset[int] = frozenset()
    for word in args.rest():
        first, _, last = word.text.partition("-")
        try:
            if not is_number(first) or (last and not is_number(last)):
                raise ValueError(word.text)
            threads |= parse_set(word.text, MOST * GROUPS)
        except ValueError:
            raise ConfigError(
                f"'thread-group {group}' passed an unparsable or invalid thread number '{word.text}' "
                f"(valid range is 1 to {MOST * GROUPS})",
                word.at,
            ) from None
    return ThreadGroup(group=group, threads=threads, at=args.at)


def members(main: Section, lanes: int) -> list[list[int]]:
    """The lanes of each group. What `thread-group` leaves goes to the groups that it does not name, evenly."""
    said = main.one(ThreadGroups)
    named = {one.group: sorted(one.threads) for one in main.settings if isinstance(one, ThreadGroup)}
    count = max([said.count if said is not None else 1, *named])
    taken = {thread for threads in named.values() for thread in threads}
    left = [lane for lane in range(1, lanes + 1) if lane not in taken]
    open_groups = [group for group in range(1, count + 1) if group not in named]
    groups: list[list[int]] = []
    for group in range(1, count + 1):
        if group in named:
            groups.append([lane for lane in named[group] if lane <= lanes])
            continue
        share = -(-len(left) // (len(open_groups) - open_groups.index(group)))
        groups.append(left[:share])
        left = left[share:]
    return groups


# Bind lines.


@bind_word("thread")
def thread(words: Words, bind: BindParameters) -> BindParameters:
    """thread [<group>/]<set>[,...]: only these lanes accept here."""
    word = words.value("missing thread set", "all, odd, even, a number or a range")
    return replace(bind, lanes=bind.lanes + _lanes(words, word, word.text))


def _lanes(words: Words, word: Word, text: str) -> tuple[Lanes, ...]:
    found: list[Lanes] = []
    for part in text.split(","):
        group, slash, rest = part.rpartition("/")
        if slash and not (is_number(group) and 1 <= int(group) <= GROUPS):
            raise words.wrong(f"thread-group number must be between 1 and {GROUPS} (was {group})", word)
        try:
            numbers = parse_set(rest, MOST if slash else MOST * GROUPS)
        except ValueError as error:
            raise words.wrong(str(error), word, "all, odd, even, a number or a range") from None
        found.append(Lanes(int(group) if slash else 0, numbers))
    if len({one.group == 0 for one in found}) > 1:
        raise words.wrong("thread numbers of groups and of the process cannot be mixed", word)
    return tuple(found)


@bind_word("process")
def process(words: Words, bind: BindParameters) -> BindParameters:
    """process <process-set>[/<thread-set>]: an old way to say `thread`, for the only process."""
    word = words.value("missing process set", "1, or 1/ and a thread set")
    processes, slash, threads = word.text.partition("/")
    try:
        parse_set(processes, 1)
    except ValueError as error:
        raise words.wrong(str(error), word) from None
    better = f" Please use 'thread {threads}' instead." if slash else ""
    words.args.diagnostics.warning(
        f"{words.said} : 'process {word.text}' on 'bind' lines is deprecated.{better}", words.word.at
    )
    return replace(bind, lanes=bind.lanes + _lanes(words, word, threads)) if slash else bind


@bind_word("shards")
def shards(words: Words, bind: BindParameters) -> BindParameters:
    """shards <number>|by-thread|by-group: sockets for one address; here all lanes share one, which loses nothing."""
    word = words.value("missing value", "a number, by-thread or by-group")
    if word.text not in ("by-thread", "by-group") and not (is_number(word.text) and 1 <= int(word.text) <= SHARDS):
        value = word.text if is_number(word.text) else "0"
        raise words.wrong(f"invalid value {value}, allowed range is 1..{SHARDS}, 'by-thread' or 'by-group'", word)
    words.args.diagnostics.notice(
        f"{words.said} : 'shards' has no effect: all lanes share one socket, so that no "
        "connection that waits is lost with a lane (manual 5.1)",
        words.word.at,
    )
    return bind


def accepting(lanes: Sequence[Lanes], groups: list[list[int]]) -> frozenset[int] | None:
    """The lanes, from 1 on, that accept; None: all of them do."""
    if not lanes:
        return None
    everyone = {lane for group in groups for lane in group}
    found: set[int] = set()
    for one in lanes:
        if not one.group:
            found |= one.numbers & everyone
        elif one.group <= len(groups):
            found |= {lane for number, lane in enumerate(groups[one.group - 1], 1) if number in one.numbers}
    return frozenset(found)


# CPUs.


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuMap(Setting):
    """`cpu-map`: the CPUs of some threads of some groups, all for each or, with `auto`, one for each."""

    auto: bool
    groups: frozenset[int]
    threads: frozenset[int]
    cpus: tuple[int, ...]
    many: ClassVar[bool] = True


_CPU_MAP: Final = (
    "cpu-map expects a thread group ('all', 'odd', 'even', a number from 1 to 64 or a range), "
    "optionally with '/' and a thread set, followed by a list of CPU ranges with numbers from 0 to "
    f"{LAST_CPU}."
)


@keyword("cpu-map", In.GLOBAL, "3.1")
def cpu_map(args: Args) -> CpuMap:
    """cpu-map [auto:]<thread-group>[/<thread-set>] <cpu-set>[,...] [...]: on which CPUs lanes run."""
    here = args.here
    words = args.rest()
    if len(words) < 2:
        raise ConfigError(_CPU_MAP, here, "[auto:]<thread-group>[/<thread-set>] <cpu-set>")
    text = words[0].text
    auto = text.startswith("auto:")
    group, slash, thread_set = text.removeprefix("auto:").partition("/")
    at = words[0].at
    try:
        groups = parse_set(group, MOST)
        threads = parse_set(thread_set, MOST) if slash else parse_set("all", MOST)
        at = words[1].at
        cpus = parse_cpus(word.text for word in words[1:])
    except ValueError as error:
        raise ConfigError(f"cpu-map : {error}", at) from None
    if auto and len(groups) > 1 and len(threads) > 1:
        raise ConfigError("cpu-map : 'auto:' supports one range only: of groups or of threads", words[0].at)
    if auto and max(len(groups), len(threads)) != len(cpus):
        raise ConfigError(
            "cpu-map : thread range and CPU sets must have the same size to be automatically bound", words[0].at
        )
    return CpuMap(auto=auto, groups=groups, threads=threads, cpus=cpus, at=args.at)


def pins(main: Section, groups: list[list[int]]) -> dict[int, frozenset[int]]:
    """The CPUs of each lane that is bound to some. Of two lines that speak of the same lane the later one holds."""
    found: dict[int, frozenset[int]] = {}
    limits = cpu_set(main)
    if limits is not None:
        found = {lane: limits for group in groups for lane in group}
    for line in main.all(CpuMap):
        order = sorted((group, number) for group in line.groups for number in line.threads)
        for place, (group, number) in enumerate(order):
            if group <= len(groups) and number <= len(groups[group - 1]):
                cpus = (line.cpus[place % len(line.cpus)],) if line.auto else line.cpus
                found[groups[group - 1][number - 1]] = frozenset(cpus)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSet(Setting):
    """One directive of `cpu-set`."""

    verb: str  # reset, or drop- or only- and a kind
    numbers: frozenset[int]
    many: ClassVar[bool] = True


KINDS: Final = ("cpu", "node", "cluster", "core", "thread")
SETS: Final = ("reset", *[f"{verb}-{kind}" for verb in ("drop", "only") for kind in KINDS])


@keyword("cpu-set", In.GLOBAL, "3.1")
def parse_cpu_set(args: Args) -> list[Setting]:
    """cpu-set <directive>...: which CPUs lanes may run on at all."""
    if not args.more():
        raise ConfigError("'cpu-set' expects directives.", args.here, "one of " + ", ".join(SETS))
    found: list[Setting] = []
    while args.more():
        verb = args.choice("<directive>", SETS)
        numbers: frozenset[int] = frozenset()
        if verb != "reset":
            word = args.word("<set>")
            try:
                numbers = frozenset(parse_cpus([word.text]))
            except ValueError as error:
                raise ConfigError(f"'cpu-set {verb}' : {error}", word.at, "numbers and ranges") from None
        found.append(CpuSet(verb=verb, numbers=numbers, at=args.at))
    return found


def cpu_set(main: Section, root: Path = Path("/")) -> frozenset[int] | None:
    """The CPUs that `cpu-set` leaves; None: it is not said. `root`: for tests."""
    lines = main.all(CpuSet)
    if not lines:
        return None
    allowed = _affinity()
    for line in lines:
        if line.verb == "reset":
            allowed = _listed(root / "sys/devices/system/cpu/online") or allowed
            continue
        verb, _, kind = line.verb.partition("-")
        named = {cpu for cpu in allowed if _belongs(root, kind, cpu) in line.numbers}
        allowed = frozenset(named) if verb == "only" else allowed - named
    return allowed


def _affinity() -> frozenset[int]:
    return frozenset(os.sched_getaffinity(0))


def _belongs(root: Path, kind: str, cpu: int) -> int:
    """The number of the node, cluster or core that a CPU is in, or its own among the threads of its core; -1: none."""
    folder = root / f"sys/devices/system/cpu/cpu{cpu}"
    if kind == "cpu":
        return cpu
    if kind == "thread":
        siblings = sorted(_listed(folder / "topology/thread_siblings_list"))
        return siblings.index(cpu) if cpu in siblings else 0
    if kind == "node":
        nodes = [int(one.name[4:]) for one in folder.glob("node[0-9]*") if one.name[4:].isdigit()]
        return nodes[0] if nodes else 0
    try:
        return int((folder / f"topology/{kind}_id").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return -1


def _listed(path: Path) -> frozenset[int]:
    try:
        text = path.read_text(encoding="ascii").strip()
        return frozenset(parse_cpus([text])) if text else frozenset()
    except (OSError, ValueError):
        return frozenset()


POLICIES: Final = (
    "none",
    "efficiency",
    "first-usable-node",
    "group-by-2-ccx",
    "group-by-2-clusters",
    "group-by-3-ccx",
    "group-by-3-clusters",
    "group-by-4-ccx",
    "group-by-4-clusters",
    "group-by-ccx",
    "group-by-cluster",
    "performance",
    "resource",
)
AFFINITIES: Final = ("auto", "per-ccx", "per-core", "per-group", "per-thread")


@keyword("cpu-policy", In.GLOBAL, "3.1")
def cpu_policy(args: Args) -> None:
    """cpu-policy <policy> [threads-per-core 1|auto]: the system places lanes, unless cpu-map does."""
    args.choice("<policy>", POLICIES)
    if args.more():
        args.choice("<option>", ("threads-per-core",))
        args.choice("<number>", ("1", "auto"))
    args.end()
    args.diagnostics.notice(
        "'cpu-policy' has no effect: the system places lanes on CPUs, within 'cpu-set', unless 'cpu-map' says where.",
        args.at,
    )


@keyword("cpu-affinity", In.GLOBAL, "3.1")
def cpu_affinity(args: Args) -> None:
    """cpu-affinity <affinity> [auto|loose]: of threads to cores; lanes are bound by cpu-map alone."""
    affinity = args.choice("<affinity>", AFFINITIES)
    if args.more() and affinity == "per-group":
        args.choice("<option>", ("auto", "loose"))
    args.end()
    args.diagnostics.notice(
        "'cpu-affinity' has no effect: the system places lanes on CPUs, within 'cpu-set', unless 'cpu-map' says where.",
        args.at,
    )
