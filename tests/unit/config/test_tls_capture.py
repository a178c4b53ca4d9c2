"""tune.ssl.capture-buffer-size and tune.ssl.keylog (manual 3.2)."""

import pytest
from support.configs import good, only_error

from pointsman.config.tls_capture import kept
from pointsman.tls.options import Kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Kept()),
        ("tune.ssl.capture-buffer-size 0\n", Kept()),
        ("tune.ssl.capture-buffer-size 96\n", Kept(capture=96)),
        ("tune.ssl.keylog on\n", Kept(keylog=True)),
        ("tune.ssl.keylog off\n", Kept()),
        (
            "tune.ssl.capture-buffer-size 1\ntune.ssl.keylog on\ntune.ssl.capture-buffer-size 2\n",
            Kept(capture=2, keylog=True),
        ),
    ],
)
def test_what_is_kept(text: str, expected: Kept) -> None:
    loaded = good("global", *text.splitlines())
    assert loaded.notices == loaded.warnings == [] and kept(loaded.main) == expected


def test_the_old_name() -> None:
    loaded = good("global", "tune.ssl.capture-cipherlist-size 7")
    assert kept(loaded.main) == Kept(capture=7)
    assert "'tune.ssl.capture-cipherlist-size' is deprecated" in loaded.warnings[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tune.ssl.capture-buffer-size", "expects <number>"),
        ("tune.ssl.capture-buffer-size -1", "'-1' is not a number"),
        ("tune.ssl.capture-buffer-size 10k", "'10k' is not a number"),
        ("tune.ssl.capture-buffer-size 1 2", "cannot handle unexpected argument '2'"),
        ("tune.ssl.keylog", "expects 'on' or 'off'"),
        ("tune.ssl.keylog maybe", "'tune.ssl.keylog' expects either 'on' or 'off' but got 'maybe'"),
        ("tune.ssl.keylog on on", "cannot handle unexpected argument 'on'"),
    ],
)
def test_what_is_wrong(line: str, said: str) -> None:
    assert said in only_error("global", line)
