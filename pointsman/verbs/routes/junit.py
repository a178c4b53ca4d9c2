"""Results as JUnit XML, which CI systems read: one suite a file, one test a case."""

import os
import xml.etree.ElementTree as Xml
from collections.abc import Sequence
from typing import Final

from pointsman.verbs.routes.play import FAILED, SKIPPED, Result
from pointsman.verbs.routes.report import Paint, failure_lines

PLAIN: Final = Paint(False)


def junit_xml(results: Sequence[Result], seconds: float) -> bytes:
    root = Xml.Element("testsuites", {"name": "pointsman test", **_counts(results), "time": f"{seconds:.3f}"})
    files = list(dict.fromkeys(one.case.at.file for one in results))
    for file in files:
        own = [one for one in results if one.case.at.file == file]
        took = f"{sum(one.seconds for one in own):.3f}"
        suite = Xml.SubElement(root, "testsuite", {"name": _allowed(file), **_counts(own), "time": took})
        for result in own:
            _case(suite, result)
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _counts(results: Sequence[Result]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(1 for one in results if one.status == FAILED and not one.error)),
        "errors": str(sum(1 for one in results if one.error)),
        "skipped": str(sum(1 for one in results if one.status == SKIPPED)),
    }


def _case(suite: Xml.Element, result: Result) -> None:
    case = result.case
    folder = os.path.splitext(os.path.basename(case.at.file))[0]
    test = Xml.SubElement(
        suite,
        "testcase",
        {
            "classname": _allowed(".".join((folder, *case.groups))),
            "name": _allowed(case.name),
            "file": _allowed(case.at.file),
            "line": str(case.at.line),
            "time": f"{result.seconds:.3f}",
        },
    )
    if result.status == SKIPPED:
        Xml.SubElement(test, "skipped", {"message": _allowed(case.skip)})
    elif result.status == FAILED:
        first = result.error or "; ".join(map(str, result.failures))
        found = Xml.SubElement(test, "error" if result.error else "failure", {"message": _allowed(first)})
        found.text = _allowed("\n".join(failure_lines(result, PLAIN)))


def _allowed(text: str) -> str:
    """Without what XML 1.0 has no way to write (2.2)."""
    return "".join(
        one if one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one > "\uffff" else "?"
        for one in text
    )
