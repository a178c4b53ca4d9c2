"""Runtime commands about certificates, authorities and crt-lists: both programs answer the same, word by word, and what
clients get after each of them is the same.

What differs on purpose (docs/differences.md) is taken out of answers before they are compared.
"""

from __future__ import annotations

import re
import ssl
import warnings
from hashlib import sha256
from pathlib import Path
from socket import create_connection

import pytest
from support.certificates import Authority, authority
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
    nbthread 2
crt-store web
    crt-base {files}
    load crt stored.pem alias site
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend web
    bind 127.0.0.1:{port:one} ssl crt {files}/first.pem crt {files}/both-rsa.pem crt-list {files}/list
    bind 127.0.0.1:{port:two} ssl crt {files}/both-rsa.pem ca-file {files}/ca.pem verify optional crl-file {files}/crl
    bind 127.0.0.1:{port:folder} ssl crt {files}/folder
    bind 127.0.0.1:{port:begins} ssl crt-list {files}/list
    http-request return status 200
frontend used
    bind 127.0.0.1:{port:used} ssl crt {files}/first.pem
    ssl-f-use crt {files}/second.pem
    http-request return status 200
"""
LIST = """# names
{files}/wild.pem [alpn http/1.1] *.wild.test !not.wild.test

{files}/wild.pem
{files}/both-rsa.pem [verify optional ca-file {files}/ca.pem] foo.test  BAR.test
{files}/second.pem *
"""
NAMES = ["", "none.test", "first.test", "both.test", "a.wild.test", "not.wild.test", "new.test", "x.new.test"]
NAMES += ["second.test", "foo.test", "bar.test", "stored.test", "one.test", "a.two.test", "no.two.test"]
PORTS = ["one", "two", "folder", "begins", "used"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    stranger = Authority("somebody else")
    authority().pem("gone.test", revoked=True)
    contents = {
        "first.pem": authority().pem("first.test"),
        "both-rsa.pem": authority().pem("both.test", "rsa"),
        "both-ec.pem": authority().pem("both.test"),
        "wild.pem": authority().pem("*.wild.test"),
        "second.pem": authority().pem("second.test", "rsa") + authority().ca,
        "stored.pem": authority().pem("stored.test"),
        "new.pem": authority().pem("new.test"),
        "folder/a.pem": authority().pem("one.test"),
        "folder/b.pem": authority().pem("first.test", "rsa"),
        "ca.pem": authority().ca,
        "stranger.pem": stranger.ca,
        "both-ca.pem": authority().ca + stranger.ca,
        "crl": authority().crl(),
        "two.crl": authority().crl() + stranger.crl(),
        "garbage": b"garbage\n",
    }
    certificate, key = contents["new.pem"].split(b"-----BEGIN PRIVATE", 1)
    contents |= {"alone.crt": certificate, "alone.key": b"-----BEGIN PRIVATE" + key}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "list").write_text(LIST.format(files=folder))
    return folder


# Commands, with "<" and a file whose content is their payload, or "=" and the payload. F: the folder.
STORY = """
show ssl sni
show ssl cert
show ssl cert F/first.pem
show ssl cert F/second.pem
show ssl cert none
show ssl cert *none
show ssl cert a b
show ssl cert @web/site
new ssl cert
new ssl cert new.pem
new ssl cert new.pem
new ssl cert F/first.pem
show ssl cert new.pem
show ssl cert *new.pem
commit ssl cert new.pem
commit ssl cert
abort ssl cert
abort ssl cert none
set ssl cert
set ssl cert new.pem
set ssl cert none < new.pem
set ssl cert new.pem < garbage
set ssl cert new.pem < alone.crt
show ssl cert
show ssl cert *new.pem
commit ssl cert new.pem
set ssl cert F/first.pem < new.pem
set ssl cert new.pem < new.pem
show ssl cert *new.pem
commit ssl cert none
abort ssl cert none
del ssl cert new.pem
commit ssl cert new.pem
show ssl cert new.pem
dump ssl cert new.pem
add ssl crt-list F/list new.pem
show ssl crt-list -n F/list
del ssl cert new.pem
add ssl crt-list F/list = new.pem one.test *.two.test !no.two.test
add ssl crt-list F/list = new.pem [bad x] one.test
add ssl crt-list F/list = new.pem [ca-file none verify required]
add ssl crt-list F/list = none.pem x.test
add ssl crt-list none new.pem
add ssl crt-list F/list
add ssl crt-list
show ssl crt-list -n F/list
del ssl crt-list F/list new.pem
del ssl crt-list F/list new.pem:99
del ssl crt-list F/list new.pem:x
del ssl crt-list F/list none
del ssl crt-list F/list F/folder/a.pem
del ssl crt-list none new.pem
del ssl crt-list F/list F/wild.pem:2
del ssl crt-list F/list new.pem:7
show ssl crt-list F/list
set ssl cert new.pem < both-ec.pem
commit ssl cert new.pem
del ssl crt-list F/list new.pem
del ssl cert new.pem
del ssl cert new.pem
set ssl cert F/both-rsa.pem < both-ec.pem
commit ssl cert F/both-rsa.pem
set ssl cert F/first.pem.key < alone.key
commit ssl cert F/first.pem
abort ssl cert F/first.pem
set ssl cert F/first.pem < new.pem
commit ssl cert F/first.pem
set ssl cert F/first.pem.issuer < ca.pem
commit ssl cert F/first.pem
show ssl crt-list
show ssl crt-list -n
show ssl crt-list none
show ssl crt-list -n F/folder
add ssl crt-list F/folder/ F/first.pem
add ssl crt-list F/folder = F/second.pem x.test
del ssl crt-list F/folder F/folder/a.pem
del ssl crt-list F/folder F/folder/b.pem
show ssl crt-list -n F/folder
add ssl crt-list @used @web/site
show ssl crt-list -n @used
del ssl crt-list @used F/second.pem
del ssl cert F/first.pem
del ssl cert none
del ssl cert
show ssl ca-file
show ssl ca-file F/ca.pem
show ssl ca-file F/ca.pem:2
show ssl ca-file F/ca.pem:0
show ssl ca-file F/ca.pem:x
show ssl ca-file none
new ssl ca-file n.x
new ssl ca-file n.x
show ssl ca-file n.x
set ssl ca-file n.x < garbage
set ssl ca-file none < ca.pem
set ssl ca-file n.x < both-ca.pem
show ssl ca-file
show ssl ca-file *n.x:2
set ssl ca-file F/ca.pem < ca.pem
del ssl ca-file n.x
commit ssl ca-file n.x
show ssl ca-file n.x:1
del ssl ca-file F/ca.pem
del ssl ca-file n.x
add ssl ca-file F/ca.pem < stranger.pem
show ssl ca-file
commit ssl ca-file F/ca.pem
show ssl ca-file F/ca.pem
show ssl crl-file
show ssl crl-file F/crl
show ssl crl-file F/crl:9
set ssl crl-file F/crl < two.crl
show ssl crl-file *F/crl:2
commit ssl crl-file F/crl
show ssl crl-file F/crl
abort ssl crl-file F/crl
new ssl crl-file n.x
show ssl crl-file n.x
del ssl crl-file n.x
del ssl crl-file F/crl
show ssl sni
show ssl sni -f used
show ssl sni -A -t 9000d
show ssl sni -f none
show ssl sni -f
show ssl sni -t
show ssl sni -A -t x
show ssl sni -x
show ssl sni -A
show ssl providers
"""
CHANGES = ("commit", "add ssl crt-list", "del ssl crt-list")


def request(line: str, files: Path) -> str:
    """A command as it is sent."""
    command, sign, given = line.partition(" < ") if " < " in line else line.partition(" = ")
    payload = ""
    if sign:
        payload = (files / given).read_text() if sign == " < " else given.replace("F/", f"{files}/")
        payload = f" <<%END%\n{payload}\n%END%"
    return command.replace("F/", f"{files}/") + payload


def compared(answer: str, files: Path) -> str:
    """Without what differs on purpose."""
    text = answer.replace(f"{files}/", "F/")
    text = re.sub(r"(?m)^(Key|OCSP|OCSP Issuer|SCTL|Crt) filename: .*\n", "", text)
    text = re.sub(r"(?m)^(Subject Alternative Name: .*?), $", r"\1", text)  # where an address is left out
    text = text.replace("\0", "")  # which 3.2 writes behind `alpn`
    text = re.sub(r"\[alpn ([^ \]]+)  ?", r"[alpn \1 ", text).replace(" ]", "]")
    text = re.sub(r"(?m)^@system-ca - .*\n", "", text)  # which its HTTP client has loaded
    if "\tSNI\t" in text:  # a certificate that was replaced keeps its place
        text = "\n".join(sorted(text.splitlines()))
    return text.strip("\n")


def shown(port: int, name: str, rsa: bool) -> str:
    """The certificate's digest, or why there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if rsa:
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with (
            create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain, server_hostname=name or None) as sock,
        ):
            return sha256(sock.getpeercert(True) or b"").hexdigest()[:16]
    except ssl.SSLError as error:
        return error.reason or "an error"


def told(kind: Kind, folder: Path, files: Path) -> list[tuple[str, str, dict[tuple[str, str, bool], str]]]:
    """Each command with its answer, and what clients get behind it where something may have changed."""
    folder.mkdir()
    found = []
    with Program(kind, TEXT, folder, {"files": str(files)}) as program:
        for line in STORY.strip().splitlines():
            answer = query(folder / "stats", request(line, files)).replace(f"{folder}/", "")
            got: dict[tuple[str, str, bool], str] = {}
            if line.startswith(CHANGES):
                for port in PORTS:
                    for name in NAMES:
                        got[port, name, False] = shown(program.ports[port], name, False)
                    got[port, "both.test", True] = shown(program.ports[port], "both.test", True)
            found.append((line, compared(answer, files), got))
    return found


def test_commands_are_answered_alike_and_do_the_same(files: Path, tmp_path: Path) -> None:
    theirs, ours = (told(kind, tmp_path / kind.name, files) for kind in (HAPROXY, POINTSMAN))
    wrong: list[object] = []
    for (line, their_answer, their_clients), (_, answer, clients) in zip(theirs, ours, strict=True):
        if answer != their_answer:
            wrong.append((line, their_answer, answer))
        wrong += [(line, key, their_clients[key], got) for key, got in clients.items() if got != their_clients[key]]
    assert wrong == []
