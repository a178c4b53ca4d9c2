"""The predicates of conditional blocks (manual 2.4): one small function each.

@predicate("streq", "<str1>", "<str2>")
def streq(asked: PredicateInput, arguments: Sequence[str]) -> bool: ...
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pointsman.config import features
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import Registry, nearest


@dataclass(slots=True)
class PredicateInput:
    """What a predicate may look at."""

    variables: Mapping[str, str]
    runtime: features.RuntimeOptions = field(default_factory=features.RuntimeOptions)


Test = Callable[[PredicateInput, Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class Predicate:
    name: str
    arguments: tuple[str, ...]
    test: Test


PREDICATES: Registry[Predicate] = Registry("predicate")


def predicate(name: str, *arguments: str) -> Callable[[Test], Test]:
    """Register a predicate with the names of its arguments."""

    def record(test: Test) -> Test:
        PREDICATES.add(name, Predicate(name, arguments, test))
        return test

    return record


VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-(dev|pre|rc)?(\d+)?)?")


def version_key(text: str) -> tuple[int, int, int, int, int]:
    """Sorts versions as `haproxy -v` writes them: 3.5-dev2 < 3.5-rc1 < 3.5 = 3.5.0 < 3.5.1. What is missing is zero."""
    found = VERSION.match(text)
    if found is None:
        return (0, 0, 0, 0, 0)
    major, minor, patch, stage, number = found.groups()
    rank = {"dev": 0, "pre": 1, "rc": 1}.get(stage or "", 2)
    return (int(major), int(minor or 0), int(patch or 0), rank, int(number or 0))


def library_key(text: str) -> tuple[int, int, int, str]:
    """Sorts versions of TLS libraries, such as 1.1.1w. Raises ConfigError if it is none."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)([a-z]*)(?:-[\w.]+)?", text)
    if found is None:
        raise ConfigError(f"'{text}' is not a version of an SSL library", expected="a version such as 1.1.1 or 3.0.15")
    return (int(found[1]), int(found[2]), int(found[3]), found[4])


@predicate("defined", "<name>")
def defined(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the environment variable exists. POINTSMAN always does: one file can serve two programs."""
    return arguments[0] == "POINTSMAN" or arguments[0] in asked.variables


@predicate("feature", "<name>")
def feature(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if -vv lists the feature behind a '+'."""
    return features.FEATURES.get(arguments[0], False)


@predicate("enabled", "<opt>")
def enabled(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if an option of the process is on."""
    name = arguments[0]
    if name not in features.RUNTIME_OPTIONS:
        near = nearest(name.upper(), [option.lower() for option in features.RUNTIME_OPTIONS])
        raise ConfigError(
            f"unknown option '{name}' in predicate 'enabled'",
            expected="one of " + ", ".join(features.RUNTIME_OPTIONS),
            hint=f"did you mean '{near.upper()}'?" if near else "",
        )
    return name in asked.runtime.enabled


@predicate("streq", "<str1>", "<str2>")
def streq(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the two strings are equal."""
    return arguments[0] == arguments[1]


@predicate("strneq", "<str1>", "<str2>")
def strneq(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the two strings differ."""
    return arguments[0] != arguments[1]


@predicate("strstr", "<str1>", "<str2>")
def strstr(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the second string is somewhere in the first."""
    return arguments[1] in arguments[0]


@predicate("version_atleast", "<ver>")
def version_atleast(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the HAProxy version whose language this is is that recent."""
    return version_key(features.VERSION) >= version_key(arguments[0])


@predicate("version_before", "<ver>")
def version_before(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the HAProxy version whose language this is is older."""
    return version_key(features.VERSION) < version_key(arguments[0])


@predicate("openssl_version_atleast", "<ver>")
def openssl_version_atleast(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the TLS library is that recent; false without one."""
    wanted = library_key(arguments[0])
    return features.SSL_VERSION != "" and library_key(features.SSL_VERSION) >= wanted


@predicate("openssl_version_before", "<ver>")
def openssl_version_before(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the TLS library is older; false without one."""
    wanted = library_key(arguments[0])
    return features.SSL_VERSION != "" and library_key(features.SSL_VERSION) < wanted


@predicate("ssllib_name_startswith", "<name>")
def ssllib_name_startswith(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the name of the TLS library begins so; false without one."""
    return features.SSL_LIBRARY != "" and features.SSL_LIBRARY.startswith(arguments[0])


@predicate("awslc_api_atleast", "<ver>")
def awslc_api_atleast(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the TLS library is AWS-LC with that API number or a later one."""
    wanted = _number(arguments[0])
    return features.AWSLC_API >= 0 and wanted <= features.AWSLC_API


@predicate("awslc_api_before", "<ver>")
def awslc_api_before(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the TLS library is AWS-LC with an older API number."""
    wanted = _number(arguments[0])
    return 0 <= features.AWSLC_API < wanted


@predicate("fips_mode")
def fips_mode(asked: PredicateInput, arguments: Sequence[str]) -> bool:
    """True if the TLS library runs in FIPS mode; false without one."""
    return False


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"'{text}' is not an API number", expected="a number")
    return int(text)
