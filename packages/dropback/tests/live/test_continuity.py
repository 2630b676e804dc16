"""Frames that cannot follow one another are taken, and doubted in a sentence."""

import numpy as np
import pytest

from dropback.errors import LiveError
from dropback.live import PlayContext, PlayPredictor
from dropback.live._continuity import frame_doubts, play_doubts
from examples.live_plays import networks

LINE = 45.0
CONTEXT = PlayContext(line_of_scrimmage_x_yd=LINE, yards_to_goal=65)


def frame(number: int = 0) -> np.ndarray:
    """22 players two yards apart on either side of the line, who run 8 yards a second toward +x."""
    values = np.zeros((23, 6), np.float32)
    values[:11, 0], values[11:22, 0] = LINE - 3, LINE + 4
    values[:22, 1] = np.tile(5 + 4 * np.arange(11), 2)
    values[:, 0] += 0.8 * number
    values[:, 2] = 8
    return values


def doubts(second: np.ndarray, *, number: int = 1) -> list[tuple[str, str]]:
    found = frame_doubts((0, frame()), number, second, LINE)
    assert {doubt.number for doubt in found} <= {number}
    return [(doubt.kind, doubt.detail) for doubt in found]


def test_players_who_run_are_not_doubted() -> None:
    assert play_doubts(np.stack([frame(number) for number in range(20)]), LINE) == ()


@pytest.mark.parametrize(("x_yd", "doubted"), [(1.4, False), (1.6, True), (40.0, True)])
def test_a_step_is_doubted_from_the_fastest_run_on(x_yd: float, doubted: bool) -> None:
    # 12.5 yd/s for 0.1 s, and a quarter of a yard for the noise of two places: 1.5 yd.
    second = frame()
    second[:, 0] += 0.8
    second[14, 0] += x_yd - 0.8
    found = doubts(second)
    assert [kind for kind, _ in found] == ["step"] * doubted
    if doubted:
        assert f"Slot 14 moved {x_yd:.1f} yd in 0.1 s before frame 1" in found[0][1]


def test_a_step_over_skipped_frames_has_their_time() -> None:
    second = frame(3)
    second[14, 0] += 0.8
    assert [kind for kind, _ in doubts(second, number=3)] == ["gap"]
    second[14, 0] += 2
    assert [kind for kind, _ in doubts(second, number=3)] == ["gap", "step"]


@pytest.mark.parametrize("slots", [(0, 15), (2, 7, 19)])
def test_players_who_stand_where_others_stood_are_swapped(slots: tuple[int, ...]) -> None:
    second = frame(1)
    second[list(slots)] = second[[*slots[1:], slots[0]]]
    ((kind, detail),) = doubts(second)
    assert kind == "swap"
    assert detail.startswith(f"Slots {', '.join(map(str, slots))} stand in frame 1")


@pytest.mark.parametrize(
    ("axes", "words"), [([True, True], "x and y"), ([True, False], "x"), ([False, True], "y")]
)
def test_a_field_that_is_turned_over_is_mirrored(axes: list[bool], words: str) -> None:
    second = frame(1)
    second[:, :2] = np.where(axes, np.array([120, 160 / 3]) - second[:, :2], second[:, :2])
    assert doubts(second) == [
        ("mirror", f"The field is mirrored ({words}) in frame 1, against the frame before.")
    ]


def test_a_play_that_begins_mirrored_is_doubted_by_its_sides() -> None:
    first = frame()
    first[:, 0] = 2 * LINE - first[:, 0]
    (found,) = frame_doubts((-1, np.full((23, 6), np.nan)), 0, first, LINE)
    assert (found.kind, found.number) == ("mirror", 0)
    assert "The offense stands beyond the line of scrimmage" in found.detail


@pytest.mark.parametrize(
    ("number", "words"), [(2, "Frame 1 never came"), (4, "Frames 1 to 3 never came")]
)
def test_frames_that_never_came_are_said(number: int, words: str) -> None:
    ((kind, detail),) = doubts(frame(number), number=number)
    assert kind == "gap"
    assert words in detail


def test_places_that_stand_still_while_players_run_are_old() -> None:
    assert [kind for kind, _ in doubts(frame())] == ["frozen"]
    standing = frame()
    standing[:, 2] = 0
    assert doubts(standing) == []


def test_a_player_who_is_not_seen_is_not_doubted() -> None:
    second = frame(1)
    second[14, 0] = np.nan
    assert doubts(second) == []


def test_a_live_play_keeps_its_doubts_through_its_state() -> None:
    predictor = PlayPredictor(networks(1))
    live = predictor.start(CONTEXT)
    live.push(0, frame())
    wild = frame(1)
    wild[3, 0] = 90
    (forecast,) = live.push(1, wild)
    assert forecast.frame == 1
    assert [doubt.kind for doubt in live.doubts] == ["step"]
    live.push(1, frame(1))  # ignored: nothing is doubted anew
    assert len(live.doubts) == 1
    elsewhere = predictor.resume(live.state())
    assert elsewhere.doubts == live.doubts
    # What is refused is not taken, and is no doubt.
    with pytest.raises(LiveError, match="frame"):
        elsewhere.push(2, frame()[:5])
    assert elsewhere.doubts == live.doubts
