"""The words of `pointsman try` that it cannot use: status 2, before anything is started."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from pointsman.verbs.trial import command
from pointsman.verbs.trial.command import main
from pointsman.verbs.trial.running import _folder


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


def test_a_folder_whose_path_fits_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of certificates end a name at a blank, and sockets have short names."""
    for name in ("with blanks", "long" * 20):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
        folder = _folder("")
        os.rmdir(folder)
        assert os.path.dirname(folder) == "/tmp" and not os.listdir(tmp_path / name)


def test_a_connection_that_breaks_behind_its_user_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(command._tell)
        for error in (ConnectionResetError("nobody waits"), ValueError("a fault")):
            loop.call_exception_handler({"message": "Future exception was never retrieved", "exception": error})

    asyncio.run(scene())
    assert "a fault" in caplog.text and "nobody waits" not in caplog.text
