"""weak-ciphers."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global
    ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA  # here
frontend www
    mode http
    bind :443 ssl crt site.pem ciphers ECDHE-RSA-AES256-GCM-SHA384:DES-CBC3-SHA:!DSS  # here
backend app
    server one 192.0.2.1:443 ssl verify none ciphers ALL:NULL  # here
"""
CLEAN = """
global
    ssl-default-bind-ciphers ECDHE+AESGCM:!aNULL:!MD5:!3DES:!RC4
frontend www
    mode http
    bind :443 ssl crt site.pem ciphers HIGH:!aNULL:!eNULL:!EXPORT:!DES:-MD5:+RC4
"""
KEYWORDS: Final = ("ciphers", "ssl-default-bind-ciphers", "ssl-default-server-ciphers")
WEAK: Final = {
    "RC4": "RC4 is broken (RFC 7465)",
    "RC2": "RC2 is broken",
    "DES": "DES and 3DES have blocks of 64 bits (CVE-2016-2183)",
    "3DES": "DES and 3DES have blocks of 64 bits (CVE-2016-2183)",
    "NULL": "NULL encrypts nothing",
    "eNULL": "NULL encrypts nothing",
    "aNULL": "nobody shows a certificate, so that anybody may stand between",
    "ADH": "nobody shows a certificate, so that anybody may stand between",
    "AECDH": "nobody shows a certificate, so that anybody may stand between",
    "EXP": "keys for export can be guessed (CVE-2015-0204)",
    "EXPORT": "keys for export can be guessed (CVE-2015-0204)",
    "MD5": "MD5 is broken",
    "LOW": "LOW are ciphers of 56 and 64 bits",
}
PARTS: Final = re.compile(r"[-+_]")


@rule("weak-ciphers", Level.WARNING, FOUND, CLEAN)
def weak_ciphers(subject: Subject) -> Iterator[Found]:
    """A list of ciphers names one that protects nothing any more.

    Who sits between may choose it, or break it later. Leave such names out; without a list, OpenSSL has a good one. A
    name behind `!` or `-` takes ciphers out, and is fine.
    """
    for _, line in subject.lines:
        words = line.words
        for number, word in enumerate(words[:-1]):
            if word.text not in KEYWORDS or word.text == "ciphers" and not number:
                continue
            for name, why in _weak(words[number + 1].text):
                yield Found(words[number + 1].at, f"'{name}': {why}", "leave it out")
                break


def _weak(text: str) -> Iterator[tuple[str, str]]:
    names = [one for one in re.split(r"[:, ]", text) if one]
    gone = {one[1:] for one in names if one[0] == "!"}
    for name in names:
        if name[0] in "!-+@":
            continue
        parts = set(PARTS.split(name))
        if parts & gone or name in gone or "DES" in parts and gone & {"3DES", "DES"}:
            continue
        for part in PARTS.split(name):
            if part in WEAK and not (part == "NULL" and gone & {"eNULL"} or part == "EXP" and "EXPORT" in gone):
                yield name, WEAK[part]
                break
