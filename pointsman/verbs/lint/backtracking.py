"""How many ways a backtracking engine may have to try before it gives up on a text that a regular expression does not
match: at most in proportion to the text, to a power of its length, or exponentially many.

The automaton of regex_tree.py has the same ways as the engine. With a loop in front for the places where a search may
begin:

- exponential: two different walks lead from a position back to it over the same word. Then n copies of the word have
  2^n walks. Pairs of walks are a graph whose strongly connected parts tell it.
- a power: positions p1, p2, ... pk stand in a row, each in a loop, and one word leads from each to itself and on to
  the next. n copies of the word have about n^k / k! walks.

(Weber and Seidl, "On the degree of ambiguity of finite automata", 1991.) Many walks harm only where the whole fails
behind them: sets of positions, as a deterministic automaton has them, tell whether a text exists that leads there and
is not matched. All searches have a budget; where it ends, so does the answer: None, not known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pointsman.verbs.lint.regex_tree import BEGIN, BYTES, END, Tree, Unreadable, parse

BUDGET: Final = 60_000  # edges that are looked at for one expression
EXPONENTIAL: Final = 1 << 30
SEARCH: Final = 0  # the position of the loop in front


class _Spent(Exception):
    """The budget is."""


@dataclass(slots=True)
class _Machine:
    masks: list[int]
    follow: list[dict[int, int]]
    final: set[int]
    left: int = BUDGET

    def spend(self, edges: int = 1) -> None:
        self.left -= edges
        if self.left < 0:
            raise _Spent


def _machine(tree: Tree) -> _Machine:
    """The loop in front becomes position 0."""
    follow: list[dict[int, int]] = [{SEARCH: 1}]  # before BEGIN it stands there, behind it anywhere
    follow[SEARCH].update({position + 1: ways for position, ways in tree.whole.first.items()})
    follow += [{position + 1: ways for position, ways in one.items()} for one in tree.follow]
    return _Machine([BEGIN | BYTES, *tree.masks], follow, {position + 1 for position in tree.whole.last})


@lru_cache(2048)
def degree(text: str, nocase: bool = False) -> int | None:
    """The power of the length of a text: 0 and 1 are fine; EXPONENTIAL; None: not known."""
    try:
        tree = parse(text, nocase)
        if tree.whole.empty or not tree.masks:
            return 0  # it matches everything
        machine = _machine(tree)
        if text.startswith((".*", "(.*")) and "|" not in text:
            machine.masks[SEARCH] = BEGIN  # PCRE2 takes it for anchored: no other start would do better
        loops = _components(range(len(machine.masks)), {n: list(f) for n, f in enumerate(machine.follow)})
        loops = [one for one in loops if len(one) > 1 or one[0] in machine.follow[one[0]]]
        failing = _failing(machine)
        for loop in loops:
            if any(position in failing for position in _ambiguous(machine, loop)):
                return EXPONENTIAL
        return _power(machine, loops, failing)
    except (Unreadable, _Spent, RecursionError):
        return None


def _components(nodes: Iterable[int], edges: dict[int, list[int]]) -> list[list[int]]:
    """Strongly connected parts (Tarjan), those that are reached last first."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on: set[int] = set()
    found: list[list[int]] = []
    for root in nodes:
        if root in order:
            continue
        work: list[tuple[int, int]] = [(root, 0)]
        while work:
            node, index = work.pop()
            if index == 0:
                order[node] = low[node] = len(order)
                stack.append(node)
                on.add(node)
            targets = edges.get(node, [])
            while index < len(targets):
                target = targets[index]
                index += 1
                if target not in order:
                    work += [(node, index), (target, 0)]
                    break
                if target in on:
                    low[node] = min(low[node], order[target])
            else:
                if low[node] == order[node]:
                    part: list[int] = []
                    while not part or part[-1] != node:
                        part.append(stack.pop())
                        on.discard(part[-1])
                    found.append(part)
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[node])
    return found


def _ambiguous(machine: _Machine, loop: list[int]) -> set[int]:
    """Positions of a loop from which two walks over one word lead back."""
    inside = set(loop)
    masks, follow = machine.masks, machine.follow
    found: set[int] = set()
    for position in loop:
        if any(ways > 1 and target in inside and masks[target] & BYTES for target, ways in follow[position].items()):
            found.update(loop)  # the walk goes round in two ways
            return found
    size = len(masks)
    edges: dict[int, list[int]] = {}
    pairs = [position * size + position for position in loop]
    seen = set(pairs)
    while pairs:
        pair = pairs.pop()
        targets: list[int] = []
        for one in follow[pair // size]:
            for other in follow[pair % size]:
                machine.spend()
                if one in inside and other in inside and masks[one] & masks[other] & BYTES:
                    target = one * size + other
                    targets.append(target)
                    if target not in seen:
                        seen.add(target)
                        pairs.append(target)
        edges[pair] = targets
    for part in _components(list(edges), edges):
        same = [pair % size for pair in part if pair // size == pair % size]
        if same and len(same) < len(part):
            found.update(same)
    return found


def _letters(machine: _Machine) -> list[int]:
    """One byte of each set of bytes that no position tells apart, as a mask."""
    sets = [BYTES]
    for mask in set(machine.masks):
        new: list[int] = []
        for one in sets:
            new += [half for half in (one & mask, one & ~mask) if half]
        sets = new
    return [one & -one for one in sets]


def _step(machine: _Machine, places: frozenset[int], letter: int) -> frozenset[int] | None:
    """Where a byte leads from any of these positions; None: the text is matched."""
    reached: set[int] = set()
    for place in places:
        for target in machine.follow[place]:
            machine.spend()
            if machine.masks[target] & letter:
                if target in machine.final:
                    return None
                reached.add(target)
    return frozenset(reached)


def _failing(machine: _Machine) -> set[int]:
    """Positions that a text can reach, as often as it likes, without being matched by then or at its end."""
    letters = _letters(machine)
    start = _step(machine, frozenset((SEARCH,)), BEGIN)
    if start is None:
        return set()
    numbers: dict[frozenset[int], int] = {start: 0}
    edges: dict[int, list[int]] = {}
    fails: list[int] = []
    todo = [start]
    while todo:
        places = todo.pop()
        targets = edges[numbers[places]] = []
        for letter in letters:
            after = _step(machine, places, letter)
            if after is None:
                continue
            if after not in numbers:
                numbers[after] = len(numbers)
                todo.append(after)
            targets.append(numbers[after])
        if _step(machine, places, END) is not None:
            fails.append(numbers[places])
    able = _before(edges, fails)
    found: set[int] = set()
    sets = list(numbers)
    for part in _components(list(edges), edges):
        if part[0] in able and (len(part) > 1 or part[0] in edges[part[0]]):
            for number in part:
                found.update(sets[number])
    return found


def _before(edges: dict[int, list[int]], goals: Iterable[int]) -> set[int]:
    """All from where a goal can be reached."""
    back: dict[int, list[int]] = {}
    for number, targets in edges.items():
        for target in targets:
            back.setdefault(target, []).append(number)
    found = set(goals)
    todo = list(found)
    while todo:
        for before in back.get(todo.pop(), ()):
            if before not in found:
                found.add(before)
                todo.append(before)
    return found


def _power(machine: _Machine, loops: list[list[int]], failing: set[int]) -> int:
    """How many loops stand in a row that one word goes through."""
    heights: dict[int, int] = {}  # of each position in a loop, by the longest row that begins there
    best = 0
    in_loop = [sorted(loop) for loop in loops]  # those that are reached last come first
    for index, loop in enumerate(in_loop):
        here = 0
        for later in in_loop[:index]:
            if heights[later[0]] >= max(1, here) and _passes(machine, loop, later):
                here = heights[later[0]]
        ends = here > 0 or any(position in failing for position in loop)
        height = here + 1 if ends else 0
        for position in loop:
            heights[position] = height
        best = max(best, height)
    return best


def _passes(machine: _Machine, loop: list[int], later: list[int]) -> bool:
    """A word leads from a position of the first loop to itself, from it to one of the later loop, and there to itself.

    Three walks at once; the middle one begins as the first and ends as the third.
    """
    masks, follow = machine.masks, machine.follow
    inside, behind = set(loop), set(later)
    for start in loop:
        for end in later:
            goal = (start, end, end)
            todo = [(start, start, end)]
            seen = {todo[0]}
            while todo:
                one, middle, other = todo.pop()
                for first in follow[one]:
                    if first not in inside:
                        continue
                    for third in follow[other]:
                        machine.spend()
                        common = masks[first] & masks[third] & BYTES
                        if third not in behind or not common:
                            continue
                        for second in follow[middle]:
                            machine.spend()
                            state = (first, second, third)
                            if masks[second] & common and state not in seen:
                                if state == goal:
                                    return True
                                seen.add(state)
                                todo.append(state)
    return False
