"""Cases as items of pytest: RoutesFile collects a file's, RouteItem plays one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from pointsman.verbs.routes.model import Case, Suite
from pointsman.verbs.routes.nodes import Missing, RoutesError
from pointsman.verbs.routes.play import FAILED, ConfigurationError, Player, Result, engine_of
from pointsman.verbs.routes.reader import read_file
from pointsman.verbs.routes.report import Paint, failure_lines

Wanted = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]  # files, and the environment that they see
PLAYER: Final = pytest.StashKey[tuple[Wanted, Player | ConfigurationError]]()


class RouteFailed(Exception):
    """A case has not become what was expected."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(result.error or "; ".join(map(str, result.failures)))


def configured(config: pytest.Config) -> tuple[str, ...]:
    """The ini option's files."""
    return tuple(near(Path(one)) for one in config.getini("pointsman_config"))


def near(path: Path) -> str:
    """From the working directory, where it lies in it: what is printed is shorter then."""
    try:
        return str(path.relative_to(os.getcwd()))
    except ValueError:
        return str(path)


def player_of(config: pytest.Config, files: Sequence[str], environment: Mapping[str, str]) -> Player:
    """The present one, if it is of these: some limits of a global section hold for all engines of a process, and are
    those of the last one. Raises ConfigurationError."""
    wanted: Wanted = (tuple(files), tuple(sorted(environment.items())))
    kept = config.stash.get(PLAYER, None)
    if kept is None or kept[0] != wanted:
        if kept is not None and isinstance(kept[1], Player):
            kept[1].engine.close()
        made: Player | ConfigurationError
        try:
            made = Player(engine_of(files, environment))
            config.add_cleanup(made.engine.close)
        except ConfigurationError as error:
            made = error
        kept = config.stash[PLAYER] = (wanted, made)
    if isinstance(kept[1], ConfigurationError):
        raise kept[1]
    return kept[1]


class RoutesFile(pytest.File):
    def collect(self) -> Iterator["RouteItem"]:
        try:
            suite = read_file(near(self.path))
        except (RoutesError, Missing) as error:
            raise self.CollectError(str(error)) from None
        files = suite.configuration or configured(self.config)
        if not files:
            raise self.CollectError(
                f"{suite.file}: say which configuration is played: 'configuration: haproxy.cfg' in it, "
                "or pointsman_config = haproxy.cfg for pytest"
            )
        for case in suite.cases:
            item = RouteItem.from_parent(self, name=case.path, case=case, suite=suite, files=files)
            if case.skip:
                item.add_marker(pytest.mark.skip(reason=case.skip))
            yield item


class RouteItem(pytest.Item):
    def __init__(self, name: str, parent: pytest.Collector, case: Case, suite: Suite, files: Sequence[str]) -> None:
        super().__init__(name, parent)
        self.case = case
        self.suite = suite
        self.files = files

    def runtest(self) -> None:
        result = player_of(self.config, self.files, self.suite.environment).play(self.case)
        if result.status == FAILED:
            raise RouteFailed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: None = None) -> str:  # type: ignore[override]
        error = excinfo.value
        if isinstance(error, RouteFailed):
            return "\n".join([str(error), *failure_lines(error.result, Paint(False))[1:]])
        if isinstance(error, ConfigurationError):
            return "\n".join(one.render() for one in error.findings)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.at.line - 1, self.name
