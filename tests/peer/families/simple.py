"""The configuration that most scenarios share: one frontend, one backend, one server."""

from __future__ import annotations

SIMPLE = """
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
    server s1 {server:a}
"""


def simple(*, front: str = "", back: str = "", server: str = "") -> str:
    """SIMPLE with further lines in its frontend and backend, and further words on its server line."""

    def lines(text: str) -> str:
        return "".join(f"    {line.strip()}\n" for line in text.strip().splitlines() if line.strip())

    return (
        "\nfrontend web\n    bind 127.0.0.1:{port:front}\n"
        + lines(front)
        + "    default_backend app\nbackend app\n"
        + lines(back)
        + f"    server s1 {{server:a}} {server}\n"
    )
