"""What takes the place of a regular expression's match: replace-header and its kin, and the converter regsub."""

from typing import Final

from pointsman.core.regex import Regex

DIGITS: Final = b"0123456789abcdefABCDEF"
_PAIR: Final = 2  # digits of a byte


def expand(groups: tuple[bytes, ...], template: bytes) -> bytes:
    """A replacement with \\0 to \\9 for what was captured (nothing, where there is no such group) and \\xHH for a byte;
    another character behind a backslash stands for itself (manual 4.4, replace-header)."""
    mark = template.find(b"\\")
    if mark < 0:
        return template
    out: list[bytes] = []
    at = 0
    while mark >= 0 and mark + 1 < len(template):
        out.append(template[at:mark])
        char = template[mark + 1 : mark + 2]
        at = mark + 2
        if char.isdigit():
            number = int(char)
            out.append(groups[number] if number < len(groups) else b"")
        elif char == b"x" and _is_pair(template[at : at + _PAIR]):
            out.append(bytes.fromhex(template[at : at + _PAIR].decode("ascii")))
            at += _PAIR
        else:
            out.append(char)
        mark = template.find(b"\\", at)
    out.append(template[at:])
    return b"".join(out)


def _is_pair(digits: bytes) -> bool:
    return len(digits) == _PAIR and not digits.strip(DIGITS)


def substitute(regex: Regex, template: bytes, every: bool, value: bytes) -> bytes:
    """The first match, or every one, replaced. What is left behind a match is a text of its own, as in HAProxy: an
    expression that matches nothing matches there again, even at the very end ("$" twice)."""
    out: list[bytes] = []
    start = 0
    while True:
        found = regex.locate(value, start)
        if found is None:
            break
        first, last, groups = found
        out.append(value[start:first])
        out.append(expand(groups, template))
        at_end = start == len(value)
        start = last
        if not every or at_end and first == last:
            break
        if first == last:
            out.append(value[last : last + 1])
            start = min(last + 1, len(value))
    out.append(value[start:])
    return b"".join(out)
