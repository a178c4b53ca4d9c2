"""What -dK and -dC print."""
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.config.lexer import Place, split_line
from pointsman.sample.arguments import signature
from pointsman.worker.dump import configuration, libraries, quoted
from pointsman.worker.registries import CLASSES, classes_help, dump, signature_text


def test_keywords_stand_under_their_sections() -> None:
    lines = dump("cfg").splitlines()
    backend = lines[lines.index("backend"):lines.index("userlist")]
    assert "\tbalance" in backend
    assert "\tbind" not in backend
    assert "\tbind" in lines[lines.index("frontend"):lines.index("listen")]


def test_converters_have_types() -> None:
    assert "lower: str => str" in dump("cnv").splitlines()


def test_fetches_have_columns() -> None:
    line = next(line for line in dump("smp").splitlines() if line.endswith(" path: str"))
    # As haproxy prints it: nothing for connection rules, all of the request's columns, none of the response's.
    assert line.startswith("[ . . Y Y Y Y Y Y Y Y ")
    assert line.count("Y") + line.count(".") == 22


def test_all_are_all_and_an_unknown_class_is_told() -> None:
    assert dump("all") == "\n".join(dump(name) for name in CLASSES)
    with pytest.raises(KeyError, match="nosuch"):
        dump("cfg,nosuch")
    assert set(CLASSES) <= {line.partition(":")[0] for line in classes_help().splitlines()}


@pytest.mark.parametrize("text", ["", "(string)", "(string,string[,string])", "([integer])"])
def test_signatures_are_written_as_haproxy_does(text: str) -> None:
    assert signature_text(signature(text)) == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0", exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_quoted_word_reads_back_as_itself(text: str) -> None:
    assert [word.text for word in split_line(Place("x", 1, quoted(text)), {})] == [text]


def test_a_dump_has_no_comments_and_its_own_indentation(tmp_path: Path) -> None:
    file = tmp_path / "a.cfg"
    file.write_text("# nothing\nglobal # here\n  daemon\nfrontend f\n      log-format \"a b\"   # x\n")
    assert list(configuration([str(file)])) == ["global", "\tdaemon", "frontend f", "\tlog-format 'a b'"]


def test_the_c_library_is_among_the_libraries() -> None:
    assert any("libc" in path for path in libraries())
