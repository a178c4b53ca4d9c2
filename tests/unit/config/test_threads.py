"""Words about threads: sets, groups, bind lines, CPUs."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assemble
from pointsman.config.bind import Bind
from pointsman.config.lanes import lane_count
from pointsman.config.load import load_text
from pointsman.config.setting import Section
from pointsman.config.threads import accepting, cpu_set, members, parse_cpus, parse_set, pins
from pointsman.core.diagnostics import Diagnostics, Severity

PROXY = "defaults\n timeout client 1s\n timeout connect 1s\n timeout server 1s\nfrontend f\n bind 127.0.0.1:8080 {}\n"


def read(main: str, bind: str = "") -> tuple[Section, Section, Diagnostics]:
    diagnostics = Diagnostics()
    configuration = load_text(
        "global\n" + "".join(f" {line}\n" for line in main.split(";")) + PROXY.format(bind), diagnostics
    )
    return configuration.main, configuration.proxies[0], diagnostics


def alerts(main: str, bind: str = "") -> list[str]:
    return [one.message for one in read(main, bind)[2].findings if one.severity == Severity.ALERT]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", {1, 2, 3, 4, 5}),
        ("odd", {1, 3, 5}),
        ("even", {2, 4}),
        ("2", {2}),
        ("2-4", {2, 3, 4}),
        ("4-", {4, 5}),
        ("-2", {1, 2}),
        ("4-2", {2, 3, 4}),
    ],
)
def test_sets_of_threads(text: str, expected: set[int]) -> None:
    assert parse_set(text, 5) == expected


@pytest.mark.parametrize("text", ["", "-", "0", "6", "x", "1,2", "1-x", "1-9", "--", "+1", "\u0661"])
def test_what_is_no_set_of_threads(text: str) -> None:
    with pytest.raises(ValueError, match="not a valid number/range"):
        parse_set(text, 5)


def test_sets_of_cpus() -> None:
    assert parse_cpus(["0-1", "5,3", "7-6"]) == (0, 1, 3, 5, 6, 7)
    assert parse_cpus(["62-"]) == (62, 63)
    for wrong in ("x", "", "1024", "-3", "1-x"):
        with pytest.raises(ValueError, match="CPU"):
            parse_cpus([wrong])


@pytest.mark.parametrize(
    ("main", "lanes", "expected"),
    [
        ("nbthread 4", 4, [[1, 2, 3, 4]]),
        ("nbthread 4;thread-groups 2", 4, [[1, 2], [3, 4]]),
        ("nbthread 5;thread-groups 2", 5, [[1, 2, 3], [4, 5]]),
        ("nbthread 4;thread-groups 3;thread-group 2 4", 4, [[1, 2], [4], [3]]),
        ("nbthread 4;thread-groups 2;thread-group 1 1-3", 4, [[1, 2, 3], [4]]),
        ("nbthread 2;thread-groups 2;thread-group 1 1 3-9;thread-group 1 2", 2, [[2], [1]]),
    ],
)
def test_groups_share_the_lanes(main: str, lanes: int, expected: list[list[int]]) -> None:
    assert members(read(main)[0], lanes) == expected


@pytest.mark.parametrize(
    ("main", "bind", "expected"),
    [
        ("nbthread 4", "", None),
        ("nbthread 4", "thread all", {1, 2, 3, 4}),
        ("nbthread 4", "thread odd", {1, 3}),
        ("nbthread 4", "thread 2-", {2, 3, 4}),
        ("nbthread 4", "thread 1-1", {1}),
        ("nbthread 4", "thread 1,4", {1, 4}),
        ("nbthread 4", "thread 1 thread 2", {1, 2}),
        ("nbthread 4", "thread 1/2-3", {2, 3}),
        ("nbthread 4;thread-groups 2", "thread 2/1", {3}),
        ("nbthread 4;thread-groups 2", "thread 1/2,2/2", {2, 4}),
        ("nbthread 4", "thread 9", set()),
        ("nbthread 4", "process 1/2", {2}),
        ("nbthread 4", "process 1", None),
    ],
)
def test_who_accepts(main: str, bind: str, expected: set[int] | None) -> None:
    settings, frontend, diagnostics = read(main, bind)
    assert not diagnostics.failed
    found = accepting(frontend.all(Bind)[0].parameters.lanes, members(settings, lane_count(settings)))
    assert found == expected


@pytest.mark.parametrize(
    ("main", "bind", "message"),
    [
        ("nbthread 2", "thread 0", "'0' is not a valid number/range"),
        ("nbthread 2", "thread foo", "'foo' is not a valid number/range"),
        ("nbthread 2", "thread 17/1", "thread-group number must be between 1 and 16 (was 17)"),
        ("nbthread 2", "thread 1/1,2", "cannot be mixed"),
        ("nbthread 2", "thread", "missing thread set"),
        ("nbthread 2", "process 2", "'2' is not a valid number/range. It supports numbers from 1 to 1."),
        ("nbthread 2", "shards 0", "invalid value 0"),
        ("nbthread 2", "shards many", "invalid value 0"),
        ("nbthread 2", "shards", "missing value"),
        ("thread-groups x", "", "missing or unparsable integer value in 'x'"),
        ("thread-groups 17", "", "'thread-groups' value must be between 1 and 16 (was 17)"),
        ("thread-group 0 1", "", "thread-group number must be between 1 and 16 (was 0)"),
        ("thread-group 1 x", "", "unparsable or invalid thread number 'x'"),
        ("cpu-map 1", "", "cpu-map expects"),
        ("cpu-map foo 0", "", "cpu-map : 'foo' is not a valid number/range."),
        ("cpu-map 1/x 0", "", "cpu-map : 'x' is not a valid number/range."),
        ("cpu-map 1 x", "", "cpu-map : 'x' is not a CPU range."),
        ("cpu-map 1/1 5000", "", "supports CPU numbers from 0 to 1023."),
        ("cpu-map auto:1/1-4 0", "", "must have the same size"),
        ("cpu-map auto:1/1 0-3", "", "must have the same size"),
        ("cpu-map auto:1-2/1-2 0-3", "", "one range only"),
        ("cpu-set only-cpu", "", "set"),
        ("cpu-set only-cpu x", "", "'x' is not a CPU range."),
        ("cpu-set some 1", "", "'some'"),
        ("cpu-policy fast", "", "'fast'"),
        ("cpu-policy none threads-per-core 2", "", "'2'"),
        ("cpu-affinity per-lane", "", "'per-lane'"),
    ],
)
def test_errors(main: str, bind: str, message: str) -> None:
    found = alerts(main, bind)
    assert len(found) == 1
    assert message in found[0]


def test_words_without_effect_say_so() -> None:
    diagnostics = read(
        "nbthread 2;thread-groups 2;cpu-policy group-by-ccx threads-per-core 1;cpu-affinity per-group loose",
        "shards by-group",
    )[2]
    notices = [one.message for one in diagnostics.findings if one.severity == Severity.NOTICE]
    assert [
        any(word in notice for notice in notices)
        for word in ("'thread-groups' only", "'cpu-policy' has no effect", "'cpu-affinity' has", "'shards' has no")
    ] == [True] * 4
    assert not diagnostics.failed


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ("nbthread 2", {}),
        ("nbthread 2;cpu-map 1/all 0-3", {1: {0, 1, 2, 3}, 2: {0, 1, 2, 3}}),
        ("nbthread 2;cpu-map 1 0-3;cpu-map 1/2 5", {1: {0, 1, 2, 3}, 2: {5}}),
        ("nbthread 3;cpu-map auto:1/1-4 3,2 0-1", {1: {0}, 2: {1}, 3: {2}}),
        ("nbthread 4;cpu-map auto:1/even 0-31", {2: {0}, 4: {1}}),
        ("nbthread 4;thread-groups 2;cpu-map 2/1 7", {3: {7}}),
        ("nbthread 2;cpu-map auto:1/1- 0-", {1: {0}, 2: {1}}),
        ("nbthread 2;cpu-map 1/9 1;cpu-map 5 1", {}),
    ],
)
def test_which_cpus_a_lane_is_bound_to(main: str, expected: dict[int, set[int]]) -> None:
    settings, _, diagnostics = read(main)
    assert not diagnostics.failed
    assert pins(settings, members(settings, lane_count(settings))) == expected


def test_cpu_set(tmp_path: Path) -> None:
    system = tmp_path / "sys/devices/system/cpu"
    system.mkdir(parents=True)
    (system / "online").write_text("0-7\n")
    for cpu in range(8):
        folder = system / f"cpu{cpu}"
        (folder / "topology").mkdir(parents=True)
        (folder / f"node{cpu // 4}").mkdir()
        (folder / "topology/core_id").write_text(f"{cpu // 2}\n")
        (folder / "topology/cluster_id").write_text("65535\n")
        (folder / "topology/thread_siblings_list").write_text(f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}\n")
    cases = {
        "reset": set(range(8)),
        "reset drop-cpu 0,2-3": {1, 4, 5, 6, 7},
        "reset only-cpu 2-3 drop-cpu 3": {2},
        "reset only-node 1": {4, 5, 6, 7},
        "reset drop-node 1": {0, 1, 2, 3},
        "reset only-core 1,3": {2, 3, 6, 7},
        "reset only-thread 0": {0, 2, 4, 6},
        "reset drop-cluster 65": set(range(8)),
    }
    for text, expected in cases.items():
        assert cpu_set(read(f"cpu-set {text}")[0], tmp_path) == expected, text
    assert cpu_set(read("nbthread 1")[0], tmp_path) is None
    here = os.sched_getaffinity(0)
    assert cpu_set(read("cpu-set drop-cpu 1000")[0], tmp_path) == here


def test_a_bind_line_without_lanes_is_an_error() -> None:
    diagnostics = Diagnostics()
    configuration = load_text("global\n nbthread 2\n" + PROXY.format("thread 3"), diagnostics)
    assemble(configuration, diagnostics).reactor.epoll.close()
    assert [
        "contains threads that belong to no group in 'bind 127.0.0.1:8080'" in one.message
        for one in diagnostics.findings
        if one.severity == Severity.ALERT
    ] == [True]


@given(st.text("0123456789-,oddevnl/ \u0661x", max_size=12))
def test_sets_are_read_or_refused(text: str) -> None:
    for read_it in (lambda: parse_set(text, 64), lambda: parse_cpus([text])):
        try:
            assert all(0 <= number <= 1023 for number in read_it())
        except ValueError:
            continue
