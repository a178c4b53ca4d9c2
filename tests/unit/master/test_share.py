"""When a lane makes way for the others."""
from pointsman.core.arena import Cells
from pointsman.stream.share import ALIVE, COLUMNS, Share


def lanes(*held: int, alive: int = -1) -> list[Share]:
    """Lanes that hold so many connections; the first `alive` of them are alive."""
    cells = Cells(COLUMNS * len(held))
    shares = []
    for number, count in enumerate(held):
        share = Share()
        share.enter(cells, number, len(held))
        cells.store(number * COLUMNS + ALIVE, int(alive < 0 or number < alive))
        for _ in range(count):
            share.entered()
        shares.append(share)
    return shares


def test_a_single_process_never_makes_way() -> None:
    share = Share()
    for _ in range(100):
        share.entered()
    assert not share.over()


def test_who_has_more_than_its_share_is_over() -> None:
    for held, over in (((50, 50), False), ((58, 42), False), ((59, 41), True), ((8, 0), False), ((16, 0), False),
                       ((17, 0), True), ((30, 30, 50), True), ((33, 33, 34), False), ((560, 440), False),
                       ((570, 430), True)):
        assert lanes(*held)[held.index(max(held))].over() == over, held


def test_one_lane_at_least_accepts() -> None:
    one, two = lanes(20, 2)
    two.rest(True)
    assert not one.over()
    two.rest(False)
    assert one.over()


def test_who_has_less_is_not() -> None:
    assert not lanes(60, 40)[1].over()


def test_the_dead_do_not_count() -> None:
    assert lanes(20, 0)[0].over()
    assert not lanes(20, 0, alive=1)[0].over()


def test_what_leaves_makes_room() -> None:
    one, _ = lanes(20, 2)
    assert one.over()
    for _ in range(4):
        one.left()
    assert not one.over()
    assert one.held == 16


def test_others_take() -> None:
    one, two = lanes(3, 4)
    assert (one.taken_by_others(), two.taken_by_others()) == (4, 3)
    two.entered()
    two.left()
    assert one.taken_by_others() == 5
