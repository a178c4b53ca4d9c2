"""The words of `pointsman try` that it cannot use: status 2, before anything is started."""

import pytest

from pointsman.verbs.trial.command import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no configuration: say -f FILE"),
        (["-f", "x", "--fault", "web/s1=hung"], "did you mean 'hang'?"),
        (["-f", "x", "--fault", "web/s1"], "expected SERVER=FAULT"),
        (["-f", "x", "--port-base", "80"], "expects a port from 1024 to 65000"),
    ],
)
def test_wrong_words(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("pointsman try: ")
