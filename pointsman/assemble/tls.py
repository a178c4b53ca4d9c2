"""TLS of `bind` lines: one FrontTls for each, made of certificates that are read here, before rights are given up."""

from pointsman.assemble.live import Live
from pointsman.config.bind import Bind
from pointsman.config.setting import Section
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.tls.contexts import TlsSetupError
from pointsman.tls.files import TlsFileError
from pointsman.tls.front import FrontTls
from pointsman.tls.options import BindTls


def build_front(live: Live, section: Section, bind: Bind, said: BindTls, diagnostics: Diagnostics) -> FrontTls:
    """What connections to that line pass through. `said`: of the line, with the defaults of `global`.

    Raises ConfigError for files that cannot be read, and for what OpenSSL does not accept.
    """
    try:
        front = FrontTls(said, live.tls_store, live.dh)
    except TlsFileError as error:
        where = f"'bind {bind.text}' in section '{(section.kind.name or '').lower()}'"
        raise ConfigError(f"{where} : {error}", bind.at) from None
    except TlsSetupError as error:
        raise ConfigError(f"Proxy '{section.name}': {error} for bind '{bind.text}' at [{bind.at}].", bind.at) from None
    if not front.lines:
        diagnostics.warning(
            f"Proxy '{section.name}': no SSL certificate specified for bind '{bind.text}' at [{bind.at}], ssl "
            "connections will fail (use 'crt').",
            bind.at,
        )
    return front
