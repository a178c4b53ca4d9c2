"""Runtime commands about OCSP responses: both programs answer the same, word by word."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.scenario import query

from pointsman.core.tls import MISSING

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
]

TEXT = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend web
    bind 127.0.0.1:{port:web} ssl crt {files}/first.pem crt {files}/second.pem
    http-request return status 200
"""
# F: the folder; <word>: a response in base64.
STORY = """
show ssl ocsp-response
show ssl ocsp-response F/first.pem
show ssl ocsp-response text F/first.pem
show ssl ocsp-response base64 F/first.pem
show ssl ocsp-response ID
show ssl ocsp-response text ID
show ssl ocsp-response base64 ID
show ssl ocsp-response none
show ssl ocsp-response text none
show ssl ocsp-response base64
show ssl ocsp-response text
show ssl ocsp-response other F/first.pem
show ssl ocsp-response F/second.pem
show ssl cert F/first.pem.ocsp
show ssl cert F/second.pem.ocsp
show ssl ocsp-updates
set ssl ocsp-response
set ssl ocsp-response !
set ssl ocsp-response aGFsbG8=
set ssl ocsp-response <other>
set ssl ocsp-response <endless>
set ssl ocsp-response <renewed>
show ssl ocsp-response base64 F/first.pem
set ssl cert F/first.pem.ocsp <again>
show ssl cert *F/first.pem.ocsp
show ssl cert F/first.pem.ocsp
commit ssl cert F/first.pem
show ssl ocsp-response base64 F/first.pem
update ssl ocsp-response
update ssl ocsp-response none
update ssl ocsp-response F/second.pem
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    path = authority().path("first.test")
    (folder / "first.pem").write_bytes(path.read_bytes() + authority().ca)
    (folder / "first.pem.ocsp").write_bytes(authority().ocsp(path))
    (folder / "second.pem").write_bytes(authority().pem("second.test"))
    return folder


def transcript(kind: Kind, files: Path, folder: Path, responses: dict[str, bytes]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    with Program(kind, TEXT, folder, values={"files": str(files)}) as program:
        identifier = query(folder / "stats", "show ssl ocsp-response").split("key : ")[1].split("\n")[0]
        for line in STORY.strip().split("\n"):
            asked = line.replace("F/", f"{files}/").replace("ID", identifier)
            for name, der in responses.items():
                text = base64.b64encode(der).decode()
                asked = asked.replace(f"<{name}>", text if "ocsp-response" in line else f"<<\n{text}\n")
            found.append((line, query(program.folder / "stats", asked).rstrip("\n")))
    return found


def test_both_answer_the_same(files: Path, tmp_path: Path) -> None:
    path = authority().path("first.test")
    responses = {
        "other": authority().ocsp(authority().path("other.test")),
        "endless": authority().ocsp(path, "-no_nonce"),
        "renewed": authority().ocsp(path, "-ndays", "4"),
        "again": authority().ocsp(path, "-ndays", "5"),
    }
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    theirs = transcript(HAPROXY, files, tmp_path / "theirs", responses)
    ours = transcript(POINTSMAN, files, tmp_path / "ours", responses)
    for answered, expected in zip(ours, theirs, strict=True):
        assert answered == expected
