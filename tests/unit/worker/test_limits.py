"""maxconn and descriptors follow from each other."""

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.worker import limits
from pointsman.worker.limits import INFINITE, LimitError, Limits, Wanted, compute


def test_descriptors_follow_from_maxconn() -> None:
    assert compute(Wanted(maxconn=1000, reserve=18), 1024, 4096) == Limits(1000, 2018)


def test_maxconn_follows_from_the_hard_limit_as_haproxy_reckons() -> None:
    # One listener, 20000 descriptors: haproxy 2.6 says "setting global.maxconn to 9991".
    assert compute(limits.with_reserve(Wanted(), 1), 20_000, 20_000) == Limits(9991, 20_000)
    assert compute(limits.with_reserve(Wanted(), 1), 1024, 20_000).maxconn == 9991


def test_ulimit_n_gives_maxconn_and_is_kept() -> None:
    assert compute(Wanted(descriptors=1017), 20_000, 20_000) == Limits(500, 1017)
    assert compute(Wanted(descriptors=5000, maxconn=10), 20_000, 20_000) == Limits(10, 5000)


def test_fd_hard_limit_bounds_what_the_system_would_allow() -> None:
    assert compute(Wanted(most=50_017), INFINITE, INFINITE).maxconn == 25_000
    assert compute(Wanted(most=50_017), 1024, 4113).maxconn == 2048
    assert compute(Wanted(), 1024, INFINITE).maxconn == (1_048_576 - 17) // 2


def test_memory_bounds_an_automatic_maxconn_only() -> None:
    assert compute(Wanted(memory=33), 20_000, 20_000).maxconn == (33 << 20) // 33_000
    assert compute(Wanted(memory=33, maxconn=9000), 20_000, 20_000).maxconn == 9000


def test_memory_gives_maxsslconn_where_that_is_not_said() -> None:
    """Manual 3.2, maxsslconn: all connections may speak TLS, on each side where that is spoken."""
    plain, both = Wanted(memory=100), Wanted(memory=100, tls_sides=2)
    one = Wanted(memory=100, tls_sides=1)
    assert compute(plain, 20_000, 20_000).tls == 0
    assert compute(one, 20_000, 20_000).maxconn == compute(one, 20_000, 20_000).tls == (100 << 20) // 93_000
    found = compute(both, 20_000, 20_000)
    assert found.maxconn == (100 << 20) // 153_000 and found.tls == 2 * found.maxconn
    assert compute(Wanted(memory=100, maxconn=100, tls_sides=2), 20_000, 20_000).tls == 200
    assert (
        compute(Wanted(memory=10, maxconn=200, tls_sides=1), 20_000, 20_000).tls == ((10 << 20) - 6_600_000) // 60_000
    )
    assert compute(Wanted(memory=10, maxconn=9000, tls_sides=2), 20_000, 20_000).tls == 2  # what it takes for one


def test_maxsslconn_that_is_said_leaves_the_rest_to_others() -> None:
    said = limits.with_tls(Wanted(memory=100), 50, 1)
    assert compute(said, 20_000, 20_000) == Limits(3086, 2 * 3086 + 17, 50)
    assert compute(Wanted(tls=50, tls_sides=1, maxconn=9), 20_000, 20_000).tls == 50
    assert compute(Wanted(tls_sides=2, maxconn=9), 20_000, 20_000).tls == 0


@given(st.integers(0, 1 << 20), st.integers(0, 1 << 20), st.integers(0, 1 << 20), st.integers(1, 1 << 20))
def test_there_is_always_room_for_one(descriptors: int, most: int, reserve: int, hard: int) -> None:
    assert compute(Wanted(descriptors=descriptors, most=most, reserve=reserve), hard, hard).maxconn >= 1


def test_what_cannot_be_set_is_an_error_or_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    given_limits: list[tuple[int, int]] = []

    def refuse(_: int, wanted: tuple[int, int]) -> None:
        if wanted[1] > 100:
            raise ValueError("not allowed to raise maximum limit")
        given_limits.append(wanted)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(LimitError, match="Cannot raise FD limit to 2017, limit is 100"):
        limits.apply(Limits(1000, 2017), strict=True)
    first, second = limits.apply(Limits(1000, 2017), strict=False)
    assert "Cannot raise FD limit to 2017, limit is 100" in first
    assert "FD limit (100) too low for maxconn=1000/maxsock=2017" in second
    assert given_limits == [(100, 100)]
    assert limits.apply(Limits(40, 97), strict=True) == []


def test_the_soft_limit_is_raised_up_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        assert limits.apply(Limits(119, 256), strict=True) == []
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (256, hard)
        assert limits.apply(Limits(150, 317), strict=True) == []
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (317, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
