"""The plugin of pytest: files of cases are collected as tests, and tests in Python may ask for explanations.

    pointsman_routes    which files: names with wildcards; *.routes.yml and *.routes.yaml; empty: none
    pointsman_config    the configuration, from the folder of pytest's own file; a file of cases may name another

pytest loads this wherever Pointsman is installed. It does nothing but look at names of files before there is such a
file or somebody asks for a fixture, and imports nothing until then.

The entry point has the module's name, so that `-p` with that name and the installed plugin are one.
"""

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# ruff: noqa: PLC0415  # the late imports


def pytest_addoption(parser: "pytest.Parser") -> None:
    parser.addini(
        "pointsman_routes",
        "names of files with cases of pointsman test",
        type="args",
        default=["*.routes.yml", "*.routes.yaml"],
    )
    parser.addini("pointsman_config", "the configuration that cases are played against: haproxy.cfg", type="paths")


def pytest_configure(config: "pytest.Config") -> None:
    from pointsman.verbs.routes import fixtures

    config.pluginmanager.register(fixtures, "pointsman-fixtures")


def pytest_collect_file(file_path: Path, parent: "pytest.Collector") -> "pytest.Collector | None":
    if not any(fnmatch(file_path.name, pattern) for pattern in parent.config.getini("pointsman_routes")):
        return None
    from pointsman.verbs.routes.items import RoutesFile

    return RoutesFile.from_parent(parent, path=file_path)
