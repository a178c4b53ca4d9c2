"""What is counted of HTTP/2: from a connection to its proxy's cells, over lanes; what a lane leaves behind."""

from pointsman.core.arena import Arena
from pointsman.core.h2_cells import H2_FIELDS, H2Cells
from pointsman.proto.h2_counters import H2Counters


def lanes(count: int) -> list[H2Cells]:
    """One proxy's in so many lanes."""
    first = Arena(count, 64)
    found = []
    for number in range(count):
        arena = Arena(count, 64)
        arena.cells = first.cells
        arena.lane = number
        found.append(H2Cells(arena))
    return found


def sums(cells: H2Cells) -> dict[str, int]:
    """What is not 0."""
    return {name: cells.sum_of(name) for name in H2_FIELDS if cells.sum_of(name)}


def test_a_connection_adds_up_what_it_has_counted() -> None:
    (cells,) = lanes(1)
    one = H2Counters(cells)
    one.fold(0)
    assert sums(cells) == {}
    one.begin()
    one.headers, one.data, one.opened, one.requests, one.bytes_in, one.bytes_out = 3, 5, 3, 2, 100, 50
    assert sums(cells) == {"connections": 1, "total_connections": 1}
    one.fold(2)
    expected = {
        "connections": 1,
        "total_connections": 1,
        "headers": 3,
        "data": 5,
        "streams": 2,
        "total_streams": 3,
        "requests": 2,
        "bytes_in": 100,
        "bytes_out": 50,
    }
    assert sums(cells) == expected
    one.fold(2)  # nothing new
    assert sums(cells) == expected
    one.fold(1)
    assert sums(cells) == {**expected, "streams": 1}
    one.end()
    one.end()
    one.fold(1)  # it is too late
    del expected["streams"], expected["connections"]
    assert sums(cells) == expected


def test_each_seldom_one_is_counted_alone() -> None:
    for name in H2_FIELDS[2:9]:
        (cells,) = lanes(1)
        one = H2Counters(cells)
        setattr(one, name, 7)
        one.fold(0)
        one.fold(0)
        assert sums(cells) == {name: 7}


def test_without_cells_nothing_is_added_up() -> None:
    one = H2Counters()
    one.begin()
    one.headers = 1
    one.fold(3)
    one.end()
    assert one.headers == 1 and not one.open


def test_lanes_add_up_and_one_that_has_ended_holds_nothing() -> None:
    first, second = lanes(2)
    for cells, opened in ((first, 2), (second, 5)):
        one = H2Counters(cells)
        one.begin()
        one.opened = opened
        one.fold(opened)
    assert sums(first) == sums(second) == {"connections": 2, "total_connections": 2, "streams": 7, "total_streams": 7}
    first.release_lane(1)
    assert sums(second) == {"connections": 1, "total_connections": 2, "streams": 2, "total_streams": 7}
    second.clear()
    assert sums(first) == {"connections": 1, "streams": 2}


def test_a_process_writes_the_row_of_its_lane_after_a_fork() -> None:
    arena = Arena(2, 64)
    cells = H2Cells(arena)
    arena.lane = 1
    cells.move()
    H2Counters(cells).begin()
    cells.release_lane(0)
    assert cells.sum_of("connections") == 1
    cells.release_lane(1)
    assert cells.sum_of("connections") == 0
