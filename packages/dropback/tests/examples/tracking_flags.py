"""Change cells of one of two invented plays, and read the flags that this gives."""

import polars as pl

from dropback.tracking import read_tracking
from examples.tracking_sets import MadePlay, made_set

KEYS = ("playId", "play_id", "ngsPlayId")


def two_plays(layout, *plays):
    return made_set(layout, *(plays or (MadePlay(play=1), MadePlay(play=2))))


def changed(source, file, where=None, **columns):
    """The set with other cells in the rows of play 1 of one of its files."""
    table = (source.tracking | source.tables)[file]
    key = next(key for key in KEYS if key in table.columns)
    at = pl.col(key) == 1
    if where is not None:
        at &= where
    return source.change(
        file,
        *(
            pl.when(at).then(pl.lit(value) if isinstance(value, str | float) else value)
            .otherwise(pl.col(name)).alias(name)
            for name, value in columns.items()
        ),
    )  # fmt: skip


def flags_of(source, folder):
    """Flags and details of the plays that have any, by play."""
    _, report = read_tracking(source.write(folder))
    assert report.left_out.is_empty()
    return {play: (flags, details) for play, flags, details in
            report.flagged.select("play_id", "flags", "details").rows()}  # fmt: skip
