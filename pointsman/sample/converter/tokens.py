"""JSON web tokens that are signed (RFC 7515, RFC 7519): jwt_header_query, jwt_payload_query, jwt_verify,
jwt_verify_cert (manual 7.3.1).

    header.payload.signature        each in base64url, without padding; what is signed is all before the last dot

Which tokens are none at all (-3), and which are merely not genuine (0), is as in HAProxy 3.2.
"""

import hmac
from collections.abc import Callable
from typing import Final

from pointsman.core.crypt import MISSING, Key
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.converter.encoding import from_base64url, json_path
from pointsman.sample.converter.secrets import Ask, text_or_variable, variable_of
from pointsman.sample.converter.token_keys import CERTIFICATES, CURVES, FILES, INTEGER, SEQUENCE, der
from pointsman.sample.registry import ContextStep, converter_with
from pointsman.sample.types import Reads, Type, Value

GENUINE, FORGED, UNKNOWN_ALGORITHM, UNMANAGED, INVALID, UNKNOWN_KEY, UNAVAILABLE = 1, 0, -1, -2, -3, -5, -7
NONE: Final = b"none"
# Algorithms (RFC 7518, 3.1): the kind of key, its curve, the digest.
ALGORITHMS: Final = {
    **{f"HS{bits}".encode(): ("HS", "", f"sha{bits}") for bits in (256, 384, 512)},
    **{f"RS{bits}".encode(): ("RS", "", f"sha{bits}") for bits in (256, 384, 512)},
    **{f"PS{bits}".encode(): ("PS", "", f"sha{bits}") for bits in (256, 384, 512)},
    b"ES256": ("ES", "P-256", "sha256"),
    b"ES384": ("ES", "P-384", "sha384"),
    b"ES512": ("ES", "P-521", "sha512"),
    NONE: ("", "", ""),
}
NAMES: Final = {"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}  # OpenSSL's


def _query(args: Arguments, part: int) -> Callable[[bytes], Value | None]:
    ask = json_path(args) if args.word(0) else None

    def look(value: bytes) -> Value | None:
        parts = value.split(b".", part + 1)
        text = from_base64url(parts[part]) if len(parts) > part else None
        if text is None or ask is None:
            return text
        return ask(text)

    return look


@converter_with("jwt_header_query", "([string,string])", Type.BIN, Type.ANY)
def header_query(args: Arguments) -> Callable[[bytes], Value | None]:
    """jwt_header_query([<json_path>[,<output_type>]]): the header of a token, or what json_query finds there."""
    return _query(args, 0)


@converter_with("jwt_payload_query", "([string,string])", Type.BIN, Type.ANY)
def payload_query(args: Arguments) -> Callable[[bytes], Value | None]:
    """jwt_payload_query([<json_path>[,<output_type>]]): the same of its payload, which anybody may have written."""
    return _query(args, 1)


def _der_of(signature: bytes) -> bytes:
    """The two numbers of a signature of ECDSA (RFC 7518, 3.4) as OpenSSL wants them."""
    half = len(signature) // 2
    halves = [signature[:half].lstrip(b"\0"), signature[half:].lstrip(b"\0")]
    return der(SEQUENCE, *[der(INTEGER, (b"\0" if not one or one[0] & 0x80 else b"") + one) for one in halves])


def _split(token: bytes) -> tuple[bytes, bytes] | None:
    """What is signed, and the signature as it stands there; None: it is no token."""
    dots = token.count(b".")
    if not 1 <= dots <= 2:
        return None
    if dots == 1:
        return token, b""
    signed, _, signature = token.rpartition(b".")
    return signed, signature


def verify(token: bytes, algorithm: bytes, secret: bytes, key: Callable[[], Key | int]) -> int:
    """What jwt_verify gives. `secret`: of an HMAC; `key` gives the key of the others, or why there is none."""
    found = ALGORITHMS.get(algorithm)
    if found is None:
        return UNKNOWN_ALGORITHM
    parts = _split(token)
    if parts is None:
        return INVALID
    signed, text = parts
    if algorithm == NONE:
        return FORGED if text else GENUINE
    family, curve, digest = found
    signature = from_base64url(text) if len(text) % 4 != 1 and text else None
    if signature is None:
        return INVALID
    padded = b"=" in text  # which base64url is not, here (RFC 7515, 2)
    if family == "HS":
        made = hmac.new(secret, signed, digest).digest()
        return GENUINE if hmac.compare_digest(made, signature) and not padded else FORGED
    known = key()
    if isinstance(known, int):
        return known
    if family == "ES":
        size = 2 * CURVES[curve][1]
        if len(signature) % 2 or len(signature) > size or padded:
            return INVALID
        fits = len(signature) == size and known.kind == NAMES[curve]
        good = fits and known.verify(digest, False, signed, _der_of(signature))
    else:
        good = known.kind == "RSA" and known.verify(digest, family == "PS", signed, signature)
    return GENUINE if good and not padded else FORGED


def _algorithm(args: Arguments, others: str) -> Ask:
    """The first argument: an algorithm, or a variable that names one."""
    if args.text(0) in ALGORITHMS or variable_of(args, 0) is not None:
        return text_or_variable(args, 0)
    raise args.wrong(f"unknown JWT algorithm: {args.word(0)}", f"one of {others}, or <scope>.<name>")


def _names(without: str = "") -> str:
    return ", ".join(name.decode() for name in ALGORITHMS if ALGORITHMS[name][0] != without)


def _needs_openssl(args: Arguments) -> None:
    if MISSING:
        raise args.wrong(MISSING)


@converter_with("jwt_verify", "(string,string)", Type.BIN, Type.SINT)
def verify_token(args: Arguments) -> ContextStep:
    """jwt_verify(<alg>,<key>): 1 for a token that is genuine, 0 for one that is not, below 0 where that cannot be told.

    The key is a secret (HS256 and its kin), or the path of a public key in PEM, which is read at start-up; both may be
    in variables, and a path there has to be one that another line names. -1: unknown algorithm, -3: no token, -5: no
    such key. Nothing is said of what the token says: when it ends, or for whom it is.
    """
    _needs_openssl(args)
    algorithm = _algorithm(args, _names())
    secret = text_or_variable(args, 1)
    named = args.text(0) if variable_of(args, 0) is None else b""
    if not args.word(1):
        raise args.wrong("missing arguments (got 1/2), type 'string' expected", "a secret, or the path of a public key")
    if variable_of(args, 1) is None and not named.startswith(b"HS") and named != NONE:
        _load(args, bool(named))

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        how, known = algorithm(ctx), secret(ctx)
        if how is None or known is None:
            return None
        path = known
        return verify(value, how, known, lambda: FILES.keys.get(path, UNKNOWN_KEY))

    return ContextStep(run)


def _load(args: Arguments, must: bool) -> None:
    """The key of a file. Where a variable names the algorithm, the argument may be a secret."""
    path = args.word(1)
    try:
        FILES.load(path)
    except (OSError, ValueError) as error:
        if must:
            why = error.strerror if isinstance(error, OSError) else error
            raise args.wrong(f"failed to load public key '{path}' : {why}", "a file with a public key in PEM") from None


def certificate_key(name: bytes) -> Key | int:
    """The public key of a certificate in memory, or why there is none."""
    found = CERTIFICATES.find(name)
    if found is None:
        return UNKNOWN_KEY
    if not found.usable:
        return UNAVAILABLE
    return CERTIFICATES.public(found) or UNKNOWN_KEY


def certificate_name(args: Arguments, index: int) -> Ask:
    """An argument that names a certificate in memory; a path is loaded at start-up where nothing else does it."""
    if variable_of(args, index) is None:
        if not args.word(index):
            raise args.wrong("expects the path of a certificate", "a certificate in PEM, or <scope>.<name>")
        CERTIFICATES.wanted.setdefault(args.word(index), args.at)
    return text_or_variable(args, index)


@converter_with("jwt_verify_cert", "(string,string)", Type.BIN, Type.SINT, Reads.MOVING)
def verify_token_by_certificate(args: Arguments) -> ContextStep:
    """jwt_verify_cert(<alg>,<cert>): the same by the key of a certificate in memory, which changes with it. -7: its
    `jwt` is off (crt-store, add ssl jwt)."""
    _needs_openssl(args)
    if args.text(0).startswith(b"HS"):
        raise args.wrong(f"'{args.word(0)}' takes a secret, not a certificate", f"one of {_names('HS')}")
    algorithm, name = _algorithm(args, _names("HS")), certificate_name(args, 1)

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        how, known = algorithm(ctx), name(ctx)
        if how is None or known is None:
            return None
        if how.startswith(b"HS"):
            return UNMANAGED
        path = known
        return verify(value, how, b"", lambda: certificate_key(path))

    return ContextStep(run)
