"""What a wheel and a source distribution hold: all that is needed, and nothing else (hot modules are not compiled)."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.programs import ROOT, environment

from pointsman.worker import about

TEXT = {".py", ".tsv", ".html", ".css", ".js", ".cfg", ".json"}
MANUAL = (ROOT / "deploy" / "pointsman.1").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("packed")
    words = [
        "egg_info",
        "--egg-base",
        str(folder),
        "build",
        "--build-base",
        str(folder / "build"),
        "bdist_wheel",
        "--bdist-dir",
        str(folder / "bdist"),
        "--dist-dir",
        str(folder / "dist"),
        "sdist",
        "--dist-dir",
        str(folder / "dist"),
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "--quiet", *words],
        cwd=ROOT,
        text=True,
        env={**environment(), "POINTSMAN_BUILD": "extensions"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


def test_the_wheel_holds_the_package_and_nothing_else(packed: Path) -> None:
    (path,) = packed.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
    mine = {name for name in names if name.startswith("pointsman/")}
    source = {str(one.relative_to(ROOT)) for one in (ROOT / "pointsman").rglob("*") if one.suffix in TEXT}
    assert {name for name in mine if not name.endswith(".so")} == source
    compiled = {re.sub(r"\..*", "", name) for name in mine - source}
    extensions = ("core/_cells", "core/_calls", "core/_crypt", "core/_pcre", "core/_slabs", "core/_tls", "proto/_cut")
    assert compiled <= {f"pointsman/{one}" for one in extensions}
    others = {name.partition("/")[2] for name in names - mine}
    assert "data/share/man/man1/pointsman.1" in others and "entry_points.txt" in others


def test_the_source_distribution_builds_itself(packed: Path) -> None:
    """What setup.py reads is there, and documentation, deployment, examples."""
    (path,) = packed.glob("*.tar.gz")
    with tarfile.open(path) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    wanted = {
        "setup.py",
        "compiled.py",
        "objectcache.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "Makefile",
        "deploy/Dockerfile",
        "deploy/pointsman.service",
        "deploy/pointsman.1",
        "examples/run.py",
        "examples/ep5/compose.yaml",
        "pointsman/core/_cells.c",
        "pointsman/core/_tls.h",
        "pointsman/core/_tls_bio.c",
    }
    docs = {str(one.relative_to(ROOT)) for one in (ROOT / "docs").glob("*.md")}
    assert wanted | docs <= names
    assert not [name for name in names if name.endswith((".so", ".pyc", ".o"))]


def test_the_manual_page_has_every_option() -> None:
    """Those that the command lists itself."""
    options = set(re.findall(r"(?<![\w-])-[A-Za-z4][A-Za-z]*", about.USAGE)) - {"-vdVD"}
    listed = set(re.findall(r"-\w+", MANUAL.replace("\\-", "-")))
    assert len(options) > 30 and options <= listed, options - listed


def test_the_manual_page_names_each_verb() -> None:
    from pointsman.verbs import VERBS  # noqa: PLC0415

    told = MANUAL.partition(".SH VERBS\n")[2].partition(".SH ")[0]
    for verb in VERBS:
        assert re.search(rf'(?m)^\.BI "{verb} ', told), verb


def test_the_manual_page_is_sound() -> None:
    """man prints it without a complaint, where it is installed."""
    try:
        done = subprocess.run(
            ["man", "--warnings", "-l", "-Tascii", str(ROOT / "deploy" / "pointsman.1")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "MANWIDTH": "80"},
        )
    except FileNotFoundError:
        done = None
    assert done is None or (done.returncode, done.stderr) == (0, "")
    requests = set(re.findall(r"(?m)^\.([A-Za-z\\]+)", MANUAL))
    assert requests <= {"TH", "SH", "SS", "TP", "B", "BI", "BR", "RB", "RI", "IR", "I", "PP", "\\"}
