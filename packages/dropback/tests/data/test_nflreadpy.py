"""The real nflreadpy downloads from a server of this machine that stands in for nflverse's."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from dropback.data import fetch, read_games
from dropback.data._nflverse import fetch_games, fetch_roster
from dropback.data._rosters import read_roster
from dropback.errors import ReaderError

nflreadpy = pytest.importorskip("nflreadpy", reason="needs the extra 'fetch'")

# Rows as nflverse publishes them: a conference championship is CON, a game to come has no score.
SCHEDULE = pl.DataFrame(
    {
        "game_id": ["2021_20_CIN_KC", "2021_01_DAL_TB", "2021_18_LV_LAC"],
        "season": [2021] * 3,
        "game_type": ["CON", "REG", "REG"],
        "week": [20, 1, 18],
        "gameday": ["2022-01-30", "2021-09-09", "2022-01-09"],
        "away_team": ["CIN", "DAL", "LV"],
        "away_score": [27, 29, None],
        "home_team": ["KC", "TB", "LAC"],
        "home_score": [24, 31, None],
        "location": ["Home"] * 3,
        "roof": ["outdoors", "outdoors", "dome"],
    }
)
PLAYERS = pl.DataFrame(
    {
        "gsis_id": ["00-0033873", None],
        "display_name": ["Patrick Mahomes", "Nobody Yet"],
        "position": ["QB", "QB"],
        "latest_team": ["KC", "LV"],
        "headshot": ["https://example.org/mahomes.png", None],
        "birth_date": ["1995-09-17", None],
        "draft_pick": [10, None],
    }
)
ROSTER = pl.DataFrame(
    {
        "season": [2021],
        "team": ["KC"],
        "position": ["QB"],
        "full_name": ["Patrick Mahomes"],
        "gsis_id": ["00-0033873"],
        "headshot_url": ["https://example.org/mahomes.png"],
    }
)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, those named in `cut` without their second half."""

    cut: ClassVar[set[str]] = set()

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Answer with a file, and close the connection early where it is to be cut off."""
        path = Path(self.translate_path(self.path))
        if path.name not in self.cut:
            return super().do_GET()
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True
        return None


@pytest.fixture
def nflverse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a server that nflreadpy takes for nflverse's; its cache on disk is on."""
    folder = tmp_path / "nflverse"
    tables = {
        "pbp/play_by_play_2021": pl.DataFrame({"season": [2021] * 2, "week": [1, 1]}),
        "schedules/games": SCHEDULE,
        "players/players": PLAYERS,
        "rosters/roster_2021": ROSTER,
    }
    for name, table in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(folder / f"{name}.parquet")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    from nflreadpy.downloader import NflverseDownloader  # noqa: PLC0415  # an optional extra

    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setitem(NflverseDownloader.BASE_URLS, "nflverse-data", address)
    monkeypatch.setattr(Quiet, "cut", set())
    config = nflreadpy.config.get_config()
    monkeypatch.setattr(config, "cache_mode", nflreadpy.config.CacheMode.FILESYSTEM)
    monkeypatch.setattr(config, "cache_dir", tmp_path / "cache")
    yield folder
    server.shutdown()
    server.server_close()


def test_a_season_that_grew_since_this_morning_is_downloaded_again(
    nflverse: Path, tmp_path: Path
) -> None:
    (path,) = fetch(2021, tmp_path)
    nflreadpy.load_pbp(2021)  # a notebook of the user, which fills the cache for a day
    more = pl.DataFrame({"season": [2021] * 3, "week": [1, 1, 2]})
    more.write_parquet(nflverse / "pbp" / "play_by_play_2021.parquet")
    fetch(2021, tmp_path, refresh=True)
    assert pl.read_parquet(path)["week"].to_list() == [1, 1, 2]
    assert nflreadpy.load_pbp(2021).height == 2, "the user's own cache stays on"


@pytest.mark.usefixtures("nflverse")
def test_results_are_read_as_nflverse_writes_them(tmp_path: Path) -> None:
    games = read_games(fetch_games(tmp_path)).select("game_id", "game_type", "final")
    assert games.rows() == [
        ("2021_20_CIN_KC", "CONF", True),
        ("2021_01_DAL_TB", "REG", True),
        ("2021_18_LV_LAC", "REG", False),
    ]


@pytest.mark.usefixtures("nflverse")
@pytest.mark.parametrize("seasons", [None, 2021])
def test_players_and_rosters_are_read_as_nflverse_writes_them(
    tmp_path: Path, seasons: int | None
) -> None:
    fetch_roster(tmp_path / "people.parquet", seasons=seasons)
    (row,) = read_roster(tmp_path / "people.parquet").rows()
    url = "https://example.org/mahomes.png"
    assert row == ("00-0033873", "Patrick Mahomes", "QB", "KC", url)


@pytest.mark.parametrize("what", ["cut off", "absent"])
def test_a_download_that_ends_early_or_is_absent_is_one_sentence(
    nflverse: Path, tmp_path: Path, what: str
) -> None:
    (path,) = fetch(2021, tmp_path)
    before = path.read_bytes()
    if what == "cut off":
        Quiet.cut = {path.name}
    else:
        (nflverse / "pbp" / path.name).unlink()
    with pytest.raises(ReaderError, match=r"^Season 2021 could not be downloaded from nflverse"):
        fetch(2021, tmp_path, refresh=True)
    assert path.read_bytes() == before
