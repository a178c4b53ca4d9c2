"""userlist sections (manual 12.2)."""

import pytest
from support.configs import only_error, read, section

from pointsman.config.userlist import User, users_of
from pointsman.core.diagnostics import ConfigError


def users(*lines: str) -> dict[str, User]:
    loaded = section("userlist", *lines)
    assert loaded.errors == []
    return users_of(loaded.configuration.userlists["x"])


HASH = "$6$k6y3o.eP$JlKBx9za"


def test_both_ways_of_the_manual_are_the_same() -> None:
    first = users(
        "group G1 users tiger,scott",
        "group G2 users xdb,scott",
        f"user tiger password {HASH}",
        "user scott insecure-password 'elgato'",
        "user xdb insecure-password 'hello'",
    )
    second = users(
        "group G1",
        "group G2",
        f"user tiger password {HASH} groups G1",
        "user scott insecure-password 'elgato' groups G1,G2",
        "user xdb insecure-password 'hello' groups G2",
    )
    assert (
        first
        == second
        == {
            "tiger": User("tiger", HASH.encode(), True, frozenset({"G1"})),
            "scott": User("scott", b"elgato", False, frozenset({"G1", "G2"})),
            "xdb": User("xdb", b"hello", False, frozenset({"G2"})),
        }
    )


def test_the_last_password_holds_and_none_lets_nobody_in() -> None:
    assert users("user a insecure-password b password c", "user d") == {
        "a": User("a", b"c", True, frozenset()),
        "d": User("d", None, False, frozenset()),
    }


@pytest.mark.parametrize(
    "line, message",
    [
        ("group", "'group' expects <name> as arguments."),
        ("group g x", "'group' only supports 'users' option."),
        ("group g users a b", "'group' only supports 'users' option."),
        ("user", "'user' expects <name> as arguments."),
        ("user a password x y", "'user' only supports 'password', 'insecure-password' and 'groups' options."),
        ("user a insecure-password", "'user' expects <password>"),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert only_error("userlist", line) == message


@pytest.mark.parametrize(
    "lines, message",
    [
        (("group g users a,b", "user b"), "userlist 'x': no such user 'a' specified in group 'g'"),
        (("user a groups g",), "userlist 'x': no such group 'g' specified in user 'a'"),
    ],
)
def test_names_must_be_there(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        users(*lines)
    assert str(caught.value) == message


def test_duplicates_are_ignored_with_a_warning() -> None:
    loaded = read("userlist u\n user a insecure-password x\n user a insecure-password y\n group g\n group g\n")
    assert loaded.warnings == [
        "ignoring duplicated user 'a' in userlist 'u'.",
        "ignoring duplicated group 'g' in userlist 'u'.",
    ]
    assert users_of(loaded.configuration.userlists["u"])["a"].password == b"x"
