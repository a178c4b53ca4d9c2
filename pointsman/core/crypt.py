"""Ciphers, signatures and key agreement for converters, by a small extension over OpenSSL 3 (core/_crypt.c).

    cipher(name, encrypts, key, iv, data, aad, tag)
                            OpenSSL's name of a cipher: aes-128-cbc, aes-256-gcm, aes128-wrap... None: sizes do not fit,
                            or what was to be decrypted is not what was encrypted. With GCM, who encrypts gets a tuple
                            with the tag, who decrypts has to have it. ValueError: there is no such cipher
    Key("private", der)     PKCS#8, PKCS#1 or SEC 1; ("public", der): SPKI; ("certificate", der): the key of one.
                            ValueError: it is none
      kind                  RSA, the name of a curve (prime256v1, secp384r1, secp521r1), or ""
      verify(digest, pss, data, signature)
      decrypt(padding, data)
                            by RSA: pkcs1, or the digest of OAEP; None: it does not fit
      agree(other)          the shared secret of two keys of a curve (RFC 7518, 4.6); None: they are of different ones

Built where OpenSSL's headers are, as core/tls.py is; MISSING says what to do where it is not. What is decrypted or
verified raises nothing.
"""

from typing import TYPE_CHECKING, Final

from pointsman.core.tls import WORDS

__all__ = ["MISSING", "Key", "cipher"]

if TYPE_CHECKING:
    from pointsman.core._crypt import Key, cipher

    _here = True
else:
    try:
        from pointsman.core._crypt import Key, cipher

        _here = True
    except ImportError:  # no compiler or no library was at hand
        _here = False

        class Key:
            def __init__(self, kind: str, der: bytes) -> None:
                raise ValueError(WORDS)

        def cipher(*words: object) -> None:
            return None


MISSING: Final = "" if _here else WORDS.replace("TLS needs", "encryption and signatures need")
