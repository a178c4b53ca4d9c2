"""show tls-keys and set ssl tls-key: the forms that programs read, as haproxy 3.2 has them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from admin_stand import Stand, stand

from pointsman.admin.command import ADMIN
from pointsman.tls.sessions import SessionCache

KEYS = [base64.b64encode(bytes([number]) * 80).decode() for number in range(6)]
SMALL = [base64.b64encode(bytes([number]) * 48).decode() for number in range(4)]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Stand]:
    """Two files, each read for a bind line."""
    (tmp_path / "a").write_text("\n".join(KEYS[:4]))
    (tmp_path / "b").write_text("\n".join(SMALL[:3]))
    with stand() as made:
        made.live.tickets.of_file(str(tmp_path / "a"))
        made.live.tickets.of_file(str(tmp_path / "b"))
        yield made


def shown(number: int, path: Path, keys: list[str]) -> str:
    return f"# {number} ({path})\n" + "".join(f"{number}.{place} {key}\n" for place, key in enumerate(keys))


def test_the_list_and_the_secrets(one: Stand, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    assert one.ask("show tls-keys") == f"# id (file)\n0 ({b})\n1 ({a})\n"
    head = "# id secret\n"
    assert one.ask("show tls-keys #1") == head + shown(1, a, KEYS[1:4])
    assert one.ask(f"show tls-keys {b}") == head + shown(0, b, SMALL[:3])
    assert one.ask("show tls-keys *") == head + shown(0, b, SMALL[:3]) + shown(1, a, KEYS[1:4])
    assert one.ask("show tls-keys #2") == "'show tls-keys' unable to locate referenced filename\n"


def test_a_new_key_is_the_last_one_and_the_oldest_goes(one: Stand, tmp_path: Path) -> None:
    called: list[int] = []
    keys = one.live.tickets.of_file(str(tmp_path / "a"))
    keys.users.append(lambda: called.append(1))
    assert one.ask(f"set ssl tls-key #1 {KEYS[4]}") == "TLS ticket key updated!\n"
    assert one.ask(f"set ssl tls-key {tmp_path / 'a'} {KEYS[5]} more") == "TLS ticket key updated!\n"
    assert one.ask("show tls-keys #1") == "# id secret\n" + shown(1, tmp_path / "a", KEYS[3:6])
    assert one.ask("show tls-keys #0") == "# id secret\n" + shown(0, tmp_path / "b", SMALL[:3])
    assert called == [1, 1]


def test_keys_that_are_none(one: Stand, tmp_path: Path) -> None:
    for line, answer in (
        (f"#0 {KEYS[4]}", "received a key of wrong size."),
        (f"#1 {SMALL[3]}", "received a key of wrong size."),
        ("#1 AAEC", "received a key of wrong size."),
        ("#1 !!", "received invalid base64 encoded TLS key."),
        (f"#1 {KEYS[4][:-1]}", "received invalid base64 encoded TLS key."),
        (f"#2 {KEYS[4]}", "unable to locate referenced filename"),
        (f"{tmp_path} {KEYS[4]}", "unable to locate referenced filename"),
    ):
        assert one.ask(f"set ssl tls-key {line}") == f"'set ssl tls-key' {answer}\n"
    assert one.ask("show tls-keys #1") == "# id secret\n" + shown(1, tmp_path / "a", KEYS[1:4])


def test_severities(one: Stand) -> None:
    one.ask("set severity-output number")
    assert one.ask(f"set ssl tls-key #1 {KEYS[4]}") == "[6]: TLS ticket key updated!\n"
    assert one.ask("set ssl tls-key #1 x") == "[3]: 'set ssl tls-key' received invalid base64 encoded TLS key.\n"


def test_how_often_sessions_were_looked_for(one: Stand) -> None:
    assert "\nSslCacheLookups: 0\nSslCacheMisses: 0\n" in one.ask("show info")
    one.view.sessions = SessionCache(10)
    scoped = one.view.sessions.of(b"web")
    scoped.store(b"id", b"session")
    scoped.find(b"id")
    scoped.find(b"other")
    assert "\nSslCacheLookups: 2\nSslCacheMisses: 1\n" in one.ask("show info")


def test_secrets_are_for_admins(one: Stand) -> None:
    one.console.level = ADMIN - 1
    for line in ("show tls-keys", "show tls-keys *", f"set ssl tls-key #1 {KEYS[4]}"):
        assert one.ask(line) == "Permission denied\n"
