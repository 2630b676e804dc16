"""Game logs and comparisons of two passers against hand-worked numbers and linear algebra."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from dropback.errors import RequestError
from dropback.ranking import DisplayScale, compare_passers, game_log, leaderboard, reliability
from dropback.ranking._posterior import posterior
from examples.frames import LIBRARIES, converted
from examples.scored_plays import table, throws


def game(week: int, scores: list[float], passer: str = "00-A", **more: object) -> list[dict]:
    fixed = {"week": week, "game_id": f"2020_{week:02}", "defteam": "BUF", "home": week % 2 == 1}
    plays = throws(passer, scores, **{**fixed, **more})
    first = 1 if passer == "00-A" else 101
    return [
        {**play, "play_id": first + n, "desc": f"throw {n + 1}"} for n, play in enumerate(plays)
    ]


SCORES = table(
    game(2, [0.2, 0.9, 0.9, 0.4]),
    game(1, [0.5, 0.1, 0.6]),
    game(1, [0.4, 0.6], passer="00-B", posteam="BUF", defteam="KC", home=False),
).with_columns(season_drift=pl.lit(0.1))
RESULTS = pl.DataFrame(
    {
        "game_id": ["2020_01", "2020_02"],
        "home_team": ["KC", "BUF"],
        "away_team": ["BUF", "KC"],
        "home_score": [20, 21],
        "away_score": [20, 27],
        "final": [True, True],
    }
)


def test_game_log_has_each_game_with_result_and_throws() -> None:
    log = game_log(SCORES, "00-A", games=RESULTS)
    shown = ("season", "week", "team", "opponent", "venue", "result", "plays")
    assert log.select(shown).rows() == [
        (2020, 1, "KC", "BUF", "home", "T 20-20", 3),
        (2020, 2, "KC", "BUF", "away", "W 27-21", 4),
    ]
    assert log["score"].to_list() == pytest.approx([0.3, 0.5])
    # Of the two throws of .9 the earlier; less the drift of .1.
    throws_shown = ("best_throw", "best_score", "worst_throw", "worst_score")
    assert log.select(throws_shown).rows() == [
        ("throw 3", pytest.approx(0.5), "throw 2", pytest.approx(0.0)),
        ("throw 2", pytest.approx(0.8), "throw 1", pytest.approx(0.1)),
    ]
    assert log["display"].to_list() == pytest.approx([85 - 96 * 0.2, 85.0])


def test_interval_of_a_game_is_that_of_its_plays() -> None:
    """Variance within games, pooled: sums of squares .14 + .38 + .02 over 2 + 3 + 1 degrees."""
    log = game_log(SCORES, "00-A")
    half = norm.ppf(0.95) * np.sqrt((0.14 + 0.38 + 0.02) / 6 / np.array([3, 4]))
    np.testing.assert_allclose(log["score_high"] - log["score"], half, rtol=1e-9)
    np.testing.assert_allclose(log["score"] - log["score_low"], half, rtol=1e-9)
    assert log["result"].null_count() == 2


@pytest.mark.parametrize("library", LIBRARIES)
def test_game_log_is_a_frame_of_the_given_library(library: str) -> None:
    scores = converted(SCORES, library)
    assert type(game_log(scores, "00-A")) is type(scores)


@pytest.mark.parametrize(
    ("code", "now"),
    [("LAR", "LA"), ("STL", "LA"), ("OAK", "LV"), ("SD", "LAC"), ("WSH", "WAS"), ("JAC", "JAX"),
     ("ARZ", "ARI"), ("BLT", "BAL"), ("CLV", "CLE"), ("HST", "HOU")],
)  # fmt: skip
@pytest.mark.parametrize("former", ["scores", "results"])
def test_result_of_a_game_is_found_under_either_team_code(code: str, now: str, former: str) -> None:
    """A loss at home, 20-27, whichever table writes the former code."""
    written = {name: code if name == former else now for name in ("scores", "results")}
    own = game(1, [0.5, 0.1], posteam=now, game_id=f"2020_01_KC_{written['scores']}")
    result = {
        "game_id": [f"2020_01_KC_{written['results']}"],
        "home_team": [now],
        "away_team": ["KC"],
        "home_score": [20],
        "away_score": [27],
        "final": [True],
    }
    log = game_log(table(own, game(2, [0.3, 0.6])), "00-A", games=pl.DataFrame(result))
    assert log["result"].to_list() == ["L 20-27", None]


def test_game_that_is_not_final_has_no_result() -> None:
    log = game_log(SCORES, "00-A", games=RESULTS.with_columns(final=pl.col("home_score") == 20))
    assert log["result"].to_list() == ["T 20-20", None]


def test_games_of_nobody_are_one_sentence() -> None:
    with pytest.raises(RequestError, match="No play of passer 'x' is among the 9 scored"):
        game_log(SCORES, "x")
    with pytest.raises(RequestError, match="no column 'receiver_player_id'"):
        game_log(SCORES, "x", role="receiver")
    with pytest.raises(RequestError, match=r"no column 'defteam' .* give a table of 'dropback"):
        game_log(SCORES.drop("defteam"), "00-A")


def test_difference_is_that_of_the_joint_posterior() -> None:
    """Against the normal equations of each grid point with a league mean that is nearly free."""
    mean = np.array([0.52, 0.50, 0.47, 0.55])
    variance = np.array([1e-4, 2e-4, 9e-4, 4e-4])
    belief = posterior(mean, variance)
    means, variances, above = [], [], []
    for between in belief.between:
        prior = between * np.eye(4) + 1e3
        gain = prior @ np.linalg.inv(prior + np.diag(variance))
        found = 0.5 + gain @ (mean - 0.5)
        covariance = prior - gain @ prior
        contrast = np.array([0, 0, -1, 1])
        means.append(contrast @ found)
        variances.append(contrast @ covariance @ contrast)
        above.append(norm.cdf(means[-1] / np.sqrt(variances[-1])))
    expected = belief.weight @ np.array(means)
    spread = belief.weight @ (np.array(variances) + (np.array(means) - expected) ** 2)
    average, sd, probability = belief.difference(3, 2)
    assert average == pytest.approx(expected, rel=1e-4)
    assert sd == pytest.approx(np.sqrt(spread), rel=1e-4)
    assert probability == pytest.approx(belief.weight @ np.array(above), rel=1e-4)
    assert belief.difference(2, 3)[2] == pytest.approx(1 - probability)
    # Not that of two estimates taken apart.
    apart = norm.cdf((belief.mean[3] - belief.mean[2]) / np.hypot(belief.sd[3], belief.sd[2]))
    assert abs(apart - probability) > 1e-3


def test_difference_without_luck_is_certain() -> None:
    belief = posterior(np.array([0.5, 0.4, 0.5]), np.zeros(3))
    assert belief.difference(0, 1) == (pytest.approx(0.1), 0.0, 1.0)
    assert belief.difference(0, 2)[2] == 0.5


def test_two_passers_of_one_equal_throw_each_are_not_compared() -> None:
    one = [throws(name, [0.4]) for name in ("A", "B")]
    with pytest.raises(RequestError, match=r"2 passers has one play, and all score 0\.400"):
        compare_passers(table(*one), "A", "B")


@pytest.fixture(scope="module")
def league() -> pl.DataFrame:
    """Eight passers of rising skill in two seasons; passer 7 only in 2021."""
    generator = np.random.default_rng(5)
    return table(
        *(
            throws(
                f"00-{n}",
                generator.normal(0.42 + 0.02 * n, 0.25, 30).tolist(),
                game_id=f"{season}_{week:02}_{n}",
                season=season,
                week=week,
            )
            for season in (2020, 2021)
            for n in range(8)
            if season == 2021 or n < 7
            for week in range(1, 9)
        )
    )


def test_comparison_has_both_in_order_and_by_season(league: pl.DataFrame) -> None:
    found = compare_passers(league, "00-5", "00-1")
    assert found.rows["passer_player_id"].to_list() == ["00-5", "00-1"]
    assert found.rows["plays"].to_list() == [480, 480]
    own = league.filter(pl.col("passer_player_id") == "00-5")["play_score"].mean()
    assert found.rows["score"][0] == pytest.approx(own)
    assert (found.rows["score_low"] < found.rows["score"]).all()
    assert found.passers == 8
    assert found.probability > 0.95
    assert found.low < found.difference < found.high
    assert found.difference == pytest.approx(-found.rows["score_shrunk"].diff()[1], rel=1e-6)
    assert found.seasons.select("season", "plays", "other_plays").rows() == [
        (2020, 240, 240),
        (2021, 240, 240),
    ]


@pytest.mark.parametrize("of", ["careers", "games"])
def test_comparison_and_game_log_shrink_as_the_leaderboard_does(
    league: pl.DataFrame, of: str
) -> None:
    """Who plays little is drawn toward those who do, in every table alike."""
    few = (
        league.with_row_index("play_id")
        .with_columns(defteam=pl.lit("BUF"))
        .filter((pl.col("passer_player_id") != "00-1") | (pl.col("game_id").hash(seed=1) % 3 == 0))
    )
    by = ("passer",) if of == "careers" else ("passer", "game")
    board = leaderboard(few, by=by, min_attempts=1, replicates=20)
    own = board.filter(pl.col("passer_player_id") == "00-1")
    if of == "careers":
        rows = compare_passers(few, "00-1", "00-6").rows
        assert rows["shrunk_sd"][0] == pytest.approx(own["shrunk_sd"].item())
        assert rows["score_shrunk"][0] == pytest.approx(own["score_shrunk"].item())
    else:
        log = game_log(few, "00-1").join(own, on="game_id", suffix="_board")
        assert log["score_shrunk"].to_list() == pytest.approx(log["score_shrunk_board"].to_list())
        assert log["shrunk_low"].to_list() == pytest.approx(log["shrunk_low_board"].to_list())


def test_comparison_of_careers_that_share_one_season(league: pl.DataFrame) -> None:
    found = compare_passers(league, "00-7", "00-0")
    assert found.rows["plays"].to_list() == [240, 480]
    assert found.seasons["season"].to_list() == [2021]


def test_few_plays_leave_the_answer_open(league: pl.DataFrame) -> None:
    """A passer of one game is kept beside those of 100 plays, and hardly known."""
    one = league.with_columns(
        passer_player_id=pl.when(pl.col("game_id") == "2020_01_6").then(pl.lit("00-new"))
        .otherwise("passer_player_id")
    )  # fmt: skip
    found = compare_passers(one, "00-new", "00-3")
    width = found.rows["score_high"] - found.rows["score_low"]
    assert width[0] > 2 * width[1]
    assert 0.1 < found.probability < 0.9


def test_comparison_needs_two_passers_with_plays(league: pl.DataFrame) -> None:
    with pytest.raises(RequestError, match="Two passers must be compared, but both are 00-1"):
        compare_passers(league, "00-1", "00-1")
    with pytest.raises(RequestError, match="No play of passer 'x'"):
        compare_passers(league, "00-1", "x")


def test_a_week_that_is_there_twice_is_refused_wherever_plays_are_summed(
    league: pl.DataFrame,
) -> None:
    plays = league.with_row_index("play_id").with_columns(defteam=pl.lit("BUF"))
    twice = pl.concat([plays, plays.filter(pl.col("week") == 3)])
    for ask in (
        lambda: game_log(twice, "00-1"),
        lambda: compare_passers(twice, "00-1", "00-2"),
        lambda: leaderboard(twice, by="passer", min_attempts=1),
        lambda: reliability(twice, by="passer"),
    ):
        with pytest.raises(RequestError, match=r"Each play must be scored once, but game 20.*_03_"):
            ask()


def test_scale_of_games_is_flatter() -> None:
    values = pl.select(DisplayScale.of(("passer", "week"))(pl.lit(0.645))).item()
    assert values == pytest.approx(98.92)
