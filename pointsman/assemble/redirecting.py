"""Servers that clients are sent to (manual 5.2, redir)."""

from pointsman.config.server_line import ServerLine
from pointsman.core.diagnostics import ConfigError
from pointsman.server.backend import LiveServer


def set_redirect(server: LiveServer, line: ServerLine) -> None:
    """Raises ConfigError where nobody speaks HTTP."""
    prefix = line.parameters.redirect
    if not prefix:
        return
    if not server.backend.http:
        name = server.backend.name.decode("utf-8", "replace")
        raise ConfigError(f"backend '{name}' : server cannot have cookie or redirect prefix in non-HTTP mode.", line.at)
    server.redirects = True
    server.redirect_prefix = b"" if prefix == "/" else prefix.encode("utf-8", "surrogateescape")
