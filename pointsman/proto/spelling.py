"""Names of fields as peers spell them that take "Content-Length" for another field than "content-length" (manual 3.1,
h1-case-adjust). Heads are made as always, in lower case, and respelt as they go out; so are trailers."""


def respelt(data: bytes, names: dict[bytes, bytes]) -> bytes:
    """A head, or what ends a body in chunks: the names of its lines behind the first one. What stands behind an empty
    line is no head any more. `names`: spellings by names in lower case."""
    head, end, rest = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for index in range(1, len(lines)):
        name, colon, value = lines[index].partition(b":")
        spelling = names.get(name)
        if spelling is not None and colon:
            lines[index] = spelling + colon + value
    return b"\r\n".join(lines) + end + rest
