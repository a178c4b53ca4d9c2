"""Values that words of TLS take, wherever they stand: `bind`, `server`, crt-lists, crt-stores, global (manual 3.1, 5.1,
5.2)."""

import os
from typing import Final

from pointsman.config.parameters import Words
from pointsman.config.setting import Configuration
from pointsman.config.tls_paths import CaBase
from pointsman.core.registry import nearest
from pointsman.tls.options import EVERY_ERROR, HTTP2, VERSIONS, wire, without_http2
from pointsman.tls.verify_errors import LAST, NUMBERS

LONGEST_PROTOCOL: Final = 255  # bytes of a name of ALPN (RFC 7301 3.1)
SYSTEM_CAS: Final = "@system-ca"
NO_HTTP2: Final = "'h2' is left out of the offer: HTTP/2 is not built yet"
_LOWER: Final = {name.lower(): name for name in VERSIONS}


def version(words: Words) -> str:
    """The next word as a version, one of VERSIONS."""
    word = words.value("missing the ssl/tls version", "one of " + ", ".join(VERSIONS))
    if word.text not in VERSIONS:
        near = nearest(word.text, _LOWER)
        raise words.wrong(
            f"unknown ssl/tls version '{word.text}'",
            word,
            "one of " + ", ".join(VERSIONS),
            f"did you mean '{_LOWER[near]}'?" if near else "",
        )
    return word.text


def protocols(words: Words, keep_http2: bool = False) -> bytes:
    """The next word, names with commas between them, as the list of protocols that ALPN sends.

    HTTP/2 is not built, so "h2" is left out with a warning; keep_http2: who asks decides that later.
    """
    word = words.value("missing the comma-delimited ALPN protocol suite", "protocols with commas between them")
    names = [os.fsencode(name) for name in word.text.split(",") if name]
    if any(len(name) > LONGEST_PROTOCOL for name in names):
        raise words.wrong("ALPN protocol name too long", word, f"at most {LONGEST_PROTOCOL} bytes for each name")
    if HTTP2 in names and not keep_http2:
        words.args.diagnostics.warning(f"{words.said} : '{words.word.text}' : {NO_HTTP2} (manual 5.1)", word.at)
        return without_http2(wire(*names))
    return wire(*names)


def ignored_errors(words: Words) -> frozenset[int]:
    """The next word, numbers and names of errors of verification with commas between them, or "all"."""
    word = words.value("missing error IDs list", "all, or numbers or names of errors with commas between them")
    if word.text == "all":
        return EVERY_ERROR
    numbers = set[int]()
    for text in filter(None, word.text.split(",")):
        if text.isascii() and text.isdigit():
            if not 1 <= int(text[:9]) <= LAST:
                raise words.wrong(f"ID '{text}' out of range (1..{LAST}) in error IDs list '{word.text}'", word)
            numbers.add(int(text))
        elif text in NUMBERS:
            numbers.add(NUMBERS[text])
        else:
            near = nearest(text, [name.lower() for name in NUMBERS])
            raise words.wrong(
                f"error constant '{text}' unknown in error IDs list '{word.text}'",
                word,
                "the number of an error, or its name as X509_STORE_CTX_get_error(3) lists it",
                f"did you mean '{near.upper()}'?" if near else "",
            )
    return frozenset(numbers)


def authorities(words: Words, missing: str) -> str:
    """The next word as the complete path of a file or folder of CAs or CRLs (manual 3.1 "ca-base")."""
    return complete_ca(words.value(missing, "<file>").text, words.args.configuration)


def complete_ca(path: str, configuration: Configuration) -> str:
    """The path behind ca-base, if it is a relative one. "@system-ca" is none."""
    base = configuration.main.one(CaBase)
    if path == SYSTEM_CAS or path.startswith("/") or base is None:
        return path
    return f"{base.folder}/{path}"
