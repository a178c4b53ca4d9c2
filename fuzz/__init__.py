"""Targets for a fuzzer led by coverage (atheris): one file a target, named by what it reads.

Each has SEEDS, the inputs that the fuzzer begins with, and `fuzz_one`, which takes any bytes and lets through only
what its parser documents; whatever else is raised is a finding. `python -m fuzz <target>` runs one (fuzz/__main__.py);
tests/unit/fuzz feeds each with mutants of its seeds, without atheris. A finding becomes a test of the parser's own.
"""

from typing import Final

TARGETS: Final = (
    "configuration",
    "expressions",
    "conditions",
    "log_formats",
    "heads",
    "http2_heads",
    "chunked_bodies",
    "header_blocks",
    "proxy_headers",
    "client_ip_headers",
    "first_bytes",
    "runtime_commands",
    "tls_records",
    "certificates",
    "ocsp",
    "name_servers",
    "h2_frames",
)
