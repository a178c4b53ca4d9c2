"""The words of `server` and `default-server` lines about PROXY headers that are sent (manual 5.2).

HAProxy's words set bits, and their no- forms take the same bits back: `no-send-proxy-v2-ssl` takes version 2 with it.
"""

from dataclasses import replace
from typing import Final

from pointsman.config.acls import acls_of
from pointsman.config.parameters import Words
from pointsman.config.server_words import Parse, ProxyTlv, ServerParameters, flag, server_word
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import nearest
from pointsman.core.wishes import WISHES
from pointsman.sample.format import parse_format
from pointsman.sample.types import Where

VERSION_1: Final = 1  # bits of ServerParameters.send_proxy
VERSION_2: Final = 2
OPTIONS: Final[dict[str, frozenset[str]]] = {  # what each asks for: what is told of certificates is told beside `ssl`
    "authority": frozenset(("authority",)),
    "cert-cn": frozenset(("ssl", "cert-cn")),
    "cert-key": frozenset(("ssl", "cert-key")),
    "cert-sig": frozenset(("ssl", "cert-sig")),
    "crc32c": frozenset(("crc32c",)),
    "ssl": frozenset(("ssl",)),
    "ssl-cipher": frozenset(("ssl", "ssl-cipher")),
    "unique-id": frozenset(("unique-id",)),
}
HIGHEST: Final = 255  # type of a TLV


def _asks(bits: int, *options: str) -> Parse:
    return lambda words, server: replace(
        server, send_proxy=server.send_proxy | bits, proxy_options=server.proxy_options | set(options)
    )


def _takes_back(bits: int, *options: str) -> Parse:
    return lambda words, server: replace(
        server, send_proxy=server.send_proxy & ~bits, proxy_options=server.proxy_options - set(options)
    )


flag("send-proxy", _asks(VERSION_1))
flag("no-send-proxy", _takes_back(VERSION_1))
flag("send-proxy-v2", _asks(VERSION_2))
flag("no-send-proxy-v2", _takes_back(VERSION_2))
flag("send-proxy-v2-ssl", _asks(VERSION_2, "ssl"))
flag("no-send-proxy-v2-ssl", _takes_back(VERSION_2, "ssl"))
flag("send-proxy-v2-ssl-cn", _asks(VERSION_2, "ssl", "cert-cn"))
flag("no-send-proxy-v2-ssl-cn", _takes_back(VERSION_2, "ssl", "cert-cn"))


@server_word("proxy-v2-options")
def proxy_v2_options(words: Words, server: ServerParameters) -> ServerParameters:
    """proxy-v2-options <option>[,<option>]*: what headers of version 2 tell besides addresses."""
    word = words.value("expects a comma-delimited list of options", "one of " + ", ".join(OPTIONS))
    options = server.proxy_options
    for name in word.text.split(","):
        if name not in OPTIONS:
            near = nearest(name, OPTIONS)
            raise words.wrong(
                f"unknown option '{name}' of PROXY protocol version 2",
                word,
                "one of " + ", ".join(OPTIONS),
                f"did you mean '{near}'?" if near else "",
            )
        options |= OPTIONS[name]
        if name == "authority":
            WISHES.proxy_tlvs = True  # one that came in a PROXY header is sent on
    return replace(server, proxy_options=options)


@server_word("set-proxy-v2-tlv-fmt", argued=True)
def set_proxy_v2_tlv_fmt(words: Words, server: ServerParameters) -> ServerParameters:
    """set-proxy-v2-tlv-fmt(<id>) <fmt>: a TLV of our own, which headers of version 2 carry."""
    expected = f"set-proxy-v2-tlv-fmt(<id>), an id from 0 to {HIGHEST}, perhaps as 0x.."
    name, _, rest = words.word.text.partition("(")
    if not rest.endswith(")"):
        raise ConfigError(f"{words.said} : '{words.word.text}' : expects '{name}(<id>)'", words.word.at, expected)
    try:
        kind = int(rest[:-1], 0) if rest[:2].lower() == "0x" else int(rest[:-1])
    except ValueError:
        raise words.wrong(f"'{rest[:-1]}' is no TLV ID", None, expected) from None
    if not 0 <= kind <= HIGHEST:
        raise words.wrong(f"the maximum allowed TLV ID is {HIGHEST}", None, expected)
    word = words.value("expects a log-format", "<fmt>")
    form = parse_format(word, Where.REQUEST, acls=acls_of(words.args.section))
    return replace(server, proxy_tlvs=(*server.proxy_tlvs, ProxyTlv(kind=kind, format=form)))
