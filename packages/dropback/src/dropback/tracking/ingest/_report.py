"""Report counts, reasons and checks of a run, on disk so that an interrupted run can go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
import polars as pl

from dropback import __version__
from dropback._files import whole_file
from dropback._frames import validated
from dropback.errors import ReaderError
from dropback.storage import is_url
from dropback.tracking._schema import LeftOut
from dropback.tracking._splits import split_definitions
from dropback.tracking.ingest._conventions import Check
from dropback.tracking.ingest._reading import FLAGGED, FileReport, short_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from dropback.tracking._blocks import PlayBlock

REPEATED: Final = "play in an earlier file"

# Reasons that are of a file, and not of a play.
_OF_FILES: Final = ("file not read", "file cannot be read", "file cut off")

# Plays that a page names; the tables hold all.
_MOST_NAMED: Final = 500

_KEYS = ("game_id", "play_id")
_OF_NO_PLAY: Final = pl.any_horizontal(pl.col(_KEYS).is_null())


@dataclass(frozen=True)
class IngestReport:
    """Counts, reasons and checks of all files of a run.

    Args:
        files: One report a file, in order.
        left_out: Rows of `LeftOut` of all files, files that were not read included.
        resumed_files: Files that an earlier run had finished.
    """

    files: list[FileReport]
    left_out: pl.DataFrame
    resumed_files: int

    @property
    def plays_read(self) -> int:
        """Plays in all files."""
        return sum(report.plays_read for report in self.files)

    @property
    def plays_kept(self) -> int:
        """Plays that are fit and in no earlier file."""
        repeated = self.left_out.filter(pl.col("reason") == REPEATED).height
        return sum(report.plays_kept for report in self.files) - repeated

    def counts(self) -> pl.DataFrame:
        """Plays read, kept and left out, by layout."""
        repeated = dict(
            self.left_out.filter(pl.col("reason") == REPEATED)
            .group_by("source_file")
            .len()
            .iter_rows()
        )
        return (
            pl.DataFrame(
                {
                    "format": [report.source_format for report in self.files],
                    "files": [1] * len(self.files),
                    "read": [report.plays_read for report in self.files],
                    "kept": [
                        report.plays_kept - repeated.get(report.source_file, 0)
                        for report in self.files
                    ],
                }
            )
            .group_by("format", maintain_order=True)
            .sum()
            .with_columns(left_out=pl.col("read") - pl.col("kept"))
        )

    @property
    def flagged(self) -> pl.DataFrame:
        """``game_id``, ``play_id`` and ``flags`` of kept plays that have any."""
        each = [pl.DataFrame(schema=FLAGGED), *(file.flagged for file in self.files)]
        return pl.concat(each).unique(_KEYS, keep="first", maintain_order=True)

    def reasons(self) -> pl.DataFrame:
        """``reason`` and ``plays``, or files, left out for it, most frequent first."""
        of_some = self.left_out.filter(pl.col("reason").is_in(_OF_FILES) | ~_OF_NO_PLAY)
        counts = of_some.group_by("reason").agg(
            plays=pl.struct("source_file", *_KEYS).n_unique().cast(pl.UInt32)
        )
        return counts.sort("plays", "reason", descending=[True, False])

    def rows_of_no_play(self) -> pl.DataFrame:
        """``reason`` and ``rows`` that are not read and of no play that is known."""
        rows = self.left_out.filter(~pl.col("reason").is_in(_OF_FILES) & _OF_NO_PLAY)
        return rows.group_by("reason").agg(rows=pl.len()).sort("reason")

    def flags(self) -> pl.DataFrame:
        """``flag``, ``plays`` that have it and the ``first`` of these, most frequent first."""
        named = pl.format("game {}, play {}", *_KEYS)
        each = self.flagged.select(
            "flags", "details", first=named, flag=pl.col("flags").str.split("; ")
        )
        counts = (
            each.explode("flag")
            .group_by("flag", maintain_order=True)
            .agg(pl.len().alias("plays"), pl.first("first", "flags", "details"))
            .sort("plays", "flag", descending=[True, False])
        )
        own = [_own_cell(*row) for row in counts.select("flag", "flags", "details").iter_rows()]
        said = pl.concat_str("first", pl.Series("own", own, pl.String))
        return counts.select("flag", "plays", said.alias("first"))

    def files_not_read(self) -> pl.DataFrame:
        """``source_file``, ``reason`` and ``detail`` of files not read, or not to their end."""
        rows = self.left_out.filter(pl.col("reason").is_in(_OF_FILES))
        return rows.select("source_file", "reason", "detail")

    def why_none(self) -> str:
        """Of a set of which no play is kept the most frequent reasons, in words; else empty."""
        if self.plays_kept:
            return ""
        named = [f"{reason} ({count})" for reason, count in self.reasons().head(3).iter_rows()]
        first = self.left_out.filter(pl.col("reason") != "not a dropback").head(1)
        for file, game, play, _, detail in first.iter_rows():
            where = file if game is None or play is None else f"game {game}, play {play}"
            named.append(f"the first is {where}: {detail}")
        return f"none of {self.plays_read} plays is kept: {', '.join(named) or 'none was read'}"

    def to_json(self) -> dict[str, Any]:
        """The run as a JSON-ready mapping: files, counts by reason and the self-check."""
        return {
            "dropback": __version__,
            "plays_read": self.plays_read,
            "plays_kept": self.plays_kept,
            "left_out_by_reason": dict(self.reasons().sort("reason").iter_rows()),
            "rows_of_no_play": dict(self.rows_of_no_play().iter_rows()),
            "files_not_read": self.files_not_read().to_dicts(),
            "left_out": self.left_out.to_dicts(),
            "flagged": self.flagged.to_dicts(),
            "files": [_report_to_json(report) for report in self.files],
        }


def _own_cell(flag: str, flags: str, details: str | None) -> str:
    """What the details of a play say of one of its flags, after a colon; empty for nothing."""
    among = flags.split("; ")
    if details is None or len(among) == 1:
        return f": {details}" if details else ""
    starts = {place: name for name in among if (place := f"; {details}".find(f"; {name}: ")) >= 0}
    places = [*sorted(starts), len(details) + 2]
    for place, end in pairwise(places):
        if starts[place] == flag:
            return f": {details[place + len(flag) + 2 : end - 2]}"
    return ""


def part_name(path: str) -> str:
    """A name for a file's part: its own, and a mark that keeps two folders' files apart."""
    place = path if is_url(path) else str(Path(path).resolve())
    mark = hashlib.sha256(place.encode()).hexdigest()[:8]
    return f"{place.rpartition('/')[2].split('.')[0]}-{mark}"


def report_to_record(report: FileReport) -> dict[str, Any]:
    """A report as its part keeps it."""
    return {
        **_report_to_json(report),
        "left_out_rows": report.left_out.rows(),
        "flagged": report.flagged.rows(),
    }


def report_from_record(found: dict[str, Any]) -> FileReport:
    """The report of `report_to_record`."""
    left_out = pl.DataFrame(
        found.pop("left_out_rows"), schema=LeftOut.create_empty().schema, orient="row"
    )
    checks = [Check(**check) for check in found.pop("checks")]
    flagged = pl.DataFrame(found.pop("flagged"), schema=FLAGGED, orient="row")
    return FileReport(**found, left_out=left_out, checks=checks, flagged=flagged)


def write_report(report: IngestReport, out: Path) -> None:
    """Write ``left_out.csv``, ``ingest.json`` and ``ingest.html`` into a folder."""
    write_page(report, out / "ingest.html")
    report.left_out.write_csv(out / "left_out.csv")
    summary = {**report.to_json(), "splits": split_definitions()}
    (out / "ingest.json").write_text(_in_lines(summary), encoding="utf-8")


def _in_lines(content: dict[str, Any]) -> str:
    """JSON with a line for each key, and for each entry of a list.

    An indent inside of these too would be written by Python, which takes ten times as long.
    """
    lines = []
    for key, value in content.items():
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        else:
            text = json.dumps(value)
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def write_page(report: IngestReport, path: Path) -> None:
    """Write a report as one HTML page that fetches nothing."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dropback.tracking.ingest"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template("report.html.j2").render(report=report, most=_MOST_NAMED)
    with whole_file(path) as aside:
        aside.write_text(html, encoding="utf-8")


def _report_to_json(report: FileReport) -> dict[str, Any]:
    fields = {
        name: value for name, value in vars(report).items() if name not in ("left_out", "flagged")
    }
    return {**fields, "checks": [asdict(check) for check in report.checks]}


def require_rows(report: IngestReport, path: str | PathLike[str]) -> None:
    """Refuse a set in which no file has a row.

    Raises:
        ReaderError: It is one.
    """
    if report.plays_read or not report.files:
        return
    first = next(report.files_not_read().iter_rows(), (str(path), "file not read", "it is empty"))
    # What cannot be read names its file itself.
    why = first[2].removesuffix(".").removeprefix(f"{first[0]}: ").removeprefix(f"{first[0]} ")
    raise ReaderError(f"{path} holds no play: {first[0]}: {why}.")


def keys_twice(plays_files: Sequence[Path]) -> list[tuple[Path, pl.DataFrame]]:
    """Plays that an earlier file of canonical plays holds already, by file."""
    existing = [path for path in plays_files if path.is_file()]
    tables = [pl.read_parquet(path, columns=[*_KEYS, "source_file"]) for path in existing]
    repeated = _repeated(tables).filter("repeated")
    return [
        (existing[index], repeated.filter(pl.col("table") == index))
        for index in repeated["table"].unique().sort().to_list()
    ]


def without_repeated(blocks: Sequence[PlayBlock]) -> tuple[list[PlayBlock], pl.DataFrame]:
    """The blocks without plays that an earlier one holds, and the keys of those plays."""
    keys = _repeated([block.plays for block in blocks])
    kept = [
        block.keep(~keys.filter(pl.col("table") == index)["repeated"].to_numpy())
        for index, block in enumerate(blocks)
    ]
    return kept, keys.filter("repeated")


def repeated_as_left_out(repeated: Sequence[pl.DataFrame], report: IngestReport) -> pl.DataFrame:
    """Rows of `LeftOut` for keys of repeated plays, with their files' whole paths."""
    full = {short_name(Path(file.source_file)): file.source_file for file in report.files}
    rows = [
        keys.select(
            pl.col("source_file").replace(full),
            *_KEYS,
            reason=pl.lit(REPEATED),
            detail=pl.format("also in {}", "earlier"),
        )
        for keys in repeated
    ]
    return validated(LeftOut, pl.concat([LeftOut.create_empty(), *rows]))


def with_repeated(report: IngestReport, left_out: pl.DataFrame) -> IngestReport:
    """The report with repeated plays among those left out."""
    rows = pl.concat([_with_parted(report.left_out), left_out])
    return IngestReport(report.files, rows, report.resumed_files)


def _with_parted(left_out: pl.DataFrame) -> pl.DataFrame:
    """Plays of which several files have rows, and none enough, say so."""
    known = pl.all_horizontal(pl.col(_KEYS).is_not_null())
    files = pl.col("source_file").n_unique().over(_KEYS)
    others = pl.col("source_file").unique(maintain_order=True).str.join(", ").over(_KEYS)
    said = pl.format(
        "{}; rows of this play are in {} files ({}): put them into one", "detail", files, others
    )
    return left_out.with_columns(
        detail=pl.when(known & (files > 1) & (pl.col("reason") != "not a dropback"))
        .then(said)
        .otherwise("detail")
    )


def _repeated(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Keys of all plays, the file that has each first, and whether an earlier table has it."""
    none = pl.DataFrame(
        schema={"game_id": pl.Int64, "play_id": pl.Int64, "source_file": pl.String}
    ).with_columns(table=pl.lit(0, dtype=pl.Int32))
    indexed = (
        table.select(*_KEYS, "source_file", table=pl.lit(index, dtype=pl.Int32))
        for index, table in enumerate(tables)
    )
    return pl.concat([none, *indexed]).with_columns(
        earlier=pl.col("source_file").first().over(_KEYS),
        repeated=~pl.struct(_KEYS).is_first_distinct(),
    )
