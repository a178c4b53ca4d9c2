"""Strings in the Huffman code of HPACK (RFC 7541 5.2): an automaton that eats whole octets.

Its states are the inner nodes of the code's tree, of which there are 256. For each node and octet one list knows the
node behind it, and another what the octet completes: nothing, one symbol, or two, as no code is shorter than five bits.
No memory of strings: what one connection has sent must not make another's quicker, and an octet costs little.
"""

from typing import Final

from mypy_extensions import i64

from pointsman.proto.hpack_tables import EOS, SYMBOLS

_REFUSED: Final = -1  # no string goes on like that: the code of EOS is complete (RFC 7541 5.2)
_PADDING: Final = 7  # bits at most


def _tree() -> tuple[list[list[int]], list[bool]]:
    """For each inner node where 0 and 1 lead: to a node, or to a symbol, which is written as -1 - symbol; and whether a
    string may end there, as what has come since the last symbol is a beginning of EOS (ones only) of up to 7 bits."""
    children: list[list[int]] = [[0, 0]]
    ends = [True]
    code = last = 0
    for length, symbols in SYMBOLS:
        code <<= length - last
        last = length
        for symbol in symbols:
            node = 0
            for at in range(length - 1, 0, -1):
                bit = code >> at & 1
                if not children[node][bit]:
                    prefix, depth = code >> at, length - at
                    children[node][bit] = len(children)
                    children.append([0, 0])
                    ends.append(depth <= _PADDING and prefix == (1 << depth) - 1)
                node = children[node][bit]
            children[node][code & 1] = -1 - symbol
            code += 1
    return children, ends


def _steps(children: list[list[int]], bits: int) -> tuple[list[int], list[bytes]]:
    """What so many bits do: for (node << bits | their value) the node behind them and what they complete."""
    behind: list[int] = []
    completed: list[bytes] = []
    for start in range(len(children)):
        for value in range(1 << bits):
            node, text = start, b""
            for at in range(bits - 1, -1, -1):
                node = children[node][value >> at & 1]
                if node == -1 - EOS:
                    break
                if node < 0:
                    text += bytes((-1 - node,))
                    node = 0
            behind.append(node if node >= 0 else _REFUSED)
            completed.append(text)
    return behind, completed


def _octets(children: list[list[int]]) -> tuple[list[int], list[bytes]]:
    """The same for octets, put together of two halves each."""
    half, half_text = _steps(children, 4)
    behind: list[int] = []
    completed: list[bytes] = []
    for start in range(len(children)):
        for first in range(16):
            middle = half[start << 4 | first]
            text = half_text[start << 4 | first]
            for second in range(middle << 4, (middle << 4) + 16):
                behind.append(half[second] if middle >= 0 else _REFUSED)
                completed.append((text + half_text[second] if half_text[second] else text) if middle >= 0 else b"")
    return behind, completed


_children, _ends = _tree()
_made = _octets(_children)
BEHIND: Final[list[int]] = _made[0]
COMPLETED: Final[list[bytes]] = _made[1]
ENDS: Final[list[bool]] = _ends


def huffman(data: bytes) -> bytes | None:
    """What is coded; None: that is no such string. At most eight fifths of its length."""
    pieces: list[bytes] = []
    behind, completed = BEHIND, COMPLETED
    size: i64 = len(data)
    at: i64 = 0
    node: i64 = 0
    while at < size:
        place: i64 = node << 8 | data[at]
        node = behind[place]
        if node < 0:
            return None
        pieces.append(completed[place])
        at += 1
    return b"".join(pieces) if ENDS[node] else None
