"""jwt_verify_cert and jwt_decrypt_cert ask the memory of TLS (manual 7.3.1): what crt-stores have loaded, what a
converter alone names, and what changes while the program runs."""

from __future__ import annotations

import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from support.configs import read
from support.stand import Stand

from pointsman.assemble import assembled
from pointsman.core.crypt import MISSING
from pointsman.core.diagnostics import Diagnostics
from pointsman.sample.converter.token_keys import CERTIFICATES

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

CONFIG = """
global
    jwt.decrypt_alg_list RSA-OAEP
    jwt.decrypt_enc_list ALL:!A128GCM
crt-store s
    load crt {on} alias on jwt on
    load crt {off} alias off
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    http-request return status 200 content-type text/plain lf-string %[req.hdr(t),jwt_verify_cert(RS256,{alone})] if {{ path /alone }}
    http-request return status 200 content-type text/plain lf-string %[req.hdr(t),jwt_verify_cert(RS256,req.n)] if {{ path /v }} { req.hdr(n),set-var(req.n) -m found }
"""  # noqa: E501


def made(folder: Path, name: str) -> str:
    """A certificate with its key."""
    words = f"req -x509 -newkey rsa:2048 -nodes -subj /CN={name} -days 9 -keyout {name}.key -out {name}.crt"
    subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    path = folder / f"{name}.pem"
    path.write_bytes((folder / f"{name}.crt").read_bytes() + (folder / f"{name}.key").read_bytes())
    return str(path)


def token(folder: Path, name: str) -> bytes:
    words = ["openssl", "dgst", "-sha256", "-sign", f"{name}.key"]
    signature = subprocess.run(words, cwd=folder, input=b"e30.e30", check=True, capture_output=True).stdout
    return b"e30.e30." + urlsafe_b64encode(signature).rstrip(b"=")


def test_certificates_of_tokens(tmp_path: Path) -> None:
    values = {name: made(tmp_path, name) for name in ("on", "off", "alone")}
    text = CONFIG.replace("{{", "{").replace("}}", "}")
    with Stand(text, values=values) as scene:
        client = scene.client()

        def ask(path: str, name: str, known: str) -> bytes:
            client.send(
                f"GET {path} HTTP/1.1\r\nHost: h\r\nn: {known}\r\nt: ".encode() + token(tmp_path, name) + b"\r\n\r\n"
            )
            return client.take().partition(b"\r\n\r\n")[2]

        assert ask("/alone", "alone", "x") == b"1"
        assert ask("/alone", "on", "x") == b"0"
        assert ask("/v", "on", "@s/on") == b"1"
        assert ask("/v", "off", "@s/on") == b"0"
        assert ask("/v", "off", "@s/off") == b"-7"
        assert ask("/v", "on", "@s/none") == b"-5"
        assert ask("/v", "alone", values["alone"]) == b"1"
        # As `add ssl jwt` and `set ssl cert` change it.
        store = scene.live.tls_store
        store.certificates["@s/off"].jwt = True
        assert ask("/v", "off", "@s/off") == b"1"
        here, other = store.certificates["@s/on"], store.certificates["@s/off"]
        here.replace(other.material, other.identity)
        assert ask("/v", "on", "@s/on") == b"0"
        assert ask("/v", "off", "@s/on") == b"1"


def test_a_certificate_that_is_not_there_is_told_at_its_place() -> None:
    loaded = read("frontend f\n mode http\n http-request deny if { str(a),jwt_verify_cert(RS256,/nowhere.pem) 1 }\n")
    diagnostics = Diagnostics()
    assert not loaded.errors
    assembled(loaded.configuration, diagnostics)
    found = [one for one in diagnostics.findings if "/nowhere.pem" in one.message]
    assert found and found[0].position.line == 3
    CERTIFICATES.reset()
