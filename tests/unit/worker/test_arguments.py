"""The command line, word by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.worker.arguments import (
    FLAGS,
    NO_EFFECT_YET,
    WITHOUT_EFFECT,
    Refusal,
    UsageError,
    parse,
)

# Every option of the management manual, chapter 3; a word without a value here needs none.
MANUAL = [
    "--",
    "-f",
    "-C",
    "-D",
    "-L",
    "-N",
    "-V",
    "-W",
    "-Ws",
    "-4",
    "-c",
    "-cc",
    "-d",
    "-dA",
    "-dC",
    "-dD",
    "-dF",
    "-dG",
    "-dI",
    "-dK",
    "-dL",
    "-dM",
    "-dR",
    "-dS",
    "-dT",
    "-dV",
    "-dW",
    "-dZ",
    "-db",
    "-dc",
    "-de",
    "-dk",
    "-dp",
    "-dr",
    "-dt",
    "-dv",
    "-m",
    "-n",
    "-p",
    "-q",
    "-S",
    "-sf",
    "-st",
    "-v",
    "-vv",
    "-x",
]


@pytest.mark.parametrize("word", MANUAL)
def test_every_option_of_the_manual_is_known(word: str) -> None:
    options = parse([word, "1"] if word in ("-f", "-C", "-L", "-N", "-S", "-cc", "-m", "-n", "-p", "-x") else [word])
    assert (options == parse([])) == (word in ("--", "-sf"))


def test_master_worker_mode() -> None:
    for word, notify in (("-W", False), ("-Ws", True)):
        options = parse([word, "-db"])
        assert (options.master, options.notify, options.foreground) == (True, notify, True)
    assert parse(["-x", "/dev/null"]).inherit is False
    (notice,) = parse(["-S", "/run/master.sock,level,user"]).notices
    assert "'-S /run/master.sock,level,user' has no effect" in notice


def test_words_with_two_dashes() -> None:
    assert parse(["--help", "-Z"]).help
    assert parse(["--version", "-Z"]).version == "v"


def test_files_keep_their_order_and_everything_behind_two_dashes_is_one() -> None:
    assert parse(["-f", "a", "-c", "-f", "b", "--", "c", "-f", "--"]).files == ["a", "b", "c", "-f", "--"]


def test_values() -> None:
    options = parse(["-n", "10", "-N", "20", "-m", "30", "-p", "pid", "-L", "me", "-C", "dir", "-cc", "1"])
    assert (options.maxconn, options.proxy_maxconn, options.memory) == (10, 20, 30)
    assert (options.pidfile, options.local_peer, options.directory, options.condition) == ("pid", "me", "dir", "1")
    (notice,) = parse(["-x", "sock"]).notices
    assert "'-x'" in notice
    assert parse(["-x", "/dev/null"]).notices == []


@pytest.mark.parametrize("word", ["-f", "-C", "-L", "-N", "-S", "-cc", "-m", "-n", "-p", "-x"])
def test_a_missing_value(word: str) -> None:
    with pytest.raises(UsageError if word in ("-cc", "-x") else Refusal, match=word):
        parse(["-c", word])


@pytest.mark.parametrize("word", ["-n", "-N", "-m"])
@pytest.mark.parametrize("value", ["x", "-1", "", "1k", "\u0664"])
def test_what_is_no_number(word: str, value: str) -> None:
    with pytest.raises(Refusal, match="expects a number"):
        parse([word, value])


def test_old_processes() -> None:
    options = parse(["-sf", "10", "11", "-st", "-f", "a"])
    assert (options.old_pids, options.old_finish, options.files) == ([10, 11], False, ["a"])
    assert parse(["-sf", "1 2\n3"]).old_pids == [1, 2, 3]
    assert parse(["-sf"]).old_pids == []
    for wrong in ("abc", "12x", "0"):
        with pytest.raises(Refusal, match=wrong):
            parse(["-sf", wrong])


@pytest.mark.parametrize("word", ["-Z", "foo", "--helf", "-h", "-dX", "-cx", "-qc", "-fx", "-", "", "-Dc", "-dbx"])
def test_unknown_words(word: str) -> None:
    with pytest.raises(UsageError):
        parse(["-c", word])


@pytest.mark.parametrize(("word", "kind"), [("-v", "v"), ("-vv", "vv"), ("-vq", "vq"), ("-vV", "v"), ("-vvv", "v")])
def test_version_ends_the_line(word: str, kind: str) -> None:
    assert parse(["-c", word, "-Z"]).version == kind


def test_prefixed_options() -> None:
    assert parse(["-dKall"]).registries == "all"
    assert parse(["-dKcfg,smp"]).registries == "cfg,smp"
    assert parse(["-dK"]).registries == "help"
    assert parse(["-dMhelp"]).memory_help
    assert not parse(["-dM0x41,no-merge"]).memory_help
    assert parse(["-dA/tmp/libs.tar"]).notices
    with pytest.raises(Refusal, match="anonymized"):
        parse(["-dC123"])
    assert parse(["-dth1:user"]).notices == ["'-dth1:user' has no effect: traces are not built yet."]


def test_options_without_effect_say_so() -> None:
    for word, reason in (WITHOUT_EFFECT | NO_EFFECT_YET).items():
        assert parse([word]).notices == [f"'{word}' has no effect: {reason}."]


def test_each_flag_changes_one_thing() -> None:
    plain = parse([])
    for word, (name, value) in FLAGS.items():
        assert getattr(plain, name) is not value
        assert getattr(parse([word]), name) is value


@given(st.lists(st.text(max_size=8) | st.sampled_from(MANUAL), max_size=8))
def test_any_words_are_options_usage_or_refusal(words: list[str]) -> None:
    try:
        assert parse(words) is not None
    except (UsageError, Refusal):
        pass
