"""Encryption and JSON web tokens (manual 7.3.1): by the vectors of RFC 3394, 7515, 7516 and 7518 and of NIST, by what
openssl makes, and by what 3.2 says of tokens that are none."""

from __future__ import annotations

import base64
import hmac
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchanges import exchange, sample
from hypothesis import given
from hypothesis import strategies as st
from support.configs import read

import pointsman.keywords
from pointsman.core.crypt import MISSING, Key, cipher
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.converter.encrypted_tokens import ALGORITHMS, ALLOWED, CONTENT, concat_kdf
from pointsman.sample.converter.secrets import decoded
from pointsman.sample.converter.token_keys import CERTIFICATES, FILES, TokenCertificate, web_key, web_key_of
from pointsman.sample.types import Value

assert pointsman.keywords
pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

PAYLOAD = b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
# RFC 7515 A.1
HS256 = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + PAYLOAD + b".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
SECRET = b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
# RFC 7515 A.2
RS256 = (
    b"eyJhbGciOiJSUzI1NiJ9." + PAYLOAD + b".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4"
    b"Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHl"
    b"b1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9F"
    b"s98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
RSA_P = (
    b"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDc"
    b"mnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"
)
RSA_Q = (
    b"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-"
    b"TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"
)
# RFC 7515 A.3
ES256 = (
    b"eyJhbGciOiJFUzI1NiJ9." + PAYLOAD + b".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJ"
    b"qPP3-Kg6NU1Q"
)
ES256_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
# RFC 7516 A.1
OAEP = (
    b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe"
    b"ipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5Xn"
    b"ZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQ"
    b"r66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9o"
    b"Mo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ"
)
OAEP_KEY = {
    "kty": "RSA",
    "n": "oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8"
    "MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0"
    "_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5Stowj"
    "zGy-_bq6Gw",
    "e": "AQAB",
    "d": "kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9Hrh"
    "2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOA"
    "bgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE"
    "3DzgrTjgyQ",
    "p": "1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eTSP"
    "VZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0",
    "q": "wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUoeBB_jKI1oma0"
    "Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc",
}
# RFC 7516 A.2
RSA1_5 = (
    b"eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPoltGRhWhw7Zx0"
    b"-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2xGdULU7sHNF6Gp2vPLgNZ__deLKxGHZ7PcHALUzoOegEI-8E66jX2E4zyJKx-YxzZIItRzC5hlRirb"
    b"6Y5Cl_p-ko3YvkkysZIFNPccxRU7qve1WYPxqbb2Yw8kZqa2rMWI5ng8OtvzlV7elprCbuPhcCdZ6XDP0_F8rkXds2vE4X-ncOIM8hAYHHi29NX0"
    b"mcKiRaD0-D-ljQTP-cFPgwCp6X-nZZd9OHBv-B3oWh2TbqmScqXMR4gp_A.AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUr"
    b"fmqCHXaI9wOGY.9hH0vgRfYgPnAHOd8stkvw"
)
RSA1_5_KEY = {
    "kty": "RSA",
    "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyX"
    "ss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA"
    "_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWFLU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFL"
    "N-aEAw3vRw",
    "e": "AQAB",
    "d": "VFCWOqXr8nvZNyaaJLXdnNPXZKRaWCjkU5Q2egQQpTBMwhprMzWzpR8Sxq1OPThh_J6MUD8Z35wky9b8eEO0pwNS8xlh1lOFRRBoNqDIKVOk"
    "u0aZb-rynq8cxjDTLZQ6Fz7jSjR1Klop-YKaUHc9GsEofQqYruPhzSA-QgajZGPbE_0ZaVDJHfyd7UUBUKunFMScbflYAAOYJqVIVwaYR5zWEEce"
    "UjNnTNo_CVSj-VvXLO5VZfCUAVLgW4dpf1SrtZjSt34YLsRarSb127reG_DUwg9Ch-KyvjT1SkHgUWRVGcyly7uvVGRSDwsXypdrNinPA4jlhoNd"
    "izK2zF2CWQ",
}
# RFC 7516 A.3
WRAPPED = (
    b"eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ."
    b"AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ"
)
WRAPPED_SECRET = "GawgguFyGrWKav7AX4VKUg"
LONG_LIVE = b"Live long and prosper."
# RFC 7518, appendix C
BOB = {
    "kty": "EC",
    "crv": "P-256",
    "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
}
Z = bytes(
    (
        158,
        86,
        217,
        29,
        129,
        113,
        53,
        211,
        114,
        131,
        66,
        131,
        191,
        132,
        38,
        156,
        251,
        49,
        110,
        163,
        218,
        128,
        106,
        72,
        246,
    )
) + bytes((218, 167, 121, 140, 254, 144, 196))


def text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def plain(value: bytes | str) -> bytes:
    found = decoded(value if isinstance(value, bytes) else value.encode())
    assert found is not None
    return found


def ask(expression: str, token: bytes, **variables: bytes) -> Value | None:
    ctx = exchange()
    ctx.variables = {b"txn.t": token, **{f"txn.{name}".encode(): value for name, value in variables.items()}}
    return sample(f"var(txn.t),{expression}", ctx)


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    yield
    ALLOWED.reset()
    CERTIFICATES.reset()
    FILES.keys.clear()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys that openssl makes, private and public, and certificates."""
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.key")
    for name in ("P-256", "P-384", "P-521"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{name}", "-out", f"{name}.key")
    for name in ("rsa", "P-256", "P-384", "P-521"):
        openssl("pkey", "-in", f"{name}.key", "-pubout", "-out", f"{name}.pub")
        openssl("req", "-x509", "-new", "-key", f"{name}.key", "-subj", "/CN=a", "-days", "9", "-out", f"{name}.crt")
    openssl("rsa", "-in", "rsa.key", "-RSAPublicKey_out", "-out", "pkcs1.pub")
    return folder


def signed(folder: Path, name: str, bits: int, *more: str) -> bytes:
    """A token that openssl has signed."""
    head = text(b'{"alg":"?"}') + b"." + PAYLOAD
    words = ["openssl", "dgst", f"-sha{bits}", "-sign", f"{name}.key", *more]
    made = subprocess.run(words, cwd=folder, input=head, check=True, capture_output=True).stdout
    if name.startswith("P-"):  # SEQUENCE of two INTEGERs, of one size each in a token
        size = (int(name[2:]) + 7) // 8
        at = 3 if made[1] == 0x81 else 2
        first = made[at + 2 : at + 2 + made[at + 1]]
        second = made[at + 4 + len(first) :]
        made = b"".join(one.lstrip(b"\0").rjust(size, b"\0") for one in (first, second))
    return head + b"." + text(made)


# What is encrypted by a key of both sides.

GCM = (  # NIST's test case 4 of GCM (McGrew and Viega, appendix B)
    *("feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2"),
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba"
    "637b39",
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d"
    "58e091",
    "5bc94fbc3221a5db94fae95ae7121a47",
)


def b64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def test_gcm() -> None:
    key, nonce, aad, clear, hidden, tag = GCM
    ctx = exchange()
    words = f"128,{b64(nonce)},{b64(key)}"
    assert sample(f"bin({clear}),aes_gcm_enc({words},txn.tag,{b64(aad)})", ctx) == bytes.fromhex(hidden)
    assert ctx.variables[b"txn.tag"] == b64(tag).encode()
    assert sample(f"bin({hidden}),aes_gcm_dec({words},txn.tag,{b64(aad)})", ctx) == bytes.fromhex(clear)
    assert sample(f"bin({hidden}),aes_gcm_dec({words},{b64(tag)},{b64(aad)})") == bytes.fromhex(clear)
    ctx.variables.update({b"txn.n": b64(nonce).encode(), b"txn.k": b64(key).encode(), b"txn.a": b64(aad).encode()})
    assert sample(f"bin({hidden}),aes_gcm_dec(128,txn.n,txn.k,txn.tag,txn.a)", ctx) == bytes.fromhex(clear)
    for wrong in (
        f"bin({hidden}),aes_gcm_dec({words},{b64(tag)})",  # without what goes along
        f"bin({hidden}),aes_gcm_dec({words},{b64(tag[:-2] + '00')},{b64(aad)})",
        f"bin({hidden}),aes_gcm_dec({words},{b64(tag[:-8])},{b64(aad)})",  # a shorter tag proves less
        f"bin(00{hidden}),aes_gcm_dec({words},{b64(tag)},{b64(aad)})",
        f"bin({hidden}),aes_gcm_dec(192,{b64(nonce)},{b64(key)},{b64(tag)},{b64(aad)})",
        f"bin({hidden}),aes_gcm_dec(128,,{b64(key)},{b64(tag)},{b64(aad)})",
        f"bin({hidden}),aes_gcm_dec(128,txn.none,{b64(key)},{b64(tag)},{b64(aad)})",
        f"bin({hidden}),aes_gcm_dec({words},txn.none,{b64(aad)})",
    ):
        assert sample(wrong) is None, wrong


def test_cbc() -> None:
    """The first block is NIST's (SP 800-38A, F.2.1); the padding of a second one is ours to check by going back."""
    key, nonce = "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f"
    clear = "6bc1bee22e409f96e93d7e117393172a"
    words = f"128,{b64(nonce)},{b64(key)}"
    made = sample(f"bin({clear}),aes_cbc_enc({words})")
    assert isinstance(made, bytes) and len(made) == 32
    assert made[:16].hex() == "7649abac8119b246cee98e9b12e9197d"
    assert sample(f"bin({made.hex()}),aes_cbc_dec({words})") == bytes.fromhex(clear)
    assert sample(f"bin({made[:-1].hex()}),aes_cbc_dec({words})") is None
    assert sample(f"bin({made.hex()}),aes_cbc_dec(128,{b64(nonce[2:])},{b64(key)})") is None


def test_key_wrap() -> None:
    """RFC 3394, 4.1, 4.3 and 4.6."""
    data = bytes.fromhex("00112233445566778899aabbccddeeff")
    for size, data_size, wrapped in (
        (16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
        (32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
        (32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
    ):
        clear = (data + bytes(range(16)))[:data_size]
        found = cipher(f"aes{size * 8}-wrap", False, bytes(range(size)), b"\xa6" * 8, bytes.fromhex(wrapped), b"", b"")
        assert found == clear
        broken = bytes.fromhex(wrapped[:-2] + "00")
        assert cipher(f"aes{size * 8}-wrap", False, bytes(range(size)), b"\xa6" * 8, broken, b"", b"") is None


@given(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=20), st.binary(max_size=20))
def test_no_bytes_raise(data: bytes, key: bytes, iv: bytes, tag: bytes) -> None:
    for name in ("aes-128-cbc", "aes-256-gcm", "aes192-wrap"):
        assert cipher(name, False, key, iv, data, b"a", tag) is None or len(key) in (16, 24, 32)
    with pytest.raises(ValueError, match="no such cipher"):
        cipher("rot13", False, key, iv, data, b"", tag)


# Signed tokens.


def test_queries() -> None:
    """RFC 7515 A.1, and what 3.2 says of what is none."""
    assert ask("jwt_header_query", HS256) == b'{"typ":"JWT",\r\n "alg":"HS256"}'
    assert ask("jwt_header_query('$.alg')", HS256) == b"HS256"
    assert ask("jwt_payload_query('$.iss')", HS256) == b"joe"
    assert ask("jwt_payload_query('$.exp','int')", HS256) == 1300819380
    assert ask("jwt_payload_query('$.none')", HS256) is None
    assert ask("jwt_header_query('$.alg')", WRAPPED) == b"A128KW"
    for token, header, payload in (
        (b"", b"", None),
        (b"..", b"", b""),
        (b"!!.e30", None, b"{}"),
        (b"e30", b"{}", None),
        (b"e30.e30.a.b.c", b"{}", b"{}"),
    ):
        assert ask("jwt_header_query", token) == header
        assert ask("jwt_payload_query", token) == payload


def test_vectors_of_signatures(tmp_path: Path) -> None:
    """RFC 7515, A.1 to A.3 and A.5."""
    ctx_secret = plain(SECRET)
    assert ask("jwt_verify(txn.a,txn.k)", HS256, a=b"HS256", k=ctx_secret) == 1
    assert ask("jwt_verify(HS256,txn.k)", HS256[:-1] + b"A", k=ctx_secret) == 0
    p, q = int.from_bytes(plain(RSA_P), "big"), int.from_bytes(plain(RSA_Q), "big")
    n = text((p * q).to_bytes(256, "big")).decode()
    rsa = web_key({"kty": "RSA", "n": n, "e": "AQAB"}).key
    ec = web_key(ES256_KEY).key
    assert rsa is not None and ec is not None
    FILES.keys.update({b"rsa": rsa, b"ec": ec})
    assert ask("jwt_verify(txn.a,txn.k)", RS256, a=b"RS256", k=b"rsa") == 1
    assert ask("jwt_verify(txn.a,txn.k)", ES256, a=b"ES256", k=b"ec") == 1
    assert ask("jwt_verify(txn.a,txn.k)", RS256, a=b"RS256", k=b"ec") == 0
    assert ask("jwt_verify(txn.a,txn.k)", ES256, a=b"ES256", k=b"rsa") == 0
    assert ask("jwt_verify(txn.a,txn.k)", RS256, a=b"PS256", k=b"rsa") == 0
    assert ask("jwt_verify(none,x)", b"eyJhbGciOiJub25lIn0." + PAYLOAD + b".") == 1


@pytest.mark.parametrize(
    ("algorithm", "name", "more"),
    [
        *((f"RS{bits}", "rsa", ()) for bits in (256, 384, 512)),
        *(
            (f"PS{bits}", "rsa", ("-sigopt", "rsa_padding_mode:pss", "-sigopt", f"rsa_pss_saltlen:{bits // 8}"))
            for bits in (256, 384, 512)
        ),
        ("ES256", "P-256", ()),
        ("ES384", "P-384", ()),
        ("ES512", "P-521", ()),
    ],
)
def test_signatures_of_openssl(keys: Path, algorithm: str, name: str, more: tuple[str, ...]) -> None:
    """A key in each of the forms that are read; a certificate that is in memory; and a byte that is not as it was."""
    token = signed(keys, name, int(algorithm[2:]), *more)
    files = [f"{name}.pub", f"{name}.crt", *(["pkcs1.pub"] if name == "rsa" else [])]
    for file in files:
        assert ask(f"jwt_verify({algorithm},{keys / file})", token) == 1
        assert ask(f"jwt_verify({algorithm},txn.k)", token, k=str(keys / file).encode()) == 1
        broken = token.replace(PAYLOAD, PAYLOAD[:-2] + b"AA")
        assert ask(f"jwt_verify({algorithm},{keys / file})", broken) == 0
    leaf = subprocess.run(
        ["openssl", "x509", "-in", f"{name}.crt", "-outform", "DER"], cwd=keys, check=True, capture_output=True
    ).stdout
    CERTIFICATES.find = {b"here": TokenCertificate(leaf, bytes, True), b"off": TokenCertificate(leaf, bytes, False)}.get
    assert ask(f"jwt_verify_cert({algorithm},txn.k)", token, k=b"here") == 1
    assert ask(f"jwt_verify_cert({algorithm},here)", token) == 1
    assert ask(f"jwt_verify_cert({algorithm},txn.k)", token, k=b"off") == -7
    assert ask(f"jwt_verify_cert({algorithm},txn.k)", token, k=b"none") == -5
    assert ask("jwt_verify_cert(txn.a,txn.k)", token, a=b"HS256", k=b"here") == -2


def test_what_is_no_token(keys: Path) -> None:
    """Each number is 3.2's."""
    head = text(b'{"alg":"HS256"}')
    start = head + b"." + PAYLOAD
    good = text(hmac.new(b"secret", start, "sha256").digest())
    public, curve = keys / "rsa.pub", keys / "P-256.pub"
    for token, of_hmac, of_rsa, of_curve, of_none in (
        (start + b"." + good, 1, 0, 0, 0),
        (start + b"." + good[:-4], 0, 0, -3, 0),
        (start + b"." + good + b"=", 0, 0, -3, 0),
        (start + b".", -3, -3, -3, 1),
        (start, -3, -3, -3, 1),
        (head, -3, -3, -3, -3),
        (start + b"." + good + b".x", -3, -3, -3, -3),
        (start + b".a.b.c", -3, -3, -3, -3),
        (b"", -3, -3, -3, -3),
        (b"..", -3, -3, -3, 1),
        (start + b".!!", -3, -3, -3, 0),
    ):
        assert ask("jwt_verify(HS256,secret)", token) == of_hmac, token
        assert ask(f"jwt_verify(RS256,{public})", token) == of_rsa, token
        assert ask(f"jwt_verify(ES256,{curve})", token) == of_curve, token
        assert ask("jwt_verify(none,x)", token) == of_none, token
    token = start + b"." + good
    for algorithm, key, found in (
        (b"HS256", b"secret", 1),
        (b"hs256", b"secret", -1),
        (b"EdDSA", b"secret", -1),
        (b"RS256", b"secret", -5),
    ):
        assert ask("jwt_verify(txn.a,txn.k)", token, a=algorithm, k=key) == found
    assert ask("jwt_verify(txn.a,txn.k)", token, a=b"HS256") is None
    assert ask("jwt_verify(txn.a,txn.k)", token, k=b"secret") is None


# Encrypted ones.


def encrypted(algorithm: str, enc: str, cek: bytes, key: bytes, content: bytes, **header: object) -> bytes:
    """A token whose content openssl's ciphers encrypt."""
    protected = text(json.dumps({"alg": algorithm, "enc": enc, **header}).encode())
    size, digest = CONTENT[enc]
    if digest:
        half, iv = size // 2, os.urandom(16)
        hidden = cipher(f"aes-{half * 8}-cbc", True, cek[half:], iv, content, b"", b"")
        assert isinstance(hidden, bytes)
        told = protected + iv + hidden + (8 * len(protected)).to_bytes(8, "big")
        tag = hmac.new(cek[:half], told, digest).digest()[:half]
    else:
        iv = os.urandom(12)
        made = cipher(f"aes-{size * 8}-gcm", True, cek, iv, content, protected, b"")
        assert isinstance(made, tuple)
        hidden, tag = made
    return b".".join((protected, *[text(one) for one in (key, iv, hidden, tag)]))


def test_vectors_of_encryption() -> None:
    """RFC 7516, A.1 to A.3; RFC 7518, appendix C."""
    imagination = b"The true sign of intelligence is not knowledge but imagination."
    assert ask("jwt_decrypt_jwk(txn.k)", OAEP, k=json.dumps(OAEP_KEY).encode()) == imagination
    without_primes = {name: value for name, value in OAEP_KEY.items() if name not in ("p", "q")}
    assert ask("jwt_decrypt_jwk(txn.k)", OAEP, k=json.dumps(without_primes).encode()) == imagination
    assert ask(f"jwt_decrypt_secret({WRAPPED_SECRET})", WRAPPED) == LONG_LIVE
    assert ask("jwt_decrypt_secret(txn.k)", WRAPPED, k=WRAPPED_SECRET.encode()) == LONG_LIVE
    assert ask("jwt_decrypt_jwk(txn.k)", WRAPPED, k=b'{"kty":"oct","k":"GawgguFyGrWKav7AX4VKUg"}') == LONG_LIVE
    key = json.dumps(RSA1_5_KEY).encode()
    assert ask("jwt_decrypt_jwk(txn.k)", RSA1_5, k=key) == b""  # it is off, as in HAProxy (RFC 8725, 3.2)
    ALLOWED.algorithms = frozenset({"RSA1_5"})
    assert ask("jwt_decrypt_jwk(txn.k)", RSA1_5, k=key) == LONG_LIVE
    assert ask(f"jwt_decrypt_secret({WRAPPED_SECRET})", WRAPPED) == b""
    assert text(concat_kdf(Z, "A128GCM", b"Alice", b"Bob", 16)) == b"VqqN6vgjbSBcIijNcacQGg"


@pytest.mark.parametrize("enc", CONTENT)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_openssl_has_encrypted(keys: Path, algorithm: str, enc: str) -> None:
    """Each way of encrypting the key, with each of encrypting the content; and each with a bit that is another one."""
    ALLOWED.algorithms = frozenset(ALGORITHMS)
    size = CONTENT[enc][0]
    cek, secret, content = os.urandom(size), b"", b"what nobody else may read"
    header: dict[str, object] = {}
    key = b""
    words = "jwt_decrypt_secret(txn.k)"
    told = b""
    if algorithm == "dir":
        told = base64.b64encode(cek)
    elif algorithm.endswith("GCMKW"):
        secret = os.urandom(int(algorithm[1:4]) // 8)
        iv = os.urandom(12)
        made = cipher(f"aes-{len(secret) * 8}-gcm", True, secret, iv, cek, b"", b"")
        assert isinstance(made, tuple)
        key, header = made[0], {"iv": text(iv).decode(), "tag": text(made[1]).decode()}
    elif algorithm.startswith("A"):
        secret = os.urandom(int(algorithm[1:4]) // 8)
        key = _wrapped(secret, cek)
    if algorithm.startswith(("RSA", "ECDH")):
        words = "jwt_decrypt_cert(txn.k)"
        told = b"here"
        name = "rsa" if algorithm.startswith("RSA") else "P-384"
        pem = (keys / f"{name}.key").read_bytes()
        CERTIFICATES.find = {b"here": TokenCertificate(b"leaf of " + name.encode(), lambda: pem, True)}.get
        if name == "rsa":
            how = ["rsa_padding_mode:pkcs1"] if algorithm == "RSA1_5" else ["rsa_padding_mode:oaep"]
            how += ["rsa_oaep_md:sha256"] if algorithm == "RSA-OAEP-256" else []
            options = [word for one in how for word in ("-pkeyopt", one)]
            command = ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", "rsa.pub", *options]
            key = subprocess.run(command, cwd=keys, input=cek, check=True, capture_output=True).stdout
        else:
            header, agreed = _agreement(keys)
            if algorithm == "ECDH-ES":
                cek = concat_kdf(agreed, enc, b"", b"me", size)
            else:
                key = _wrapped(concat_kdf(agreed, algorithm, b"", b"me", int(algorithm[-5:-2]) // 8), cek)
    elif not told:
        told = base64.b64encode(secret)
    token = encrypted(algorithm, enc, cek, key, content, **header)
    assert ask(words, token, k=told) == content
    parts = token.split(b".")
    for at in range(5):
        data = bytearray(plain(parts[at]))
        if not data:
            continue
        data[len(data) // 2] ^= 1
        assert ask(words, b".".join((*parts[:at], text(bytes(data)), *parts[at + 1 :])), k=told) == b""
    assert ask(words, token, k=b"none") == b""
    ALLOWED.content -= {enc}
    assert ask(words, token, k=told) == b""


def _wrapped(secret: bytes, cek: bytes) -> bytes:
    made = cipher(f"aes{len(secret) * 8}-wrap", True, secret, b"\xa6" * 8, cek, b"", b"")
    assert isinstance(made, bytes)
    return made


def _agreement(keys: Path) -> tuple[dict[str, object], bytes]:
    """The header of a key that openssl makes for one token, and what it has in common with P-384.key."""

    def openssl(*words: str) -> bytes:
        return subprocess.run(["openssl", *words], cwd=keys, check=True, capture_output=True).stdout

    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "once.key")
    der = openssl("pkey", "-in", "once.key", "-pubout", "-outform", "DER")
    x, y = (text(one).decode() for one in (der[-96:-48], der[-48:]))
    agreed = openssl("pkeyutl", "-derive", "-inkey", "once.key", "-peerkey", "P-384.pub")
    key = {"kty": "EC", "crv": "P-384", "x": x, "y": y}
    return {"epk": key, "apv": text(b"me").decode()}, agreed


def test_agreement_of_the_rfc() -> None:
    """RFC 7518, appendix C: Bob's key and Alice's, which is told with its private part there."""
    alice = {
        "kty": "EC",
        "crv": "P-256",
        "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
        "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        "d": "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
    }
    private, other = web_key(BOB).key, web_key({**alice, "d": None} | {"d": alice["d"]}).key
    assert private is not None and other is not None
    assert private.agree(other) == other.agree(private) == Z


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"....",
        b"a.b.c",
        b"!.!.!.!.!",
        text(b"[]") + b"....",
        text(b'{"alg":"dir"}') + b"....",
        text(b'{"alg":1,"enc":2}') + b"....",
        text(b'{"alg":"ECDH-ES","enc":"A128GCM"}') + b"....",
        text(b'{"alg":"ECDH-ES","enc":"A128GCM","epk":{"kty":"oct","k":"AAAA"}}') + b"....",
        text(b'{"alg":"A128GCMKW","enc":"A128GCM","iv":1,"tag":[]}') + b"....",
        text(b'{"alg":"RSA-OAEP","enc":"A128GCM"}') + b"....",
        text(b'{"alg":"dir","enc":"A128GCM","zip":"DEF"}') + b"....",
        text(b'{"alg":"dir","enc":"A128GCM","crit":["x"]}') + b"....",
        text(b"[" * 100_000) + b"....",
    ],
    ids=range(14),
)
def test_what_cannot_be_decrypted_is_empty(token: bytes) -> None:
    """ "An empty string will be returned" (manual 7.3.1)."""
    for key in (json.dumps(OAEP_KEY), json.dumps(BOB), '{"kty":"oct","k":"AAAA"}', "{}", "no JSON", "[" * 100_000):
        assert ask("jwt_decrypt_jwk(txn.k)", token, k=key.encode()) == b""
    assert ask("jwt_decrypt_secret(AAAA)", token) == b""
    assert ask("jwt_decrypt_cert(txn.k)", token, k=b"none") == b""
    assert ask("jwt_decrypt_secret(txn.none)", token) == b""


def test_points_off_the_curve_are_no_keys() -> None:
    """A key that an attacker chooses so would tell ours, bit by bit (RFC 8725, 2.5)."""
    for wrong in ({"y": ES256_KEY["x"]}, {"x": "AAAA"}, {"crv": "P-384"}, {"crv": "secp256k1"}, {"x": 5}, {"y": None}):
        assert web_key_of(json.dumps({**ES256_KEY, **wrong}).encode()) is None
    for wrong in ({"e": "AA"}, {"d": "AA"}, {"p": OAEP_KEY["q"]}, {"q": "AQAB"}, {"n": "AQ"}):
        assert web_key_of(json.dumps({**OAEP_KEY, **wrong}).encode()) is None


@given(st.dictionaries(st.sampled_from(["kty", "n", "e", "d", "p", "q", "crv", "x", "y", "k"]), st.text(max_size=4)))
def test_no_web_key_raises_anything_else(members: dict[str, str]) -> None:
    for kind in ("RSA", "EC", "oct"):
        web_key_of(json.dumps({**members, "kty": kind}).encode())


def test_keys_say_what_they_are(keys: Path) -> None:
    with pytest.raises(ValueError, match="no key"):
        Key("public", b"x")
    with pytest.raises(ValueError, match="a key is"):
        Key("odd", b"x")
    kinds = {web_key(OAEP_KEY).key, web_key(ES256_KEY).key}
    assert {key.kind for key in kinds if key is not None} == {"RSA", "prime256v1"}
    rsa = web_key(OAEP_KEY).key
    assert rsa is not None
    assert rsa.decrypt("sha1", b"x") is None
    assert rsa.decrypt("nonsense", b"x") is None
    assert not rsa.verify("nonsense", False, b"", b"")
    assert rsa.agree(rsa) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("aes_gcm_dec(127,Zm9v,Zm9v,Zm9v)", "key size must be 128, 192 or 256"),
        ("aes_gcm_dec(128,a,Zm9v,Zm9v)", "failed to parse nonce : argument needs to be base64 encoded"),
        ("aes_gcm_dec(128,Zm9v,?,Zm9v)", "failed to parse key"),
        ("aes_gcm_enc(128,Zm9v,Zm9v,Zm9v)", "invalid variable name 'Zm9v'"),
        ("aes_cbc_enc(128,Zm9v,Zm9v,Zm9v)", "CBC authenticates nothing"),
        ("jwt_verify(HS256)", "missing arguments"),
        ("jwt_verify(FOO,bar)", "unknown JWT algorithm: FOO"),
        ("jwt_verify(RS256,/nowhere.pem)", "failed to load public key '/nowhere.pem' : No such file or directory"),
        ("jwt_verify_cert(HS256,a)", "takes a secret, not a certificate"),
        ("jwt_verify_cert(RS256)", "expects the path of a certificate"),
        ("jwt_decrypt_secret()", "expects a secret"),
        ("jwt_decrypt_secret(?)", "failed to parse secret"),
        ("jwt_decrypt_jwk(x)", "'x' is no JSON web key"),
        ("jwt_decrypt_cert()", "expects the path of a certificate"),
        ("jwt_header_query(a)", "is not a JSON path"),
    ],
)
def test_wrong_arguments_of_tokens_are_named(words: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sample(f"str(a),{words}")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("jwt.decrypt_alg_list ALL:!ECDH-ES", ""),
        ("jwt.decrypt_alg_list RSA-OEAP", "unknown algorithm 'RSA-OEAP'"),
        ("jwt.decrypt_enc_list A128GCM:A192GCM:A256GCM", ""),
        ("jwt.decrypt_enc_list a128gcm", "unknown algorithm 'a128gcm'"),
        ("jwt.decrypt_enc_list !ALL", "unknown algorithm 'ALL'"),
    ],
)
def test_lists_of_algorithms(line: str, message: str) -> None:
    loaded = read(f"global\n {line}\n")
    assert [one.message for one in loaded.diagnostics.findings if message and message in one.message] or not message
    assert bool(loaded.errors) == bool(message)
