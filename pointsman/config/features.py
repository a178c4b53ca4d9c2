"""What this build can do, in HAProxy's names: asked by `.if feature(...)` and printed by -vv (manual 2.4).

A name turns to True in the commit that builds the feature, never before: files choose between two ways by it.
"""

from dataclasses import dataclass
from typing import Final

from pointsman.core import regex, tls

VERSION: Final = "3.5.0"  # the HAProxy version whose manual we follow; conditions compare with it
BRANCH: Final = "3.5"

FEATURES: Final[dict[str, bool]] = {
    "51DEGREES": False,
    "ACCEPT4": True,
    "BACKTRACE": False,
    "CLOSEFROM": False,
    "CPU_AFFINITY": False,
    "CRYPT_H": False,
    "DEVICEATLAS": False,
    "DL": False,
    "ECH": False,
    "ENGINE": False,
    "EPOLL": True,
    "EVPORTS": False,
    "GETADDRINFO": True,
    "KQUEUE": False,
    "KTLS": False,
    "LIBATOMIC": False,
    "LIBCRYPT": False,
    "LINUX_CAP": False,
    "LINUX_SPLICE": True,
    "LINUX_TPROXY": True,
    "LUA": False,
    "MATH": False,
    "MEMORY_PROFILING": False,
    "NETFILTER": False,
    "NS": False,
    "OPENSSL": tls.VERSION != "",
    "OPENSSL_AWSLC": False,
    "OPENSSL_WOLFSSL": False,
    "OT": False,
    "PCRE": False,
    "PCRE2": regex.VERSION != "",
    "PCRE2_JIT": regex.JIT,
    "PCRE_JIT": False,
    "POLL": False,
    "PRCTL": False,
    "PROCCTL": False,
    "PROMEX": False,
    "PTHREAD_EMULATION": False,
    "QUIC": False,
    "QUIC_OPENSSL_COMPAT": False,
    "RT": False,
    "SHM_OPEN": False,
    "SLZ": False,
    "SSL": tls.VERSION != "",
    "STATIC_PCRE": False,
    "STATIC_PCRE2": False,
    "SYSTEMD": False,
    "TFO": True,
    "THREAD": False,
    "THREAD_DUMP": False,
    "TPROXY": True,
    "WURFL": False,
    "ZLIB": False,
}

SSL_LIBRARY: Final = tls.VERSION  # such as "OpenSSL 3.0.15 3 Sep 2024"; empty where TLS was not built
SSL_VERSION: Final = "".join(tls.VERSION.split()[1:2])  # such as "3.0.15"
AWSLC_API: Final = -1

RUNTIME_OPTIONS: Final = (
    "POLL",
    "EPOLL",
    "KQUEUE",
    "EVPORTS",
    "SPLICE",
    "GETADDRINFO",
    "REUSEPORT",
    "FAST-FORWARD",
    "SERVER-SSL-VERIFY-NONE",
)  # the names that enabled() knows


@dataclass(slots=True)
class RuntimeOptions:
    """Which of RUNTIME_OPTIONS are on. The command line (-dF, -dR...) changes it before the load."""

    enabled: frozenset[str] = frozenset({"EPOLL", "GETADDRINFO", "REUSEPORT", "SPLICE", "FAST-FORWARD"})
