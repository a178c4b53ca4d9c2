"""Transcripts of documentation are run as a reader would, and what differs is told with its place."""

from pathlib import Path

import pytest
from support.transcript import agrees, check, rewritten, transcripts

PAGE = """\
# A page

Write `a.txt`:

```text title="a.txt"
one
two
```

```console
$ cat a.txt
one
two

$ cat missing.txt
cat: missing.txt: ...
$ echo $?
1
```

```console
$ pointsman -vq
...
$ printf '%s\\n' 1 2 3 \\
>   4
1
...
4
$ echo three > sub/b.txt; echo "$COLUMNS"
80
```

    $ this one is not run

```sh
nor this one
```

```haproxy title="sub/b.txt"
second
```

````console title="shown.txt"
$ a file, though it looks like a transcript
```
````

```console
$ cat sub/b.txt
second
$ cut -c 3- shown.txt | head -1
a file, ...
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE.replace("echo three > sub/b.txt; ", ""), encoding="utf-8")
    return path


def test_a_page_is_followed_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    cases = transcripts(page)
    assert [(case.line, len(case.commands)) for case in cases] == [(10, 3), (21, 3), (48, 2)]
    assert [sorted(case.files) for case in cases] == [["a.txt"], [], ["shown.txt", "sub/b.txt"]]
    for case in cases:
        check(case, tmp_path)
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("one\ntwo\n\n$", "one\nthree\n\n$", 11),
        ("$ echo $?\n1", "$ echo $?\n0", 17),
        ("1\n...\n4", "1\n...\n5", 24),
        ("80\n", "81\n", 29),
        ("cat: missing.txt: ...", "", 15),
    ],
    ids=["line", "status", "last", "columns", "nothing"],
)
def test_what_differs_is_told_with_its_place(page: Path, tmp_path: Path, right: str, wrong: str, line: int) -> None:
    text = page.read_text()
    assert text.count(right) == 1
    page.write_text(text.replace(right, wrong))
    with pytest.raises(AssertionError, match=rf"page\.md:{line}: \$ (?s:.*)\n[-+]"):
        for case in transcripts(page):
            check(case, tmp_path)


@pytest.mark.parametrize(
    ("expected", "printed", "verdict"),
    [
        (["a", "", ""], ["a "], True),
        (["a"], ["a", "b"], False),
        (["..."], [], True),
        (["..."], ["a", "", "b"], True),
        (["a ... c"], ["a b  c"], True),
        (["a ... c"], ["a b", "c"], False),
        (["a", "...", "a", "b"], ["a", "a", "x", "a", "b"], True),
        (["a", "...", "a", "b"], ["a", "b"], False),
        (["[x] (1)*"], ["[x] (1)*"], True),
        (["[x] (1)*"], ["x 1"], False),
        ([], [], True),
        ([], ["a"], False),
    ],
)
def test_dots_stand_for_anything(expected: list[str], printed: list[str], verdict: bool) -> None:
    assert agrees(expected, printed) == verdict


def test_a_page_is_written_anew(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    old = text.replace("$ cat a.txt\none\ntwo\n\n$", "$ cat a.txt\nold\n$").replace("$ echo $?\n1", "$ echo $?\n0\nold")
    page.write_text(old.replace("80\n", ""))
    folder = tmp_path / "other"
    folder.mkdir()
    assert rewritten(page, folder) == text.replace("one\ntwo\n\n$", "one\ntwo\n$")


def test_a_transcript_begins_with_a_command(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\nno command\n```\n")
    with pytest.raises(AssertionError, match="line 2: a transcript begins with a command"):
        transcripts(page)


def test_a_file_may_stand_below(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = '```console below="a.txt"\n$ cat a.txt\nfirst\n```\n```text title="a.txt"\nfirst\n```\n'
    page.write_text(text + '```text title="a.txt"\nsecond\n```\n```console\n$ cat a.txt\nsecond\n```\n')
    for case in transcripts(page):
        check(case, tmp_path)
    page.write_text(text.replace("title", "name"))
    with pytest.raises(AssertionError, match="further below"):
        transcripts(page)
