"""Strings in the Huffman code of HPACK (RFC 7541 5.2): an automaton that eats half an octet at once.

Its states are the inner nodes of the code's tree, of which there are 256, so that an octet can name one. No code is
shorter than five bits: four of them complete one symbol at most. For each node and value of four bits one table knows
the node behind them, one whether they complete a symbol, and one which.

There is no memory of strings: what one connection has sent must not make another's quicker.
"""

from typing import Final

from mypy_extensions import i64

from pointsman.proto.hpack_tables import EOS, SYMBOLS

_SYMBOL: Final = 1  # the bits complete one
_REFUSED: Final = 2  # they complete EOS, which no string may hold
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


def _steps(children: list[list[int]]) -> tuple[bytes, bytes, bytes]:
    """The tables, by node << 4 | bits."""
    behind, completes, symbols = bytearray(), bytearray(), bytearray()
    for start in range(len(children)):
        for bits in range(16):
            node, what, symbol = start, 0, 0
            for at in range(3, -1, -1):
                node = children[node][bits >> at & 1]
                if node == -1 - EOS:
                    node, what = 0, _REFUSED
                    break
                if node < 0:
                    node, what, symbol = 0, _SYMBOL, -1 - node
            behind.append(node)
            completes.append(what)
            symbols.append(symbol)
    return bytes(behind), bytes(completes), bytes(symbols)


_children, _ends = _tree()
_made = _steps(_children)
_BEHIND: Final[bytes] = _made[0]
_COMPLETES: Final[bytes] = _made[1]
_SYMBOLS: Final[bytes] = _made[2]
_ENDS: Final[list[bool]] = _ends


def huffman(data: bytes) -> bytes | None:
    """What is coded; None: that is no such string. At most eight fifths of its length."""
    behind, completes, symbols = _BEHIND, _COMPLETES, _SYMBOLS
    out: list[int] = []
    size: i64 = len(data)
    at: i64 = 0
    node: i64 = 0
    while at < size:
        octet: i64 = data[at]
        place: i64 = node << 4 | octet >> 4
        node = behind[place]
        what: i64 = completes[place]
        if what:
            if what == _REFUSED:
                return None
            out.append(symbols[place])
        place = node << 4 | octet & 15
        node = behind[place]
        what = completes[place]
        if what:
            if what == _REFUSED:
                return None
            out.append(symbols[place])
        at += 1
    return bytes(out) if _ENDS[node] else None
