"""The smallest set of real tracking: its plays are kept and pass the checks of the conventions."""

import pytest

from dropback.tracking import ingest
from dropback.tracking._storage import read_plays_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sample") / "plays"


@pytest.fixture(scope="module")
def report(data_dir, folder):
    return ingest(data_dir / "tracking/bdb_2023_sample", folder, executor="serial")


def test_all_seven_plays_are_read_and_kept(report):
    assert report.counts().select("format", "read", "kept").rows() == [("bdb_2023", 7, 7)]
    assert report.left_out.is_empty()


def test_it_follows_the_conventions(report):
    (file,) = report.files
    checks = {check.name: check for check in file.checks}
    assert {check.decision for check in file.checks} == {"ok", "flagged", "not measurable"}
    assert checks["direction"].measured < 1.0
    assert checks["speed against displacement"].measured == pytest.approx(1, abs=0.1)
    assert checks["yard line in raw x"].measured < 1.1
    said = "games.csv is absent"
    assert [said in c.evidence for c in file.checks if c.decision == "flagged"] == [True]


def test_no_play_is_flagged(report, folder):
    assert report.flagged.is_empty()
    assert read_plays_table(folder)["flags"].list.len().sum() == 0
