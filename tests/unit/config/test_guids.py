"""Names that no other object of the configuration has (manual 4.2, guid; 5.1, guid-prefix; 5.2, guid)."""

import pytest
from support.configs import read

from pointsman.assemble import assemble
from pointsman.config.guids import check_guids

TIMES = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"


def told(text: str) -> list[str]:
    """What is wrong with the names of a configuration."""
    loaded = read(text)
    assert loaded.errors == []
    check_guids(loaded.configuration, loaded.diagnostics)
    return loaded.errors


@pytest.mark.parametrize(
    "text, errors",
    [
        ("frontend a\n bind :1\n guid one\nbackend b\n guid two\n server s :1 guid three\n server t :1\n", []),
        (
            "frontend a\n guid one\nbackend b\n guid one\nbackend c\n guid one\n",
            ["'guid': 'one' : duplicate entry with frontend a, declared at haproxy.cfg:2"] * 2,
        ),
        (
            "backend b\n guid one\n server s :1 guid one\n",
            ["'guid': 'one' : duplicate entry with backend b, declared at haproxy.cfg:2"],
        ),
        (
            "backend b\n server s :1 guid one\nbackend c\n server s :1 guid one\n",
            ["'guid': 'one' : duplicate entry with server b/s, declared at haproxy.cfg:2"],
        ),
        ("frontend f\n bind :1-3 guid-prefix a\n bind :4 guid-prefix b\nbackend a\n guid a-3\n", []),
        (
            "frontend f\n bind :1,:2-3 guid-prefix a\nbackend x\n guid a-1\n",
            [
                "error on GUID generation : duplicate entry with backend x (haproxy.cfg:4). "
                "You may fix it by adjusting guid-prefix."
            ],
        ),
        (
            "frontend f\n bind :1 guid-prefix a\n bind :2 guid-prefix a\n",
            [
                "error on GUID generation : duplicate entry with listener f (haproxy.cfg:2). "
                "You may fix it by adjusting guid-prefix."
            ],
        ),
    ],
)
def test_each_name_once(text: str, errors: list[str]) -> None:
    assert told(text) == errors


def test_a_prefix_leaves_room_for_the_number() -> None:
    assert told(f"frontend f\n bind :1 guid-prefix {'a' * 125}\n") == []
    (error,) = told(f"frontend f\n bind :1 guid-prefix {'a' * 126}\n")
    assert error.endswith("-0' is longer than 127 characters. You may fix it by adjusting guid-prefix.")


def test_a_program_is_told() -> None:
    """As all errors of a file are: by what looks at the configuration as a whole."""
    loaded = read(f"{TIMES}frontend a\n bind 127.0.0.1:1\n guid one\nbackend b\n guid one\n")
    assemble(loaded.configuration, loaded.diagnostics)
    assert loaded.errors == ["'guid': 'one' : duplicate entry with frontend a, declared at haproxy.cfg:7"]
