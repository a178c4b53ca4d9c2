"""Encryption with a key that both sides know: aes_gcm_enc, aes_gcm_dec, aes_cbc_enc, aes_cbc_dec (manual 7.3.1).

GCM is RFC 5116's, CBC is padded as in PKCS#7. A key or nonce whose size does not fit, and what cannot be decrypted, is
no sample.
"""

import base64
from typing import Final

from pointsman.core.crypt import MISSING, cipher
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.converter.secrets import Ask, base64_or_variable
from pointsman.sample.registry import ContextStep, converter_with
from pointsman.sample.types import Reads, Type, Value
from pointsman.sample.variables import assign, parse_variable

SIZES: Final = (128, 192, 256)


def _nothing(_: Context) -> bytes | None:
    return b""


class _Words:
    """What all of them have: <bits>,<nonce>,<key>, and what stands behind them."""

    def __init__(self, args: Arguments, mode: str, aad: int) -> None:
        bits = args.number(0)
        if bits not in SIZES:
            raise args.wrong("key size must be 128, 192 or 256 (bits)", "one of 128, 192, 256")
        if MISSING:
            raise args.wrong(MISSING)
        self.name = f"aes-{bits}-{mode}"
        self.size = bits // 8
        self.nonce = base64_or_variable(args, 1, "nonce")
        self.key = base64_or_variable(args, 2, "key")
        self.aad: Ask = base64_or_variable(args, aad, "aad") if args.given(aad) and args.word(aad) else _nothing

    def run(self, ctx: Context, encrypts: bool, value: Value, tag: bytes = b"") -> bytes | tuple[bytes, bytes] | None:
        nonce, key, aad = self.nonce(ctx), self.key(ctx), self.aad(ctx)
        if nonce is None or key is None or aad is None or len(key) != self.size:
            return None
        assert isinstance(value, bytes)
        return cipher(self.name, encrypts, key, nonce, value, aad, tag)


@converter_with("aes_gcm_enc", "(integer,string,string,string[,string])", Type.BIN, Type.BIN, Reads.MOVING)
def gcm_encrypt(args: Arguments) -> ContextStep:
    """aes_gcm_enc(<bits>,<nonce>,<key>,<aead_tag>[,<aad>]): encrypted; the tag goes into a variable, in base64."""
    words = _Words(args, "gcm", 4)
    tag = parse_variable(args.word(3), args.at)

    def run(ctx: Context, value: Value) -> Value | None:
        made = words.run(ctx, True, value)
        if not isinstance(made, tuple) or not assign(tag, (), ctx, base64.b64encode(made[1])):
            return None
        return made[0]

    return ContextStep(run)


@converter_with("aes_gcm_dec", "(integer,string,string,string[,string])", Type.BIN, Type.BIN)
def gcm_decrypt(args: Arguments) -> ContextStep:
    """aes_gcm_dec(<bits>,<nonce>,<key>,<aead_tag>[,<aad>]): decrypted, if nobody has changed it."""
    words = _Words(args, "gcm", 4)
    tag = base64_or_variable(args, 3, "aead_tag")

    def run(ctx: Context, value: Value) -> Value | None:
        given = tag(ctx)
        made = None if given is None else words.run(ctx, False, value, given)
        return made if isinstance(made, bytes) else None

    return ContextStep(run)


def _cbc(args: Arguments, encrypts: bool) -> ContextStep:
    if args.given(3) and args.word(3):
        raise args.wrong("CBC authenticates nothing, so there can be no <aad>", "aes_gcm_enc, aes_gcm_dec")
    words = _Words(args, "cbc", 3)

    def run(ctx: Context, value: Value) -> Value | None:
        made = words.run(ctx, encrypts, value)
        return made if isinstance(made, bytes) else None

    return ContextStep(run)


@converter_with("aes_cbc_enc", "(integer,string,string[,string])", Type.BIN, Type.BIN)
def cbc_encrypt(args: Arguments) -> ContextStep:
    """aes_cbc_enc(<bits>,<nonce>,<key>): encrypted, which hides it, but does not protect it from changes."""
    return _cbc(args, True)


@converter_with("aes_cbc_dec", "(integer,string,string[,string])", Type.BIN, Type.BIN)
def cbc_decrypt(args: Arguments) -> ContextStep:
    """aes_cbc_dec(<bits>,<nonce>,<key>): decrypted."""
    return _cbc(args, False)
