"""What a `bind` line finally says of TLS: its own words over the defaults of `global`, lists of certificates included.

    tls = front_tls(configuration, section, bind, http, diagnostics)

The live part (tls/front.py) needs nothing else.
"""

from dataclasses import replace
from typing import Final

from pointsman.config import http2
from pointsman.config.bind import Bind
from pointsman.config.setting import Configuration, Section
from pointsman.config.ssl_f_use import used_certificates
from pointsman.config.tls_global import bind_defaults, spoken
from pointsman.config.tls_values import NO_HTTP2
from pointsman.core.diagnostics import Diagnostics
from pointsman.tls.options import (
    HTTP2,
    NO_PROTOCOLS,
    BindTls,
    CertificateLine,
    CertificateList,
    over,
    wire,
    without_http2,
)

# What is offered to clients of HTTP frontends whose line does not say it, by `proto` (manual 5.1, alpn).
OFFERS: Final = {"": wire(HTTP2, b"http/1.1"), "h1": wire(b"http/1.1"), "h2": wire(HTTP2), "none": NO_PROTOCOLS}


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
    narrows = (http or upgrades) and not http2.FRONT
    if narrows and _offers_http2(said, certificates):
        diagnostics.warning(f"'bind {bind.text}' : 'alpn' : {NO_HTTP2} (manual 5.1)", bind.at)
    return replace(
        over(default, said),
        min_version=low,
        max_version=high,
        without=None,
        alpn=_offer(OFFERS[bind.parameters.proto] if http and said.alpn is None else said.alpn or b"", narrows),
        http=narrows,
        certificates=certificates,
    )


def _offer(alpn: bytes, narrows: bool) -> bytes:
    """What clients may choose from."""
    return without_http2(alpn) if narrows else alpn


def _offers_http2(said: BindTls, lists: tuple[CertificateLine | CertificateList, ...]) -> bool:
    lines = (line for one in lists if isinstance(one, CertificateList) for line in one.lines)
    return any(alpn and without_http2(alpn) != alpn for alpn in (said.alpn, *(line.options.alpn for line in lines)))
