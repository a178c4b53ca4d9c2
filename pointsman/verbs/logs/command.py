"""`pointsman explain --log LINE|FILE|-`: one line in plain words, or a file of them summed up."""

import argparse
import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, cast

from pointsman.core.diagnostics import Severity
from pointsman.verbs.logs.configured import Configured
from pointsman.verbs.logs.page import reading_data, show_reading
from pointsman.verbs.logs.reader import Reader
from pointsman.verbs.logs.reading import read_meaning
from pointsman.verbs.logs.text import paper_for
from pointsman.verbs.terminal import write

OK: Final = 0
FAILED: Final = 1
GZIP: Final = b"\x1f\x8b"
PIECE: Final = 1 << 20
LONGEST: Final = 1 << 16  # bytes of a line that are looked at


def main(words: Sequence[str]) -> int:
    """`words` are those behind "explain". Status: 0 understood, 1 not (or not all that was asked), 2 wrong usage."""
    if list(words) in (["--log", "--help"], ["--log", "-h"]):  # no line, as argparse would have it
        words = ["--help"]
    options = _parser().parse_args(list(words))
    configured = None
    if options.file:
        configured = Configured(options.file)
        if configured.diagnostics.failed:
            count = configured.diagnostics.count(Severity.ALERT)
            many = "mistakes" if count > 1 else "mistake"
            _complain(
                f"{', '.join(options.file)}: {count} {many}; what could be read is used (pointsman -c shows more)"
            )
    reader = Reader(configured.forms() if configured is not None else ())
    source = options.log
    try:
        if source == "-":
            return _stream(sys.stdin.buffer, "standard input", reader, configured, options)
        if os.path.isdir(source):
            _complain(f"{source}: it is a folder")
            return FAILED
        if os.path.exists(source):
            with open(source, "rb") as stream:
                return _stream(stream, source, reader, configured, options)
    except OSError as error:
        _complain(f"{source}: {error.strerror or error}")
        return FAILED
    line = source.encode("utf-8", "surrogateescape")
    if not line.strip():
        _complain("--log: the line is empty")
        return FAILED
    if " " not in source.strip() and reader.read(line) is None:  # JSON or CBOR of a log-format needs no blank
        _complain(f"--log {source}: there is no such file, and it is no log line either")
        return FAILED
    return _one(line, reader, configured, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pointsman explain",
        description="What a log line says, in plain words; of a file, or of many lines, a summary.",
    )
    parser.add_argument("--log", metavar="LINE|FILE|-", required=True, help="a line, a file (also gzip), or stdin")
    parser.add_argument(
        "-f", dest="file", action="append", default=[], metavar="FILE", help="the configuration: its formats, timeouts"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--top", type=_positive, default=10, metavar="N", help="rows of each table of a summary (10)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return number


def _complain(text: str) -> None:
    print(f"pointsman explain: {text}", file=sys.stderr)


def _one(line: bytes, reader: Reader, configured: Configured | None, options: argparse.Namespace) -> int:
    entry = reader.read(line)
    if entry is None:
        _complain(
            "no known form of a log line fits. If it is written by a log-format of your own, name it: -f haproxy.cfg"
            if configured is None
            else "neither a format of the configuration nor one of HAProxy's own fits this line."
        )
        return FAILED
    reading = read_meaning(entry, configured)
    if options.json:
        _print_json(reading_data(reading))
        return OK
    paper = paper_for(sys.stdout)
    show_reading(reading, paper)
    paper.show()
    return OK


def _print_json(data: object) -> None:
    write([json.dumps(data, indent=2)])


def _stream(
    stream: BinaryIO, name: str, reader: Reader, configured: Configured | None, options: argparse.Namespace
) -> int:
    """One line is told, many are summed up."""
    lines = batches(stream)
    first = next(lines, [])
    second = next(lines, [])
    if not first:
        _complain(f"{name}: there is no line in it")
        return FAILED
    if len(first) == 1 and not second:
        return _one(first[0], reader, configured, options)
    from pointsman.verbs.logs.summary import Summary  # noqa: PLC0415  # one line needs none of it
    from pointsman.verbs.logs.summary_page import show_summary, summary_data  # noqa: PLC0415

    summary = Summary(reader, options.top)
    summary.add(first)
    summary.add(second)
    for batch in lines:
        summary.add(batch)
    summary.finish()
    if options.json:
        _print_json(summary_data(summary, configured))
    else:
        paper = paper_for(sys.stdout)
        show_summary(summary, name, paper, configured)
        paper.show()
    return OK if summary.read else FAILED


def batches(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Lines that are not empty, many at once; what is longer than LONGEST is cut. gzip is unpacked."""
    head = stream.read(PIECE)
    if head.startswith(GZIP):
        stream = cast(BinaryIO, _Unpacked(cast(BinaryIO, _Joined(head, stream))))
        head = stream.read(PIECE)
    rest = b""
    while head:
        lines = (rest + head).split(b"\n")
        rest = lines.pop()
        if len(rest) > LONGEST:
            rest = rest[:LONGEST]
        found = [line[:LONGEST] for line in lines if line and not line.isspace()]
        if found:
            yield found
        head = stream.read(PIECE)
    if rest.strip():
        yield [rest]


class _Unpacked:
    """gzip. What is damaged, or not whole, ends where it can no longer be read, and that is said."""

    def __init__(self, stream: BinaryIO) -> None:
        self.file = gzip.GzipFile(fileobj=stream, mode="rb")

    def read(self, size: int) -> bytes:
        try:
            return self.file.read1(size)
        except (EOFError, OSError, zlib.error) as error:
            _complain(f"the gzip data cannot be read to its end: {error}")
            return b""


class _Joined:
    """A stream of which the beginning has been read."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self.head = head
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        if not self.head:
            return self.stream.read(size)
        found = self.head if size < 0 else self.head[:size]
        self.head = self.head[len(found) :]
        return found
