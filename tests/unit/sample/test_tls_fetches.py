"""Fetches about TLS, asked of connections whose certificates, names and versions are known (support/tls_pairs.py)."""

from __future__ import annotations

import hashlib
import socket

import pytest
from exchanges import exchange, sample, word
from support.hello import ALGORITHMS, EXTENSIONS, GROUPS, SUITES, VERSIONS, client_hello, numbers
from support.tls_pairs import pair
from support.x509 import forest

from pointsman.core.diagnostics import ConfigError
from pointsman.core.tls import MISSING, Connection, TlsError
from pointsman.core.tls import Context as TlsContext
from pointsman.core.wishes import Wishes
from pointsman.sample.context import Context
from pointsman.sample.expression import parse_expression
from pointsman.sample.fetch.ssl_hello import without_grease
from pointsman.sample.registry import FETCHES
from pointsman.sample.types import Where

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


def known(name: str, server: str = "") -> Context:
    """An exchange of a client with that connection."""
    ctx = exchange()
    ctx.session.tls = pair(name)[0]
    ctx.server_tls = pair(server)[1] if server else None
    return ctx


@pytest.mark.parametrize(
    ("fetch", "usual", "another"),
    [
        ("ssl_fc", True, True),
        ("ssl_fc_protocol", b"TLSv1.3", b"TLSv1.2"),
        ("ssl_fc_cipher", b"TLS_AES_256_GCM_SHA384", b"ECDHE-RSA-AES128-GCM-SHA256"),
        ("ssl_fc_curve", b"X25519", b"SECP256R1"),
        ("ssl_fc_use_keysize", 256, 128),
        ("ssl_fc_alg_keysize", 256, 128),
        ("ssl_fc_alpn", b"http/1.1", b"other/1"),
        ("ssl_fc_sni", b"www.example.test", b"Other.example.test"),
        ("ssl_fc_has_sni", True, True),
        ("ssl_fc_has_crt", True, True),
        ("ssl_fc_is_resumed", False, False),
        ("ssl_fc_has_early", False, False),
        ("ssl_fc_early_rcvd", False, False),
        ("ssl_fc_npn", None, None),
        ("ssl_fc_err", 0, 0),
        ("ssl_fc_err_str", None, None),
        ("ssl_fc_crtname", b"front.pem", b"rsa.pem"),
        ("ssl_fc_protocol_hello_id", 771, 771),
        ("ssl_c_used", True, True),
        ("ssl_c_verify", 0, 19),
        ("ssl_c_err", 0, 0),
        ("ssl_c_ca_err", 0, 19),
        ("ssl_c_ca_err_depth", 0, 1),
        ("ssl_c_s_dn(CN)", b"client", b"stranger"),
        ("ssl_c_s_dn(CN,2)", b"second;#", b"two"),
        ("ssl_c_s_dn(O)", b'A "q", B', b"Strange"),
        ("ssl_c_s_dn(L)", "München".encode(), None),
        ("ssl_c_s_dn(CN,0)", None, None),
        ("ssl_c_s_dn(,0,rfc2253)", None, b"CN=two,CN=stranger,O=Strange"),
        ("ssl_c_i_dn", b"/C=DE/O=Zwischen/CN=Sub CA", b"/O=Elsewhere/CN=CA"),
        ("ssl_c_r_dn(CN)", b"Root CA", b"CA"),
        ("ssl_c_serial", b"\xff\x01\x02", b"\x0b"),
        ("ssl_c_version", 3, 1),
        ("ssl_c_key_alg", b"id-ecPublicKey", b"rsaEncryption"),
        ("ssl_c_sig_alg", b"ecdsa-with-SHA256", b"ecdsa-with-SHA256"),
        ("ssl_c_policies", b"1.2.3.4,2.5.29.32.0,0.4.0.1862.1.4", None),
        ("ssl_c_policies(0.4.0.1862.1.4)", b"0.4.0.1862.1.4", None),
        ("ssl_c_policies(1.2.3)", None, None),
        ("ssl_f_s_dn", b"/C=DE/CN=www.example.test/CN=front", b"/O=Other/CN=other.example.test"),
        ("ssl_f_serial", b"\x01", b"\x09"),
        ("ssl_f_key_alg", b"id-ecPublicKey", b"rsaEncryption"),
    ],
)
def test_what_is_known_of_a_client(fetch: str, usual: object, another: object) -> None:
    if usual is None and fetch.endswith("rfc2253)"):
        usual = forest().run("x509", "-in", "client.crt", "-noout", "-subject", "-nameopt", "RFC2253")
        usual = str(usual).strip().partition("=")[2].encode()
    assert sample(fetch, known("usual")) == usual
    assert sample(fetch, known("another")) == another


def test_certificates_as_they_are() -> None:
    ctx = known("usual", "usual")
    client, front, sub = (forest().der(name) for name in ("client", "front", "sub"))
    assert sample("ssl_c_der", ctx) == client and sample("ssl_c_sha1", ctx) == hashlib.sha1(client).digest()
    assert sample("ssl_f_der", ctx) == sample("ssl_s_der", ctx) == front
    assert sample("ssl_c_chain_der", ctx) == sub  # without the client's own
    assert sample("ssl_s_chain_der", ctx) == front + sub
    text = forest().run("x509", "-in", "client.crt", "-noout", "-ext", "subjectAltName").split("\n")[1].strip()
    assert sample("ssl_c_san", ctx) == text.encode()


@pytest.mark.parametrize(
    ("days", "expected"),
    [(3650, 13), (20000, 13), (60000, 0)],  # until 2049 years have two digits, then four; 2100 has no form
)
def test_dates_have_years_of_two_digits(days: int, expected: int) -> None:
    certificate = forest().make(f"until-{days}", "/CN=a", days=days, extensions="plain")
    ctx = exchange()
    ctx.session.tls = shown(certificate.read_bytes())
    found = sample("ssl_f_notafter", ctx)
    assert len(found or b"") == expected  # type: ignore[arg-type]
    printed = forest().run("x509", "-in", f"until-{days}.crt", "-noout", "-enddate", "-dateopt", "iso_8601")
    if found is not None:
        digits = "".join(letter for letter in printed.partition("=")[2] if letter.isdigit() or letter == "Z")
        assert found == digits[2:].encode()


def shown(pem: bytes) -> Connection:
    """A connection that would show this certificate."""
    context = TlsContext(True)
    context.certificate(pem, pem)
    a, b = socket.socketpair()
    with a, b:
        return Connection(context, a.fileno())


def test_a_resumed_session() -> None:
    ctx = known("resumed", "resumed")
    assert sample("ssl_fc_is_resumed", ctx) is sample("ssl_bc_is_resumed", ctx) is True
    assert sample("ssl_c_used", ctx) is True and sample("ssl_fc_has_crt", ctx) is False
    assert sample("ssl_c_s_dn(CN)", ctx) == b"client"
    assert sample("ssl_c_r_dn", ctx) is sample("ssl_c_chain_der", ctx) is None


def test_no_certificate_of_the_client() -> None:
    ctx = known("without")
    assert sample("ssl_c_used", ctx) is sample("ssl_fc_has_crt", ctx) is sample("ssl_fc_has_sni", ctx) is False
    assert sample("ssl_c_verify", ctx) == sample("ssl_c_err", ctx) == 0
    for name in ("der", "serial", "version", "s_dn", "r_dn", "san", "policies", "notafter", "chain_der"):
        assert sample(f"ssl_c_{name}", ctx) is None


def test_a_handshake_that_failed() -> None:
    """What was known until then, and why."""
    ctx = known("refused")
    assert sample("ssl_fc", ctx) is sample("ssl_c_used", ctx) is True
    assert sample("ssl_fc_cipher", ctx) == b"(NONE)" and sample("ssl_fc_use_keysize", ctx) is None
    assert sample("ssl_fc_err", ctx) == 0x0A000086
    assert sample("ssl_fc_err_str", ctx) == b"error:0A000086:SSL routines::certificate verify failed"
    assert sample("ssl_c_err", ctx) == 18 and sample("ssl_c_s_dn", ctx) == b"/O=Alone/CN=alone"
    for name in ("ssl_c_verify", "ssl_fc_has_crt", "ssl_fc_session_id", "ssl_fc_unique_id", "ssl_fc_exporter_secret"):
        assert sample(name, ctx) is None


def test_both_ends_know_the_same_secrets() -> None:
    for name in ("usual", "another", "resumed"):
        ctx = known(name, name)
        facts = "protocol cipher curve alpn client_random server_random session_key unique_id use_keysize is_resumed"
        for fact in facts.split():
            assert sample(f"ssl_fc_{fact}", ctx) == sample(f"ssl_bc_{fact}", ctx) is not None, fact
    ctx = known("usual", "usual")
    for fact in ("client_handshake_traffic_secret", "server_traffic_secret_0", "exporter_secret"):
        secret = sample(f"ssl_fc_{fact}", ctx)
        assert isinstance(secret, bytes) and len(secret) == 96 and bytes.fromhex(secret.decode())
        assert secret == sample(f"ssl_bc_{fact}", ctx)
    assert sample("ssl_fc_client_early_traffic_secret", ctx) is None


def test_early_data() -> None:
    """Whether it may be a replay changes while the connection lives; that some came does not."""
    under_way, over = known("early, under way", "early, under way"), known("early", "early")
    assert sample("ssl_fc_has_early", under_way) is sample("ssl_fc_early_rcvd", under_way) is True
    assert sample("ssl_fc_has_early", over) is False and sample("ssl_fc_early_rcvd", over) is True
    assert sample("ssl_fc", under_way) is sample("ssl_fc_is_resumed", under_way) is True
    unsettled = "ssl_fc_has_crt ssl_fc_err ssl_fc_unique_id ssl_c_used ssl_c_verify ssl_c_err ssl_c_der ssl_f_der"
    for name in unsettled.split():
        assert sample(name, under_way) is None and sample(name, over) is not None, name
    for fact in ("client_early_traffic_secret", "early_exporter_secret"):
        assert sample(f"ssl_fc_{fact}", over) == sample(f"ssl_bc_{fact}", over) is not None
        assert sample(f"ssl_fc_{fact}", under_way) is None


def test_the_server_s_side() -> None:
    ctx = known("without", "another")
    assert sample("ssl_bc", ctx) is True and sample("ssl_bc_sni", ctx) == b"Other.example.test"
    assert sample("ssl_s_s_dn", ctx) == b"/O=Other/CN=other.example.test"
    assert sample("ssl_bc", known("usual")) is False and sample("ssl_bc_err", known("usual")) is None
    refused = known("usual", "refused")  # it was the server that refused
    assert sample("ssl_bc_err", refused) and sample("ssl_s_der", refused) is sample("ssl_s_chain_der", refused) is None


def test_a_hello_with_what_nobody_knows() -> None:
    context = TlsContext(True)
    context.capture = 512
    pem = forest().make("front", "/CN=front").read_bytes()
    context.certificate(pem, pem)
    a, b = socket.socketpair()
    ctx = exchange()
    with a, b:
        tls = ctx.session.tls = Connection(context, a.fileno())
        b.send(client_hello())
        with pytest.raises(TlsError):
            tls.handshake()
    assert sample("ssl_fc_cipherlist_bin", ctx) == numbers(SUITES)
    assert sample("ssl_fc_cipherlist_bin(1)", ctx) == numbers([one for one in SUITES if one not in (0x0A0A, 0x1A1A)])
    assert sample("ssl_fc_cipherlist_hex", ctx) == numbers(SUITES).hex().upper().encode()
    assert sample("ssl_fc_cipherlist_str(1)", ctx) == (
        b"TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384,ECDHE-ECDSA-AES128-GCM-SHA256,ECDHE-RSA-AES128-GCM-SHA256,"
        b"UNKNOWN(fe01),TLS_EMPTY_RENEGOTIATION_INFO_SCSV"
    )
    assert sample("ssl_fc_extlist_bin(0)", ctx) == numbers([kind for kind, _ in EXTENSIONS])
    assert sample("ssl_fc_eclist_bin(1)", ctx) == numbers(GROUPS[1:])
    assert sample("ssl_fc_sigalgs_bin(1)", ctx) == numbers(ALGORITHMS[1:])
    assert sample("ssl_fc_supported_versions_bin(1)", ctx) == numbers(VERSIONS[1:])
    assert sample("ssl_fc_ecformats_bin", ctx) == b"\0\1"
    assert sample("ssl_fc_cipherlist_xxh", ctx) == 5825570750258032  # as haproxy has it


def test_grease_is_told_from_its_likes() -> None:
    every = b"".join(number.to_bytes(2, "big") for number in range(1 << 16))
    kept = without_grease(every)
    left_out = [one << 8 | one for one in range(10, 256, 16)]  # RFC 8701, 2: 0A0A, 1A1A ... FAFA
    assert len(every) - len(kept) == 2 * len(left_out) == 32
    assert kept == b"".join(number.to_bytes(2, "big") for number in range(1 << 16) if number not in left_out)
    assert without_grease(b"\x13\x01\x0a") == b"\x13\x01\x0a"


@pytest.mark.parametrize("name", sorted(name for name in FETCHES if name.startswith("ssl_")))
def test_a_clear_connection(name: str) -> None:
    known_of_it = ("ssl_fc", "ssl_fc_has_sni", "ssl_fc_is_resumed", "ssl_bc", "ssl_bc_is_resumed")
    assert sample(name, exchange()) is (False if name in known_of_it else None)


@pytest.mark.parametrize("fetch", ["ssl_c_s_dn(CN,1,ldap)", "ssl_s_i_dn(,0,RFC2253)"])
def test_another_form_of_names(fetch: str) -> None:
    with pytest.raises(ConfigError, match="only rfc2253 or a blank value"):
        parse_expression(word(fetch), Where.HTTP_REQ)


@pytest.mark.parametrize("fetch", ["ssl_fc", "ssl_c_der", "ssl_bc_exporter_secret"])
def test_there_is_no_handshake_before_a_connection_is_accepted(fetch: str) -> None:
    with pytest.raises(ConfigError, match="not available in tcp-request connection rules"):
        parse_expression(word(fetch), Where.TCP_REQ_CON)


def test_what_costs_something_is_wished_for() -> None:
    for name in ("ssl_bc_cipher", "ssl_s_der"):
        wishes = Wishes()
        wishes.fetched(name)
        assert wishes.server_tls
    wishes = Wishes()
    wishes.fetched("ssl_c_der")
    assert not wishes.server_tls
