"""TLS of `bind` lines: one FrontTls for each, made of certificates that are read here, before rights are given up."""

from pointsman.admin.tls_memory import ReadLine
from pointsman.assemble.live import Live
from pointsman.assemble.ocsp import prepare_updates
from pointsman.assemble.resumption import resumption_of
from pointsman.config.bind import Bind
from pointsman.config.certificates import stored_certificates
from pointsman.config.crt_list import line_of_runtime
from pointsman.config.global_section import buffer_sizes
from pointsman.config.setting import Configuration, Section
from pointsman.config.tls_front import front_tls
from pointsman.config.tls_tuning import TlsTuning, looked_for, tls_tuning
from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics, Severity
from pointsman.core.tls import Context
from pointsman.tls.chains import Chains
from pointsman.tls.contexts import TlsSetupError
from pointsman.tls.files import TlsFileError, read
from pointsman.tls.front import FrontTls
from pointsman.tls.options import Kept
from pointsman.tls.passphrases import Passphrases


def prepare_store(live: Live, configuration: Configuration) -> None:
    """What is said of all certificates and bind lines, and what crt-stores load. ConfigError: a file cannot be read."""
    tuning = tls_tuning(configuration)
    prepare_updates(live, configuration)
    live.tls_store.extra = looked_for(configuration)
    live.tls_store.chains = Chains(tuning.issuers_chain, tuning.skip_self_issued)
    live.tls_store.passphrases = Passphrases(tuning.passphrase_command)
    live.dh = _dh(tuning)
    size, reserve = buffer_sizes(configuration.main)
    live.tls_store.early_data = size - reserve  # as of any request, no more is kept
    live.tls_store.kept = Kept(capture=tuning.capture, keylog=tuning.keylog)
    for files in stored_certificates(configuration):
        try:
            live.tls_store.stored(files)
        except TlsFileError as error:
            raise ConfigError(f"'load' in section 'crt-store': {error}", files.at or NOWHERE) from None


def _dh(tuning: TlsTuning) -> bytes | int:
    """For suites with DHE. ConfigError: the file cannot be read."""
    if not tuning.dh_file:
        return tuning.default_dh
    said = f"'ssl-dh-param-file': unable to load DH parameters from file <{tuning.dh_file}>."
    try:
        parameters = read(tuning.dh_file, "load DH parameters")
        Context(True).dh(parameters)
    except (TlsFileError, ValueError):
        raise ConfigError(said, tuning.at) from None
    return parameters


def build_front(
    live: Live, configuration: Configuration, section: Section, bind: Bind, http: bool, diagnostics: Diagnostics
) -> FrontTls:
    """What connections to that line pass through.

    Raises ConfigError for files that cannot be read, and for what OpenSSL does not accept.
    """
    said = front_tls(configuration, section, bind, http, diagnostics)
    try:
        front = FrontTls(said, live.tls_store, live.dh)
        front.proxy, front.place = section.name, str(bind.at)
        front.resume(resumption_of(live, configuration.main, section, said))
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


def read_line(configuration: Configuration, text: str) -> ReadLine:
    """A line that comes by the runtime API for a crt-list. ValueError says what is wrong with it."""
    diagnostics = Diagnostics()
    try:
        found = line_of_runtime(configuration, text, diagnostics)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    for finding in diagnostics.findings:
        if finding.severity == Severity.ALERT:
            raise ValueError(finding.message)
    return ReadLine(*found)
