"""Other people's ratings find their passer where that is certain, and are listed where not."""

from pathlib import Path

import polars as pl
import pytest

from dropback.data import match_ratings, read_ratings
from dropback.data._teams import franchise
from dropback.errors import ReaderError, RequestError

QBR = "season,season_type,game_week,team_abb,name_display,qbr_total"
PFF = "player,player_id,position,team_name,player_game_count,grades_offense,grades_pass"

PASSERS = pl.DataFrame(
    [
        (2020, "00-1", "A.Rodgers", "GB"),
        (2020, "00-2", "Jos.Allen", "BUF"),
        (2020, "00-3", "Alex Smith", "WAS"),
        (2020, "00-4", "D.Carr", "LV"),
        (2020, "00-5", "D.Carr", "HOU"),
        (2020, "00-6", "G.Minshew II", "JAX"),
        (2020, "00-7", "N.Foles", "CHI/JAX"),
        (2020, "00-8", "C.Beathard", "SF"),
        (2020, "00-9", "M.Jones", "NE"),
        (2020, "00-10", "M.Jones", "NE"),
    ],
    schema=["season", "passer_player_id", "passer_player_name", "team"],
    orient="row",
)


def ratings(*rows: tuple[str, str | None]) -> pl.DataFrame:
    """Ratings of 2020: player and team; the value is the row's number."""
    frame = pl.DataFrame(rows, schema={"player": pl.String, "team": pl.String}, orient="row")
    return frame.with_columns(season=2020, value=pl.int_range(pl.len()).cast(pl.Float64))


@pytest.mark.parametrize(
    ("player", "team", "passer"),
    [
        ("Aaron Rodgers", "GB", "00-1"),
        ("Aaron Rodgers", None, "00-1"),
        ("Josh Allen", "BUF", "00-2"),
        ("Alex Smith", "WAS", "00-3"),
        ("Derek Carr", "LV", "00-4"),
        ("David Carr", "HOU", "00-5"),
        ("Gardner Minshew", "JAX", "00-6"),
        ("Nick Foles", "JAX", "00-7"),
        ("C.J. Beathard", "SF", "00-8"),
    ],
)
def test_a_name_and_a_team_find_the_passer(player: str, team: str | None, passer: str) -> None:
    found = match_ratings(ratings((player, team)), PASSERS)
    assert found.matched["passer_player_id"].to_list() == [passer]
    assert found.left_out.is_empty()


@pytest.mark.parametrize(
    ("player", "team", "reason"),
    [
        ("Derek Carr", None, "several passers of this name"),
        ("Mac Jones", "NE", "several passers of this name"),
        ("Derek Carr", "NO", "no passer of this name in this team"),
        ("Keenan Allen", "BUF", "no passer of this name"),
        ("Aaron Rodger", "GB", "no passer of this name"),
        ("Rodgers", "GB", "no passer of this name"),
    ],
)
def test_what_is_not_certain_is_listed_with_its_reason(
    player: str, team: str | None, reason: str
) -> None:
    found = match_ratings(ratings((player, team)), PASSERS)
    assert found.matched.is_empty()
    assert found.left_out.rows() == [(2020, player, team, reason)]


def test_two_ratings_of_one_passer_are_both_left_out() -> None:
    rows = ratings(("Nick Foles", "CHI"), ("Nick Foles", "JAX"), ("Josh Allen", "BUF"))
    found = match_ratings(rows, PASSERS)
    assert found.matched["passer_player_id"].to_list() == ["00-2"]
    assert found.left_out["reason"].to_list() == ["several ratings for one passer"] * 2


def test_another_season_is_another_passer() -> None:
    rows = ratings(("Aaron Rodgers", "GB")).with_columns(season=2021)
    assert match_ratings(rows, PASSERS).left_out.height == 1


def write(path: Path, *lines: str) -> Path:
    """A CSV of these lines."""
    path.write_text("\n".join(lines) + "\n")
    return path


def test_qbr_is_the_regular_seasons_total(tmp_path: Path) -> None:
    path = write(
        tmp_path / "qbr.csv",
        QBR,
        "2020,Regular,Season Total,WSH,Alex Smith,34.6",
        "2020,Playoffs,Season Total,WSH,Alex Smith,90.0",
        "2020,Regular,Season Total,LAR,Jared Goff,NA",
        "2019,Regular,Season Total,OAK,Derek Carr,62.3",
    )
    found = read_ratings(path, "qbr", seasons=[2019, 2020])
    assert found.select("season", "player", "team", "value").rows() == [
        (2020, "Alex Smith", "WAS", 34.6),
        (2019, "Derek Carr", "LV", 62.3),
    ]


def test_a_pff_file_is_of_the_one_season_asked_for(tmp_path: Path) -> None:
    path = write(
        tmp_path / "passing_summary.csv",
        PFF,
        "Kyler Murray,1,QB,ARZ,16,78.1,74.9",
        "Lamar Jackson,2,QB,BLT,15,82.0,70.1",
        "Cole Beasley,3,WR,BUF,15,70.0,95.0",
    )
    found = read_ratings(path, "pff", seasons=[2020])
    assert found.select("team", "value").rows() == [("ARI", 74.9), ("BAL", 70.1)]
    with pytest.raises(RequestError, match="has no season column, so it is read as one season"):
        read_ratings(path, "pff", seasons=[2019, 2020])


def test_madden_headers_may_be_spelled_in_several_ways(tmp_path: Path) -> None:
    path = write(
        tmp_path / "madden.csv", "Full Name,Team,Year,OVR", "Josh Allen,Buffalo Bills,2020,88"
    )
    found = read_ratings(path, "madden", seasons=[2020])
    assert found.select("season", "player", "team", "value").rows() == [
        (2020, "Josh Allen", "BUF", 88.0)
    ]


@pytest.mark.parametrize(
    ("name", "header", "message"),
    [
        ("qbr", "season,name_display,qbr", "a file of ESPN QBR must have a column 'qbr_total'"),
        (
            "pff",
            "player,team_name,grades_run",
            "PFF passing grade must have .*'grades_pass'",
        ),
        ("pff", "qb,grades_pass", "must have a column 'player'; its columns are qb, grades_pass"),
        ("madden", "player,team,speed", "column 'overall' or 'ovr' or 'overall_rating'"),
    ],
)
def test_another_header_is_one_sentence_on_what_is_missing(
    tmp_path: Path, name: str, header: str, message: str
) -> None:
    with pytest.raises(ReaderError, match=message):
        read_ratings(write(tmp_path / "other.csv", header), name, seasons=[2020])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2020,Regular,Season Total,GB,Aaron Rodgers,high", "player Aaron Rodgers: 'value' is"),
        ("2019,Regular,Season Total,GB,Aaron Rodgers,50", "no ESPN QBR of the requested seasons"),
    ],
)
def test_a_file_without_the_season_or_a_number_is_refused(
    tmp_path: Path, row: str, message: str
) -> None:
    with pytest.raises(ReaderError, match=message):
        read_ratings(write(tmp_path / "qbr.csv", QBR, row), "qbr", seasons=[2020])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match=r"none\.csv: no such file"):
        read_ratings(tmp_path / "none.csv", "qbr", seasons=[2020])


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("ARZ", "ARI"),
        ("BLT", "BAL"),
        ("CLV", "CLE"),
        ("HST", "HOU"),
        ("LAR", "LA"),
        ("SD", "LAC"),
        ("Washington Football Team", "WAS"),
        ("49ers", "SF"),
        (" jac ", "JAX"),
        ("London", "London"),
    ],
)
def test_codes_and_names_lead_to_one_franchise(written: str, code: str) -> None:
    assert pl.select(franchise(pl.lit(written))).item() == code


def test_all_but_a_few_real_qbr_seasons_find_their_quarterback(data_dir: Path) -> None:
    # 2011 had two Alex Smiths. The nine left over are runners and receivers without a pass in the
    # play-by-play.
    plays = pl.read_parquet(
        [data_dir / "pbp" / f"play_by_play_{season}.parquet" for season in (2011, 2018)],
        columns=[
            *("season", "season_type", "play_type", "posteam"),
            *("passer_player_id", "passer_player_name"),
        ],
    )
    passers = (
        plays.filter((pl.col("play_type") == "pass") & (pl.col("season_type") == "REG"))
        .group_by(pl.col("season").cast(pl.Int64), "passer_player_id")
        .agg(
            pl.col("passer_player_name").mode().min(),
            pl.col("posteam").unique().sort().str.join("/").alias("team"),
        )
    )
    path = data_dir / "qbr" / "qbr-nfl-season.csv"
    found = match_ratings(read_ratings(path, "qbr", seasons=[2011, 2018]), passers)
    assert (found.matched.height, found.left_out.height) == (110, 9)
    assert set(found.left_out["reason"]) == {"no passer of this name"}
