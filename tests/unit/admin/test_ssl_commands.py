"""Runtime commands about certificates, authorities and crt-lists (management manual 9.3), as haproxy 3.2 answers them:
transcripts on a generation that serves nobody."""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from admin_stand import Stand, stand
from support.certificates import Authority, authority

from pointsman.core.tls import VERSION, pem_certificates
from pointsman.tls.contexts import TlsSetupError

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

CONFIG = """
global
    stats socket {dir}/stats level admin
crt-store keys
    load crt {dir}/token.pem alias token jwt on
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend web
    bind 127.0.0.1:1 ssl crt {dir}/web.pem crt-list {dir}/list
    bind 127.0.0.1:2 ssl crt-list {dir}/list ca-file {dir}/ca.pem verify optional crl-file {dir}/crl.pem
    default_backend app
frontend folder
    bind 127.0.0.1:3 ssl strict-sni crt {dir}/folder
    default_backend app
backend app
    server s 127.0.0.1:4 ssl verify none crt {dir}/web.pem
"""
LIST = """# a comment
{dir}/wild.pem [alpn http/1.1 ssl-min-ver TLSv1.2] *.wild.test !not.wild.test

{dir}/both.pem
{dir}/both.pem [verify none] Both.test
"""
DATE = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT"


class Asked:
    """Answers in which the folder of the files is called DIR."""

    def __init__(self, one: Stand, folder: Path) -> None:
        self.one = one
        self.folder = folder

    def __call__(self, line: str, payload: bytes = b"") -> str:
        words = line.replace("DIR", str(self.folder)).split()
        answer = asyncio.run(self.one.console.answer(words, payload.decode()))
        assert answer.endswith("\n\n") or answer == "\n", answer
        return answer[:-1].replace(str(self.folder), "DIR")

    def made(self, name: str, pem: bytes, line: str = "") -> None:
        """A new certificate in memory, in a list if `line` says so."""
        self(f"new ssl cert {name}")
        self(f"set ssl cert {name}", pem)
        assert self(f"commit ssl cert {name}") == f"Committing {name}\nSuccess!\n"
        if line:
            assert self("add ssl crt-list DIR/list", line.encode()).endswith("\nSuccess!\n")


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Asked]:
    (tmp_path / "folder").mkdir()
    files = {
        "token.pem": authority().pem("token.test").split(b"-----BEGIN PRIVATE", 1)[0],
        "web.pem": authority().pem("web.test"),
        "wild.pem": authority().pem("*.wild.test", "rsa"),
        "both.pem": authority().pem("both.test") + authority().ca,
        "ca.pem": authority().ca,
        "folder/a.pem": authority().pem("a.test", "ed"),
        "folder/b.pem": authority().pem("b.test"),
        "list": LIST.format(dir=tmp_path).encode(),
    }
    authority().pem("gone.test", revoked=True)
    files["crl.pem"] = authority().crl()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with stand(CONFIG.format(dir=tmp_path)) as one:
        yield Asked(one, tmp_path)


def serial(pem: bytes) -> str:
    done = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, check=True)
    return done.stdout.decode().strip().removeprefix("serial=")


def fingerprint(pem: bytes) -> str:
    words = ["openssl", "x509", "-noout", "-fingerprint", "-sha1"]
    done = subprocess.run(words, input=pem, capture_output=True, check=True)
    return done.stdout.decode().strip().partition("=")[2].replace(":", "")


def described(pem: bytes, name: str, algorithm: str, issuer: str = "Pointsman's tests", alternative: str = "") -> str:
    """What is shown of a certificate, as a pattern."""
    return (
        f"Serial: {serial(pem)}\nnotBefore: {DATE}\nnotAfter: {DATE}\nSubject Alternative Name: {alternative}\n"
        f"Algorithm: {algorithm}\nSHA1 FingerPrint: {fingerprint(pem)}\n"
        f"Subject: /CN={re.escape(name)}\nIssuer: /CN={issuer}\n"
    )


# Certificates.

NAMES = "# filename\nDIR/both.pem\nDIR/folder/a.pem\nDIR/folder/b.pem\nDIR/web.pem\nDIR/wild.pem\n@keys/token\n"


def test_what_certificates_are_there(ask: Asked) -> None:
    assert ask("show ssl cert") == NAMES
    shown = described(authority().pem("web.test"), "web.test", "EC256", alternative="DNS:web.test")
    files = "Crt filename: DIR/web.pem\nKey filename: DIR/web.pem\n"
    expected = f"Filename: DIR/web.pem\n{files}Status: Used\n{shown}OCSP Response Key: \n"
    assert re.fullmatch(expected, ask("show ssl cert DIR/web.pem"))
    assert ask("show ssl cert \\DIR/web.pem") == ask("show ssl cert DIR/web.pem")
    answer = ask("show ssl cert DIR/both.pem")
    assert answer.endswith(
        "Chain Subject: /CN=Pointsman's tests\nChain Issuer: /CN=Pointsman's tests\nOCSP Response Key: \n"
    )
    assert "\nAlgorithm: RSA2048\n" in ask("show ssl cert DIR/wild.pem")
    assert "\nAlgorithm: ED25519\n" in ask("show ssl cert DIR/folder/a.pem")
    for line in ("none.pem", "*DIR/web.pem", "*", "DIR/web.pem more"):
        answer = "Can't display the certificate: Not found or the certificate is a bundle!\n"
        assert ask(f"show ssl cert {line}") == answer


def test_a_new_certificate_from_name_to_end(ask: Asked) -> None:
    pem = authority().pem("new.test")
    assert ask("new ssl cert new.pem") == "New empty certificate store 'new.pem'!\n"
    assert ask("new ssl cert new.pem") == "Certificate 'new.pem' already exists!\n"
    assert ask("new ssl cert DIR/web.pem") == "Certificate 'DIR/web.pem' already exists!\n"
    assert ask("show ssl cert new.pem") == "Filename: new.pem\nStatus: Empty\nOCSP Response Key: \n"
    assert ask("add ssl crt-list DIR/list new.pem") == "Can't edit the crt-list: certificate 'new.pem' is empty!\n"
    assert ask("commit ssl cert new.pem") == "No ongoing transaction! !\nCan't commit new.pem!\n"
    certificate, key = pem.split(b"-----BEGIN PRIVATE", 1)
    assert ask("set ssl cert new.pem", certificate) == "Transaction created for certificate new.pem!\n"
    assert ask("show ssl cert").startswith("# transaction\n*new.pem\n# filename\n")
    incomplete = "The transaction must contain at least a certificate and a private key!\nCan't commit new.pem!\n"
    assert ask("commit ssl cert new.pem") == incomplete
    assert ask("set ssl cert new.pem.key", b"-----BEGIN PRIVATE" + key) == (
        "Transaction updated for certificate new.pem!\n"
    )
    shown = described(pem, "new.test", "EC256", alternative="DNS:new.test")
    staged = rf"Filename: \*new.pem\nStatus: Uncommitted\n{shown}OCSP Response Key: \n"
    assert re.fullmatch(staged, ask("show ssl cert *new.pem"))
    assert ask("dump ssl cert *new.pem").encode() == b"-----BEGIN PRIVATE" + key + certificate
    ongoing = "Can't remove the certificate: ongoing transaction for the certificate 'new.pem'\n"
    assert ask("del ssl cert new.pem") == ongoing
    assert ask("commit ssl cert new.pem") == "Committing new.pem\nSuccess!\n"
    assert re.fullmatch(
        rf"Filename: new.pem\nStatus: Unused\n{shown}OCSP Response Key: \n", ask("show ssl cert new.pem")
    )
    assert ask("dump ssl cert new.pem").encode() == b"-----BEGIN PRIVATE" + key + certificate
    assert ask("del ssl cert new.pem") == "Certificate 'new.pem' deleted!\n"
    assert ask("show ssl cert") == NAMES


def test_a_certificate_in_use_is_replaced(ask: Asked) -> None:
    fronts = ask.one.view.tls.fronts
    before = [front.context for front in fronts]
    pem = authority().pem("web.test", "rsa")
    begun = "Transaction created for certificate DIR/web.pem!\n"
    assert ask("set ssl cert DIR/web.pem", pem) == begun
    other = "The ongoing transaction is about 'DIR/web.pem' but you are trying to"
    assert ask("set ssl cert DIR/wild.pem", pem) == f"{other} set 'DIR/wild.pem'\nCan't update DIR/wild.pem!\n"
    assert ask("commit ssl cert DIR/wild.pem") == f"{other} set 'DIR/wild.pem'\nCan't commit DIR/wild.pem!\n"
    assert ask("abort ssl cert DIR/wild.pem") == f"{other} abort a transaction for 'DIR/wild.pem'\n"
    # One line of a bind line, and a server's context.
    assert ask("commit ssl cert DIR/web.pem") == "Committing DIR/web.pem..\nSuccess!\n"
    assert "\nAlgorithm: RSA2048\n" in ask("show ssl cert DIR/web.pem")
    assert [front.context for front in fronts] == before  # nobody waits for new ones
    assert ask("del ssl cert DIR/web.pem") == (
        "Can't remove the certificate: certificate 'DIR/web.pem' in use, can't be deleted!\n"
    )
    assert ask("set ssl cert DIR/both.pem", authority().pem("both.test")) == begun.replace("web", "both")
    assert ask("commit ssl cert DIR/both.pem") == "Committing DIR/both.pem....\nSuccess!\n"  # two lines of two lists
    assert ask("set ssl cert DIR/web.pem", pem) == begun
    assert ask("abort ssl cert DIR/web.pem") == "Transaction aborted for certificate 'DIR/web.pem'!\n"
    assert ask("abort ssl cert DIR/web.pem") == "No ongoing transaction!\n"


def test_certificates_that_are_refused_change_nothing(ask: Asked) -> None:
    shown = ask("show ssl cert DIR/web.pem")
    failed = "Can't load the payload\nCan't update DIR/web.pem"
    assert ask("set ssl cert DIR/web.pem", b"nothing") == (
        f"unable to load certificate from file 'DIR/web.pem': no start line.\n{failed}!\n"
    )
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert ask("set ssl cert DIR/web.pem", broken).startswith("unable to load certificate from file 'DIR/web.pem': ")
    assert ask("set ssl cert DIR/web.pem.ocsp", b"!") == f"the payload is expected in base64\n{failed}.ocsp!\n"
    for payload in (
        b"",
        b"\0",
        b"\x30",
        b"\x30\x81",
        b"\x30\x04\x0a\x01\x06",
        b"\x30\x03\x02\x01\x06",
        b"\x30\x03\x0a\x01\x07",
    ):
        answer = ask("set ssl cert DIR/web.pem.ocsp", base64.b64encode(payload) + b"\n")
        assert answer == f"'DIR/web.pem.ocsp' is no OCSP response.\n{failed}.ocsp!\n"
    for kind, payload in ((".key", b"none"), (".issuer", b"none"), (".issuer", broken), (".sctl", b"AAAA")):
        assert ask(f"set ssl cert DIR/web.pem{kind}", payload).endswith(f"\n{failed}{kind}!\n")
    unknown = "Can't replace a certificate which is not referenced by the configuration!\nCan't update"
    assert ask("set ssl cert none.pem", broken) == f"{unknown} none.pem!\n"
    assert ask("set ssl cert DIR/web.pem.other", broken) == f"{unknown} DIR/web.pem.other!\n"
    assert ask("commit ssl cert DIR/web.pem") == "No ongoing transaction! !\nCan't commit DIR/web.pem!\n"
    ask("set ssl cert DIR/web.pem.key", authority().pem("other.test"))
    mixed = "inconsistencies between private key and certificate loaded 'DIR/web.pem'.\nCan't commit DIR/web.pem!\n"
    assert ask("commit ssl cert DIR/web.pem") == mixed
    ask("abort ssl cert DIR/web.pem")
    ask("set ssl cert DIR/web.pem", authority().pem("web.test", "rsa"))

    def refuse() -> None:
        raise TlsSetupError("not with me")

    ask.one.view.tls.store.certificates[str(ask.folder / "web.pem")].users.append(refuse)
    assert ask("commit ssl cert DIR/web.pem") == "Committing DIR/web.pem...\nnot with me\nFailed!\n"
    assert ask("show ssl cert").startswith("# transaction\n*DIR/web.pem\n")
    assert ask("show ssl cert DIR/web.pem") == shown


def test_what_belongs_to_a_certificate(ask: Asked) -> None:
    name = str(ask.folder / "both.pem")
    stamps = b"\0\x04\0\x02ab"
    ask("set ssl cert DIR/both.pem.sctl", base64.b64encode(stamps))
    ask("set ssl cert DIR/both.pem.issuer", authority().ca)
    response = authority().ocsp(authority().path("both.test"))
    ask("set ssl cert DIR/both.pem.ocsp", base64.encodebytes(response))
    ask("commit ssl cert DIR/both.pem")
    found = ask.one.view.tls.store.certificates[name]
    assert (found.identity.timestamps, found.identity.staple) == (stamps, response)
    key = ask("show ssl cert DIR/both.pem").rpartition("\nOCSP Response Key: ")[2]
    assert bytes.fromhex(key).startswith(b"\x30") and serial(authority().pem("both.test")).lower() in key
    ask("set ssl cert DIR/both.pem", authority().pem("both.test"))
    ask("commit ssl cert DIR/both.pem")
    assert found.identity.timestamps is None and found.identity.staple is None  # they were another certificate's


def test_keys_that_were_encrypted_are_dumped_and_kept(tmp_path: Path) -> None:
    with stand() as one:
        ask = Asked(one, tmp_path)
        store = one.view.tls.store
        store.passphrases.known.append(b"secret")
        pem = authority().pem("web.test")
        ask("new ssl cert x.pem")
        certificate = pem.split(b"-----BEGIN PRIVATE", 1)[0]
        ask("set ssl cert x.pem", certificate + authority().encrypted_key("web.test", "secret"))
        assert ask("commit ssl cert x.pem").endswith("Success!\n")
        store.passphrases.known.clear()
        assert ask("dump ssl cert x.pem").startswith("-----BEGIN PRIVATE KEY-----\n")
        ask("set ssl cert x.pem.issuer", authority().ca)
        assert ask("commit ssl cert x.pem").endswith("Success!\n")


def test_certificates_for_tokens(ask: Asked) -> None:
    assert ask("add ssl jwt DIR/web.pem") == ""
    assert ask("show ssl jwt") == "# filename\nDIR/web.pem\n@keys/token\n"
    ask.made("new.pem", authority().pem("new.test"))
    ask("add ssl jwt new.pem")
    assert ask("show ssl jwt") == "# filename\nDIR/web.pem\n@keys/token\nnew.pem\n"
    in_use = "Can't remove the certificate: certificate 'new.pem' in use, can't be deleted!\n"
    assert ask("del ssl cert new.pem") == in_use
    ask("set ssl cert new.pem", authority().pem("new.test"))
    assert ask("del ssl jwt new.pem") == "ongoing transaction for the certificate 'new.pem'\n"
    ask("abort ssl cert new.pem")
    ask("del ssl jwt new.pem")
    assert ask("show ssl jwt") == "# filename\nDIR/web.pem\n@keys/token\n"
    assert ask("del ssl cert new.pem") == "Certificate 'new.pem' deleted!\n"


def test_a_certificate_without_a_key(ask: Asked) -> None:
    pem = authority().pem("token.test")
    shown = described(pem, "token.test", "EC256", alternative="DNS:token.test")
    expected = f"Filename: @keys/token\nCrt filename: DIR/token.pem\nStatus: Unused\n{shown}OCSP Response Key: \n"
    assert re.fullmatch(expected, ask("show ssl cert @keys/token"))
    assert ask("dump ssl cert @keys/token").encode() == pem.split(b"-----BEGIN PRIVATE", 1)[0]
    failed = "Can't edit the crt-list:"
    assert ask("add ssl crt-list DIR/list @keys/token") == f"{failed} certificate '@keys/token' has no private key!\n"
    in_use = "Can't remove the certificate: certificate '@keys/token' in use, can't be deleted!\n"
    assert ask("del ssl cert @keys/token") == in_use
    ask("set ssl cert @keys/token.key", pem)
    assert ask("commit ssl cert @keys/token") == "Committing @keys/token\nSuccess!\n"
    assert ask("show ssl jwt") == "# filename\n@keys/token\n"
    assert ask("add ssl crt-list DIR/list @keys/token").endswith("\nSuccess!\n")
    ask("del ssl jwt @keys/token")
    assert ask("del ssl cert @keys/token") == in_use
    assert "\nStatus: Used\n" in ask("show ssl cert @keys/token")


def test_one_without_a_key_can_be_forgotten(ask: Asked) -> None:
    ask("del ssl jwt @keys/token")
    assert ask("del ssl cert @keys/token") == "Certificate '@keys/token' deleted!\n"
    assert ask("show ssl cert") == NAMES.replace("@keys/token\n", "")
    with stand(CONFIG.format(dir=ask.folder)) as again:
        fresh = Asked(again, ask.folder)
        for change in ask.one.view.tls.follower.snapshot():
            again.view.tls.follower.apply(change)
        assert fresh("show ssl cert") == ask("show ssl cert")
        assert fresh("show ssl jwt") == ask("show ssl jwt") == "# filename\n"


# Authorities.


def test_what_authorities_are_there(ask: Asked) -> None:
    assert ask("show ssl ca-file") == "# filename\nDIR/ca.pem - 1 certificate(s)\n"
    head = "Filename: DIR/ca.pem\nStatus: Used\n \nCertificate #1:\n"
    shown = described(authority().ca, "Pointsman's tests", "EC256")
    for index in ("", ":1"):
        assert re.fullmatch(head + shown, ask(f"show ssl ca-file DIR/ca.pem{index}"))
    assert ask("show ssl ca-file DIR/ca.pem:2") == ""
    for index in ("0", "x", ""):
        assert ask(f"show ssl ca-file DIR/ca.pem:{index}") == (
            f"wrong CA index after colons in 'DIR/ca.pem:{index}'!\n"
        )
    assert ask("show ssl crl-file") == "# filename\nDIR/crl.pem\n"
    revoked = serial(authority().pem("gone.test", revoked=True))
    listed = (
        rf"Filename: DIR/crl.pem\nStatus: Used\n \nCertificate Revocation List #1:\nVersion 2\n"
        rf"Signature Algorithm: ecdsa-with-SHA256\nIssuer: /CN=Pointsman's tests\nLast Update: {DATE}\n"
        rf"Next Update: {DATE}\nRevoked Certificates:\n"
        rf"(    Serial Number: [0-9A-F]+\n        Revocation Date: {DATE}\n)+"
    )
    answer = ask("show ssl crl-file DIR/crl.pem")
    assert re.fullmatch(listed, answer) and f"    Serial Number: {revoked}\n" in answer
    assert ask("show ssl crl-file DIR/crl.pem:2") == "Filename: DIR/crl.pem\nStatus: Used\n"
    for kind, name in (("ca-file", "CA"), ("crl-file", "CRL")):
        for word in ("none", "*DIR/ca.pem", "*", "none:1", "DIR/ca.pem DIR/crl.pem"):
            assert ask(f"show ssl {kind} {word}") == f"Can't display the {name} file : Not found!\n"


@pytest.mark.parametrize(("kind", "name", "file"), [("ca-file", "CA", "ca.pem"), ("crl-file", "CRL", "crl.pem")])
def test_transactions_of_authorities(ask: Asked, kind: str, name: str, file: str) -> None:
    stranger = Authority("somebody else")
    one, own = (stranger.ca, authority().ca) if kind == "ca-file" else (stranger.crl(), authority().crl())
    assert ask(f"new ssl {kind} n:x") == f"New {name} file created 'n:x'!\n"
    assert ask(f"new ssl {kind} n:x") == f"{name} file 'n:x' already exists!\n"
    assert ask(f"new ssl {kind} DIR/ca.pem") == f"{name} file 'DIR/ca.pem' already exists!\n"
    count = (lambda number: f" - {number} certificate(s)") if kind == "ca-file" else (lambda number: "")
    names = f"# filename\nDIR/{file}{count(1)}\nn:x{count(0)}\n"
    assert ask(f"show ssl {kind}") == names
    assert ask(f"set ssl {kind} none", one) == (
        f"Can't replace a {name} file which is not referenced by the configuration!\nCan't update none!\n"
    )
    for wrong in (b"garbage", authority().pem("web.test")[-100:], own[:100] + own[120:]):
        assert ask(f"set ssl {kind} n:x", wrong) == "Invalid payload\nCan't update n:x!\n"
    assert ask(f"show ssl {kind}") == names
    assert ask(f"set ssl {kind} n:x", own) == f"transaction created for {name} n:x!\n"
    assert ask(f"set ssl {kind} n:x", own + one) == f"transaction updated for {name} n:x!\n"
    assert ask(f"show ssl {kind}") == f"# transaction\n*n:x{count(2)}\n{names}"
    assert ask(f"show ssl {kind} *n:x:2").startswith("Filename: *n:x\nStatus: Uncommitted\n \nCertificate")
    ongoing = "The ongoing transaction is about 'n:x' but you are trying to"
    assert ask(f"set ssl {kind} DIR/{file}", one) == f"{ongoing} set 'DIR/{file}'\nCan't update DIR/{file}!\n"
    assert ask(f"commit ssl {kind} none") == f"{ongoing} set 'none'\nCan't commit none!\n"
    assert ask(f"abort ssl {kind} none") == f"{ongoing} abort a transaction for 'none'\n"
    assert (
        ask(f"del ssl {kind} n:x") == f"Can't remove the {name} file: ongoing transaction for the {name} file 'n:x'\n"
    )
    assert ask(f"commit ssl {kind} n:x") == "Committing n:x\nSuccess!\n"
    assert "\nStatus: Unused\n" in ask(f"show ssl {kind} n:x:1")
    assert ask(f"del ssl {kind} DIR/{file}") == (
        f"Can't remove the {name} file: {name} file 'DIR/{file}' in use, can't be deleted!\n"
    )
    assert ask(f"del ssl {kind} n:x") == f"{name} file 'n:x' deleted!\n"
    assert ask(f"set ssl {kind} DIR/{file}", own + one).startswith("transaction created")
    assert ask(f"commit ssl {kind} DIR/{file}") == f"Committing DIR/{file}.\nSuccess!\n"
    assert ask(f"show ssl {kind} DIR/{file}").count("#") == 2
    assert ask(f"show ssl {kind}") == f"# filename\nDIR/{file}{count(2)}\n"


def test_authorities_are_added_once(ask: Asked) -> None:
    stranger = Authority("somebody else")
    unknown = "Can't replace a CA file which is not referenced by the configuration!\nCan't update none!\n"
    assert ask("add ssl ca-file none", stranger.ca) == unknown
    for payload, expected in ((stranger.ca, 2), (authority().ca + stranger.ca, 2), (Authority("third").ca, 3)):
        assert ask("add ssl ca-file DIR/ca.pem", payload).startswith("transaction ")
        assert ask("show ssl ca-file").startswith(f"# transaction\n*DIR/ca.pem - {expected} certificate(s)\n")
    assert ask("add ssl ca-file DIR/ca.pem", b"none") == "Invalid payload\nCan't update DIR/ca.pem!\n"
    assert ask("commit ssl ca-file DIR/ca.pem") == "Committing DIR/ca.pem.\nSuccess!\n"
    found = ask.one.view.tls.store.authorities[str(ask.folder / "ca.pem")].pem
    assert pem_certificates(found)[:2] == [pem_certificates(pem)[0] for pem in (authority().ca, stranger.ca)]


# Lists.

LINES = """# DIR/list
DIR/wild.pem:2 [alpn http/1.1 ssl-min-ver TLSv1.2] *.wild.test !not.wild.test
DIR/both.pem:4
DIR/both.pem:5 [verify none] Both.test
"""


def without_numbers(lines: str) -> str:
    return re.sub(r"(\.pem):\d+", r"\1", lines)


def test_what_lists_are_there(ask: Asked) -> None:
    assert ask("show ssl crt-list") == "DIR/folder\nDIR/list\n"
    assert ask("show ssl crt-list -n") == "'show ssl crt-list -n' expects a filename or a directory\n"
    assert ask("show ssl crt-list none") == "didn't find the specified filename\n"
    assert ask("show ssl crt-list -n DIR/list") == LINES
    assert ask("show ssl crt-list DIR/list") == without_numbers(LINES)
    listed = "# DIR/folder\nDIR/folder/a.pem:0\nDIR/folder/b.pem:0\n"
    assert ask("show ssl crt-list -n DIR/folder/") == listed


def test_lines_come_and_go(ask: Asked) -> None:
    inserted = "Inserting certificate '{}' in crt-list 'DIR/list'..\nSuccess!\n"
    assert ask("add ssl crt-list DIR/list DIR/web.pem") == inserted.format("DIR/web.pem")
    ask.made("new.pem", authority().pem("new.test"))
    for line in (
        b"new.pem [alpn http/1.1 no-ca-names ciphers HIGH curves P-256 ecdhe P-256 verify none] *.new.test !a.new.test",
        b"new.pem []",
        b"  new.pem [no-alpn ssl-max-ver TLSv1.2 sigalgs ECDSA+SHA256 client-sigalgs RSA+SHA256 ciphersuites "
        b"TLS_AES_128_GCM_SHA256 ca-file DIR/ca.pem ca-verify-file DIR/ca.pem crl-file DIR/crl.pem verify required] *",
    ):
        line = line.replace(b"DIR", str(ask.folder).encode())
        assert ask("add ssl crt-list DIR/list", line) == inserted.format("new.pem")
    added = """DIR/web.pem:6
new.pem:7 [alpn http/1.1 verify none no-ca-names ciphers HIGH curves P-256 ecdhe P-256] *.new.test !a.new.test
new.pem:8
new.pem:9 [no-alpn verify required ca-file DIR/ca.pem ca-verify-file DIR/ca.pem crl-file DIR/crl.pem ciphersuites \
TLS_AES_128_GCM_SHA256 client-sigalgs RSA+SHA256 sigalgs ECDSA+SHA256 ssl-max-ver TLSv1.2] *
"""
    assert ask("show ssl crt-list -n DIR/list") == LINES + added
    loadable = without_numbers(LINES + added)
    assert ask("show ssl crt-list DIR/list") == loadable
    failed = "Can't delete the entry:"
    assert ask("del ssl crt-list DIR/list new.pem") == (
        f"{failed} found the certificate 'new.pem' in several entries, please specify a line number preceded by colons "
        "(7, 8, 9)!\n"
    )
    assert ask("del ssl crt-list DIR/list new.pem:6") == (
        f"{failed} found a certificate 'new.pem' but the line number is incorrect, please specify a correct line "
        "number preceded by colons (7, 8, 9)!\n"
    )
    assert ask("del ssl crt-list DIR/list new.pem:x") == f"{failed} wrong line number after colons in 'new.pem:x'!\n"
    assert ask("del ssl crt-list DIR/list none.pem") == f"{failed} certificate 'none.pem' does not exist!\n"
    assert ask("del ssl crt-list DIR/list DIR/folder/a.pem") == (
        f"{failed} certificate 'DIR/folder/a.pem' can't be found in crt-list 'DIR/list'!\n"
    )
    deleted = "Entry '{}' deleted in crtlist 'DIR/list'!\n"
    assert ask("del ssl crt-list DIR/list new.pem:8") == deleted.format("new.pem")
    assert ask("del ssl crt-list DIR/list DIR/web.pem") == deleted.format("DIR/web.pem")
    assert ask("add ssl crt-list DIR/list DIR/web.pem") == inserted.format("DIR/web.pem")
    assert ask("show ssl crt-list -n DIR/list").endswith("] *\nDIR/web.pem:10\n")
    # It could be loaded: what is written, without numbers, is read as the same lines.
    (ask.folder / "list").write_text(ask("show ssl crt-list DIR/list").replace("DIR", str(ask.folder)))
    (ask.folder / "new.pem").write_bytes(authority().pem("new.test"))
    text = (ask.folder / "list").read_text().replace("\nnew.pem", f"\n{ask.folder}/new.pem")
    (ask.folder / "list").write_text(text)
    with stand(CONFIG.format(dir=ask.folder)) as again:
        loaded = Asked(again, ask.folder)("show ssl crt-list DIR/list").replace("DIR/new.pem", "new.pem")
    assert loaded == ask("show ssl crt-list DIR/list")


def test_lines_that_are_refused_change_nothing(ask: Asked) -> None:
    names = ask("show ssl sni")
    failed = "Can't edit the crt-list:"
    for line, answer in (
        ("DIR/web.pem\nDIR/web.pem", f"{failed} only one line of payload is supported!"),
        ("none.pem", f"{failed} certificate 'none.pem' does not exist!"),
        ("DIR/web.pem [bad h2]", f"{failed} parsing [CLI:1]: unknown ssl keyword bad"),
        ("DIR/web.pem [verify none", f"{failed} parsing [CLI:1]: missing ']'"),
        ("DIR/web.pem [ca-file none verify required]", f"{failed} 'ca-file' : unable to load none"),
    ):
        given = line.replace("DIR", str(ask.folder)).encode()
        assert ask("add ssl crt-list DIR/list", given) == answer + "\n", line
    for line, words in (
        ("DIR/web.pem [ssl-min-ver TLSv7]", f"{failed} .*unknown ssl/tls version"),
        (
            "DIR/web.pem [ciphers NONE]",
            r"Inserting .*\nProxy 'web': unable to set SSL cipher list to 'NONE' .*\nFailed!",
        ),
    ):
        given = line.replace("DIR", str(ask.folder)).encode()
        assert re.match(words, ask("add ssl crt-list DIR/list", given)), line
    # It is impossible on the first of two bind lines only, and so on neither.
    given = f"{ask.folder}/web.pem [verify required] a.test".encode()
    answer = ask("add ssl crt-list DIR/list", given)
    assert re.fullmatch(r"Inserting .*\.\.\nProxy 'web': verify is enabled but no CA file .*\nFailed!\n", answer)
    assert ask("show ssl crt-list -n DIR/list") == LINES and ask("show ssl sni") == names
    default = "it is used as default certificate by the following frontends:\n\t- "
    answer = ask("del ssl crt-list DIR/list DIR/wild.pem")
    assert answer.startswith("Can't delete the entry: certificate 'DIR/wild.pem' cannot be deleted, ")
    assert re.search(rf"{default}[^\n]*:1[0-9]\n\Z", answer)  # the second bind line, which begins with it


def test_a_folder_is_a_list_as_well(ask: Asked) -> None:
    assert ask("add ssl crt-list DIR/folder DIR/web.pem") == (
        "Inserting certificate 'DIR/web.pem' in crt-list 'DIR/folder'.\nSuccess!\n"
    )
    failed = "Can't edit the crt-list:"
    assert ask("add ssl crt-list DIR/folder/ DIR/web.pem") == f"{failed} file already exists in this directory!\n"
    given = f"{ask.folder}/wild.pem a.test".encode()
    assert ask("add ssl crt-list DIR/folder", given) == (
        f"{failed} this is a directory, SSL configuration, crt-store keywords and filters are not allowed\n"
    )
    assert ask("show ssl crt-list -n DIR/folder").endswith("/b.pem:0\nDIR/web.pem:1\n")
    assert ask("del ssl crt-list DIR/folder DIR/web.pem") == "Entry 'DIR/web.pem' deleted in crtlist 'DIR/folder'!\n"


# Names.


def rows(answer: str) -> list[list[str]]:
    lines = answer.splitlines()
    assert lines[0] == "# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore"
    return [line.split("\t") for line in lines[1:]]


def test_which_names_are_served(ask: Asked) -> None:
    found = rows(ask("show ssl sni"))
    assert all(re.fullmatch(DATE, date) for row in found for date in row[5:7])
    first, second, third = sorted({row[0] for row in found}, key=lambda place: int(place.rpartition(":")[2]))
    assert first.startswith("web/") and third.startswith("folder/")
    assert [row[1:5] for row in found if row[0] == first] == [
        ["both.test", "-", "ecdsa", "DIR/both.pem"],
        ["both.test", "-", "ecdsa", "DIR/both.pem"],
        ["web.test", "-", "ecdsa", "DIR/web.pem"],
        ["*", "-", "ecdsa", "DIR/web.pem"],
        ["*.wild.test", "!not.wild.test ", "rsa", "DIR/wild.pem"],
    ]
    assert ["*", "!not.wild.test ", "rsa", "DIR/wild.pem"] in [row[1:5] for row in found if row[0] == second]
    assert [row[1:5] for row in found if row[0] == third] == [  # strict: nobody gets a default certificate
        ["a.test", "-", "ed25519", "DIR/folder/a.pem"],
        ["b.test", "-", "ecdsa", "DIR/folder/b.pem"],
    ]
    assert {row[0] for row in rows(ask("show ssl sni -f folder"))} == {third}


def test_names_of_certificates_past_their_date(ask: Asked) -> None:
    ask.made("old.pem", authority().pem("old.test", expired=True), "old.pem")
    expired = rows(ask("show ssl sni -A"))
    assert {row[1] for row in expired} == {"old.test"} and len(expired) == 2
    assert rows(ask("show ssl sni -f folder -A")) == []
    for offset, others in (
        ("3600", False),
        ("60s", False),
        ("5m", False),
        ("3h", False),
        ("3d", False),
        ("4000d", True),
    ):
        found = {row[1] for row in rows(ask(f"show ssl sni -A -t {offset}"))}
        assert ("web.test" in found) is others and "old.test" in found, offset
    assert len(rows(ask("show ssl sni -t 4000d"))) > 5  # alone it means nothing
    for words, answer in (
        ("-f", "'-f' requires a frontend name!"),
        ("-t", "'-t' requires an offset argument!"),
        ("-A -t x", "'-t x' : unexpected character 'x'"),
        ("-f app", "Couldn't find the specified frontend!"),
        ("-f none", "Couldn't find the specified frontend!"),
        ("-x", "Invalid parameters, 'show ssl sni' only supports '-f', '-A' or '-t' options!"),
    ):
        assert ask(f"show ssl sni {words}") == answer + "\n"


def test_providers(ask: Asked) -> None:
    assert ask("show ssl providers").startswith("Loaded providers : \n\t- ")


def test_severities(ask: Asked) -> None:
    ask("set severity-output number")
    assert ask("new ssl cert new.pem") == "[5]: New empty certificate store 'new.pem'!\n"
    assert ask("new ssl cert new.pem") == "[3]: Certificate 'new.pem' already exists!\n"


def test_a_server_that_was_added_and_is_gone_uses_nothing(ask: Asked) -> None:
    """Its certificate is in use as long as it is there, and can be deleted behind it; those of others stay in use."""
    ask("new ssl cert DIR/added.pem")
    ask("set ssl cert DIR/added.pem", (ask.folder / "web.pem").read_bytes())
    assert "Success" in ask("commit ssl cert DIR/added.pem")
    words = "ssl verify required ca-file DIR/ca.pem crt DIR/added.pem check check-ssl"
    assert ask(f"add server app/x 127.0.0.1:5 {words}").startswith("New server registered.")
    before = len(ask.one.live.server_contexts.made)
    assert "in use" in ask("del ssl cert DIR/added.pem")
    assert ask("del server app/x").startswith("Server deleted.")
    assert len(ask.one.live.server_contexts.made) == before - 1
    assert "deleted" in ask("del ssl cert DIR/added.pem")
    assert "in use" in ask("del ssl cert DIR/web.pem")
