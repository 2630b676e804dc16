"""Plays whose tables, events and players contradict each other are flagged by name."""

import polars as pl
import pytest

from dropback.tracking import read_tracking
from dropback.tracking._described import described_result, described_yards
from examples.tracking_flags import KEYS, changed, flags_of, two_plays
from examples.tracking_sets import MadePlay

TRACKING_2026 = "input_2023_w01.csv"


@pytest.mark.parametrize(
    ("columns", "where", "details"),
    [
        ({"player_side": "Offense"}, pl.col("nfl_id") == 30018,
         "nfl_id 30018 of the offense has the role coverage"),
        ({"player_side": "Defense"}, pl.col("nfl_id") == 30009,
         "nfl_id 30009 of the defense has the role target"),
        ({"player_role": "Defensive Coverage"}, pl.col("nfl_id").is_in([30006, 30007]),
         "nfl_id 30006 of the offense has the role coverage and 1 more"),
    ],
    ids=["a back with the offense", "the target with the defense", "two receivers cover"],
)  # fmt: skip
def test_a_role_of_the_other_side_is_flagged_in_2026(columns, where, details, tmp_path):
    source = changed(two_plays("bdb_2026"), TRACKING_2026, where, **columns)
    flags = flags_of(source, tmp_path)
    assert set(flags) == {1}
    assert "a role of the other side" in flags[1][0].split("; ")
    assert details in flags[1][1]


def test_a_scouted_role_of_the_other_side_is_flagged(tmp_path):
    source = two_plays("bdb_2023")
    roles = [(1, 30000, "Pass"), (1, 30012, "Pass Rush"), (1, 30003, "Pass Rush"),
             (2, 30000, "Pass"), (2, 30012, "Pass Rush")]  # fmt: skip
    table = pl.DataFrame(roles, schema=["playId", "nflId", "pff_role"], orient="row")
    source.tables["pffScoutingData.csv"] = table.with_columns(
        gameId=2022091100, pff_hit=0, pff_hurry=0, pff_sack=0
    )
    said = "nflId 30003 of the offense has the role rusher"
    assert flags_of(source, tmp_path) == {1: ("a role of the other side", said)}


def test_a_line_that_rows_and_table_tell_differently_is_flagged(tmp_path):
    # The line is at 45; a play to the left has it at 75.
    fine = changed(two_plays("bdb_2026"), TRACKING_2026, absolute_yardline_number=75.0)
    assert flags_of(fine, tmp_path / "fine") == {}
    source = changed(two_plays("bdb_2026"), TRACKING_2026, absolute_yardline_number=35.0)
    assert flags_of(source, tmp_path / "bad") == {1: ("two lines of scrimmage", "10.0 yards apart")}


@pytest.mark.parametrize("layout", ["bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025"])
def test_a_line_that_two_columns_tell_differently_is_flagged(layout, tmp_path):
    source = changed(two_plays(layout), "plays.csv", yardlineNumber=33.0)
    assert flags_of(source, tmp_path) == {1: ("two lines of scrimmage", "2.0 yards apart")}


@pytest.mark.parametrize("layout", ["bdb_2021", "bdb_2023", "bdb_2024", "bdb_2025"])
def test_a_yard_line_on_the_other_half_is_flagged(layout, tmp_path):
    # The line is at 45: KC's 35, and not ARI's.
    source = changed(two_plays(layout), "plays.csv", yardlineSide="ARZ")
    assert flags_of(source, tmp_path) == {1: ("two lines of scrimmage", "30.0 yards apart")}


def test_a_yard_line_on_the_other_half_is_told_without_another_column(tmp_path):
    source = changed(two_plays("bdb_2019"), "plays.csv", yardlineSide="ARZ")
    _, report = read_tracking(source.write(tmp_path / "2019"))
    assert report.left_out["reason"].to_list() == ["snap away from the line of scrimmage"]
    file = "supplementary_data.csv"
    source = changed(two_plays("bdb_2026"), file, yardline_side="ARZ")
    ((flags, _),) = flags_of(source, tmp_path / "2026").values()
    assert flags == "players on the other side of the line at the snap"


DIRECTED = {
    "bdb_2021": "playDirection", "bdb_2023": "playDirection", "bdb_2024": "playDirection",
    "bdb_2025": "playDirection", "bdb_2026": "play_direction", "ngs_highlights": "playDirection",
}  # fmt: skip


@pytest.mark.parametrize("by_frame", [False, True])
@pytest.mark.parametrize("layout", DIRECTED)
def test_a_direction_that_changes_within_a_play_is_flagged(layout, by_frame, tmp_path):
    column = DIRECTED[layout]
    source = two_plays(layout)
    ((file, rows),) = source.tracking.items()
    key = next(key for key in KEYS if key in rows.columns)
    if by_frame:
        frame = next(c for c in rows.columns if c in ("frameId", "frame_id", "frame"))
        source = source.change(file, rows.sort(key, frame, maintain_order=True).get_columns())
        rows = source.tracking[file]
    odd = pl.int_range(pl.len()) == 99
    source = source.change(file, pl.when(odd).then(pl.lit("left")).otherwise(column).alias(column))
    said = f"column {column} changes within the play", f"{column} is 'left' in row 100"
    assert flags_of(source, tmp_path) == {1: said}


@pytest.mark.parametrize("shift", [10.0, -10.0])
def test_a_play_of_2026_that_is_shifted_along_the_field_is_flagged(shift, tmp_path):
    source = changed(two_plays("bdb_2026"), TRACKING_2026, x=pl.col("x") + shift)
    flags = flags_of(source, tmp_path)
    # Receivers stand a yard behind the line, the nearest defender a yard beyond it.
    said = "up to 9.0 yards the offense, -11.0 the defense"
    if shift < 0:
        said = "up to -11.0 yards the offense, 9.0 the defense"
    assert flags == {1: ("players on the other side of the line at the snap", said)}


def test_a_player_across_the_line_is_flagged(tmp_path):
    # A corner back five yards behind the line, where the offense stands.
    source = two_plays("bdb_2025")
    where = pl.col("nflId") == 30018
    changed(source, "tracking_week_1.csv", where, x=pl.col("x") - 17)
    (flags,) = flags_of(source, tmp_path).values()
    assert flags[0] == "players on the other side of the line at the snap"


RESULTS = {
    "bdb_2019": ("plays.csv", "PassResult"),
    "bdb_2021": ("plays.csv", "passResult"),
    "bdb_2023": ("plays.csv", "passResult"),
    "bdb_2024": ("plays.csv", "passResult"),
    "bdb_2025": ("plays.csv", "passResult"),
}


UNSAID = {"playDescription": ""}


@pytest.mark.parametrize("layout", RESULTS)
@pytest.mark.parametrize("result", ["S", "R"])
def test_a_sack_or_run_that_ends_with_a_pass_is_flagged(layout, result, tmp_path):
    file, column = RESULTS[layout]
    gains = dict.fromkeys(("PlayResult", "prePenaltyPlayResult"), 0.0)
    source = two_plays(layout)
    gains = {name: none for name, none in gains.items() if name in source.tables[file].columns}
    source = changed(source, file, **{column: result}, **UNSAID, **gains)
    said = f"pass_result is '{result}', the dropback ends with pass_forward"
    assert flags_of(source, tmp_path) == {1: ("a result unlike the events", said)}


@pytest.mark.parametrize("layout", RESULTS)
@pytest.mark.parametrize("sack", [20, 30])
def test_a_sack_beside_a_throw_is_flagged(layout, sack, tmp_path):
    events = {6: "ball_snap", 26: "pass_forward", sack: "qb_sack"}
    source = two_plays(layout, MadePlay(play=1, events=events), MadePlay(play=2))
    said = (
        f"pass_result is 'C', with a sack {sack - 6} frames after the snap and pass_forward 20 "
        "frames after it"
    )
    assert flags_of(source, tmp_path) == {1: ("a result unlike the events", said)}


@pytest.mark.parametrize(
    ("result", "words", "said"),
    [
        ("C", "(:06) A.Player0 spiked the ball to stop the clock.", "a spike"),
        ("C", "(:06) A.PLAYER0 SPIKED THE BALL TO STOP THE CLOCK.", "a spike"),
        ("C", "(:31) A.Player0 kneels to KC 24 for -1 yards.", "a kneel"),
        ("C", "(:31) A.Player0 knelt to KC 24 for -1 yards.", "a kneel"),
        ("C", "(:31) A.Player0 right tackle to KC 24 for 3 yards (B.Player1).", "a rush"),
        ("I", "(:31) A.Player0 up the middle to KC 24 for 3 yards.", "a rush"),
        ("C", "(:31) B.Player1 punts 50 yards to KC 20, fair catch.", "a punt"),
        ("C", "(:31) B.Player1 kicks 65 yards from LA 35 to KC 0.", "a kick"),
        ("I", "(:31) B.Player1 39 yard field goal is GOOD.", "a kick"),
        ("I", "(:31) A.Player0 kneels to KC 24 for -1 yards.", "a kneel"),
    ],
)
def test_a_spike_or_kneel_that_is_charted_as_a_throw_is_flagged(result, words, said, tmp_path):
    gained = {"prePenaltyPlayResult": 0.0} if result == "I" else {}
    source = two_plays("bdb_2023")
    source = changed(source, "plays.csv", passResult=result, playDescription=words, **gained)
    flags, details = flags_of(source, tmp_path)[1]
    assert "a result unlike the description" in flags.split("; ")
    assert f"pass_result is '{result}', the description says {said}: " in details


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("(:06) A.Player0 pass incomplete.",
         "the description says I, the pass ends with pass_outcome_caught"),
        ("(:06) A.Player0 spiked the ball to stop the clock.",
         "the description says a spike, the pass ends with pass_outcome_caught"),
        ("(:06) A.Player0 sacked at KC 20 for -7 yards.",
         "the description says S, the dropback ends with pass_forward"),
        ("(:06) A.Player0 right end to KC 20 for 3 yards.",
         "the description says a rush, the dropback ends with pass_forward"),
    ],
)  # fmt: skip
def test_of_a_set_without_results_the_description_is_named(words, said, tmp_path):
    events = {6: "ball_snap", 26: "pass_forward", 36: "pass_outcome_caught"}
    source = two_plays("ngs_highlights", MadePlay(play=1, events=events), MadePlay(play=2))
    source = changed(source, next(iter(source.tracking)), playDescription=words)
    assert flags_of(source, tmp_path) == {1: ("a result unlike the events", said)}


@pytest.mark.parametrize("layout", RESULTS)
@pytest.mark.parametrize("last", ["qb_spike", "run", "fumble", "handoff", "pass_lateral"])
def test_a_pass_without_a_throw_is_flagged(layout, last, tmp_path):
    events = {6: "ball_snap", 26: last, 34: "pass_arrived", 36: "pass_outcome_caught"}
    source = two_plays(layout, MadePlay(play=1, events=events), MadePlay(play=2))
    said = f"pass_result is 'C', the dropback ends with {last}"
    assert flags_of(source, tmp_path) == {1: ("a result unlike the events", said)}


SPIKED = "(:06) A.Player0 spiked the ball to stop the clock."
NOT_CAUGHT = "(:06) A.Player0 pass incomplete short right."
ARRIVES = {34: "pass_arrived", 36: "pass_outcome_incomplete"}


@pytest.mark.parametrize(
    ("events", "words", "said"),
    [
        ({26: "qb_spike", **ARRIVES}, NOT_CAUGHT,
         "the dropback ends with qb_spike, the description says I: (:06) A.Player0 pass"),
        ({26: "pass_forward", **ARRIVES}, SPIKED,
         "the description says a spike, but a pass arrives 8 frames after pass_forward"),
        ({26: "qb_spike", 36: "pass_outcome_caught"}, SPIKED,
         "pass_result is 'I', the pass ends with pass_outcome_caught"),
        # As spikes are charted with their event, and in 2015 without it.
        ({26: "qb_spike"}, SPIKED, None),
        ({26: "pass_forward"}, SPIKED, None),
        ({26: "qb_spike"}, "", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", RESULTS)
def test_a_spike_that_another_source_takes_for_a_pass_is_flagged(
    layout, events, words, said, tmp_path
):
    source = two_plays(layout, MadePlay(play=1, events={6: "ball_snap", **events}))
    file, column = RESULTS[layout]
    gains = {name: 0.0 for name in ("PlayResult", "prePenaltyPlayResult")
             if name in source.tables[file].columns}  # fmt: skip
    source = changed(source, file, **{column: "I", "playDescription": words}, **gains)
    found = flags_of(source, tmp_path)
    assert bool(found) == bool(said)
    for flag, details in found.values():
        assert flag == "a result unlike the events"
        assert details.startswith(said)


OUTCOMES = {
    "pass_outcome_caught": "C",
    "pass_outcome_incomplete": "I",
    "pass_outcome_interception": "IN",
    "pass_outcome_touchdown": "C",
}


@pytest.mark.parametrize("layout", RESULTS)
def test_a_pass_that_ends_unlike_its_result_is_flagged(layout, tmp_path):
    # One play for each outcome and result; a play's number is its place.
    cases = [(event, result) for event in OUTCOMES for result in ("C", "I", "IN")]
    plays = [
        MadePlay(play=1 + place, events={6: "ball_snap", 26: "pass_forward", 36: event})
        for place, (event, _) in enumerate(cases)
    ]
    file, column = RESULTS[layout]
    source = two_plays(layout, *plays)
    results = pl.Series(column, [result for _, result in cases])
    source = source.change(
        file, results, playDescription=pl.lit(""),
        **{name: pl.lit(0) for name in ("PlayResult", "prePenaltyPlayResult")
           if name in source.tables[file].columns},
    )  # fmt: skip
    assert flags_of(source, tmp_path) == {
        1 + place: (
            "a result unlike the events",
            f"pass_result is '{result}', the pass ends with {event}",
        )
        for place, (event, result) in enumerate(cases)
        if OUTCOMES[event] != result
    }


GAINS = {
    "bdb_2019": ("plays.csv", "PlayResult"),
    "bdb_2023": ("plays.csv", "prePenaltyPlayResult"),
    "bdb_2026": ("supplementary_data.csv", "pre_penalty_yards_gained"),
}
DESCRIBED_IN = {"plays.csv": "playDescription", "supplementary_data.csv": "play_description"}
NO_GAIN = {
    "plays.csv": {"prePenaltyPlayResult": pl.lit(0)},
    "supplementary_data.csv": {"pre_penalty_yards_gained": pl.lit(0)},
}
DESCRIBED = {
    **RESULTS,
    "bdb_2026": ("supplementary_data.csv", "pass_result"),
    "hackathon_2015": ("plays.csv", "result"),
}


@pytest.mark.parametrize("layout", DESCRIBED)
def test_a_result_that_the_description_does_not_tell_is_flagged(layout, tmp_path):
    file, column = DESCRIBED[layout]
    flags = flags_of(changed(two_plays(layout), file, **{column: "IN"}), tmp_path)
    said = "pass_result is 'IN', the description says C: (15:00) A.Player0 pass short right to A."
    assert list(flags.values()) == [("a result unlike the description", said)]


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("(7:11) J.Goff pass short left to R.Woods to SF 9 for 4 yards (F.Warner).", "C"),
        ("(7:11) J.Goff pass incomplete deep left to R.Woods.", "I"),
        ("TWO-POINT CONVERSION ATTEMPT. L.Jackson pass to M.Andrews is incomplete.", "I"),
        ("T.Siemian pass incomplete. Underthrown, nearly intercepted in flat at BUF 33.", "I"),
        ("J.Goff pass deep right intended for R.Woods INTERCEPTED by F.Warner at SF 3.", "IN"),
        ("(2:01) J.Goff sacked at LA 20 for -7 yards (F.Warner). FUMBLES.", "S"),
        ("J.Goff scrambles right end to LA 30 for 5 yards (F.Warner).", "R"),
        ("J.Goff pass incomplete. SF challenged, and the play was REVERSED. J.Goff pass short "
         "right to R.Woods for 15 yards.", "C"),
        ("J.Goff pass for 15 yards. SF challenged the incomplete pass ruling: Upheld.", "C"),
        ("J.Goff scrambles to LA 9. J.Goff pass short left, NULLIFIED by Penalty.", None),
        ("(:06) C.Newton spiked the ball to stop the clock.", "a spike"),
        ("(:06) C.NEWTON SPIKED THE BALL TO STOP THE CLOCK.", "a spike"),
        ("J.Goff pass to R.Woods for 9 yards. R.Woods spiked the ball at an opponent.", "C"),
        ("(:31) T.Brady kneels to NE 24 for -1 yards.", "a kneel"),
        ("(:31) T.BRADY PASS INTENDED FOR C.HOGAN INTERCEPTED BY M.PETERS AT KC 9.", "IN"),
        ("(:31) T.BRADY PASS INCOMPLETE, NEARLY INTERCEPTED AT KC 9.", "I"),
        ("(2:53) (Pass formation) I.Crowell right end to PIT 42 for 2 yards.", "a rush"),
        ("(8:13) (Punt formation) K.Byard pass deep right to D.Cruikshank for 66 yards.", "C"),
        ("Play 12.", None),
        (None, None),
    ],
)  # fmt: skip
def test_what_a_description_says_of_the_result(words, result):
    table = pl.DataFrame({"words": pl.Series([words], dtype=pl.String)})
    assert table.select(described_result(pl.col("words"))).item() == result


@pytest.mark.parametrize("layout", DESCRIBED)
def test_yards_of_an_incompletion_are_flagged(layout, tmp_path):
    # The made plays gain 9 yards.
    file, column = DESCRIBED[layout]
    source = two_plays(layout)
    words = next(name for name in ("playDescription", "play_description", "desc")
                 if name in source.tables[file].columns)  # fmt: skip
    source = changed(source, file, **{column: "I", words: "A.Player0 pass incomplete."})
    said = "yards unlike the result", "pass_result is 'I', yards_gained 9"
    assert list(flags_of(source, tmp_path / "one").values()) == [said]
    # The set's yards may be those of the penalty.
    source = changed(source, file, **{words: "A.Player0 pass incomplete. PENALTY on KC."})
    assert flags_of(source, tmp_path / "other") == {}


@pytest.mark.parametrize(
    ("words", "yards"),
    [
        ("(7:11) J.Goff pass short left to R.Woods to SF 9 for 4 yards (F.Warner).", 4),
        ("J.Goff pass short left to R.Woods to SF 9 for no gain (F.Warner).", 0),
        ("J.Goff sacked at LA 20 for -7 yards (F.Warner).", -7),
        ("J.Goff pass for 1 yard. The play was REVERSED. J.Goff pass for 12 yards.", 12),
        ("J.Goff pass to R.Woods for 12 yards. FUMBLES, recovered for 3 yards.", None),
        ("J.Goff pass to R.Woods for 12 yards. PENALTY on SF, enforced at SF 30.", None),
        ("J.Goff pass to R.Woods for 12 yards. Lateral to C.Kupp for 9 yards.", None),
        ("J.Goff pass INTERCEPTED by F.Warner at SF 3. F.Warner to SF 5 for 2 yards.", None),
        ("J.Goff pass incomplete.", None),
        (None, None),
    ],
)
def test_what_a_description_says_of_the_yards(words, yards):
    table = pl.DataFrame({"words": pl.Series([words], dtype=pl.String)})
    assert table.select(described_yards(pl.col("words"))).item() == yards


@pytest.mark.parametrize("layout", [*GAINS, "hackathon_2015"])
def test_yards_that_the_description_does_not_tell_are_flagged(layout, tmp_path):
    file, column = GAINS.get(layout, ("plays.csv", "pass_yards"))
    flags = flags_of(changed(two_plays(layout), file, **{column: -7.0}), tmp_path)
    said = "yards unlike the description", "yards_gained is -7, the description says 9"
    assert list(flags.values()) == [said]


@pytest.mark.parametrize("layout", ["bdb_2024", "bdb_2025", "bdb_2026"])
def test_a_nullified_play_that_the_description_does_not_tell_is_flagged(layout, tmp_path):
    file, column = "plays.csv", "playNullifiedByPenalty"
    if layout == "bdb_2026":
        file, column = "supplementary_data.csv", "play_nullified_by_penalty"
    said = "nullified unlike the description"
    source = changed(two_plays(layout), file, **{column: "Y"})
    words = "the play is nullified, the description says that it is not"
    assert flags_of(source, tmp_path / "yes") == {1: (said, words)}
    source = source.change(
        file,
        **{column: pl.lit("N"), DESCRIBED_IN[file]: pl.lit("A.Player0 pass incomplete - No Play.")},
    )
    source = source.change(file, **{DESCRIBED[layout][1]: pl.lit("I")}, **NO_GAIN[file])
    words = "the play is not nullified, the description says that it is"
    assert set(flags_of(source, tmp_path / "no").values()) == {(said, words)}


@pytest.mark.parametrize("layout", RESULTS)
def test_a_pass_that_arrives_before_its_throw_is_flagged(layout, tmp_path):
    events = {6: "ball_snap", 20: "pass_arrived", 26: "pass_forward", 36: "pass_outcome_caught"}
    source = two_plays(layout, MadePlay(play=1, events=events), MadePlay(play=2))
    said = "it arrives 6 frames before pass_forward"
    assert flags_of(source, tmp_path) == {1: ("a pass that arrives before its throw", said)}


def test_a_sack_with_the_end_of_a_pass_is_flagged_where_no_result_says_which(tmp_path):
    events = {6: "ball_snap", 26: "qb_sack", 36: "pass_outcome_caught"}
    source = two_plays("ngs_highlights", MadePlay(play=1, events=events), MadePlay(play=2))
    flags, said = flags_of(source, tmp_path / "told")[1]
    assert flags == "a result unlike the events"
    assert said == "the description says C, the dropback ends with qb_sack"
    file = next(iter(source.tracking))
    source = changed(source, file, playDescription="")
    flags, said = flags_of(source, tmp_path / "untold")[1]
    assert "a result unlike the events" in flags
    assert "the dropback ends with qb_sack, and a pass with pass_outcome_caught" in said


@pytest.mark.parametrize("layout", [*RESULTS, "bdb_2026", "hackathon_2015", "ngs_highlights"])
@pytest.mark.parametrize("moved", [-40.0, 40.0])
def test_players_off_the_field_at_the_snap_are_flagged(layout, moved, tmp_path):
    source = two_plays(layout)
    for file, table in source.tracking.items():
        source = changed(source, file, y=pl.col("y") + moved) if "y" in table.columns else source
    ((flags, said),) = flags_of(source, tmp_path).values()
    assert "players off the field at the snap" in flags.split("; ")
    assert "yards, the field from 0 to 53.3" in said


def test_each_cell_of_a_play_with_several_flags_says_which_it_is_of(tmp_path):
    sacked = MadePlay(play=1, events={6: "ball_snap", 26: "qb_sack"})
    source = changed(
        two_plays("bdb_2025", sacked, MadePlay(play=2)), "plays.csv", yardlineNumber=33.0
    )
    flags, said = flags_of(source, tmp_path)[1]
    assert flags.split("; ") == ["two lines of scrimmage", "a result unlike the events"]
    assert said.split("; ") == [
        "two lines of scrimmage: 2.0 yards apart",
        "a result unlike the events: pass_result is 'C', the dropback ends with qb_sack",
    ]


def test_a_pass_that_ends_with_a_sack_is_flagged(tmp_path):
    sacked = MadePlay(play=1, events={6: "ball_snap", 26: "qb_sack"})
    source = two_plays("bdb_2025", sacked, MadePlay(play=2))
    said = "pass_result is 'C', the dropback ends with qb_sack"
    assert flags_of(source, tmp_path) == {1: ("a result unlike the events", said)}


@pytest.mark.parametrize("layout", GAINS)
def test_a_loss_beyond_the_own_goal_line_is_flagged(layout, tmp_path):
    file, column = GAINS[layout]
    source = changed(two_plays(layout), file, **{column: -99.0, DESCRIBED_IN[file]: ""})
    said = "yards_gained is -99, to the own goal line 35.0"
    assert flags_of(source, tmp_path) == {
        1: ("more yards lost than there are to the own goal line", said)
    }


def test_a_game_with_both_sides_at_home_is_flagged(tmp_path):
    source = two_plays("ngs_highlights")
    (name,) = source.tracking
    source = changed(source, name, pl.col("homeTeamFlag") == 0, homeTeamFlag=1.0)
    (flags,) = flags_of(source, tmp_path).values()
    assert flags[0] == "both sides at home, or neither"
