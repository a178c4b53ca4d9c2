"""Documentation stays true: every configuration in it loads without a warning, every link and command exists."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import ROOT

from pointsman.cli import main
from pointsman.core.tls import MISSING

PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
BLOCK = re.compile(r"(?ms)^```haproxy\n(.*?)^```$")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
FOLDER = "/etc/haproxy/"
FILES: dict[str, Callable[[], bytes]] = {  # of TLS, as pages name them
    "site.pem": lambda: authority().pem("www.example.test"),
    "clients.pem": lambda: authority().ca,
    "revoked.pem": lambda: authority().crl(),
    "domains.txt": lambda: b"",
}
BLOCKS = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1)
]


@pytest.mark.parametrize("text", BLOCKS)
def test_configuration_loads(text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As a file of its own, and nothing is to be said about it. Certificates that pages name are of ours."""
    path = tmp_path / "haproxy.cfg"
    for name, content in FILES.items():
        if FOLDER + name in text:
            if MISSING:
                pytest.skip("built without OpenSSL")
            (tmp_path / name).write_bytes(content())
            text = text.replace(FOLDER + name, str(tmp_path / name))
    (tmp_path / "server-state").write_text("1\n", encoding="ascii")  # of a process that was there before
    text = text.replace("/var/lib/haproxy/", f"{tmp_path}/")
    path.write_text(text, encoding="utf-8")
    status = main(["-c", "-dW", "-f", str(path)])
    printed = capfd.readouterr()
    assert (status, printed.out, printed.err) == (0, "", "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file of the project."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_what_is_refused_of_tls_stands_among_the_differences() -> None:
    """Each word, in the table that has the reasons, and no other."""
    rows = [line.split("\t") for line in (ROOT / "tests/unit/config/words.tsv").read_text().splitlines()]
    refused = {row[1] for row in rows if row[0] in ("bind", "server") and row[-1] == "refused"} - {"nbconn"}
    refused |= {row[1] for row in rows if row[0] == "global" and row[1].startswith("ssl-") and row[-1] == "refused"}
    assert {"ech", "npn", "ssl-provider"} <= refused
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8").partition("\n## TLS\n")[2]
    table = re.findall(r"(?m)^\| (`.*?) \|", text.partition("\n## ")[0])
    told = {word for row in table for word in re.findall(r"`([^`]+)`", row)}
    assert told - {"stats socket ... ssl"} == refused | {"acme", "domains", "ips", "load"}


def test_every_page_is_found_from_the_readme() -> None:
    """One link at least leads to each."""
    linked = {(ROOT / target).resolve() for target in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert {page for page in PAGES if page.name != "README.md"} <= linked


def test_commands_of_make_exist() -> None:
    """What pages say of `make` is a target."""
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = {
        name for page in PAGES for name in re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test", "check", "bench", "example"} <= targets
    assert named <= targets


def test_ci_runs_the_command_of_the_readme() -> None:
    """What a newcomer is told to run is what CI runs."""
    told = re.search(r"(?m)^    (make test)\b", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert told and re.search(rf"(?m)^\s+{told[1]}$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))


def test_the_tour_names_every_folder() -> None:
    """ARCHITECTURE.md and the import contract know each part of the package."""
    tour = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in (ROOT / "pointsman").iterdir():
        if path.is_dir() and path.name != "__pycache__":
            assert f"| `{path.name}/` |" in tour, path.name
        elif path.suffix == ".py" and not path.name.startswith("__"):
            assert f"| `{path.name}` |" in tour, path.name


def test_files_of_tls_in_the_tour_exist() -> None:
    """And a file that tells versions of OpenSSL apart is named where that stands."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("\n## TLS\n")[2].partition("\n## ")[0]
    for folder in ("tls", "core"):
        table = text.partition(f"| in `{folder}/` |")[2].partition("\n\n")[0]
        named = re.findall(r"`(\w+\.(?:py|c|h))`", table)
        assert len(named) > 8
        for name in named:
            assert (ROOT / "pointsman" / folder / name).exists(), name
    versions = re.search(r"(?ms)^Versions of OpenSSL: (.*?)\n\n", text)
    assert versions
    for path in (ROOT / "pointsman" / "core").glob("_tls*.[ch]"):
        assert "OPENSSL_VERSION_NUMBER" not in path.read_text() or f"`{path.name}`" in versions[1], path.name


def test_every_dependency_has_its_reason() -> None:
    """What pyproject.toml asks for stands in ARCHITECTURE.md."""
    tour = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    wanted = re.findall(r'"([A-Za-z][\w-]*)>=', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "uvloop" in wanted and "mypy" in wanted
    for name in set(wanted) - {"setuptools"}:
        assert re.search(rf"(?m)^\| [^|]*\b{re.escape(name)}\b", tour), name


def test_files_of_the_tour_exist() -> None:
    """docs/life-of-a-stream.md names functions that are there."""
    text = (ROOT / "docs" / "life-of-a-stream.md").read_text(encoding="utf-8")
    table = re.search(r"(?ms)^```\n(.*?)^```$", text)
    assert table
    for line in table[1].splitlines():
        path, names = line.split()[0], re.match(r"\S+ +((?:\w[\w.]*(?:, )?)+)", line)
        source = (ROOT / "pointsman" / path).read_text(encoding="utf-8")
        assert names
        for name in names[1].split(", "):
            assert f"def {name.split('.')[-1]}(" in source or name == "accept", f"{path}: {name}"
