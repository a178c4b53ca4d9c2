"""Reading PEM texts (pointsman/tls/files.py), as files have them: with comments, Windows' line ends, cut off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.certificates import Authority, authority

from pointsman.tls.files import TlsFileError, blocks, parse_material, read_authorities

ONE = b"-----BEGIN A-----\nxx\n-----END A-----\n"
TWO = b"-----BEGIN B C-----\nyy\n-----END B C-----\n"
EXPECTED = [(b"A", ONE), (b"B C", TWO)]
# The same said at length, to compare with.
BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def test_blocks() -> None:
    for text in (
        ONE + TWO,
        b"a comment\n" + ONE + b"\n# -----BEGIN\n" + TWO + b"behind",
        (ONE + TWO)[:-1],
        ONE[:-1] + b" \t" + TWO,
        b"-----BEGIN A\n" + ONE + b"-----BEGIN Z-----\n" + TWO,
        b"-----BEGIN a-----\n-----END a-----\n" + ONE + TWO,
    ):
        assert blocks(text) == EXPECTED, text
    windows = blocks((ONE + TWO).replace(b"\n", b"\r\n"))
    assert windows == [(b"A", b"-----BEGIN A-----\r\nxx\r\n-----END A-----\n"), (b"B C", windows[1][1])]
    for text in (
        b"",
        b"-----BEGIN",
        b"-----BEGIN A-----",
        b"-----BEGIN A-----\nxx\n-----END B-----\n",
        b"-----BEGIN ---",
    ):
        assert blocks(text) == [], text


PARTS = st.sampled_from([b"-----BEGIN ", b"-----END ", b"-----", b"A", b"B ", b"a", b"\n", b"-", b"x" * 9])


@given(st.lists(PARTS, max_size=30).map(b"".join))
def test_blocks_of_random_texts(text: bytes) -> None:
    assert blocks(text) == [(found[1], found[0] + b"\n") for found in BLOCK.finditer(text)]


def test_a_certificate_with_what_is_beside_it_in_the_file() -> None:
    pem = authority().pem("www.example.test")
    certificate, key = pem.split(b"-----BEGIN PRIVATE", 1)
    key = b"-----BEGIN PRIVATE" + key
    for text in (certificate + key, key + certificate, b"Bag Attributes\n" + key + b"more\n" + certificate):
        material = parse_material(text, "x")
        assert (material.chain, material.key) == (certificate, key)
    with pytest.raises(TlsFileError, match="no start line"):
        parse_material(key, "x")


def test_what_the_system_trusts_is_read_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = authority().ca, Authority("somebody else").ca
    path, folder = tmp_path / "all.pem", tmp_path / "folder"
    path.write_bytes(first + second + first)
    folder.mkdir()
    (folder / "a.pem").write_bytes(first)
    (folder / "1234abcd.0").symlink_to(folder / "a.pem")
    (folder / "gone.0").symlink_to(folder / "gone.pem")
    for file, directory, expected in (
        (path, folder, first + second),
        (tmp_path / "none", folder, first),
        (tmp_path / "none", tmp_path / "none", b""),
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        monkeypatch.setenv("SSL_CERT_DIR", str(directory))
        assert read_authorities("@system-ca") == expected
