"""What the command line says about the configuration: it has precedence over the files (management manual 3).

The loader keeps it as a setting of the global section, so whoever builds something asks `main.one(CommandLine)`.
"""

from dataclasses import dataclass

from pointsman.config.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine(Setting):
    """0 or "" where nothing was said."""

    maxconn: int = 0  # -n: of the process
    proxy_maxconn: int = 0  # -N: default of each proxy
    memory: int = 0  # -m: MB
    pidfile: str = ""  # -p
    local_peer: str = ""  # -L
    daemon: bool = False  # -D
    foreground: bool = False  # -db, -d: not into the background, whatever the file says
    zero_warning: bool = False  # -dW
    ignore_resolution: bool = False  # -dr: a server whose name cannot be resolved is no error
    ipv4_only: bool = False  # -4: names are resolved to IPv4 addresses only
    reuse_port: bool = True  # not -dR
    fast_forward: bool = True  # not -dF
    zero_copy: bool = True  # not -dZ
    splice: bool = True  # not -dS
    getaddrinfo: bool = True  # not -dG
    verify_servers: bool = True  # not -dV
