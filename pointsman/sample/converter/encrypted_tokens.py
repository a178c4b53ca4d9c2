"""JSON web tokens that are encrypted (RFC 7516): jwt_decrypt_secret, jwt_decrypt_jwk, jwt_decrypt_cert (manual 7.3.1).

    header . encrypted key . initialization vector . ciphertext . tag        each in base64url

The header says how the key of the content was encrypted ("alg", RFC 7518 4), and how the content was ("enc", 5). What
cannot be decrypted, for whatever reason, is an empty string. A key of RSA that does not decrypt is replaced by one of
chance, so that how long it takes tells nobody whether it did (RFC 7516, 11.5).
"""

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from typing import Final

from pointsman.core.crypt import MISSING, Key, cipher
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.converter.encoding import from_base64url
from pointsman.sample.converter.secrets import Ask, base64_or_variable, decoded, text_or_variable, variable_of
from pointsman.sample.converter.token_keys import CERTIFICATES, WebKey, web_key, web_key_of
from pointsman.sample.converter.tokens import certificate_name
from pointsman.sample.registry import ContextStep, converter_with
from pointsman.sample.types import Reads, Type, Value

WRAPPED: Final = {"A128KW": 16, "A192KW": 24, "A256KW": 32}  # bytes of the key that wraps
WRAPPED_BY_GCM: Final = {"A128GCMKW": 16, "A192GCMKW": 24, "A256GCMKW": 32}
OF_RSA: Final = {"RSA-OAEP": "sha1", "RSA-OAEP-256": "sha256", "RSA1_5": "pkcs1"}
AGREED: Final = {"ECDH-ES": 0, "ECDH-ES+A128KW": 16, "ECDH-ES+A192KW": 24, "ECDH-ES+A256KW": 32}
SYMMETRIC: Final = ("dir", *WRAPPED, *WRAPPED_BY_GCM)
ALGORITHMS: Final = (*SYMMETRIC, *OF_RSA, *AGREED)
CONTENT: Final = {  # bytes of the key of the content, and the digest that authenticates it; "": GCM does
    "A128CBC-HS256": (32, "sha256"),
    "A192CBC-HS384": (48, "sha384"),
    "A256CBC-HS512": (64, "sha512"),
    "A128GCM": (16, ""),
    "A192GCM": (24, ""),
    "A256GCM": (32, ""),
}
WRAP_IV: Final = b"\xa6" * 8  # RFC 3394, 2.2.3.1
Members = dict[str, object]


class Allowed:
    """jwt.decrypt_alg_list and jwt.decrypt_enc_list (manual 3.1)."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As it is where nobody says anything: RSA1_5 is off (RFC 8725, 3.2)."""
        self.algorithms = frozenset(ALGORITHMS) - {"RSA1_5"}
        self.content = frozenset(CONTENT)


ALLOWED: Final = Allowed()


def _member(header: Members, name: str) -> bytes | None:
    value = header.get(name)
    return decoded(value.encode("ascii", "replace")) if isinstance(value, str) else None


def _unwrap(key: bytes, encrypted: bytes) -> bytes | None:
    made = cipher(f"aes{len(key) * 8}-wrap", False, key, WRAP_IV, encrypted, b"", b"")
    return made if isinstance(made, bytes) else None


def _by_secret(algorithm: str, header: Members, secret: bytes, encrypted: bytes) -> bytes | None:
    """The key of the content, by a key that both sides know."""
    if algorithm == "dir":
        return secret if not encrypted else None
    if algorithm in WRAPPED:
        return _unwrap(secret, encrypted) if len(secret) == WRAPPED[algorithm] else None
    iv, tag = _member(header, "iv"), _member(header, "tag")
    if algorithm not in WRAPPED_BY_GCM or len(secret) != WRAPPED_BY_GCM[algorithm] or iv is None or tag is None:
        return None
    made = cipher(f"aes-{len(secret) * 8}-gcm", False, secret, iv, encrypted, b"", tag)
    return made if isinstance(made, bytes) else None


def concat_kdf(shared: bytes, name: str, you: bytes, me: bytes, size: int) -> bytes:
    """A key of so many bytes of what was agreed on (RFC 7518, 4.6.2). `you`, `me`: apu and apv."""
    told = b"".join([len(one).to_bytes(4, "big") + one for one in (name.encode(), you, me)])
    told += (size * 8).to_bytes(4, "big")
    rounds = range(1, -(-size // 32) + 1)
    return b"".join([hashlib.sha256(one.to_bytes(4, "big") + shared + told).digest() for one in rounds])[:size]


def _agreed(algorithm: str, header: Members, key: Key, encrypted: bytes, size: int) -> bytes | None:
    """The key of the content, by one that was made for this token alone ("epk")."""
    ephemeral = header.get("epk")
    you, me = (_member(header, name) if name in header else b"" for name in ("apu", "apv"))
    if not isinstance(ephemeral, dict) or you is None or me is None:
        return None
    try:
        other = web_key({name: ephemeral.get(name) for name in ("kty", "crv", "x", "y")})
    except ValueError:
        return None
    shared = key.agree(other.key) if other.kind == "EC" and other.key is not None else None
    if shared is None:
        return None
    wrapped = AGREED[algorithm]
    if not wrapped:
        name = header["enc"]
        assert isinstance(name, str)
        return concat_kdf(shared, name, you, me, size) if not encrypted else None
    return _unwrap(concat_kdf(shared, algorithm, you, me, wrapped), encrypted)


def _by_key(algorithm: str, header: Members, key: Key, encrypted: bytes, size: int) -> bytes | None:
    """The key of the content, by a private key."""
    if algorithm in OF_RSA and key.kind == "RSA":
        instead = os.urandom(size)
        made = key.decrypt(OF_RSA[algorithm], encrypted)
        return made if made is not None and len(made) == size else instead
    if algorithm in AGREED and key.kind not in ("RSA", ""):
        return _agreed(algorithm, header, key, encrypted, size)
    return None


def _content(enc: str, key: bytes, aad: bytes, parts: list[bytes]) -> bytes | None:
    iv, text, tag = parts
    size, digest = CONTENT[enc]
    if len(key) != size:
        return None
    if not digest:
        if len(iv) != 12:
            return None
        made = cipher(f"aes-{size * 8}-gcm", False, key, iv, text, aad, tag)
        return made if isinstance(made, bytes) else None
    half = size // 2
    told = aad + iv + text + (len(aad) * 8).to_bytes(8, "big")
    if not hmac.compare_digest(hmac.new(key[:half], told, digest).digest()[:half], tag):
        return None
    made = cipher(f"aes-{half * 8}-cbc", False, key[half:], iv, text, b"", b"")
    return made if isinstance(made, bytes) else None


def _header(text: bytes) -> Members | None:
    """None: it is none, or it wants something that is not understood (RFC 7516, 4.1.13; zip is not decompressed)."""
    data = from_base64url(text)
    try:
        header = json.loads(data) if data is not None else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or "crit" in header or "zip" in header:
        return None
    return header


Unlock = Callable[[str, Members, bytes, int], bytes | None]


def decrypt(token: bytes, unlock: Unlock) -> bytes:
    """The content of a token; b"": it cannot be had. `unlock` tells its key: (alg, header, encrypted key, size)."""
    parts = token.split(b".")
    header = _header(parts[0]) if len(parts) == 5 else None
    if header is None:
        return b""
    algorithm, enc = header.get("alg"), header.get("enc")
    if not isinstance(algorithm, str) or not isinstance(enc, str):
        return b""
    if algorithm not in ALLOWED.algorithms or enc not in ALLOWED.content:
        return b""
    rest: list[bytes] = []
    for part in parts[1:]:
        data = from_base64url(part)
        if data is None:
            return b""
        rest.append(data)
    key = unlock(algorithm, header, rest[0], CONTENT[enc][0])
    return (_content(enc, key, parts[0], rest[1:]) if key is not None else None) or b""


def _step(args: Arguments, find: Callable[[Context], Unlock | None]) -> ContextStep:
    if MISSING:
        raise args.wrong(MISSING)

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        unlock = find(ctx)
        return b"" if unlock is None else decrypt(value, unlock)

    return ContextStep(run)


@converter_with("jwt_decrypt_secret", "(string)", Type.BIN, Type.BIN)
def decrypt_by_secret(args: Arguments) -> ContextStep:
    """jwt_decrypt_secret(<secret>): the content of a token of A128KW, A128GCMKW and their kin, or dir; "" if it cannot
    be had. The secret is base64, in a string or a variable."""
    if not args.word(0):
        raise args.wrong("expects a secret", "a secret in base64, or <scope>.<name>")
    secret: Ask = base64_or_variable(args, 0, "secret")

    def find(ctx: Context) -> Unlock | None:
        known = secret(ctx)
        if known is None:
            return None
        return lambda algorithm, header, encrypted, _: _by_secret(algorithm, header, known, encrypted)

    return _step(args, find)


def _by_web_key(known: WebKey) -> Unlock:
    key = known.key
    if key is None:
        return lambda algorithm, header, encrypted, _: _by_secret(algorithm, header, known.secret, encrypted)
    return lambda algorithm, header, encrypted, size: _by_key(algorithm, header, key, encrypted, size)


@converter_with("jwt_decrypt_jwk", "(string)", Type.BIN, Type.BIN)
def decrypt_by_web_key(args: Arguments) -> ContextStep:
    """jwt_decrypt_jwk(<jwk>): the same by a JSON web key of type oct, RSA or EC, in a string or a variable; so tokens
    of RSA-OAEP, RSA-OAEP-256, ECDH-ES and its kin as well."""
    if variable_of(args, 0) is None and not MISSING and web_key_of(args.text(0)) is None:
        raise args.wrong(
            f"'{args.word(0)}' is no JSON web key", "a key of type oct, RSA or EC (RFC 7517), or <scope>.<name>"
        )
    text = text_or_variable(args, 0)

    def find(ctx: Context) -> Unlock | None:
        told = text(ctx)
        known = None if told is None else web_key_of(told)
        return None if known is None else _by_web_key(known)

    return _step(args, find)


@converter_with("jwt_decrypt_cert", "(string)", Type.BIN, Type.BIN, Reads.MOVING)
def decrypt_by_certificate(args: Arguments) -> ContextStep:
    """jwt_decrypt_cert(<cert>): the same by the private key of a certificate in memory whose `jwt` is on."""
    name = certificate_name(args, 0)

    def find(ctx: Context) -> Unlock | None:
        path = name(ctx)
        found = None if path is None else CERTIFICATES.find(path)
        key = CERTIFICATES.private(found) if found is not None and found.usable else None
        if key is None:
            return None
        return lambda algorithm, header, encrypted, size: _by_key(algorithm, header, key, encrypted, size)

    return _step(args, find)
