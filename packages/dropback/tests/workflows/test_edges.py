"""Functions of the edge take text for a path, and any data frame."""

from pathlib import Path

import pytest

from dropback import ranking, workflows
from dropback.errors import ReaderError
from examples.scored_plays import table, throws

SCORES = table(throws("A", [0.5, 0.6], depth="short"), throws("B", [0.4]))


def test_paths_may_be_text(tmp_path: Path) -> None:
    workflows.write_json({"metrics": 3}, f"{tmp_path}/a.json")
    with pytest.raises(ReaderError, match=r"a\.json: not a report of 'dropback evaluate"):
        workflows.read_evaluation(f"{tmp_path}/a.json")
    workflows.require_picture_path(f"{tmp_path}/a.png")
    workflows.write_table(SCORES, f"{tmp_path}/a.csv")
    assert (tmp_path / "a.csv").is_file()


def test_frames_may_be_of_any_library() -> None:
    arrow = SCORES.to_arrow()
    assert ranking.list_passers(arrow)["id"].to_list() == ["A", "B"]
    assert ranking.passer_seasons(SCORES.lazy())["plays"].to_list() == [2, 1]
    kept = ranking.keep_plays(arrow, where="play_score > .45")
    assert (type(kept), kept.num_rows) == (type(arrow), 2)
