"""old-fetch."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Edit, Fix, Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend tls
    mode tcp
    bind :443
    tcp-request inspect-delay 5s
    tcp-request content accept if { req_ssl_hello_type 1 }  # here
    use_backend one if { req_ssl_sni -i one.example.com }  # here
backend one
    mode tcp
"""
CLEAN = """
frontend tls
    mode tcp
    bind :443
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend one if { req.ssl_sni -i one.example.com }
backend one
    mode tcp
"""
OLD: Final = {  # manual 7.3.5 and 7.3.6 call them deprecated; they are the same fetches
    "rep_ssl_hello_type": "res.ssl_hello_type",
    "req_len": "req.len",
    "req_proto_http": "req.proto_http",
    "req_rdp_cookie": "req.rdp_cookie",
    "req_rdp_cookie_cnt": "req.rdp_cookie_cnt",
    "req_ssl_hello_type": "req.ssl_hello_type",
    "req_ssl_sni": "req.ssl_sni",
    "req_ssl_ver": "req.ssl_ver",
    "req_ver": "req.ver",
    "resp_ver": "res.ver",
}
NAMES: Final = re.compile(
    r"(?<![A-Za-z0-9_.-])(" + "|".join(sorted(OLD, key=len, reverse=True)) + r")(?![A-Za-z0-9_.-])"
)
FIRST: Final = (
    "acl",
    "tcp-request",
    "tcp-response",
    "http-request",
    "http-response",
    "use_backend",
    "use-server",
    "stick",
)


@rule("old-fetch", Level.INFO, FOUND, CLEAN, fixes=True)
def old_fetch(subject: Subject) -> Iterator[Found]:
    """A fetch is called by its old name.

    Names such as `req_ssl_sni` are from before version 1.5; the manual keeps them for old files. `--fix` writes the new
    one, which is the same fetch.
    """
    for _, line in subject.lines:
        if line.words[0].text not in FIRST:
            continue
        text = line.at.text
        start, end = line.at.column - 1, line.at.column - 1 + line.at.length
        words = line.words[1:]
        for found in NAMES.finditer(text, start, end):
            column = found.start() + 1
            word = next((one for one in words if one.at.column <= column < one.at.column + one.at.length), None)
            if word is None or column != word.at.column and "%[" not in word.text:
                continue  # a pattern, a name, or a part of another word
            if word is words[0] and line.words[0].text == "acl":
                continue
            if not _is_fetch(line.words.index(word), [one.text for one in line.words]):
                continue
            at = line.at._replace(column=column, length=len(found[0]))
            new = OLD[found[0]]
            fix = Fix(f"write '{new}'", (Edit(at.file, at.line, column, len(found[0]), new),))
            yield Found(at, f"'{found[0]}' is the old name of '{new}'", "", fix)


def _is_fetch(number: int, words: list[str]) -> bool:
    """A criterion of an ACL, or behind a brace, `on` or an action that takes an expression."""
    before = words[number - 1]
    return before in ("{", "on", "match", "capture") or words[0] == "acl" and number == 2 or "%[" in words[number]
