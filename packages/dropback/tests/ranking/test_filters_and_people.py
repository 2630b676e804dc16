"""Which plays a table keeps, and whom a name means."""

import polars as pl
import pytest

from dropback._choices import parse_weeks
from dropback.errors import RequestError
from dropback.ranking import PlayFilter, find_person, leaderboard, list_people
from dropback.ranking._people import Person, plain_name
from examples.scored_plays import table, throws

GAMES = [  # season, week, team, opponent, at home
    (2020, 1, "KC", "BUF", True),
    (2020, 2, "KC", "LV", False),
    (2020, 3, "KC", "LA", True),
    (2021, 1, "KC", "BUF", False),
    (2020, 1, "BUF", "KC", False),
    (2021, 5, "BUF", "LV", True),
]


@pytest.fixture(scope="module")
def plays() -> pl.DataFrame:
    """A passer for each team, ten plays a game."""
    return table(
        *(
            throws(
                f"00-{team}",
                [0.1 * n for n in range(10)],
                game_id=f"{season}_{week:02}_{team}",
                season=season,
                week=week,
                posteam=team,
                defteam=opponent,
                home=home,
            )
            for season, week, team, opponent, home in GAMES
        )
    )


@pytest.mark.parametrize(
    ("only", "rows", "kept"),
    [
        (PlayFilter(), [], [0, 1, 2, 3, 4, 5]),
        (PlayFilter(team="Chiefs"), [], [0, 1, 2, 3]),
        (PlayFilter(opponent="OAK"), [], [1, 5]),
        (PlayFilter(weeks="2-5"), [], [1, 2, 5]),
        (PlayFilter(weeks=1, venue="away"), [], [3, 4]),
        (PlayFilter(venue="home", seasons=2020), [], [0, 2]),
        # The last two games of each passer; of each passer and season; of the league.
        (PlayFilter(last=2), ["passer_player_id"], [2, 3, 4, 5]),
        (PlayFilter(last=1), ["passer_player_id", "season"], [2, 3, 4, 5]),
        (PlayFilter(last=2), ["depth"], [3, 5]),
    ],
)
def test_filter_keeps_games(
    plays: pl.DataFrame, only: PlayFilter, rows: list[str], kept: list[int]
) -> None:
    games = {f"{GAMES[n][0]}_{GAMES[n][1]:02}_{GAMES[n][2]}" for n in kept}
    found = only.keep(plays, rows)
    assert set(found["game_id"]) == games
    assert found.height == 10 * len(kept)


def test_filter_is_told_in_words() -> None:
    only = PlayFilter("KC", "BUF", "10-18", 8, "home", "2018-2020")
    assert str(only) == "seasons 2018-2020, KC, against BUF, weeks 10-18, at home, last 8 games"
    assert (
        str(PlayFilter(weeks="1,5", venue="away", seasons=2020)) == "season 2020, weeks 1, 5, away"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"team": "KCC"}, "No play has the team 'KCC'; the nearest are KC"),
        ({"team": "zzz"}, "No play has the team 'zzz'; there are BUF, KC"),
        ({"weeks": "0-4"}, "Weeks must be numbers from 1 to 30"),
        ({"last": 0}, "must be at least 1, got 0"),
        ({"venue": "dome"}, "home or away, got 'dome'"),
        ({"weeks": 17}, "None of 60 plays is left of week 17"),
    ],
)
def test_what_keeps_nothing_is_one_sentence(
    plays: pl.DataFrame, options: dict[str, object], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        leaderboard(plays, by="passer", min_attempts=1, **options)  # type: ignore[call-overload]


def test_leaderboard_ranks_the_plays_that_are_kept(plays: pl.DataFrame) -> None:
    rows = leaderboard(plays, by="passer", min_attempts=1, opponent="BUF", weeks="1-3")
    assert rows.select("passer_player_id", "plays", "games").rows() == [("00-KC", 20, 2)]


def test_minimum_as_a_share_of_the_team_s_plays(plays: pl.DataFrame) -> None:
    """A backup throws 5 of 35 KC passes in 2020 (14.3 %), none in 2021: 5 of 35, not of 45."""
    backup = table(throws("00-X", [0.5] * 5, game_id="2020_01_KC", posteam="KC", defteam="BUF"))
    both = pl.concat([plays, backup], how="diagonal_relaxed")

    def ids(least: str) -> set[str]:
        return set(leaderboard(both, by="passer", min_attempts=least)["passer_player_id"])

    assert ids("14.2%") == {"00-X", "00-KC", "00-BUF"}
    assert ids("14.4%") == {"00-KC", "00-BUF"}
    with pytest.raises(RequestError, match=r"A share must be from 0% to 100%, got 'x%'"):
        ids("x%")


def test_share_of_a_passer_of_two_teams_is_of_the_one_with_most_plays() -> None:
    """10 of 40 plays of KC and 10 of 20 of BUF: 20 of 40, not of 20 or of 60."""
    scored = table(
        throws("00-K", [0.5] * 30, game_id="a", posteam="KC"),
        throws("00-B", [0.5] * 10, game_id="b", posteam="BUF"),
        throws("00-T", [0.5] * 10, game_id="a", posteam="KC"),
        throws("00-T", [0.5] * 10, game_id="b", posteam="BUF"),
    )

    def kept(least: str) -> bool:
        rows = leaderboard(scored, by="passer", min_attempts=least)
        return "00-T" in set(rows["passer_player_id"])

    assert [kept("49%"), kept("51%")] == [True, False]


def test_place_names_the_seasons_once(plays: pl.DataFrame) -> None:
    rows = leaderboard(plays, by="passer", min_attempts=1, seasons=2020, venue="home")
    assert rows["place"].to_list() == ["1 of 1, 2020, at home"]


def test_rows_may_be_receivers(plays: pl.DataFrame) -> None:
    caught = plays.with_columns(
        receiver_player_id=pl.when(pl.int_range(pl.len()) % 3 > 0).then(pl.lit("00-R")),
        receiver_player_name=pl.lit("R.Receiver"),
    )
    rows = leaderboard(caught, by="receiver")
    assert rows.select("receiver_player_name", "plays").rows() == [("R.Receiver", 40)]


@pytest.mark.parametrize(("weeks", "found"), [("3", (3,)), ("1,10-12", (1, 10, 11, 12)), (4, (4,))])
def test_weeks_are_numbers_or_text(weeks: str | int, found: tuple[int, ...]) -> None:
    assert parse_weeks(weeks) == found


PEOPLE = [
    Person("00-1", "Patrick Mahomes", ("Patrick Mahomes", "P.Mahomes"), "KC 2018-2023"),
    Person("00-2", "J.Allen", ("J.Allen", "Jos.Allen"), "BUF 2018-2023"),
    Person("00-3", "K.Allen", ("K.Allen",), "CAR 2018"),
    Person("00-4", "T.Étienne", ("T.Étienne",), "JAX 2021"),
    Person("00-5", "A.Smith", ("A.Smith",), "KC 2018"),
    Person("00-6", "A.Smith", ("A.Smith",), "NYG 2018"),
    Person("00-7", "R.Griffin III", ("R.Griffin III",), "BAL 2018"),
    Person("00-8", "D'Wan St. Brown", ("D'Wan St. Brown",), "DET 2022"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("00-3", "00-3"),
        ("patrick mahomes", "00-1"),
        ("P.Mahomes", "00-1"),
        ("P. Mahomes II", "00-1"),
        ("Mahomes", "00-1"),
        ("Josh Allen", "00-2"),
        ("Jos.Allen", "00-2"),
        ("Keenan Allen", "00-3"),
        ("Travis Etienne Jr.", "00-4"),
        ("étienne", "00-4"),
        ("Robert Griffin III", "00-7"),
        ("Robert Griffin", "00-7"),
        ("DWan St Brown", "00-8"),
    ],
)
def test_name_finds_its_person(text: str, found: str) -> None:
    assert find_person(PEOPLE, text).id == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Alex Smith",
            r"'Alex Smith' means 2 passers: A\.Smith \(00-5, KC 2018\), A\.Smith \(00-6",
        ),
        ("Allen", r"'Allen' means 2 passers: J\.Allen .*K\.Allen"),
        ("Patrik Mahoms", r"No passer 'Patrik Mahoms' .* the nearest: Patrick Mahomes \(00-1"),
        ("Josh Alen", r"the nearest: J\.Allen"),
        ("", "No passer ''"),
        ("Zyx", "among the 8 of these plays: name one by the id"),
    ],
)
def test_name_of_nobody_or_several_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        find_person(PEOPLE, text)


def test_people_are_listed_with_their_teams_and_full_names(plays: pl.DataFrame) -> None:
    roster = pl.DataFrame({"player_id": ["00-KC"], "full_name": ["Kay See"]})
    first, second = list_people(plays, roster)
    assert str(first) == "Kay See (00-KC, KC 2020-2021)"
    assert first.names == ("Kay See", "00-KC.Passer")
    assert (second.name, second.place) == ("00-BUF.Passer", "BUF 2020-2021")


def test_letters_of_other_alphabets_survive() -> None:
    assert plain_name("Ştefan Łuk-Ñandú Sr.") == "stefan łuk nandu"
