"""`pointsman test`: its words, its order of work, its exit status.

0   every case that was played has become what was expected
1   a case failed, fewer ways were covered than --fail-under wants, or a file has a mistake
2   the command was used wrongly, PyYAML is missing, or there was nothing to play
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from pointsman.verbs.routes.model import Case, Suite
from pointsman.verbs.routes.nodes import Missing, RoutesError, render

# ruff: noqa: PLC0415  # what plays cases brings the whole configuration: who lists them does not wait for it

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2

ABOUT: Final = """\
Play cases, requests and what is to become of them, against a configuration,
with its real rules and algorithms. No socket is opened, nothing is changed.

The shortest file of cases is one line, a request and the backend it goes to:

    - GET http://shop.example/cart: cart

Status: 0 all is as expected; 1 a case failed, or a file has a mistake; 2 the
command was used wrongly. More: docs/test.md."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="pointsman test",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = made.add_argument
    add("cases", nargs="*", metavar="ROUTES.YML", help="files of cases")
    add("-f", dest="files", action="append", default=[], metavar="FILE", help="the configuration; may be repeated")
    add("-k", dest="expression", metavar="WORDS", help="only cases that have these in their name ('cart and not api')")
    add("-x", dest="first", action="store_true", help="stop at the first case that fails")
    add("-v", dest="verbose", action="store_true", help="a line for each case")
    add("-q", dest="quiet", action="store_true", help="only what fails")
    add("--list", action="store_true", help="list the cases, and play none")
    add("--coverage", action="store_true", help="which rules and servers no case has reached")
    add("--listing", metavar="FOLDER", help="write the configuration there, with how often each line was reached")
    add("--lcov", metavar="FILE", help="write coverage for genhtml and services")
    add("--fail-under", type=float, metavar="PERCENT", help="fail if less is covered")
    add("--junit", metavar="FILE", help="write JUnit XML")
    add("--schema", action="store_true", help="print the JSON schema of the format, for editors")
    return made


def main(words: Sequence[str]) -> int:
    arguments = parser()
    try:
        asked = arguments.parse_args(words)
    except SystemExit as end:
        return int(end.code or 0) and USAGE
    try:
        return _run(asked)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # nobody reads; its flush at the end must not fail, too
        return FAILED


def _run(asked: argparse.Namespace) -> int:
    if asked.schema:
        from pointsman.verbs.routes.schema import schema_text

        print(schema_text(), end="")
        return OK
    if asked.fail_under is not None and not 0 <= asked.fail_under <= 100:  # so that "nan" is none, either
        return _wrong(f"--fail-under {asked.fail_under:g}: a number from 0 to 100")
    if not asked.cases:
        return _wrong("name a file of cases: pointsman test routes.yml -f haproxy.cfg")
    try:
        suites = _read(asked.cases)
    except Missing as error:
        return _wrong(str(error))
    if suites is None:
        return FAILED
    chosen = [(suite, _chosen(suite, asked.expression)) for suite in suites]
    if not any(cases for _, cases in chosen):
        return _wrong(f"no case has '{asked.expression}' in its name")
    if asked.list:
        from pointsman.verbs.routes.report import listed_line

        for _, cases in chosen:
            for case in cases:
                print(listed_line(case))
        return OK
    return _Run(asked).play(chosen)


def _wrong(message: str) -> int:
    print(f"pointsman test: {message}", file=sys.stderr)
    return USAGE


def _read(paths: Sequence[str]) -> list[Suite] | None:
    """None: one of them has a mistake, which was told."""
    from pointsman.verbs.routes.reader import read_file

    suites: list[Suite] = []
    failed = False
    for path in dict.fromkeys(paths):
        try:
            suites.append(read_file(path))
        except RoutesError as error:
            failed = True
            for finding in error.findings:
                print(render(finding), file=sys.stderr)
    return None if failed else suites


def _chosen(suite: Suite, expression: str | None) -> list[Case]:
    from pointsman.verbs.routes.selection import selected

    return [case for case in suite.cases if expression is None or selected(case, expression)]


class _Run:
    """One go over all files."""

    def __init__(self, asked: argparse.Namespace) -> None:
        from pointsman.verbs.routes.coverage import Coverage
        from pointsman.verbs.routes.play import Result
        from pointsman.verbs.routes.report import Paint

        self.asked = asked
        self.paint = Paint(sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
        self.results: list[Result] = []
        self.covers = asked.coverage or asked.lcov or asked.listing or asked.fail_under is not None
        self.coverage = Coverage()

    def play(self, chosen: Sequence[tuple[Suite, Sequence[Case]]]) -> int:
        from pointsman.verbs.routes.play import ConfigurationError, configuration_of

        begun = time.perf_counter()
        groups: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], list[Case]] = {}
        for suite, cases in chosen:
            files = configuration_of(suite, self.asked.files)
            if not files:
                return _wrong(f"name the configuration of {suite.file}: -f haproxy.cfg, or 'configuration:' in it")
            groups.setdefault((files, tuple(sorted(suite.environment.items()))), []).extend(cases)
        try:
            for (files, environment), cases in groups.items():
                if not self._play(files, dict(environment), cases):
                    break
        except ConfigurationError as error:
            for finding in error.findings:
                print(finding.render(), file=sys.stderr)
            return FAILED
        return self._end(time.perf_counter() - begun)

    def _play(self, files: Sequence[str], environment: dict[str, str], cases: Sequence[Case]) -> bool:
        """False: a case has failed, and nothing more is wanted."""
        from pointsman.verbs.routes.play import FAILED as CASE_FAILED
        from pointsman.verbs.routes.play import Player, engine_of
        from pointsman.verbs.routes.report import case_line, failure_lines

        player = Player(engine_of(files, environment), self.coverage.hear if self.covers else None)
        try:
            if self.covers:
                self.coverage.expect(player.places)
            for case in cases:
                result = player.play(case)
                self.results.append(result)
                if result.status == CASE_FAILED:
                    print("\n".join(failure_lines(result, self.paint)) + "\n", flush=True)
                    if self.asked.first:
                        return False
                elif self.asked.verbose:
                    print(case_line(result, self.paint), flush=True)
        finally:
            player.engine.close()
        return True

    def _end(self, seconds: float) -> int:
        from pointsman.verbs.routes.coverage import lcov_text, summary_lines, write_listing
        from pointsman.verbs.routes.junit import junit_xml
        from pointsman.verbs.routes.play import FAILED as CASE_FAILED
        from pointsman.verbs.routes.report import summary

        asked = self.asked
        failed = any(one.status == CASE_FAILED for one in self.results)
        try:
            if asked.junit:
                with open(asked.junit, "wb") as out:
                    out.write(junit_xml(self.results, seconds))
            if asked.lcov:
                with open(asked.lcov, "w", encoding="utf-8") as text:
                    text.write(lcov_text(self.coverage))
            if asked.listing:
                write_listing(self.coverage, asked.listing)
        except OSError as error:
            return _wrong(f"'{error.filename}' cannot be written: {error.strerror}")
        if asked.coverage:
            print("\n".join(summary_lines(self.coverage)))
        if asked.fail_under is not None and self.coverage.percent() < asked.fail_under:
            print(f"coverage is {self.coverage.percent():.1f} %, less than {asked.fail_under:g} %", file=sys.stderr)
            failed = True
        if not asked.quiet or failed:
            print(summary(self.results, seconds, self.paint))
        return FAILED if failed else OK
