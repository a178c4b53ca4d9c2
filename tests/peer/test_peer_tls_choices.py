"""What clients get from lines about TLS: certificates by name, versions and protocols, the same from both programs.

Certificates come from files, bundles, folders, crt-lists, crt-stores and ssl-f-use (manual 5.1, 12.7, 4.2).
"""

from __future__ import annotations

import ssl
import warnings
from hashlib import sha256
from pathlib import Path
from socket import create_connection

import pytest
from support.certificates import authority
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version

from pointsman.core.tls import MISSING

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
]

TEXT = """
global
    ssl-default-bind-options {options}
    crt-base {files}
crt-store web
    crt-base {files}
    key-base {files}
    load crt alone.crt key alone.key alias site
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend files
    bind 127.0.0.1:{port:files} ssl crt first.pem crt both crt @web/site
    http-request return status 200
frontend defaults
    bind 127.0.0.1:{port:defaults} ssl crt first.pem default-crt wild.pem crt other.pem
    http-request return status 200
frontend bundle
    bind 127.0.0.1:{port:bundle} ssl crt both crt first.pem
    http-request return status 200
frontend folder
    bind 127.0.0.1:{port:folder} ssl crt {files}/folder
    http-request return status 200
frontend listed
    bind 127.0.0.1:{port:listed} ssl crt-list {files}/list alpn http/1.0 strict-sni
    http-request return status 200
frontend used
    bind 127.0.0.1:{port:used} ssl crt other.pem
    bind 127.0.0.1:{port:again} ssl crt first.pem no-alpn
    ssl-f-use crt wild.pem ssl-max-ver TLSv1.2
    ssl-f-use crt alone.crt key {files}/alone.key ssl-min-ver TLSv1.3
    http-request return status 200
frontend versions
    bind 127.0.0.1:{port:versions} ssl crt first.pem ssl-max-ver TLSv1.2
    http-request return status 200
frontend plain
    mode tcp
    bind 127.0.0.1:{port:plain} ssl crt first.pem
    default_backend none
backend none
    mode tcp
    server s 127.0.0.1:{port:nobody}
"""

LIST = """# certificates of many names
first.pem
wild.pem [alpn http/1.1] *.wild.test !not.wild.test
other.pem [ssl-min-ver TLSv1.3] Upper.Test exact.wild.test
both [no-alpn] both.test
@web/site [ssl-max-ver TLSv1.2] site.test *.site.test
"""

NAMES = ("", "first.test", "other.test", "a.wild.test", "not.wild.test", "exact.wild.test", "upper.test", "both.test",
         "site.test", "a.site.test", "unknown.test")  # fmt: skip
PLACES = ("files", "defaults", "bundle", "folder", "listed", "used", "again", "versions")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, ca = tmp_path_factory.mktemp("certificates"), authority()
    certificate, key = ca.pem("site.test").split(b"-----BEGIN PRIVATE")
    texts = {
        "first.pem": ca.pem("first.test"),
        "other.pem": ca.pem("other.test", "rsa"),
        "wild.pem": ca.pem("*.wild.test"),
        "both.ecdsa": ca.pem("both.test"),
        "both.rsa": ca.pem("both.test", "rsa"),
        "alone.crt": certificate,
        "alone.key": b"-----BEGIN PRIVATE" + key,
        "folder/b.pem": ca.pem("first.test"),
        "folder/a.pem": ca.pem("other.test", "rsa"),
        "folder/c.pem": ca.pem("*.wild.test"),
        "folder/c.pem.issuer": ca.ca,
        "folder/.hidden": b"",
        "list": LIST.encode(),
    }
    (made / "folder").mkdir()
    for name, text in texts.items():
        (made / name).write_bytes(text)
    return made


def client(version: ssl.TLSVersion, rsa: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of old versions
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("aRSA:@SECLEVEL=0" if rsa else "ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["http/1.1", "http/1.0"])
    return context


def answers(kind: Kind, folder: Path, files: Path, options: str) -> dict[str, str]:
    """For each place, name, version and kind of key: the certificate, and the protocol; or that there is none."""
    clients = {
        "1.1": client(ssl.TLSVersion.TLSv1_1, False),
        "1.2": client(ssl.TLSVersion.TLSv1_2, False),
        "1.2 rsa": client(ssl.TLSVersion.TLSv1_2, True),
        "1.3": client(ssl.TLSVersion.TLSv1_3, False),
    }
    found = {}
    with Program(kind, TEXT, folder, {"files": str(files), "options": options}) as program:
        for place in PLACES:
            for name in NAMES:
                for what, context in clients.items():
                    found[f"{place} {name} {what}"] = answer(program.ports[place], name, context)
        found["plain"] = answer(program.ports["plain"], "", clients["1.3"])
    return found


def answer(port: int, name: str, context: ssl.SSLContext) -> str:
    with create_connection(("127.0.0.1", port), 5) as sock:
        try:
            with context.wrap_socket(sock, server_hostname=name or None) as tls:
                leaf = tls.getpeercert(binary_form=True)
                assert leaf is not None
                return f"{sha256(leaf).hexdigest()} {tls.selected_alpn_protocol()}"
        except OSError:
            return "none"


@pytest.mark.parametrize("options", ["no-sslv3 no-tls-tickets", "ssl-min-ver TLSv1.1"])
def test_clients_get_the_same(options: str, files: Path, tmp_path: Path) -> None:
    there, here = (answers(kind, tmp_path / kind.name, files, options) for kind in (HAPROXY, POINTSMAN))
    wrong = [f"{case}: haproxy {there[case]}, here {here[case]}" for case in there if there[case] != here[case]]
    assert not wrong, "\n".join(wrong)
    assert len(set(there.values())) > 8
