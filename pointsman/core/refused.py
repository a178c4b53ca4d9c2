"""Words of HAProxy's language that are refused for good, each with its reason.

A word that is only not built yet is not here: its error says so and cites the manual. Words that HAProxy itself has
dropped stand in config/removed.py. A name that ends in "*" means all words that begin so.
"""

from typing import Final

_LIBRARY: Final = "it needs the proprietary library of {}, which may not be linked here"
_INSIDES: Final = "it looks into HAProxy's own process, and there is nothing of that kind here"
_ACME: Final = "ACME is not spoken here: let certbot or its like write the files, and load them without a reload"
_PROVIDERS: Final = "OpenSSL's own configuration (openssl.cnf, OPENSSL_CONF) says which providers are loaded"
_FORGES: Final = "certificates are never forged here: give those that clients should see by 'crt' or 'crt-list'"
_REVERSE: Final = "reverse HTTP is an experiment of HAProxy's, and not spoken here"

# Kinds of the vocabulary, words, and why not.
_TABLE: Final[tuple[tuple[tuple[str, ...], str, str], ...]] = (
    (("global",), "51degrees-*", _LIBRARY.format("51Degrees")),
    (("fetch", "converter"), "51d.*", _LIBRARY.format("51Degrees")),
    (("global",), "deviceatlas-*", _LIBRARY.format("DeviceAtlas")),
    (("fetch", "converter"), "da-csv-*", _LIBRARY.format("DeviceAtlas")),
    (("global",), "wurfl-*", _LIBRARY.format("ScientiaMobile (WURFL)")),
    (("fetch", "converter"), "wurfl-*", _LIBRARY.format("ScientiaMobile (WURFL)")),
    (("command",), "debug dev*", _INSIDES),
    (("fetch",), "internal.*", "it looks into HAProxy's own form of messages (HTX), which does not exist here"),
    (("fetch",), "bs.debug_str", _INSIDES),
    (("fetch",), "fs.debug_str", _INSIDES),
    (
        ("global",),
        "ssl-engine",
        "OpenSSL has dropped engines for providers, and HAProxy is built without them: openssl.cnf names providers",
    ),
    (("global",), "ssl-propquery", _PROVIDERS),
    (("global",), "ssl-provider", _PROVIDERS),
    (("global",), "ssl-provider-path", _PROVIDERS),
    (("global",), "ssl-mode-async", "it is for engines of OpenSSL, which has dropped them"),
    (("server",), "npn", "its successor is ALPN, which all that speak TLS know: say 'alpn' instead (manual 5.2)"),
    (("filter",), "opentracing", "HAProxy has removed it; its successor is 'opentelemetry'"),
    (("proxy",), "filter opentracing", "HAProxy has removed it; its successor is 'opentelemetry'"),
    (("bind",), "nbconn", _REVERSE),
    (("action",), "attach-srv", _REVERSE),
    (("bind",), "npn", "browsers and OpenSSL's TLS 1.3 have dropped it for ALPN: write 'alpn'"),
    (("load",), "acme", _ACME),
    (("load",), "domains", _ACME),
    (("load",), "ips", _ACME),
    (("proxy",), "crt", "the manual's table names it, but there is no such keyword: 'ssl-f-use crt' is meant"),
    (("bind",), "ech", "it needs an OpenSSL with Encrypted Client Hello, which no distribution has yet"),
    (("bind",), "generate-certificates", _FORGES),
    (("bind",), "ca-sign-file", _FORGES),
    (("bind",), "ca-sign-pass", _FORGES),
    (("global",), "noevports", "event ports are Solaris's, and this program runs on Linux alone: remove it"),
)


def _lists() -> tuple[dict[tuple[str, str], str], list[tuple[str, str, str]]]:
    exact: dict[tuple[str, str], str] = {}
    starts: list[tuple[str, str, str]] = []
    for kinds, word, reason in _TABLE:
        for kind in kinds:
            if word.endswith("*"):
                starts.append((kind, word[:-1], reason))
            else:
                exact[kind, word] = reason
    return exact, starts


_EXACT, _STARTS = _lists()


def refusal(kind: str, word: str) -> str:
    """Why a word of that kind is refused for good; "" if it is not. Of a command, `word` may be the whole line."""
    reason = _EXACT.get((kind, word), "")
    if not reason:
        for of, start, why in _STARTS:
            if of == kind and word.startswith(start) and (kind == "command" or " " not in word):
                return why
    return reason
