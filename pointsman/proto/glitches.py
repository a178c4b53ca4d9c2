"""Glitches: what a head has that a well-behaved sender would not have sent, and that was nevertheless accepted.

They are counted where the configuration asks for them (`tune.h1.fe.glitches-threshold` and its kin, manual 3.2; the
fetches fc_glitches and bc_glitches, 7.3.3). The manual leaves open what counts; here it is, once for each line:

    a line that ends in a bare LF, a folded line, an empty line before the head
    a name or a target with bytes that RFC 9110 and 9112 do not allow, controls in a value
    Content-Length or Host for a second time, Content-Length beside Transfer-Encoding
    several blanks in the first line, no Host in a request of HTTP/1.1

This looks at the bytes anew, and so costs nothing where nobody asks.
"""

from pointsman.proto.tokens import NAMES, TARGETS, TEXT


def count_glitches(block: bytes, is_request: bool) -> int:
    """How many glitches one whole head has, as it was received."""
    found = 0
    names: list[bytes] = []
    lines = block.split(b"\n")[:-1]
    first = True
    old = False
    for line in lines:
        if not line.endswith(b"\r"):
            found += 1
        else:
            line = line[:-1]
        if first:
            if not line:
                found += 1
                continue
            first = False
            found += _first_line(line) if is_request else 0
            old = line.endswith(b"/1.0")
        elif line:
            if line[0] in b" \t":
                found += 1
                continue
            found += _field(line, names)
    if b"content-length" in names and b"transfer-encoding" in names:
        found += 1
    if is_request and not old and b"host" not in names:
        found += 1
    return found


def _first_line(line: bytes) -> int:
    words = line.split(b" ")
    if len(words) != 3 or b"\t" in line:
        return 1
    return 0 if words[1].translate(TARGETS).isascii() else 1


def _field(line: bytes, names: list[bytes]) -> int:
    """One field's line; its name is noted."""
    spelt, _, value = line.partition(b":")
    name = spelt.lower()
    found = 0 if spelt and spelt.translate(NAMES).isascii() else 1
    if value.translate(TEXT) != value:
        found += 1
    if name in (b"content-length", b"host") and name in names:
        found += 1
    names.append(name)
    return found
