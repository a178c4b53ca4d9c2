"""What a `bind` line finally says of TLS: its own words over the defaults of `global`, lists of certificates included.

    tls = front_tls(configuration, section, bind, http, diagnostics)

The live part (tls/front.py) needs nothing else.
"""

from dataclasses import replace
from typing import Final

from pointsman.config.bind import Bind
from pointsman.config.setting import Configuration, Section
from pointsman.config.ssl_f_use import used_certificates
from pointsman.config.tls_global import bind_defaults, spoken
from pointsman.config.tls_values import NO_HTTP2
from pointsman.core.diagnostics import Diagnostics
from pointsman.tls.options import (
    NO_PROTOCOLS,
    BindTls,
    CertificateLine,
    CertificateList,
    over,
    wire,
    without_http2,
)

OFFER: Final = wire(b"http/1.1")  # of HTTP frontends; "h2" comes before it once HTTP/2 is built (manual 5.1, alpn)


def front_tls(
    configuration: Configuration,
    section: Section,
    bind: Bind,
    http: bool,
    diagnostics: Diagnostics,
    upgrades: bool = False,
) -> BindTls:
    """All of it; `http`: the frontend's mode; `upgrades`: it is TCP, but backends that it uses speak HTTP.

    Warnings tell what cannot be meant; what OpenSSL refuses comes later.
    """
    said = bind.parameters.tls
    default = bind_defaults(configuration)
    subject = f"bind '{bind.text}' at [{bind.at}]"
    low, high = spoken(default, said, subject, bind.at, diagnostics, f"Proxy '{section.name}': ")
    certificates = (*said.certificates, *used_certificates(section))
    reads = http or upgrades
    if reads and _offers_http2(said, certificates):
        diagnostics.warning(f"'bind {bind.text}' : 'alpn' : {NO_HTTP2} (manual 5.1)", bind.at)
    return replace(
        over(default, said),
        min_version=low,
        max_version=high,
        without=None,
        alpn=OFFER if http and said.alpn is None else _offer(said.alpn or NO_PROTOCOLS, reads),
        http=reads,
        certificates=certificates,
    )


def _offer(alpn: bytes, reads: bool) -> bytes:
    """What clients may choose from. Where no request is read, "h2" may pass."""
    return without_http2(alpn) if reads else alpn


def _offers_http2(said: BindTls, lists: tuple[CertificateLine | CertificateList, ...]) -> bool:
    lines = (line for one in lists if isinstance(one, CertificateList) for line in one.lines)
    return any(alpn and without_http2(alpn) != alpn for alpn in (said.alpn, *(line.options.alpn for line in lines)))
