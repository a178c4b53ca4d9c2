"""Small configurations for tests of keywords: text in, sections and findings out."""

from dataclasses import dataclass

import pointsman.keywords  # noqa: F401
from pointsman.config.load import load_text
from pointsman.config.setting import Configuration, Section
from pointsman.core.diagnostics import Diagnostics, Severity


@dataclass
class Loaded:
    configuration: Configuration
    diagnostics: Diagnostics

    @property
    def errors(self) -> list[str]:
        return self._messages(Severity.ALERT)

    @property
    def warnings(self) -> list[str]:
        return self._messages(Severity.WARNING)

    @property
    def notices(self) -> list[str]:
        return self._messages(Severity.NOTICE)

    @property
    def main(self) -> Section:
        return self.configuration.main

    @property
    def proxy(self) -> Section:
        """The last proxy."""
        return self.configuration.proxies[-1]

    def _messages(self, severity: Severity) -> list[str]:
        return [finding.message for finding in self.diagnostics.findings if finding.severity == severity]


def read(text: str) -> Loaded:
    """A whole configuration, whatever it says."""
    diagnostics = Diagnostics()
    return Loaded(load_text(text, diagnostics), diagnostics)


def section(kind: str, *lines: str, before: str = "") -> Loaded:
    """One section of that kind with these lines, behind `before`."""
    head = kind if kind in ("global", "defaults") else f"{kind} x"
    return read(before + head + "\n" + "".join(f" {line}\n" for line in lines))


def good(kind: str, *lines: str, before: str = "") -> Loaded:
    """The same, and nothing may be wrong with it."""
    loaded = section(kind, *lines, before=before)
    assert loaded.errors == []
    return loaded


def only_error(kind: str, *lines: str, before: str = "") -> str:
    """The message of the one error that these lines give."""
    (message,) = section(kind, *lines, before=before).errors
    return message
