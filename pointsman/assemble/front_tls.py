"""TLS of `bind` lines: one FrontTls for each, made of certificates that are read here, before rights are given up."""

from dataclasses import replace
from typing import Final

from pointsman.assemble.live import Live
from pointsman.assemble.resumption import resumption_of
from pointsman.config.bind import Bind
from pointsman.config.setting import Configuration, Section
from pointsman.config.tls_tuning import looked_for, tls_tuning
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.tls.contexts import TlsSetupError
from pointsman.tls.files import TlsFileError
from pointsman.tls.front import FrontTls
from pointsman.tls.options import BindTls, Kept

HTTP_ALPN: Final = b"\x08http/1.1"  # offered where a line of an HTTP frontend says nothing (manual 5.1, alpn)


def prepare_store(live: Live, configuration: Configuration) -> None:
    """What is said of all certificates."""
    tuning = tls_tuning(configuration)
    live.tls_store.extra = looked_for(configuration)
    live.tls_store.kept = Kept(capture=tuning.capture, keylog=tuning.keylog)


def build_front(
    live: Live, main: Section, section: Section, bind: Bind, http: bool, diagnostics: Diagnostics
) -> FrontTls:
    """What connections to that line pass through.

    Raises ConfigError for files that cannot be read, and for what OpenSSL does not accept.
    """
    said: BindTls = bind.parameters.tls
    if said.alpn is None and http:
        said = replace(said, alpn=HTTP_ALPN)
    try:
        front = FrontTls(said, live.tls_store, live.dh)
        front.resume(resumption_of(live, main, section, said))
    except TlsFileError as error:
        where = f"'bind {bind.text}' in section '{(section.kind.name or '').lower()}'"
        raise ConfigError(f"{where} : {error}", bind.at) from None
    except TlsSetupError as error:
        hint = "" if said.certificates else "use 'crt'"
        raise ConfigError(
            f"Proxy '{section.name}': {error} for bind '{bind.text}' at [{bind.at}].", bind.at, hint=hint
        ) from None
    if not front.lines:
        diagnostics.warning(
            f"Proxy '{section.name}': no SSL certificate specified for bind '{bind.text}' at [{bind.at}], ssl "
            "connections will fail (use 'crt').",
            bind.at,
        )
    live.fronts.append(front)
    return front
