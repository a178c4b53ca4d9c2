"""Which certificate clients get: bind lines and crt-lists, what clients ask for, and what HAProxy 3.2 shows them.

A client asks by a hello that is written byte by byte for TLS 1.2 (also names that no library sends), or by OpenSSL's
s_client for TLS 1.3, whose certificates are encrypted.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from support.certificates import authority
from support.hello import client_hello, numbers, sized

# label: kind of key, common name, other names
CERTIFICATES: Final[Mapping[str, tuple[str, ...]]] = {
    "first": ("ec", "first.test", "DNS:first.test"),
    "first-rsa": ("rsa", "first.test", "DNS:first.test"),
    "a-ec": ("ec", "a.test", "DNS:a.test"),
    "a-ec2": ("ec", "a.test", "DNS:a.test"),
    "a-384": ("ec384", "a.test", "DNS:a.test"),
    "a-rsa": ("rsa", "a.test", "DNS:a.test"),
    "a-rsa2": ("rsa", "a.test", "DNS:a.test"),
    "a-ed": ("ed", "a.test", "DNS:a.test"),
    "a-ed448": ("ed448", "a.test", "DNS:a.test"),
    "www-ec": ("ec", "www.a.test", "DNS:www.a.test"),
    "www-rsa": ("rsa", "www.a.test", "DNS:www.a.test"),
    "any-ec": ("ec", "*.a.test", "DNS:*.a.test"),
    "any-rsa": ("rsa", "*.a.test", "DNS:*.a.test"),
    "any-ed": ("ed", "*.a.test", "DNS:*.a.test"),
    "upper": ("ec", "UPPER.Test", "DNS:San.Upper.Test"),
    "cn": ("ec", "cn.test"),
    "both": ("ec", "cn.test", "DNS:san.test", "DNS:other.test", "IP:192.0.2.1", "IP:2001:db8::1"),
    "mail": ("ec", "", "email:a@mail.test", "URI:http://uri.test/"),
    "without": ("ec", "", "DNS:without.test"),
    "star": ("ec", "*", "DNS:*"),
    "partial": ("ec", "w*.p.test", "DNS:w*.p.test", "DNS:a.*.p.test"),
    "dotted": ("ec", "dotted.test.", "DNS:dotted.test."),
    "other": ("ec", "o.test", "DNS:o.test"),
    "other-rsa": ("rsa", "o.test", "DNS:o.test"),
}

SUITES: Final = {"ec": 0xC02B, "rsa": 0xC02F}
ALGORITHMS: Final = {
    "ec": (0x0403,),
    "ec384": (0x0503,),
    "rsa": (0x0804, 0x0401),
    "pss": (0x0804,),
    "pkcs": (0x0401,),
    "ed": (0x0807,),
    "ed448": (0x0808,),
}
NAMES: Final = {
    "ec": "ECDSA+SHA256",
    "ec384": "ECDSA+SHA384",
    "rsa": "RSA-PSS+SHA256",
    "ed": "ed25519",
    "ed448": "ed448",
}


@dataclass(frozen=True, slots=True)
class Client:
    """`proofs`: kinds of signature in the order of the hello; `suites` before TLS 1.3 alone."""

    proofs: tuple[str, ...] = ("ec", "rsa", "ed", "ed448", "ec384")
    suites: tuple[str, ...] = ("ec", "rsa")
    version: int = 12

    def shown(self, port: int, name: bytes | None) -> str:
        """The fingerprint of the certificate that it gets, or the alert."""
        return self._modern(port, name) if self.version == 13 else self._raw(port, name)

    def _raw(self, port: int, name: bytes | None) -> str:
        algorithms = [number for proof in self.proofs for number in ALGORITHMS[proof]]
        extensions = [(0xFF01, b"\0"), (10, sized(2, numbers((0x1D, 0x17, 0x18)))), (11, sized(1, b"\0"))]
        if algorithms:
            extensions.append((13, sized(2, numbers(algorithms))))
        if name is not None:
            extensions.insert(0, (0, sized(2, b"\0" + sized(2, name))))
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            sock.sendall(client_hello([SUITES[one] for one in self.suites], extensions))
            return _certificate(sock)

    def _modern(self, port: int, name: bytes | None) -> str:
        named = ["-noservername"] if name is None else ["-servername", name.decode("latin-1")]
        proofs = ["-sigalgs", ":".join(NAMES[one] for one in self.proofs)]
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", *named, *proofs]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20)
        found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout.decode(), re.S)
        if found is not None:
            return fingerprint(ssl.PEM_cert_to_DER_cert(found[0]))
        alert = re.search(r"SSL alert number (\d+)", done.stderr.decode())
        return f"alert {alert[1]}" if alert is not None else done.stderr.decode()


def fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def _certificate(sock: socket.socket) -> str:
    """What a server of TLS 1.2 answers a hello with."""
    handshake = received = b""
    while True:
        while len(received) >= 5 and len(received) >= 5 + int.from_bytes(received[3:5], "big"):
            size = int.from_bytes(received[3:5], "big")
            kind, record, received = received[0], received[5 : 5 + size], received[5 + size :]
            if kind == 21:
                return f"alert {record[1]}"
            handshake += record
        while len(handshake) >= 4 and len(handshake) >= 4 + int.from_bytes(handshake[1:4], "big"):
            size = int.from_bytes(handshake[1:4], "big")
            if handshake[0] == 11:  # certificate: a list, and in front of each its size
                return fingerprint(handshake[10 : 10 + int.from_bytes(handshake[7:10], "big")])
            handshake = handshake[4 + size :]
        data = sock.recv(65536)
        if not data:
            return "closed"
        received += data


CLIENTS: Final = {
    "all": Client(),
    "rsa": Client(("rsa",), ("rsa",)),
    "rsa-suite": Client(suites=("rsa",)),
    "ec": Client(("ec",), ("ec",)),
    "ec-suite": Client(suites=("ec",)),
    "rsa-proof": Client(("rsa",)),
    "ec-proof": Client(("ec",)),
    "ed-proof": Client(("ed",)),
    "ec384-proof": Client(("ec384",)),
    "rsa-first": Client(("rsa", "ec"), ("rsa", "ec")),
    "none": Client(()),
    "all/13": Client(version=13),
    "rsa/13": Client(("rsa",), version=13),
    "ec/13": Client(("ec",), version=13),
    "ed/13": Client(("ed",), version=13),
    "ed448/13": Client(("ed448",), version=13),
    "ec384/13": Client(("ec384",), version=13),
    "rsa-first/13": Client(("rsa", "ec"), version=13),
    "ed-rsa/13": Client(("ed", "rsa"), version=13),
}


def fingerprints() -> dict[str, str]:
    """Labels by what certificates are."""
    made = {label: authority().named(label, *said) for label, said in CERTIFICATES.items()}
    return {
        fingerprint(ssl.PEM_cert_to_DER_cert(path.read_text().partition("-----BEGIN PRIVATE")[0])): label
        for label, path in made.items()
    }
