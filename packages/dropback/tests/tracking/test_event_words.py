"""Events in other spellings are read, and words that are near to an event named."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from examples.tracking_flags import changed, two_plays

WEEKS = {"bdb_2019": "tracking_gameId_1.csv", "bdb_2023": "week1.csv"}


def spelled(layout, event, other):
    of_event = pl.col("event") == event
    return changed(two_plays(layout), WEEKS[layout], of_event, event=other)


@pytest.mark.parametrize(
    ("event", "other"),
    [
        ("ball_snap", "Ball Snap"),
        ("ball_snap", " ball-snap"),
        ("pass_forward", "PassForward"),
        ("pass_forward", "pass-forward"),
    ],
)
def test_case_and_what_stands_between_the_words_do_not_matter(event, other, tmp_path):
    (block,), report = read_tracking(spelled("bdb_2023", event, other).write(tmp_path))
    rows = block.plays.select("snap_frame", "snap_event", "frames", "end_event").rows()
    assert rows == [(6, "ball_snap", 21, "pass_forward")] * 2
    assert report.flagged.is_empty()


@pytest.mark.parametrize("layout", WEEKS)
@pytest.mark.parametrize(
    ("event", "other", "said"),
    [
        ("ball_snap", "ball_snapped", ("no snap", "no ball_snap, snap_direct or automatic snap "
         "event; event is 'ball_snapped' in row 6, near to 'ball_snap'")),
        ("pass_forward", "pass_foward", ("no release", "no throw, sack or run event after the snap "
         "at frame 6; event is 'pass_foward' in row 26, near to 'pass_forward'")),
        *(("pass_forward", word, ("no release", "no throw, sack or run event after the snap at "
           f"frame 6; event is '{word}' in row 26, near to 'pass_forward'"))
          for word in ("pass_fwd", "forward_pass", "pass", "qb_pass", "pass thrown", "throw",
                       "pass_forward;first_contact", "Pass Fwd")),
        *(("ball_snap", word, ("no snap", "no ball_snap, snap_direct or automatic snap event; "
           f"event is '{word}' in row 6, near to 'ball_snap'"))
          for word in ("snap", "snap_ball", "hike", "ball.snap", "man_in_motion;ball_snap")),
        # What a set may well hold is near to none.
        ("pass_forward", "run_pass_option", ("no release", "no throw, sack or run event after the "
         "snap at frame 6")),
        ("pass_forward", "lateral", ("no release", "no throw, sack or run event after the snap at "
         "frame 6")),
        ("ball_snap", "line_set", ("no snap", "no ball_snap, snap_direct or automatic snap event")),
        ("pass_forward", "ball_snapped", ("no release", "no throw, sack or run event after the "
         "snap at frame 6")),
    ],
)  # fmt: skip
def test_a_word_that_is_near_to_an_event_is_named(layout, event, other, said, tmp_path):
    _, report = read_tracking(spelled(layout, event, other).write(tmp_path))
    left = report.left_out.select("play_id", "reason", "detail").rows()
    assert left == [(1, *said)]
