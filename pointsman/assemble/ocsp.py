"""Updates of OCSP responses, as the configuration has them (manual 12.7.1, 3.2 ocsp-update.*, httpclient.*)."""

import asyncio
from functools import partial

from pointsman.admin.ocsp_client import ClientSettings
from pointsman.admin.ocsp_updater import Updater, UpdateSettings
from pointsman.admin.publish import everywhere
from pointsman.admin.view import View
from pointsman.assemble.live import BackgroundService, Live
from pointsman.config.ocsp import http_client, ocsp_updates
from pointsman.config.resolvers import DEFAULT, http_client_resolvers
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics
from pointsman.resolve.resolution import RESOLVERS
from pointsman.tls.files import TlsFileError
from pointsman.tls.options import LoadedFiles


def prepare_updates(live: Live, configuration: Configuration) -> None:
    """Before certificates are read: which of them are updated."""
    updates = ocsp_updates(configuration)

    def wanted(files: LoadedFiles) -> bool:
        return not updates.disabled and (updates.on if files.ocsp_update is None else files.ocsp_update)

    live.tls_store.updates = wanted


def build_updates(live: Live, view: View, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """All certificates are read. ConfigError: the CAs of responders cannot be."""
    for text, at in live.tls_store.warnings:
        diagnostics.warning(text, at or NOWHERE)
    live.tls_store.warnings.clear()
    client, updates = http_client(configuration), ocsp_updates(configuration)
    names = http_client_resolvers(configuration)
    if names.id and names.id not in RESOLVERS.by_name:
        diagnostics.alert(
            f"'httpclient.resolvers.id' : Can't find resolvers section '{names.id}'.",
            names.at,
            "the name of a resolvers section",
        )
    authorities = b""
    if client.verify == "required" and _secure(live):
        try:
            authorities = live.tls_store.trusted(client.ca_file).pem
        except TlsFileError as error:
            raise ConfigError(f"'httpclient.ssl.ca-file' : {error}", client.at or NOWHERE) from None
    settings = UpdateSettings(
        shortest=updates.shortest,
        longest=updates.longest,
        client=ClientSettings(
            connect=client.connect,
            retries=client.retries,
            proxy=updates.proxy,
            verifies=client.verify == "required",
            authorities=authorities,
            resolvers=names.id or DEFAULT,
            explicit=bool(names.id),
            disabled=names.disabled,
            prefer=names.prefer,
        ),
    )

    def log(level: int, line: bytes) -> None:
        live.logger.event(level, line)
        live.logger.flush()

    view.updater = Updater(live.tls_store, settings, log, partial(everywhere, view))
    live.services.append(Updates(live, view.updater))


def _secure(live: Live) -> bool:
    """A responder is asked over TLS."""
    sharing = live.tls_store.by_ocsp_key.values()
    found = [certificates[0].subject for certificates in sharing]
    return any(
        subject.leaf.ocsp_uris[:1] and subject.leaf.ocsp_uris[0][:6] == b"https:" for subject in found if subject
    )


class Updates(BackgroundService):
    """In control: responses are updated from here on."""

    def __init__(self, live: Live, updater: Updater) -> None:
        self.live = live
        self.updater = updater

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.live.controls:
            self.updater.start(loop)

    def stop(self) -> None:
        """A soft stop: the next generation updates its own."""
        self.updater.stop()
