"""docs/tls-renewal.md: its commands, one after the other, on its configuration, do what it says."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from support.certificates import Authority, authority
from support.crowd import children, until
from support.programs import POINTSMAN, ROOT, Program

from pointsman.core.tls import VERSION, pem_certificates

pytestmark = [
    pytest.mark.skipif(not VERSION, reason="built without OpenSSL"),
    pytest.mark.skipif(shutil.which("socat") is None, reason="socat is needed"),
]
PAGE = (ROOT / "docs" / "tls-renewal.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"(?m)^    (printf .*)$")


def sections() -> dict[str, list[str]]:
    """The commands by the headings above them."""
    _, *parts = re.split(r"(?m)^## ", PAGE)
    return {part.partition("\n")[0]: COMMAND.findall(part) for part in parts}


def run(program: Program, command: str) -> str:
    """What it prints, in the page's words for places."""
    folder = str(program.folder)
    placed = command.replace("/run/haproxy", folder).replace("/etc/haproxy", folder)
    done = subprocess.run(
        placed, shell=True, cwd=program.folder, capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stderr == ""
    return done.stdout.replace(folder, "/etc/haproxy").rstrip("\n")


def shown(port: int, name: str, certificate: Path | None = None) -> bytes:
    """The certificate that a client gets who may then ask something."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate)
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        der = sock.getpeercert(True)
    assert der is not None
    return der


def leaf(pem: bytes) -> bytes:
    return pem_certificates(pem)[0]


def test_every_command_of_the_page(tmp_path: Path) -> None:
    stranger = Authority("clients of somebody else")
    files = {
        "site.pem": authority().pem("www.site.test"),
        "new.pem": authority().pem("new.site.test"),
        "shop.pem": authority().pem("shop.test"),
        "other.pem": authority().pem("other.test"),
        "clients.pem": stranger.ca,
        "more.pem": authority().ca,
    }
    client, revoked = authority().path("client.test"), authority().path("gone.test", revoked=True)
    files["revoked.pem"] = stranger.crl() + authority().crl()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "domains.txt").write_text(f"{tmp_path}/other.pem\n")
    text = re.findall(r"(?ms)^```haproxy\n(.*?)^```$", PAGE)[0]
    for place in ("/run/haproxy", "/etc/haproxy"):
        text = text.replace(place, str(tmp_path))
    text = text.replace("127.0.0.1:8443", "127.0.0.1:{port:web}").replace("127.0.0.1:8444", "127.0.0.1:{port:known}")
    by = sections()
    with Program(POINTSMAN, text, tmp_path) as program:
        until(lambda: len(children(program.pid)) in (0, 3))
        web, known = program.ports["web"], program.ports["known"]

        said = [run(program, command) for command in by["A new certificate in place of an old one"]]
        assert said[:2] == [
            "Transaction created for certificate /etc/haproxy/site.pem!",
            "Committing /etc/haproxy/site.pem..\nSuccess!",
        ]
        assert "\nSubject: /CN=new.site.test\n" in said[2]
        assert shown(web, "anything.test") == leaf(files["new.pem"])

        lines = by["A new domain"]
        said = [run(program, command) for command in lines[:5]]
        assert said[4] == (
            "# /etc/haproxy/domains.txt\n/etc/haproxy/other.pem:1\n"
            "shop.pem:2 [ssl-min-ver TLSv1.3] *.shop.test !intern.shop.test"
        )
        assert shown(web, "a.shop.test") == leaf(files["shop.pem"])
        assert shown(web, "intern.shop.test") == leaf(files["new.pem"])
        said = [run(program, command) for command in lines[5:]]
        assert said == [
            "Entry 'shop.pem' deleted in crtlist '/etc/haproxy/domains.txt'!",
            "Certificate 'shop.pem' deleted!",
        ]
        assert shown(web, "a.shop.test") == leaf(files["new.pem"])

        lines = by["Clients' certificates"]
        (tmp_path / "revoked.pem").write_bytes(stranger.crl() + Authority("not yet").crl())
        with pytest.raises(OSError, match="alert"):
            shown(known, "a.test", client)
        assert run(program, lines[0]) == "transaction created for CA /etc/haproxy/clients.pem!"
        assert run(program, lines[1]).endswith("Success!")
        assert shown(known, "a.test", client)
        with pytest.raises(OSError, match="alert"):
            shown(known, "a.test", revoked)
        # One who is revoked later: the list of the file names nobody of this authority.
        early = authority().path("early.test", revoked=True)
        assert shown(known, "a.test", early)
        (tmp_path / "revoked.pem").write_bytes(stranger.crl() + authority().crl())
        assert run(program, lines[2]) == "transaction created for CRL /etc/haproxy/revoked.pem!"
        assert run(program, lines[3]).endswith("Success!")
        with pytest.raises(OSError, match="alert"):
            shown(known, "a.test", early)
        assert shown(known, "a.test", client)

        said = [run(program, command) for command in by["What is there"]]
        assert said[0] == "# filename\n/etc/haproxy/other.pem\n/etc/haproxy/site.pem"
        assert said[1] == "# filename\n/etc/haproxy/clients.pem - 2 certificate(s)"
        assert "\tnew.site.test\t-\tecdsa\t/etc/haproxy/site.pem\t" in said[2]
        assert said[3].count("\n") == 0  # none of them so soon
    assert sum(len(commands) for commands in by.values()) == len(COMMAND.findall(PAGE)) == 18
