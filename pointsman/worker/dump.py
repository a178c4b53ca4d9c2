"""-dC and -dL: the configuration as it was read, and the libraries that are loaded (management manual 3)."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pointsman.config.lexer import read_lines
from pointsman.config.load import find_files
from pointsman.config.sections import is_section
from pointsman.core.diagnostics import Diagnostics

_PLAIN: Final = re.compile(r"[^\s\"'\\#$]+")


def configuration(paths: Sequence[str]) -> Iterator[str]:
    """The lines, cut into words and indented; comments are gone, variables are replaced by their values."""
    ignored = Diagnostics()  # the load has told everything already
    for file in find_files(paths, ignored):
        with open(file, "rb") as stream:
            content = stream.read()
        for line in read_lines(file, content, os.environ, ignored):
            words = [quoted(word.text) for word in line.words]
            indent = "" if is_section(line.words[0].text) or line.words[0].text.startswith(".") else "\t"
            yield indent + " ".join(words)


def quoted(text: str) -> str:
    """As one word of the configuration language."""
    if _PLAIN.fullmatch(text):
        return text
    if "'" not in text:
        return f"'{text}'"
    return '"' + re.sub(r'([\\"$])', r"\\\1", text) + '"'


def libraries() -> list[str]:
    """The executable and the shared objects in this process's memory."""
    found: list[str] = []
    with open("/proc/self/maps", encoding="utf-8") as stream:
        for line in stream:
            path = line.split(None, 5)[5].strip() if line.count("/") else ""
            if path.startswith("/") and "x" in line.split()[1] and path not in found:
                found.append(path)
    return found
