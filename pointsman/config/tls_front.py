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
from pointsman.core.diagnostics import Diagnostics
from pointsman.tls.options import (
    HTTP2,
    NO_PROTOCOLS,
    BindTls,
    over,
    wire,
)

# What is offered to clients of HTTP frontends whose line does not say it, by `proto` (manual 5.1, alpn).
OFFERS: Final = {"": wire(HTTP2, b"http/1.1"), "h1": wire(b"http/1.1"), "h2": wire(HTTP2), "none": NO_PROTOCOLS}


def front_tls(
    configuration: Configuration, section: Section, bind: Bind, http: bool, diagnostics: Diagnostics
) -> BindTls:
    """All of it; `http`: the frontend's mode.

    Warnings tell what cannot be meant; what OpenSSL refuses comes later.
    """
    said = bind.parameters.tls
    default = bind_defaults(configuration)
    subject = f"bind '{bind.text}' at [{bind.at}]"
    low, high = spoken(default, said, subject, bind.at, diagnostics, f"Proxy '{section.name}': ")
    certificates = (*said.certificates, *used_certificates(section))
    return replace(
        over(default, said),
        min_version=low,
        max_version=high,
        without=None,
        alpn=OFFERS[bind.parameters.proto] if http and said.alpn is None else said.alpn or NO_PROTOCOLS,
        certificates=certificates,
    )
