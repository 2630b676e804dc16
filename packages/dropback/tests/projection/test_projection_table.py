"""Projections from plays: what is read, what is not, and what is refused."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dropback.errors import ReaderError, RequestError
from dropback.projection import (
    as_of_week,
    career_table,
    project_passers,
    read_birth_and_draft,
    season_values,
)
from examples.trained_run import Command


def plays(seasons: int = 3, *, seed: int = 0) -> pl.DataFrame:
    """Eight passers, one better than the next; four weeks a season; 30 plays a game."""
    draw = np.random.default_rng(seed)
    rows = [
        (2020 + s, week, f"g{s}-{week}-{min(p, q)}-{max(p, q)}", f"p{p}", f"T{p}", f"T{q}")
        for s in range(seasons)
        for week in range(1, 5)
        for p in range(8)
        for q in [(week - p) % 8]
        if p != q
        for _ in range(30)
    ]
    names = ["season", "week", "game_id", "passer_player_id", "posteam", "defteam"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    skill = table["passer_player_id"].str.slice(1).cast(pl.Float64) - 3.5
    return table.with_columns(
        epa=pl.Series(-0.3 * skill.to_numpy() + draw.normal(size=len(table))),
        mid_cdf=pl.Series(draw.random(len(table))),
        passer_player_name=pl.format("P.{}", "passer_player_id"),
    )


def test_better_passers_stand_first_and_every_row_names_its_population():
    rows = project_passers(plays(), "2022-3")
    assert rows["passer_player_id"][0] in {"p0", "p1"}
    assert rows["rank"].to_list() == list(range(1, 9))
    assert set(rows["population"]) == {8}
    assert set(rows["season"]) == {2022}
    assert set(rows["week"]) == {3}
    for name, low, high in (
        ("projection", "projection_low", "projection_high"),
        ("now", "now_low", "now_high"),
        ("projection", "next_low", "next_high"),
    ):
        assert ((rows[low] < rows[name]) & (rows[name] < rows[high])).all()
    # The season's noise makes the interval of its mean wider than that of the true level.
    assert (rows["next_high"] > rows["projection_high"]).all()


def test_nothing_after_the_week_is_read():
    table = plays()
    later = (pl.col("season") == 2022) & (pl.col("week") > 2)
    changed = table.with_columns(
        epa=pl.when(later).then(99.0).otherwise("epa"),
        defteam=pl.when(later).then(pl.lit("T0")).otherwise("defteam"),
    )
    assert project_passers(changed, "2022-2").equals(project_passers(table, "2022-2"))
    assert not project_passers(changed, "2022-3").equals(project_passers(table, "2022-3"))


def test_a_season_alone_is_its_last_week():
    assert project_passers(plays(), 2021).equals(project_passers(plays(), "2021-4"))


def test_a_seasons_value_is_the_mean_less_the_leagues_where_defenses_are_alike():
    table = plays(1).with_columns(defteam=pl.lit("same"), game_id=pl.lit("one"))
    # One game: no other game tells what the defense allows.
    rows = season_values(table)
    own = table.group_by("passer_player_id").agg(pl.col("epa").mean()).sort("passer_player_id")
    expected = own["epa"].to_numpy() - table["epa"].mean()
    assert rows["epa"].to_numpy() == pytest.approx(expected, abs=1e-12)


def test_a_passer_with_few_plays_has_no_row_and_a_year_away_counts_none():
    table = plays()
    few = table.filter(pl.col("passer_player_id") == "p3").head(9)
    away = table.filter((pl.col("passer_player_id") == "p4") & (pl.col("season") == 2020))
    rest = table.filter(~pl.col("passer_player_id").is_in(["p3", "p4"]))
    rows = project_passers(pl.concat([rest, few, away]), 2022)
    assert sorted(rows["passer_player_id"]) == ["p0", "p1", "p2", "p5", "p6", "p7"]


def test_a_traded_passer_has_one_row_under_the_new_team():
    table = plays().with_columns(
        posteam=pl.when((pl.col("passer_player_id") == "p1") & (pl.col("season") == 2022))
        .then(pl.lit("NEW"))
        .otherwise("posteam")
    )
    row = project_passers(table, 2022).filter(pl.col("passer_player_id") == "p1")
    assert row["team"].to_list() == ["NEW"]
    assert row["experience"].to_list() == [3]


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        ("2019-4", "as_of 2019-4 is before the data, which begin with 2020-1"),
        ("2025", "2025 is not among the plays, which hold seasons 2020-2022"),
        ("2022-23", "2022-23 is after the season: weeks go to 22, with playoffs, and the plays"),
        ("2022-0", "as_of must be a season, or a season and a week from 1"),
        ("soon", "got 'soon'"),
    ],
)
def test_a_week_that_cannot_be_is_refused(as_of, message):
    with pytest.raises(RequestError, match=message):
        project_passers(plays(), as_of)


def test_plays_without_any_passer_or_epa_are_refused_as_such():
    with pytest.raises(RequestError, match="plays has both a passer and an EPA"):
        project_passers(plays().with_columns(epa=pl.lit(None, pl.Float64)), 2022)


def test_a_week_of_the_playoffs_is_what_the_plays_until_then_say():
    later = project_passers(plays(), "2022-20")
    assert later.drop("week").equals(project_passers(plays(), 2022).drop("week"))


def test_a_play_without_a_passer_is_nobodys():
    table = plays()
    unknown = table.with_columns(
        passer_player_id=pl.when(pl.col("passer_player_id") != "p0").then("passer_player_id")
    )
    rows = project_passers(unknown, 2022)
    assert sorted(rows["passer_player_id"]) == [f"p{i}" for i in range(1, 8)]
    assert rows.equals(project_passers(table.filter(pl.col("passer_player_id") != "p0"), 2022))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"epa": float("nan")},
            "epa must be a finite number in every play, but is nan in 1 of 2520",
        ),
        ({"epa": float("inf")}, "but is inf in 1 of 2520 plays, first in game g0-1-"),
        ({"week": None}, "week must be a whole number in every play, but is None in 1"),
        ({"season": None}, "season must be a whole number"),
    ],
)
def test_a_number_that_is_none_is_refused(change, message):
    (name, value), *_ = change.items()
    first = pl.int_range(pl.len()) == 0
    table = plays().with_columns(pl.when(first).then(pl.lit(value)).otherwise(name).alias(name))
    with pytest.raises(RequestError, match=message):
        project_passers(table, 2022)


def test_a_play_that_is_there_twice_is_refused():
    table = plays().with_row_index("play_id")
    with pytest.raises(RequestError, match="play 0 is there twice"):
        project_passers(pl.concat([table, table.head(1)]), 2022)


def test_seasons_as_text_and_frames_of_pandas_are_read():
    table = plays()
    rows = project_passers(table, "2022-3")
    text = table.with_columns(pl.col("season", "week").cast(pl.String))
    assert rows.equals(project_passers(text, "2022-3"))
    found = project_passers(table.to_pandas(), "2022-3")
    assert found["projection"].tolist() == pytest.approx(rows["projection"].to_list())


def test_a_table_without_weeks_is_told_what_to_give():
    with pytest.raises(RequestError, match="needs plays with 'week', which the table lacks"):
        project_passers(plays().drop("week"), 2021)


def test_as_of_reads_a_season_and_a_week():
    assert as_of_week(" 2023-07 ") == (2023, 7)


ROSTER = (
    "gsis_id,birth_date,draft_number\n"
    "p0,1994-09-15,1\np1,,250\np2,1990-03-01,\n,1991-01-01,5\np0,1994-09-15,2\n"
)


def test_a_roster_gives_age_and_draft_position(tmp_path: Path):
    (tmp_path / "roster.csv").write_text(ROSTER)
    roster = read_birth_and_draft(tmp_path / "roster.csv")
    assert roster.sort("player_id").rows() == [
        ("p0", 2, pytest.approx(1994 + 8 / 12)),
        ("p1", 250, None),
        ("p2", 300, pytest.approx(1990 + 2 / 12)),
    ]
    first = career_table(season_values(plays()), roster)["p0"]
    assert first.traits[:, 0] == pytest.approx(np.log(2 / 80))
    # On 1 September 2020 he is 26 less two weeks: by months 26.0.
    assert first.traits[0, 1] == pytest.approx(26 - 28)
    assert first.traits[0, 2] == pytest.approx(4 - 28)
    assert career_table(season_values(plays()), roster)["p7"].traits.any() == np.False_


def test_a_roster_that_pandas_wrote_is_read_as_well(tmp_path: Path):
    (tmp_path / "roster.csv").write_text(
        "gsis_id,birth_date,draft_number\n20240908.0,nan,250.0\nnan,1990-03-01,None\np2,<NA>,nan\n"
    )
    assert read_birth_and_draft(tmp_path / "roster.csv").sort("player_id").rows() == [
        ("20240908", 250, None),
        ("p2", 300, None),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("p0,1994-09-15,0", "draft_number must be 1 or more, or empty where .* is 0 for p0"),
        ("p0,15.9.1994,1", "birth_date must be like 1995-09-17, but is '15.9.1994'"),
    ],
)
def test_a_roster_that_cannot_be_is_refused(tmp_path: Path, row: str, message: str):
    (tmp_path / "roster.csv").write_text(f"gsis_id,birth_date,draft_number\n{row}\n")
    with pytest.raises(ReaderError, match=message):
        read_birth_and_draft(tmp_path / "roster.csv")


def test_an_age_that_no_passer_has_is_unknown(tmp_path: Path):
    (tmp_path / "roster.csv").write_text("gsis_id,birth_date\np0,1900-01-01\np1,1994-01-01\n")
    careers = career_table(season_values(plays()), read_birth_and_draft(tmp_path / "roster.csv"))
    assert not careers["p0"].traits.any()
    assert careers["p1"].traits[:, 1].all()


def test_a_roster_without_what_it_is_for_is_refused(tmp_path: Path):
    (tmp_path / "roster.csv").write_text("gsis_id,height\np0,75\n")
    with pytest.raises(
        ReaderError, match="must have 'gsis_id', and 'birth_date' or 'draft_number'"
    ):
        read_birth_and_draft(tmp_path / "roster.csv")


def test_the_command_writes_the_table_and_states_its_population(run: Command, tmp_path: Path):
    plays().write_parquet(tmp_path / "qb_plays.parquet")
    (tmp_path / "roster.csv").write_text(ROSTER)
    out = tmp_path / "projection.csv"
    command = ("project", tmp_path, "--as-of", "2022-2", "--roster", tmp_path / "roster.csv")
    code, text, err = run(*command, "--out", out)
    assert code == 0, err
    words = " ".join(text.split())
    assert "Population: 8 passers with ten plays in 2021 or 2022" in words
    assert "The table has no designed runs: dropbacks alone are judged." in words
    assert "The roster knows 3 of them." in words
    assert "1 of 8" in text
    rows = pl.read_csv(out)
    assert rows.height == 8
    assert {"projection", "projection_low", "projection_high"} < set(rows.columns)
    code, _, err = run(*command, "--out", out)
    assert code == 2
    assert "is there already" in " ".join(err.split())


def test_a_table_of_seasons_stands_for_the_plays_beside_it(run: Command, tmp_path: Path):
    plays().write_parquet(tmp_path / "qb_plays.parquet")
    pl.DataFrame({"season": [2020], "qb_score": [0.5]}).write_parquet(tmp_path / "qb_score.parquet")
    projected = project_passers(plays(), 2021)  # it has a week, and no plays
    projected.write_parquet(tmp_path / "projection.parquet")
    first = run("project", tmp_path, "--as-of", "2021-1")
    assert first[0] == 0
    for name in ("qb_score", "projection"):
        assert run("project", tmp_path / f"{name}.parquet", "--as-of", "2021-1") == first


def test_the_printed_table_fits_a_terminal_and_says_where_the_plays_end(
    run: Command, tmp_path: Path
):
    long = plays().with_columns(passer_player_name=pl.lit("B.Roethlisberger"))
    long.write_parquet(tmp_path / "qb_plays.parquet")
    code, text, err = run("project", tmp_path, "--as-of", "2022-20")
    assert code == 0, err
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "from plays of 2020 to week 4 of 2022." in " ".join(text.split())
    row = project_passers(long, "2022-20").row(0, named=True)
    for name in ("now", "projection"):
        assert f"{row[f'{name}_low']:+.2f} to {row[f'{name}_high']:+.2f}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.parquet", "--as-of", "2021"), "nothing.parquet: no such file"),
        (("qb_plays.parquet", "--as-of", "2001-3"), "is before the data"),
        (("qb_plays.parquet", "--as-of", "x"), "as_of must be a season"),
    ],
)
def test_bad_input_is_one_sentence(run: Command, tmp_path: Path, arguments, message):
    plays(1).write_parquet(tmp_path / "qb_plays.parquet")
    code, _, err = run("project", tmp_path / arguments[0], *arguments[1:])
    assert code == 2
    assert message in " ".join(err.split())
