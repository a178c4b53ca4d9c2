"""Lines that are changed before they are parsed: their words, their places, and files that take the place of others."""

import os
from pathlib import Path

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.config.load import load
from pointsman.config.setting import Configuration, Section
from pointsman.core.diagnostics import Diagnostics
from pointsman.core.words import Line
from pointsman.verbs.trial.lines import Lines
from pointsman.verbs.trial.material import Material
from pointsman.verbs.trial.order import Order
from pointsman.verbs.trial.stand_ins import StandIns


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading files enters a folder and sets variables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())


class Reading:
    """A configuration as a run reads it: its lines' words, as they are parsed."""

    def __init__(self, folder: Path, text: str, *others: str) -> None:
        file = folder / "haproxy.cfg"
        file.write_text(text)
        run = folder / "run"
        run.mkdir(mode=0o700)
        self.material = Material(str(run))
        self.lines = Lines(Order([str(file)], str(run), 1, 2, 3), self.material)
        self.seen: list[str] = []
        self.parsed: list[Line] = []
        self.diagnostics = Diagnostics()
        self.variables = StandIns({})
        self.configuration: Configuration = load(
            ["haproxy.cfg", *others],
            self.diagnostics,
            variables=self.variables,
            directory=str(folder),
            prepare=self._prepare,
        )
        self.run = str(run)

    def _prepare(self, line: Line, section: Section, configuration: Configuration) -> Line | None:
        changed = self.lines(line, section, configuration)
        if changed is not None:
            self.parsed.append(changed)
            self.seen.append(" ".join(word.text for word in changed.words).replace(self.material.folder.name, "RUN"))
        return changed


def test_a_laptop_is_no_server(tmp_path: Path) -> None:
    text = """\
global
    chroot /var/empty
    user nobodyhere
    nbthread 64
    log logs.internal:514 local0
    stats socket /run/x.sock user nobodyhere mode 660 level admin
defaults
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    mode http
    log global
    errorfile 503 /nowhere/503.http
    load-server-state-from-file global
    source 10.0.0.1
resolvers dns
    nameserver a 10.0.0.9:53
frontend www
    bind www.internal:80,10.0.0.1:81 user nobodyhere
    bind quic4@:443
    http-request deny if { src -f /nowhere/deny.lst }
    http-request set-header X %[path,map_beg(/nowhere/x.map,none)]
    http-request add-acl(/nowhere/deny.lst) %[src] if { path /own }
    http-request set-map(/nowhere/x.map) %[path] 1 if { path /own }
    use_backend api if { hdr(host) -i api.example.com .other.example.com }
backend api
    option external-check
    server a app.internal:80 addr check.internal check source 10.0.0.3 usesrc clientip weight 7
"""
    reading = Reading(tmp_path, text)
    assert not reading.diagnostics.failed, [one.render() for one in reading.diagnostics.findings]
    seen = "\n".join(reading.seen)
    run = f"{tmp_path}/RUN"
    assert f"log {run}/log local0" in seen
    assert f"stats socket {run}/stats-1.sock level admin" in seen
    assert f"errorfile 503 {run}/files/nowhere/503.http" in seen
    assert "nameserver a 127.0.0.1:2" in seen
    assert "bind 127.0.0.1:80,10.0.0.1:81" in seen
    assert f"-f {run}/files/nowhere/deny.lst" in seen
    assert f"map_beg({run}/files/nowhere/x.map,none)" in seen
    assert f"add-acl({run}/files/nowhere/deny.lst)" in seen
    assert f"set-map({run}/files/nowhere/x.map)" in seen
    assert "server a app.internal:80 check weight 7" in seen
    for gone in ("chroot", "nobodyhere", "nbthread", "quic", "source", "external", "load-server-state"):
        assert gone not in seen
    assert list(reading.lines.names) == ["api.example.com", "*.other.example.com"]
    assert set(reading.lines.left_out) >= {"chroot", "user", "nbthread", "source", "external-check"}
    assert [Path(at).name for at in reading.lines.quic] == ["haproxy.cfg:20"]


def test_several_files_conditions_and_default_path(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "known.lst").write_text("10.0.0.1\n")
    (tmp_path / "conf" / "b.cfg").write_text("frontend b\n    http-request deny if { src -f known.lst }\n")
    text = """\
global
    default-path config
    presetenv MODE tcp
    setenv NAME set
defaults
    mode "${MODE}"
.if defined(NOT_SET)
frontend gone
.endif
.if streq("$NAME",set)
backend "${NAME}"
    server "${UNKNOWN}" 10.0.0.1:80
.endif
"""
    reading = Reading(tmp_path, text, "conf")
    assert not reading.diagnostics.failed, [one.render() for one in reading.diagnostics.findings]
    assert "mode tcp" in reading.seen
    assert [proxy.name for proxy in reading.configuration.proxies] == ["set", "b"]
    assert "server unknown 10.0.0.1:80" in reading.seen
    assert reading.variables.made == {"UNKNOWN": "unknown"}
    assert "http-request deny if { src -f known.lst }" in reading.seen
    assert not reading.material.made


def test_words_keep_their_places(tmp_path: Path) -> None:
    reading = Reading(tmp_path, "frontend www\n    bind web.internal:80 maxconn x\n")
    [finding] = [one for one in reading.diagnostics.findings if "maxconn" in one.message]
    assert (finding.position.line, finding.position.text.strip()) == (2, "bind web.internal:80 maxconn x")
    assert finding.position.column == reading.parsed[0].words[3].at.column == 34


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "deny.lst").write_text("10.0.0.1\n")
    (tmp_path / "list.txt").write_text("here.pem [alpn h2] here.example.com\n# a remark\nmissing.pem\n")
    (tmp_path / "here.pem").write_text("")
    text = """\
global
    crt-base .
frontend www
    bind :443 ssl crt-list list.txt
    http-request deny if { src -f deny.lst }
"""
    reading = Reading(tmp_path, text)
    assert "-f deny.lst" in reading.seen[-1]
    [new] = [path for kind, path in reading.material.made.values() if kind == "list"]
    first, second, third = Path(new).read_text().splitlines()
    assert first == "here.pem [alpn h2] here.example.com".replace("here.pem", "./here.pem", 1)
    assert second == "# a remark"
    assert third.startswith(reading.run)
    assert Path(third).stat().st_mode & 0o777 == 0o600
