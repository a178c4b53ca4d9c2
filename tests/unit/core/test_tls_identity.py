"""Identities (core/_tls_identity.c, _tls_key.c): their keys in all forms that files have, and which may be shown."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from support.certificates import authority

from pointsman.core.tls import VERSION, Certificate, Connection, Context, Identity, dummy, pem_certificates, providers

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
HOST = "www.example.test"


def openssl(*words: str, given: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *words], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed"])
def test_keys_in_every_form(kind: str) -> None:
    pem = authority().pem(HOST, kind)
    plain = openssl("pkey", given=pem)
    forms = [(plain, None), (openssl("pkey", "-aes256", "-passout", "pass:secret", given=pem), b"secret")]
    if kind != "ed":
        old = [kind, "-traditional"] if kind == "rsa" else ["ec"]
        forms.append((openssl(*old, given=pem), None))
        forms.append((openssl(*old, "-aes128", "-passout", "pass:secret", given=pem), b"secret"))
    for key, phrase in forms:
        for text in (key, b"a comment\n" + key, b"\n" + key + pem):
            one = Identity(pem, text, phrase)
            assert one.key == plain
            assert openssl("pkey", "-check", "-noout", given=one.key) == b"Key is valid\n"
        if phrase is not None:
            with pytest.raises(ValueError, match="encrypted"):
                Identity(pem, key)
            with pytest.raises(ValueError, match="no private key"):
                Identity(pem, key, b"wrong")


def test_keys_that_are_none_say_so_and_spoil_nothing() -> None:
    pem = authority().pem(HOST)
    key = openssl("pkey", given=pem)
    lines = key.splitlines(keepends=True)
    wrong = [
        b"",
        b"-----BEGIN PRIVATE KEY-----\n",
        lines[0] + lines[1] + lines[-1],
        lines[0] + b"!!!!\n" + lines[-1],
        lines[0] + b"AAAA\n" + lines[-1],
        key.replace(b"PRIVATE", b"RSA PRIVATE"),
        openssl("pkey", "-pubout", given=pem),
    ]
    for text in wrong:
        try:
            one = Identity(pem, text)
        except ValueError as error:
            assert "no private key" in str(error)
        else:
            assert one.key == key and b"RSA" in text  # the block's name is not what counts
        assert Identity(pem, key).key == key
    with pytest.raises(ValueError, match="key values mismatch"):
        Identity(pem, openssl("pkey", given=authority().pem("other.test")))
    with pytest.raises(ValueError, match="key type"):
        Identity(pem, openssl("pkey", given=authority().pem(HOST, "rsa")))


def test_a_certificate_of_an_identity() -> None:
    pem = authority().pem(HOST)
    certificate = Identity(pem, pem).certificate
    assert isinstance(certificate, Certificate) and certificate.der == pem_certificates(pem)[0]
    assert certificate.line(False) == b"/CN=" + HOST.encode()


def shown(context: Context, name: str) -> bytes | None:
    """The certificate that a client sees."""
    return seen(context, name).peer_certificate


def seen(context: Context, name: str) -> Connection:
    """The client's end."""
    a, b = socket.socketpair()
    with a, b:
        a.setblocking(False)
        b.setblocking(False)
        here, there = Connection(context, a.fileno()), Connection(Context(False), b.fileno(), name=name)
        for _ in range(10):
            waits = there.handshake()
            if here.handshake() == 0 and waits == 0:
                return there
    raise AssertionError("no end of the handshake")


def test_chains_that_many_share() -> None:
    cas = [dummy("ECDSA", 2048, "P-256", f"ca{number}")[0] for number in range(40)]
    pem, other = authority().pem(HOST), authority().pem("other.test")
    certificates = {text: text.split(b"-----BEGIN PRIVATE", 1)[0] for text in (pem, other)}
    for _ in range(2):
        for number, ca in enumerate(cas):
            for key, leaf in certificates.items():
                for chain in (b"", ca, ca + cas[0], ca + cas[number - 1] + key):
                    assert sent(Identity(leaf + chain, key)) == pem_certificates(leaf + chain)
    with pytest.raises(ValueError, match="chain"):
        Identity(certificates[pem] + cas[0][:100] + cas[0][120:], pem)
    assert sent(Identity(certificates[pem] + cas[0], pem)) == pem_certificates(certificates[pem] + cas[0])


def sent(identity: Identity) -> list[bytes]:
    """The chain that a client gets."""
    context = Context(True)
    context.defaults = ((None, identity),)
    return seen(context, HOST).peer_chain


def test_names_come_and_go_one_by_one() -> None:
    first, second = (Identity(pem, pem) for pem in (authority().pem("first.test"), authority().pem("second.test")))
    context = Context(True)
    context.defaults = ((None, first),)
    context.drop(b"a.test")
    assert shown(context, "a.test") == first.leaf
    context.put(b"a.test", ((None, second),))
    assert shown(context, "a.test") == second.leaf and shown(context, "b.test") == first.leaf
    context.put(b"*.b.test", ((None, second),))
    assert shown(context, "x.b.test") == second.leaf
    context.drop(b"*.b.test")
    context.put(b"a.test", ((None, first),))
    assert shown(context, "x.b.test") == shown(context, "a.test") == first.leaf
    given = {b"a.test": ((None, second),)}
    context.names = given
    context.drop(b"a.test")
    assert given  # which is the caller's
    assert shown(context, "a.test") == first.leaf
    for name, choice in (("a", None), (b"a", "text"), (b"a", ((None, 1),))):
        with pytest.raises(TypeError):
            context.put(name, choice)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        context.drop("a")  # type: ignore[arg-type]


def test_whether_connections_could_show_it(tmp_path: Path) -> None:
    small = tmp_path / "small.pem"
    words = ["-newkey", "rsa:1024", "-nodes", "-subj", "/CN=small.test", "-keyout", str(small)]
    text = openssl("req", "-x509", *words)
    weak = Identity(text, small.read_bytes())
    strong = Identity(*dummy("RSA", 2048, "", "a.test"))
    context, lax = Context(True), Context(True)
    lax.set("CipherString", "DEFAULT:@SECLEVEL=0")
    context.set("CipherString", "DEFAULT:@SECLEVEL=2")
    context.check(strong)
    lax.check(weak)
    with pytest.raises(ValueError, match="key too small"):
        context.check(weak)
    context.check(strong)
    context.defaults = ((None, strong),)
    assert shown(context, "a.test") == strong.leaf  # nothing stays of what was tried
    with pytest.raises(TypeError):
        context.check(b"x")  # type: ignore[arg-type]


def test_providers() -> None:
    assert "default" in providers()
