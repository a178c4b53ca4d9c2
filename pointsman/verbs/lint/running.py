"""The words behind `pointsman lint`, and what becomes of them."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from typing import Final

from pointsman.core.diagnostics import Diagnostics
from pointsman.core.registry import nearest
from pointsman.verbs.lint import render
from pointsman.verbs.lint.engine import Choice, Result, fix_all, lint
from pointsman.verbs.lint.rule import RULES, Level
from pointsman.verbs.lint.subject import STDIN, Subject, examine, read
from pointsman.verbs.lint.text import Text

OK: Final = 0
FOUND: Final = 1
USAGE: Final = 2
LEVELS: Final = {level.name.lower(): level for level in Level}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pointsman lint",
        description="Find what is wrong or suspicious in a configuration: all that -c finds, and more. "
        "Nothing is opened, asked or changed.",
        epilog="Status: 0 nothing found, 1 findings at or above --level, 2 wrong usage.",
    )
    parser.add_argument("-f", dest="files", action="append", default=[], metavar="FILE", help="a file, a folder, or -")
    parser.add_argument("more", nargs="*", metavar="FILE", help="the same")
    parser.add_argument("--each", action="store_true", help="each file is a configuration of its own")
    parser.add_argument("--level", choices=list(LEVELS), default="warning", help="the lowest that counts (warning)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME,...", help="these rules alone")
    parser.add_argument("--ignore", action="append", default=[], metavar="NAME,...", help="all but these rules")
    parser.add_argument("--fix", action="store_true", help="change the files where that is safe")
    parser.add_argument("--diff", action="store_true", help="show what --fix would change; change nothing")
    parser.add_argument("--format", choices=("text", "lines", "json", "github"), default="text", help="of the findings")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.add_argument("--resolve", action="store_true", help="look up the names of servers, as -c does")
    parser.add_argument("--explain", metavar="NAME", help="what a rule is about, with an example")
    parser.add_argument("--list", action="store_true", help="all rules")
    return parser


def run(words: Sequence[str]) -> int:
    """Its exit status."""
    parser = _parser()
    try:
        asked = parser.parse_args(words)
    except SystemExit as end:
        return USAGE if end.code else OK
    if asked.list:
        print(render.listing())
        return OK
    if asked.explain is not None:
        return _explain(asked.explain)
    paths = [*asked.files, *asked.more]
    if not paths:
        return _usage("no file: say -f FILE", parser)
    choice = Choice(_names(asked.only), _names(asked.ignore))
    for name in choice.only | choice.ignored:
        if name not in RULES:
            return _usage(_unknown(name))
    if not asked.each:
        return _lint(paths, choice, asked)
    return max([_lint([path], choice, asked) for path in paths])


def _names(words: Sequence[str]) -> frozenset[str]:
    return frozenset(name.strip() for word in words for name in word.split(",") if name.strip())


def _unknown(name: str) -> str:
    near = nearest(name, RULES)
    return f"no rule is called '{name}'" + (f": did you mean '{near}'?" if near else ": --list shows all names")


def _usage(said: str, parser: argparse.ArgumentParser | None = None) -> int:
    if parser is not None:
        parser.print_usage(sys.stderr)
    print(f"pointsman lint: {said}", file=sys.stderr)
    return USAGE


def _explain(name: str) -> int:
    rule = RULES.get(name)
    if rule is None:
        return _usage(_unknown(name))
    print(render.explanation(rule))
    return OK


def _lint(paths: Sequence[str], choice: Choice, asked: argparse.Namespace) -> int:
    level = LEVELS[asked.level]
    stdin = sys.stdin.buffer.read() if STDIN in paths else None
    before = read(paths, Diagnostics(), stdin)

    def look(texts: dict[str, Text]) -> Subject:
        return examine(paths, texts, resolves=asked.resolve)

    result = fix_all(before, look, choice, level) if asked.fix or asked.diff else lint(look(before), choice)
    if asked.diff:
        return _show_diff(before, result, level)
    if asked.fix:
        failed = _write(before, result)
        if failed:
            return _usage(failed)
    _show(result, level, asked.format, asked.fix and STDIN in paths)
    return FOUND if any(one.level >= level for one in result.reports) else OK


def _show_diff(before: dict[str, Text], result: Result, level: Level) -> int:
    """Only what --fix would change; what it leaves alone is counted."""
    shown = render.diff(before, result.texts)
    if shown:
        print(shown, flush=True)
    left = sum(1 for one in result.reports if one.level >= level)
    print(render.of_diff(len(result.fixed), left), file=sys.stderr)
    return FOUND if shown or left else OK


def _show(result: Result, level: Level, form: str, beside: bool) -> None:
    """`beside`: something else is on stdout."""
    out = sys.stderr if beside else sys.stdout
    if form == "json":
        said = render.as_json(result, level)
    elif form == "github":
        said = render.github(result, level)
    elif form == "lines":
        said = render.lines(result, level)
    else:
        said = render.text(result, level, render.Paint(render.wants_colour(out.isatty())))
    if said:
        print(said.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), file=out, flush=True)


def _write(before: dict[str, Text], result: Result) -> str:
    """The files that have changed, each in one go; what went wrong."""
    for name, new in result.texts.items():
        if name == STDIN:
            sys.stdout.buffer.write(new.content)
            sys.stdout.flush()
        elif new.content != before[name].content:
            try:
                _replace(os.path.realpath(name), new.content)
            except OSError as error:
                return f"cannot write {name}: {error.strerror}"
    return ""


def _replace(path: str, content: bytes) -> None:
    """A reader sees the old file or the new one, with the same rights and owner."""
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".lint", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        shutil.copystat(path, temporary)
        facts = os.stat(path)
        if (facts.st_uid, facts.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(temporary, facts.st_uid, facts.st_gid)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
