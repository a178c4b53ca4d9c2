"""Lines about TLS: what haproxy accepts is accepted here, and what it refuses is refused (manual 3.1, 5.1, 4.2, 12.7).

The peer has to be 3.2 or later, as older ones lack half of the words. Lines on which the two differ on purpose stand in
DIFFERENT; docs/differences.md tells of them.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import HAPROXY, peer_version

import pointsman.keywords
from pointsman.assemble import assembled
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.core.tls import MISSING

assert pointsman.keywords

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
]

TEXT = """global
{global}
{store}
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend f
    bind 127.0.0.1:1 {bind}
{front}
backend b
    server s 127.0.0.1:1 {server}
"""

BIND = """
ssl crt ec.pem
ssl crt ec.pem crt rsa.pem
ssl
ssl strict-sni
ssl no-strict-sni strict-sni
ssl strict-sni no-strict-sni
ssl default-crt ec.pem
ssl crt folder
ssl crt folder/
ssl crt empty
ssl crt empty strict-sni
ssl crt bundle.pem
ssl crt bundle.pem.rsa
ssl crt nofile
ssl crt alone.crt
ssl crt beside.crt
ssl crt
ssl crt-list
ssl crt-list nofile
ssl crt ec.pem verify none
ssl crt ec.pem verify optional
ssl crt ec.pem verify required
ssl crt ec.pem verify required ca-file ca.pem
ssl crt ec.pem verify optional ca-verify-file ca.pem
ssl crt ec.pem verify optional ca-file @system-ca
ssl crt ec.pem verify optional ca-file ca.pem crl-file crl.pem
ssl crt ec.pem verify optional ca-file ca.pem no-ca-names
ssl crt ec.pem verify optional ca-file nofile
ssl crt ec.pem verify optional ca-file ca.pem crl-file nofile
ssl crt ec.pem verify foo
ssl crt ec.pem ca-ignore-err all crt-ignore-err all
ssl crt ec.pem ca-ignore-err 10,20
ssl crt ec.pem ca-ignore-err 10,,20
ssl crt ec.pem crt-ignore-err X509_V_ERR_CERT_HAS_EXPIRED,10
ssl crt ec.pem crt-ignore-err foo
ssl crt ec.pem crt-ignore-err 999
ssl crt ec.pem crt-ignore-err all,10
ssl crt ec.pem alpn http/1.1
ssl crt ec.pem alpn h2,,http/1.1,
ssl crt ec.pem alpn ,
ssl crt ec.pem alpn
ssl crt ec.pem no-alpn
ssl crt ec.pem ssl-min-ver TLSv1.2
ssl crt ec.pem ssl-min-ver TLSv1.4
ssl crt ec.pem ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2
ssl crt ec.pem ssl-max-ver TLSv1.2
ssl crt ec.pem force-tlsv12
ssl crt ec.pem force-tlsv12 ssl-min-ver TLSv1.3
ssl crt ec.pem no-tlsv12
ssl crt ec.pem no-tlsv12 no-tlsv13
ssl crt ec.pem no-sslv3 no-tlsv10 no-tlsv11
ssl crt ec.pem no-sslv3 ssl-min-ver TLSv1.2
ssl crt ec.pem ciphers HIGH:!aNULL
ssl crt ec.pem ciphers foo
ssl crt ec.pem ciphersuites TLS_AES_128_GCM_SHA256
ssl crt ec.pem ciphersuites foo
ssl crt ec.pem curves X25519:P-256
ssl crt ec.pem curves foo
ssl crt ec.pem ecdhe secp384r1
ssl crt ec.pem ecdhe foo
ssl crt ec.pem sigalgs RSA+SHA256:ECDSA+SHA256
ssl crt ec.pem sigalgs foo
ssl crt ec.pem client-sigalgs RSA+SHA256
ssl crt ec.pem client-sigalgs foo
ssl crt ec.pem tls-ticket-keys nofile
ssl crt ec.pem no-tls-tickets tls-tickets prefer-client-ciphers
ssl crt ec.pem allow-0rtt
crt ec.pem no-sslv3 alpn h2 verify none
verify foo
crt-list nofile
tls-ticket-keys nofile
ssl crt @web/none
"""

LISTS = """
ec.pem
ec.pem a.b *.c !d.c
ec.pem [alpn x] a.b
ec.pem [alpn x]a.b
ec.pem [] a.b
ec.pem *
ec.pem !*
ec.pem !a
ec.pem # a
ec.pem [alpn x
ec.pem a [alpn x]
ec.pem alpn x]
ec.pem [alpn x] [alpn y]
ec.pem [foo x]
ec.pem [alpn]
ec.pem [no-tlsv12]
ec.pem [strict-sni]
ec.pem [ciphers foo]
ec.pem [ssl-min-ver TLSv1.3]
ec.pem [ssl-max-ver TLSv1.1]
ec.pem [verify required]
ec.pem [verify required ca-file ca.pem]
ec.pem [ca-file nofile]
ec.pem [ocsp-update on]
ec.pem [ocsp-update foo]
ec.pem [key ec.pem]
alone.crt [key alone.key]
alone.crt [key nofile]
alone.crt
beside.crt
beside.crt [ocsp-update on]
beside.crt [issuer ca.pem]
bundle.pem
bundle.pem [alpn x]
bundle.pem [ocsp-update on]
nofile
"ec.pem"
@web/alone
@web/none
@web/alone [alpn x]
@web/alone [ocsp-update on]
ec.pem a|ec.pem [alpn x] b
ec.pem [ocsp-update on] a|ec.pem [ocsp-update off] b
ec.pem a|ec.pem [ocsp-update on] b
ec.pem [ocsp-update off] a|ec.pem b
ec.pem [ocsp-update on] a|ec.pem b
ec.pem [ocsp-update on] a|ec.pem [ocsp-update off] b
alone.crt [key alone.key]|alone.crt [key alone.key] a
alone.crt [key alone.key]|alone.crt [key ec.pem] a
# ec.pem|ec.pem
 # ec.pem
"""

STORES = """
load crt ec.pem
load crt ec.pem alias x
load crt alone.crt
load crt alone.crt key alone.key alias x ocsp-update on
load crt alone.crt key nofile
load crt nofile
load crt ec.pem ocsp-update foo
load crt ec.pem issuer ca.pem
load crt ec.pem issuer nofile
load crt ec.pem sctl nofile
load crt ec.pem ocsp nofile
load crt ec.pem foo
load key alone.key
load
load ec.pem
foo
no load crt ec.pem
load crt ec.pem|load crt ec.pem
load crt ec.pem alias a|load crt ec.pem alias b
load crt ec.pem alias a|load crt rsa.pem alias a
load crt ec.pem crt rsa.pem
crt-base folder|load crt a.pem
crt-base
key-base
load crt bundle.pem
"""

GLOBALS = """
ca-base
crt-base folder
crt-base a|crt-base b
key-base a
issuers-chain-path folder
issuers-chain-path nofile
ssl-load-extra-files
ssl-load-extra-files none
ssl-load-extra-files all key
ssl-load-extra-files key ocsp
ssl-load-extra-files foo
ssl-load-extra-del-ext
ssl-default-bind-options
ssl-default-bind-options no-sslv3 no-tls-tickets strict-sni prefer-client-ciphers
ssl-default-bind-options ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3
ssl-default-bind-options foo
ssl-default-bind-options alpn x
ssl-default-bind-options no-tlsv12 no-tlsv13
ssl-default-bind-ciphers HIGH
ssl-default-bind-ciphers foo
ssl-default-bind-ciphers
ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
ssl-default-bind-ciphersuites foo
ssl-default-bind-curves X25519
ssl-default-bind-curves foo
ssl-default-bind-sigalgs RSA+SHA256:ECDSA+SHA256
ssl-default-bind-sigalgs foo
ssl-default-bind-client-sigalgs foo
ssl-default-server-options no-sslv3 no-tls-tickets ssl-min-ver TLSv1.2
ssl-default-server-options strict-sni
ssl-default-server-ciphers HIGH
ssl-default-server-ciphers foo
ssl-default-server-ciphersuites foo
ssl-default-server-curves X25519
ssl-server-verify none
ssl-server-verify optional
ssl-dh-param-file nofile
ssl-dh-param-file ec.pem
ssl-security-level 1
ssl-security-level 6
ssl-security-level x
ssl-skip-self-issued-ca
maxsslconn 10
maxsslconn
maxsslrate 10
tune.ssl.cachesize 0
tune.ssl.lifetime 10m
tune.ssl.lifetime x
tune.ssl.capture-buffer-size 96
tune.ssl.capture-cipherlist-size 96
tune.ssl.default-dh-param 2048
tune.ssl.default-dh-param 1000
tune.ssl.keylog on
tune.ssl.keylog foo
tune.ssl.hard-maxrecord 100
tune.ssl.maxrecord 100
tune.ssl.force-private-cache
tune.ssl.ssl-ctx-cache-size 10
ocsp-update.mode on
ocsp-update.mindelay 5000
ocsp-update.maxdelay 6000|ocsp-update.mindelay 5000
ocsp-update.maxdelay 100
ocsp-update.disable on
ocsp-update.httpproxy 127.0.0.1:80
ocsp-update.httpproxy foo
httpclient.ssl.verify none
httpclient.ssl.verify foo
httpclient.timeout.connect 1s
httpclient.retries 1
"""

FRONTS = """
ssl-f-use crt ec.pem
ssl-f-use crt ec.pem alpn x curves X25519
ssl-f-use alpn x crt ec.pem
ssl-f-use crt bundle.pem
ssl-f-use crt alone.crt key alone.key
ssl-f-use
ssl-f-use ec.pem
ssl-f-use crt nofile
ssl-f-use crt ec.pem foo
ssl-f-use crt ec.pem alpn
ssl-f-use alpn x
ssl-f-use crt ec.pem crt rsa.pem
ssl-f-use crt ec.pem strict-sni
ssl-f-use crt ec.pem ocsp-update foo
"""

SERVERS = """
ssl verify none
ssl verify required ca-file ca.pem
ssl verify none crt ec.pem
ssl verify none crt @web/alone
ssl verify none crt @web/none
ssl verify none crt nofile
ssl verify none crt bundle.pem
ssl verify none crt alone.crt
"""


DIFFERENT = (
    "tls-ticket-keys nofile",  # without `ssl` nothing is read here
    "ssl-default-bind-client-sigalgs foo",  # haproxy 3.2 makes no use of it
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the lines name."""
    made, files = tmp_path_factory.mktemp("tls"), authority()
    ec, rsa = files.pem("a.test"), files.pem("a.test", "rsa")
    certificate, key = ec.split(b"-----BEGIN PRIVATE")
    texts = {
        "ec.pem": ec,
        "rsa.pem": rsa,
        "ca.pem": files.ca,
        "crl.pem": files.crl(),
        "bundle.pem.rsa": rsa,
        "bundle.pem.ecdsa": ec,
        "folder/a.pem": ec,
        "folder/b.pem": rsa,
        "alone.crt": certificate,
        "alone.key": b"-----BEGIN PRIVATE" + key,
        "beside.crt": certificate,
        "beside.crt.key": b"-----BEGIN PRIVATE" + key,
    }
    (made / "folder").mkdir()
    (made / "empty").mkdir()
    for name, text in texts.items():
        (made / name).write_bytes(text)
    return made


STORE = "crt-store web\n    load crt alone.crt key alone.key alias alone"


def configuration(kind: str, line: str, folder: Path) -> str:
    """A file with that line, which is to be read in the folder. "|" stands for the end of a line."""
    lines = line.replace("|", "\n    ")
    parts = {"global": "", "store": "", "bind": "ssl crt ec.pem", "front": "", "server": "ssl verify none"}
    if kind == "list":
        (folder / "list").write_text(line.replace("|", "\n") + "\n")
        parts |= {"store": STORE, "bind": "ssl crt-list list"}
    elif kind == "store":
        parts |= {"store": "crt-store s\n    " + lines}
    elif kind == "front":
        parts |= {"front": "    " + lines, "bind": "ssl"}
    elif kind == "global":
        parts |= {"global": "    " + lines, "bind": f"ssl crt {folder}/ec.pem"}
    else:
        parts |= {kind: lines, "store": STORE if "@" in line else ""}
    return re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], TEXT)


def refused_there(text: str, folder: Path) -> str:
    """What the peer says; "" if it takes it. For some errors its status is 0."""
    (folder / "peer.cfg").write_text(text)
    command = [*HAPROXY.command, "-c", "-f", "peer.cfg"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    return done.stderr if done.returncode or "[ALERT]" in done.stderr else ""


def refused_here(text: str) -> str:
    diagnostics = Diagnostics()
    read = load_text(text, diagnostics)
    if not diagnostics.failed:
        live = assembled(read, diagnostics)
        if live is not None:
            live.reactor.epoll.close()
    return "".join(finding.render() + "\n" for finding in diagnostics.findings) if diagnostics.failed else ""


@pytest.mark.parametrize(
    "kind, lines",
    [
        ("bind", BIND),
        ("list", LISTS),
        ("store", STORES),
        ("global", GLOBALS),
        ("front", FRONTS),
        ("server", SERVERS),
    ],
)
def test_verdicts(kind: str, lines: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    wrong = []
    for line in lines.strip("\n").split("\n"):
        text = configuration(kind, line, folder)
        there, here = refused_there(text, folder), refused_here(text)
        if (bool(there) != bool(here)) != (line in DIFFERENT):
            wrong.append(f"{line!r}\n  haproxy: {there or 'accepted'}\n  here: {here or 'accepted'}")
    assert not wrong, "\n".join(wrong)
