"""An update scores what is new alone, and a store grown week by week is one built whole."""

import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock
from polars.testing import assert_frame_equal

import dropback
from dropback import workflows
from dropback._files import sealed
from dropback.errors import DropbackError, ReaderError, RequestError, RunError
from dropback.simulation import League
from dropback.workflows import Update, open_score_store
from dropback.workflows._report import passer_boards
from dropback.workflows._store import without_totals
from examples.small_models import few_trees
from examples.trained_run import Command, TrainedRun

GAME = "2021_01_ATL_BAL"
FILE = "play_by_play_2021.parquet"


def without_pictures(patch: pytest.MonkeyPatch) -> None:
    """A page without its pictures, which cost more than all else and are tried elsewhere."""
    few_trees(patch)

    def write(path: Path, *, title: str, **_: object) -> None:
        path.write_text(title)

    patch.setattr("dropback.workflows._report.write_report", write)


@pytest.fixture(autouse=True)
def small_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what a test itself updates."""
    without_pictures(monkeypatch)


@pytest.fixture
def season(tiny_league: League) -> pl.DataFrame:
    """The season that the model has not seen: four weeks of two games."""
    return tiny_league.plays.filter(pl.col("season") == 2021)


@pytest.fixture(scope="module")
def first(
    tiny_league: League, trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Update]:
    """A folder with the whole season and its store, with which most tests begin."""
    folder = tmp_path_factory.mktemp("first")
    tiny_league.plays.filter(pl.col("season") == 2021).write_parquet(folder / FILE)
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        return folder, workflows.update(folder, model=trained.folder, offline=True)


@pytest.fixture
def update(
    tmp_path: Path, trained: TrainedRun, season: pl.DataFrame, first: tuple[Path, Update]
) -> Callable[..., Update]:
    """Writes the season's file, where one is given, and updates its folder."""

    def call(plays: pl.DataFrame | None = None, **options: object) -> Update:
        if plays is season and not options and not any(tmp_path.iterdir()):
            folder, done = first
            shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
            return replace(done, store=open_score_store(tmp_path))
        if plays is not None:
            plays.write_parquet(tmp_path / FILE)
        return workflows.update(tmp_path, **{"model": trained.folder, "offline": True, **options})

    return call


Updating = Callable[..., Update]


def through(season: pl.DataFrame, week: int) -> pl.DataFrame:
    return season.filter(pl.col("week") <= week)


def a_completion(season: pl.DataFrame, game: str = GAME) -> tuple[pl.Expr, int, int]:
    """A completion of a game: which row it is, its play and its yards."""
    row = season.filter(
        pl.col("game_id") == game, pl.col("complete_pass") == 1, pl.col("pass_touchdown") == 0
    )
    play, yards = row.select("play_id", "yards_gained").row(3)
    return (pl.col("game_id") == game) & (pl.col("play_id") == play), play, yards


def test_a_store_grown_by_weeks_is_one_built_whole(
    update: Updating, season: pl.DataFrame, trained: TrainedRun, tmp_path: Path
) -> None:
    for week in (1, 2, 4):
        done = update(through(season, week))
        held = done.store.scores()
        assert set(done.new) == set(
            held.filter(pl.col("week") > week - max(1, week - 2))["game_id"]
        )
        assert done.scored == len(held.filter(pl.col("game_id").is_in(done.new)))
    whole = dropback.score(trained.run, trained.unseen).sort("game_id", "play_id")
    assert_frame_equal(done.store.scores(), whole, check_column_order=False, abs_tol=1e-6)
    ranked = dropback.leaderboard(whole, by="passer", min_attempts="nfl")
    board = done.store.board(2021)
    assert_frame_equal(board.drop("team"), ranked, abs_tol=1e-5)
    assert set(board["team"]) == set(whole["posteam"])
    assert (tmp_path / "report.html").read_text() == "Passing scores through week 4 of 2021"


def test_nothing_new_reads_and_writes_nothing(
    update: Updating, season: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    update(season)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").iterdir()}
    monkeypatch.setattr("dropback.workflows._update.load_run", None)
    monkeypatch.setattr("dropback.workflows._update.read_play_by_play", None)
    done = update()
    assert (done.new, done.corrected_games, done.scored, done.rewritten) == ((), (), 0, ())
    # Nor where the same content was written again, which a download does.
    os.utime(tmp_path / FILE)
    assert update().scored == 0
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").iterdir()}
    assert {k: v for k, v in after.items() if k.suffix == ".parquet"} == {
        k: v for k, v in files.items() if k.suffix == ".parquet"
    }


def test_a_corrected_play_is_scored_again_with_its_game_alone(
    update: Updating, season: pl.DataFrame
) -> None:
    update(season)
    row, play, yards = a_completion(season)
    longer = pl.when(row).then(yards + 4).otherwise("yards_gained").alias("yards_gained")
    done = update(season.with_columns(longer))
    assert (done.new, done.corrected_games) == ((), (GAME,))
    assert done.scored == len(done.store.scores().filter(pl.col("game_id") == GAME))
    assert done.corrected.select(
        "game_id", "play_id", "change", "yards_before", "yards"
    ).rows() == [(GAME, play, "changed", yards, yards + 4)]
    found = done.corrected.row(0, named=True)
    assert found["score"] > found["score_before"]


def test_a_play_that_is_gone_or_has_another_key_is_told(
    update: Updating, season: pl.DataFrame
) -> None:
    update(season)
    row, play, _ = a_completion(season)
    done = update(season.filter(~row))
    assert done.corrected.select("play_id", "change").rows() == [(play, "removed")]
    key = pl.when(row).then(play + 9000).otherwise("play_id").alias("play_id")
    done = update(season.with_columns(key))
    assert done.corrected.select("play_id", "change").rows() == [(play + 9000, "added")]
    assert len(done.store.scores()) == done.store.scores().select("game_id", "play_id").n_unique()


def test_a_game_whose_rows_come_in_another_order_is_the_same(
    update: Updating, season: pl.DataFrame
) -> None:
    update(season)
    done = update(season.sample(fraction=1.0, shuffle=True, seed=0))
    assert (done.new, done.corrected_games) == ((), ())


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (
            lambda plays: plays.filter(pl.col("week") < 4),
            "lacks 2 games of the store, first 2021_04",
        ),
        (lambda plays: plays.head(plays.height - 30), "lacks plays of game 2021_04"),
        (lambda plays: plays.head(0), "lacks 8 games of the store"),
    ],
)
@pytest.mark.sample(1)
def test_a_file_that_shrinks_changes_nothing(
    update: Updating,
    season: pl.DataFrame,
    cut: Callable[[pl.DataFrame], pl.DataFrame],
    reason: str,
    tmp_path: Path,
) -> None:
    before = update(season).store.scores()
    manifest = (tmp_path / "store" / "manifest.json").read_bytes()
    with pytest.raises(RequestError, match=f"{FILE}.*{reason}|season 2021: {reason}"):
        update(cut(season))
    assert (tmp_path / "store" / "manifest.json").read_bytes() == manifest
    assert_frame_equal(open_score_store(tmp_path).scores(), before)


def test_games_that_are_gone_for_good_are_dropped_when_told(
    update: Updating, season: pl.DataFrame
) -> None:
    update(season)
    done = update(through(season, 3), drop_missing=True)
    assert len(done.lost) == 2
    assert done.store.scores()["week"].max() == 3


def test_a_postponed_game_moves(update: Updating, season: pl.DataFrame) -> None:
    update(through(season, 3))
    moved = pl.col("game_id") == GAME
    later = GAME.replace("_01_", "_03_")
    plays = through(season, 3).with_columns(
        pl.when(moved).then(3).otherwise("week").alias("week"),
        pl.when(moved).then(pl.lit(later)).otherwise("game_id").alias("game_id"),
    )
    done = update(plays)
    assert (done.moved, done.new, done.lost) == (((GAME, later),), (), ())
    scores = done.store.scores()
    assert GAME not in set(scores["game_id"])
    assert set(scores.filter(pl.col("game_id") == later)["week"]) == {3}


def test_a_final_game_without_plays_is_awaited(
    update: Updating, season: pl.DataFrame, tiny_league: League, tmp_path: Path
) -> None:
    tiny_league.games.write_parquet(tmp_path / "games.parquet")
    done = update(through(season, 3))
    assert [game[:7] for game in done.awaited] == ["2021_04", "2021_04"]


def test_a_season_whose_file_is_gone_is_kept(
    update: Updating, season: pl.DataFrame, tiny_league: League, tmp_path: Path
) -> None:
    tiny_league.plays.filter(pl.col("season") == 2020).write_parquet(
        tmp_path / "play_by_play_2020.parquet"
    )
    assert update(season).store.seasons == (2020, 2021)
    (tmp_path / "play_by_play_2020.parquet").unlink()
    assert update(through(season, 4)).store.seasons == (2020, 2021)


def test_seasons_are_remembered(
    update: Updating, season: pl.DataFrame, tiny_league: League, tmp_path: Path
) -> None:
    tiny_league.plays.filter(pl.col("season") == 2020).write_parquet(
        tmp_path / "play_by_play_2020.parquet"
    )
    assert update(season, seasons="latest").store.seasons == (2021,)
    assert update(model=None).store.seasons == (2021,)
    assert update(seasons="2020-").store.seasons == (2020, 2021)
    with pytest.raises(RequestError, match="'2030-'; there are seasons 2020, 2021"):
        update(seasons="2030-")


def test_the_model_is_needed_once_and_another_one_scores_all_again(
    update: Updating, season: pl.DataFrame, trained: TrainedRun, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match="The first update needs a model: pass --model RUN"):
        update(season, model=None)
    run = tmp_path / "run"
    run.mkdir()
    for file in trained.folder.iterdir():
        if file.is_file():
            (run / file.name).write_bytes(file.read_bytes())
    update(season, model=run)
    assert update(model=None).notes == ()
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(sealed(record | {"seed": 7})))
    with pytest.raises(RunError, match="another one than scored the store: pass --model"):
        update(model=None)
    done = update(model=run)
    assert done.notes == ("All games were scored again: the model is another one than before.",)
    assert (len(done.corrected_games), done.corrected.height) == (8, 0)
    with pytest.raises(RunError, match="not a run folder"):
        update(model=tmp_path / "nothing")


def test_two_updates_at_once_do_not_meet(
    update: Updating, season: pl.DataFrame, tmp_path: Path
) -> None:
    busy = pytest.raises(RequestError, match="is being updated by another process")
    with FileLock(tmp_path / ".update.lock"), busy:
        update(season)
    assert len(update().new) == 8


def test_the_current_season_is_downloaded_and_others_kept(
    update: Updating, season: pl.DataFrame, tiny_league: League, tmp_path: Path
) -> None:
    asked = []

    def load(year: int) -> pl.DataFrame:
        asked.append(year)
        return through(season, len(asked))

    options = {
        "offline": False,
        "load": load,
        "load_games": lambda: tiny_league.games,
        "load_players": lambda: roster_of(season),
        "today": date(2021, 9, 21),
    }
    first = update(seasons="current", **options)
    assert (first.fetched, len(first.new), len(first.awaited)) == ({2021: "new"}, 2, 6)
    assert pl.read_parquet(tmp_path / "players.parquet").equals(roster_of(season))
    assert set(first.store.board(2021)["full_name"].str.slice(0, 5)) == {"Full "}
    # The clock of the file says that its season is over, unless it is told otherwise.
    os.utime(tmp_path / FILE, (1.633e9, 1.633e9))
    second = update(**options)
    assert (second.fetched, len(second.new)) == ({2021: "refreshed"}, 2)


@pytest.mark.parametrize("what", ["plays", "games", "players"])
@pytest.mark.sample(1)
def test_a_download_that_is_cut_off_changes_nothing(
    update: Updating, season: pl.DataFrame, tiny_league: League, what: str, tmp_path: Path
) -> None:
    def broken(*_: int) -> pl.DataFrame:
        raise OSError("connection reset")

    update(season)
    options = {"offline": False, "seasons": "current", "today": date(2021, 9, 21)}
    os.utime(tmp_path / FILE, (1.633e9, 1.633e9))
    whole = {
        "load": lambda _: season,
        "load_games": lambda: tiny_league.games,
        "load_players": lambda: roster_of(season),
    }
    with pytest.raises(ReaderError, match=r"downloaded from nflverse \(connection reset\)"):
        update(**options, **whole | {"load" if what == "plays" else f"load_{what}": broken})
    if what == "plays":
        with pytest.raises(ReaderError, match="the download may be cut off and the file is kept"):
            update(**options, **whole | {"load": lambda _: through(season, 3)})
    assert len(update(seasons="all").store.scores()) == len(open_score_store(tmp_path).scores())


def roster_of(season: pl.DataFrame) -> pl.DataFrame:
    """Each passer's full name: "Full " and the short one; nflverse's columns of players."""
    people = (
        season.select("passer_player_id", "passer_player_name")
        .drop_nulls()
        .unique("passer_player_id")
    )
    return people.sort("passer_player_id").select(
        pl.col("passer_player_id").alias("gsis_id"),
        pl.format("Full {}", "passer_player_name").alias("display_name"),
        pl.lit("QB").alias("position"),
    )


def test_a_roster_is_remembered_and_names_the_rankings(
    update: Updating, season: pl.DataFrame, run: Command, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.csv"
    roster_of(season).write_csv(elsewhere)
    assert "full_name" not in update(through(season, 3)).store.board(2021).columns
    named = update(roster=elsewhere)
    assert (named.scored, named.rewritten) == (0, ("qb_score.csv", "projection.csv"))
    board = named.store.board(2021)
    assert (board["full_name"] == "Full " + board["passer_player_name"]).all()
    assert set(board["position"]) == {"QB"}
    # The next week knows it still, the movers too, and so do the commands.
    done = update(season)
    assert set(done.movers["passer_player_name"].str.slice(0, 5)) <= {"Full "}
    assert pl.read_csv(tmp_path / "projection.csv")["full_name"].str.starts_with("Full ").all()
    code, out, err = run("games", tmp_path, board["full_name"][0])
    assert (code, f"Games of {board['full_name'][0]}" in out) == (0, True), err
    # A roster that is gone leaves the names; one without ids is refused and changes nothing.
    elsewhere.unlink()
    done = update()
    assert done.notes == (f"{elsewhere}: the roster is gone, so names are those of before.",)
    assert done.rewritten == ()
    assert done.store.board(2021)["full_name"].null_count() == 0
    roster_of(season).drop("gsis_id").write_csv(elsewhere)
    with pytest.raises(ReaderError, match=r"elsewhere\.csv: a roster must have a column of ids"):
        update()
    assert open_score_store(tmp_path).board(2021)["full_name"].null_count() == 0


def test_results_under_other_team_codes_are_of_the_same_games(
    update: Updating, season: pl.DataFrame, tiny_league: League, tmp_path: Path
) -> None:
    other = {"BAL": "BLT", "ARI": "ARZ"}
    games = tiny_league.games.with_columns(
        *(pl.col(side).replace(other) for side in ("home_team", "away_team")),
        pl.col("game_id").str.replace_many(other),
    )
    assert set(games["game_id"]) != set(tiny_league.games["game_id"])
    games.write_parquet(tmp_path / "games.parquet")
    assert {game[:7] for game in update(through(season, 3)).awaited} == {"2021_04"}
    assert update(season).awaited == ()


def test_a_game_without_a_play_to_score_is_told(update: Updating, season: pl.DataFrame) -> None:
    last = pl.col("week") == 4
    week = pl.when(last).then(0).otherwise("week").alias("week")
    done = update(season.with_columns(week))
    assert done.notes == (
        f"2 games have no play that can be scored, first {done.new[-2]}: 'dropback score' says "
        "why it leaves plays out.",
    )


def test_a_file_that_lost_the_values_of_its_plays_changes_nothing(
    update: Updating, season: pl.DataFrame, tmp_path: Path
) -> None:
    before = update(season).store.scores()
    emptied = season.with_columns(
        yards_gained=pl.when(pl.col("game_id") == GAME).then(None).otherwise("yards_gained")
    )
    with pytest.raises(RequestError, match=rf"{FILE}: game {GAME} has \d+ plays to score and had"):
        update(emptied)
    assert_frame_equal(open_score_store(tmp_path).scores(), before)
    assert update(drop_missing=True).store.scores().height < before.height


def schedule_of(season: pl.DataFrame, week: int) -> pl.DataFrame:
    """The weather of the games up to a week."""
    names = ("game_id", "season", "away_team", "home_team")
    games = through(season, week).select(names).unique().sort("game_id")
    scores = {"game_type": pl.lit("REG"), "away_score": 20, "home_score": 21}
    return games.with_columns(roof=pl.lit("outdoors"), temp=20.0, wind=25.0, **scores)


def test_weather_that_arrives_in_the_schedule_scores_its_games_again(
    update: Updating, season: pl.DataFrame, tmp_path: Path
) -> None:
    assert update(season).store.scores()["roof"].null_count() == update().store.scores().height
    schedule_of(season, 1).write_parquet(tmp_path / "games.parquet")
    assert len(update().corrected_games) == 2
    assert update().corrected_games == ()
    schedule_of(season, 2).write_parquet(tmp_path / "games.parquet")
    done = update()
    assert set(done.corrected_games) == set(season.filter(pl.col("week") == 2)["game_id"])
    told = done.store.scores().select("week", "roof").unique().sort("week")
    assert told["roof"].to_list() == ["outdoors", "outdoors", None, None]


def test_weather_that_is_gone_changes_nothing(
    update: Updating, season: pl.DataFrame, tmp_path: Path
) -> None:
    update(season)
    schedule = tmp_path / "games.parquet"
    schedule_of(season, 1).write_parquet(schedule)
    before = update().store.scores()
    schedule.unlink()
    with pytest.raises(RequestError, match=r"the weather of game 2021_01_\w+ is not recorded any"):
        update()
    assert_frame_equal(open_score_store(tmp_path).scores(), before)
    assert len(update(drop_missing=True).corrected_games) == 2
    assert update().corrected_games == ()


def test_a_store_without_the_weather_is_read_and_grown(
    update: Updating, season: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ["roof", "temp", "wind", "rain", "snow"]
    with monkeypatch.context() as patch:
        patch.setattr(
            "dropback.workflows._update.without_totals",
            lambda scores: without_totals(scores).drop(columns),
        )
        update(through(season, 2))
    former = open_score_store(tmp_path)
    assert former.scores()["roof"].is_null().all()
    grown = update(season).store
    assert grown.scores()["game_id"].n_unique() == season["game_id"].n_unique()
    assert grown.scores().columns == former.scores().columns


def test_games_under_other_team_codes_are_the_same_games(
    update: Updating, season: pl.DataFrame
) -> None:
    """In this league the teams meet twice at the same place, in the weeks 1 and 4."""
    update(through(season, 3))
    renamed = season.with_columns(pl.col("game_id").str.replace("BAL", "BLT"))
    done = update(renamed)
    assert {former.replace("BAL", "BLT") == now for former, now in done.moved} == {True}
    assert (len(done.new), done.lost, done.corrected_games) == (2, (), ())


def test_seasons_that_are_not_there_are_not_remembered(
    update: Updating, season: pl.DataFrame
) -> None:
    update(season)
    with pytest.raises(
        RequestError, match="holds no play-by-play of season 1999; it holds season 2021"
    ):
        update(seasons="1999")
    assert update().store.manifest.seasons_wanted == "all"


def test_a_store_that_lacks_a_file_is_told_though_nothing_is_new(
    update: Updating, season: pl.DataFrame, tmp_path: Path
) -> None:
    update(season)
    gone = next((tmp_path / "store").glob("scores-*"))
    gone.unlink()
    with pytest.raises(ReaderError, match=f"{gone.name}: no such file: restore it from a copy"):
        update()


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Lets no file grow beyond a size: a write then fails as on a full disk."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.parametrize("size", [600, 6000, 20_000])
@pytest.mark.sample(1)
def test_a_full_disk_changes_nothing(
    update: Updating,
    season: pl.DataFrame,
    full_disk: Callable[[int], None],
    size: int,
    tmp_path: Path,
) -> None:
    before = update(through(season, 3)).store.scores()
    season.write_parquet(tmp_path / FILE)
    full_disk(size)
    with pytest.raises(RequestError, match="could not be written: File too large"):
        update()
    full_disk(resource.RLIM_INFINITY)
    assert_frame_equal(open_score_store(tmp_path).scores(), before)
    assert len(update().new) == 2


class Stopped(BaseException):
    """What no code catches, as a kill."""


@pytest.mark.slow
def test_stopped_between_any_two_renames_a_store_is_the_former_or_the_new_one(
    update: Updating,
    season: pl.DataFrame,
    trained: TrainedRun,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    former = update(through(season, 3)).store
    before = former.scores()
    kept = {path: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    season.write_parquet(tmp_path / FILE)
    boards = passer_boards(dropback.score(trained.run, season))
    monkeypatch.setattr("dropback.workflows._report.passer_boards", lambda *_, **__: boards)
    rename, left = Path.replace, 0

    def count(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise Stopped
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", count)
    lengths = []
    for renames in range(1, 20):
        left = renames
        for path in (tmp_path / "store").iterdir():
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)
        try:
            update()
        except Stopped:
            lengths.append(len(open_score_store(tmp_path).scores()))
        else:
            break
    whole = len(open_score_store(tmp_path).scores())
    assert set(lengths) == {len(before), whole}
    assert len(lengths) >= 6
    assert (tmp_path / "report.html").read_text().endswith("week 4 of 2021")


def test_nobody_who_qualifies_yet_is_a_note(update: Updating, season: pl.DataFrame) -> None:
    done = update(season.filter(pl.col("game_id") == GAME).head(12))
    assert len(done.store.scores()) > 0
    assert done.store.boards == ()
    assert [note.split(":")[0] for note in done.notes] == ["No projection", "No ranking yet"]
    assert "No row is left with min_attempts=nfl" in done.notes[1]


def test_the_command_tells_what_changed(
    run: Command, season: pl.DataFrame, trained: TrainedRun, tmp_path: Path
) -> None:
    through(season, 3).write_parquet(tmp_path / FILE)
    code, out, err = run("update", tmp_path, "--model", trained.folder, "--offline")
    assert (code, "New games: 6 (2021_01" in out) == (0, True), err
    row, play, yards = a_completion(season)
    longer = pl.when(row).then(yards + 30).otherwise("yards_gained").alias("yards_gained")
    season.with_columns(longer).write_parquet(tmp_path / FILE)
    code, out, err = run("update", tmp_path, "--offline")
    assert code == 0, err
    assert "New games: 2 (2021_04" in out
    assert f"Corrected games: 1 ({GAME})." in out
    assert f"{GAME} {play}" in out
    assert f"{yards} -> {yards + 30}" in out
    assert "Movers of 2021" in out
    code, out, _ = run("update", tmp_path, "--offline")
    assert (code, out.strip()) == (0, "Nothing new.")
    code, out, _ = run("leaderboard", tmp_path, "--by", "passer")
    assert (code, "Mean play score by passer" in out) == (0, True)
    (tmp_path / FILE).write_bytes(b"PAR1, cut off")
    code, _, err = run("update", tmp_path, "--offline")
    assert (code, err.count("error: ")) == (2, 1)
    code, _, err = run("update", tmp_path / "nowhere", "--offline")
    assert (code, "must be a folder of play-by-play" in err) == (2, True)


def test_an_empty_folder_says_where_play_by_play_comes_from(update: Updating) -> None:
    with pytest.raises(DropbackError, match="get them with 'dropback fetch pbp"):
        update()
