"""Find tracking files, detect their layout by their columns, and recognize broken ones."""

from __future__ import annotations

import glob
import io
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

import polars as pl

from dropback._files import POLARS_ERRORS
from dropback.data._play_by_play import PLAY_BY_PLAY_COLUMNS
from dropback.errors import ReaderError
from dropback.tracking.readers._delimited import column_names, split_header
from dropback.tracking.readers._format import ID_COLUMNS, OPTIONAL_ROWS, SOURCE_KEY
from dropback.tracking.readers._ids import id_kind, require_number
from dropback.tracking.readers._missing_columns import (
    is_like_tracking,
    lacking,
    missing_columns,
    named_as_table,
    near_name,
    nearest_column,
    without_motion,
)
from dropback.tracking.readers._packed import (
    DAMAGED_GZIP,
    damaged_gzip,
    is_gzip,
    is_parquet,
    open_text,
    require_text,
    unreadable_parquet,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dropback.tracking.readers._format import Format
    from dropback.tracking.readers._ids import IdKind
    from dropback.tracking.readers._plain import Mark

SUFFIXES: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")

# Tables that stand beside tracking files and are read for what they hold, or not needed at all.
SIDE_TABLES: Final = re.compile(
    r"^((plays|players|games|tackles|player_play|pffscoutingdata|targetedreceiver"
    r"|supplementary_data|outcomes|coverages?_\w+|output_\w+)"
    r"(\.[ct]sv(\.gz|\.zip)?|\.parquet|\.zip)"
    # What a simulated league holds beside them, its truth among it.
    r"|(truth|passers|play_by_play_\d+)\.parquet)$",
    re.IGNORECASE,
)

UNREADABLE: Final = b"\x1edropback: not unpacked: "
"""Start of a file that stands for a damaged one of an archive; the sentence about it follows."""

_HEADER_BYTES: Final = 1 << 16
_TAIL_BYTES: Final = 1 << 16
# More than a thousand lines of any layout.
_HEAD_BYTES: Final = 1 << 19
ID_ROWS: Final = 1000

PLAY_BY_PLAY: Final = frozenset(column.name for column in PLAY_BY_PLAY_COLUMNS if column.required)
"""Columns that every file of play-by-play has."""


@dataclass(frozen=True)
class SourceFile:
    """A tracking file whose layout is known.

    Args:
        path: Where it is.
        layout: Its layout.
        delimiter: Between its fields; empty for Parquet.
        ids: What the ids of each kind are, of ``player_id`` and the keys of games and plays, where
            they are not ordinary numbers.
        text: Its content without broken rows, which are blank there; None for that of the path.
        padded: Whether cells may end in blanks.
        plain: Whether it was read as plain text, each line of it a row.
        marks: Where some of these rows begin, as far as it was read so.
    """

    path: Path
    layout: Format
    delimiter: str
    ids: Mapping[str, IdKind] = field(default_factory=dict)
    text: bytes | None = field(default=None, repr=False)
    padded: bool = False
    plain: bool = False
    marks: list[Mark] = field(default_factory=list, repr=False, compare=False)


@dataclass(frozen=True)
class SourceFolder:
    """The tracking files of one folder, all of one layout, and the files set aside.

    Args:
        path: The folder; the set's small tables are in it or in its parent.
        files: Its tracking files in name order.
        left_out: Path and reason of each file that is not read.
    """

    path: Path
    files: tuple[SourceFile, ...]
    left_out: tuple[tuple[Path, str], ...]


def is_hidden(place: PurePath) -> bool:
    """Whether a file, by its place in a folder or archive, is none of the set's.

    Finder adds ``__MACOSX/._plays.csv`` to each ``plays.csv`` that it packs.
    """
    return any(part.startswith(".") or part == "__MACOSX" for part in place.parts)


def read_header(path: Path) -> tuple[frozenset[str], str]:
    """The column names of a file and its delimiter (empty for Parquet).

    Raises:
        ReaderError: If the file is empty, unreadable or not separated by comma or tab.
    """
    with path.open("rb") as file:
        if file.read(len(UNREADABLE)) == UNREADABLE:
            raise ReaderError(file.read().decode())
    if is_parquet(path):
        try:
            return frozenset(pl.read_parquet_schema(path)), ""
        except POLARS_ERRORS as error:
            raise ReaderError(unreadable_parquet(path, error)) from error
    try:
        with open_text(path) as file:
            line = file.readline(_HEADER_BYTES)
    except DAMAGED_GZIP as error:
        raise ReaderError(damaged_gzip(path, error)) from error
    except OSError as error:
        raise ReaderError(f"{path} cannot be read as text: {error}.") from error
    require_text(path, line)
    names, delimiter = split_header(path, line)
    return frozenset(names), delimiter


def detect_format(path: Path, header: frozenset[str], formats: Sequence[Format]) -> Format:
    """The one layout whose columns a header has, in the header's own spelling.

    Case, underscores, dots and spaces do not matter where no layout's names are there exactly.

    Raises:
        ReaderError: If there is none; it names the nearest layout and what is missing.
    """
    found = [layout for layout in formats if layout.matches(header)]
    if not found:
        spelled = (layout.fitted(header) for layout in formats)
        # Folded, 2019's `frame.id` is the later sets' `frameId`: they also have what 2019 lacks.
        found = [
            layout
            for layout in spelled
            if layout.matches(header)
            and (len(formats) == 1 or _is_whole(layout.without_absent(header), header))
        ]
    if found:
        # The layout whose columns are all there and that asks for most is the most particular one.
        chosen = max(
            found,
            key=lambda layout: (
                _is_whole(layout.without_absent(header), header),
                len(set(layout.rows.values()) & header),
                len(found) > 1 and _is_told(layout, path),
                len(layout.signature),
            ),
        )
        absent = _renamed(path, chosen, header)
        if not chosen.plays_file:
            absent += missing_columns(path, header, chosen.plays, chosen.plays_lack, {})
        chosen = replace(chosen.without_absent(header), lacking=absent)
        _require_columns(path, chosen, header)
        return chosen
    nearest = max(
        (layout.fitted(header).without_absent(header) for layout in formats),
        key=lambda layout: _likeness(layout, header),
    )
    if not (set(nearest.rows.values()) | nearest.signature) & header:
        some = ", ".join(sorted(header)[:3])[:60]
        raise ReaderError(
            f"{path}: its columns are of no known tracking layout, and none of them ({some}) is of "
            "any."
        )
    missing = sorted((nearest.signature | set(nearest.rows.values())) - header)
    if said := without_motion(path, nearest, header):
        raise ReaderError(said)
    others = sorted(header - nearest.signature - set(nearest.rows.values()))
    near = [f"{there!r} for {name}" for name in missing if (there := near_name([name], others))]
    said = f" (nearest here: {', '.join(near)})" if near else ""
    raise ReaderError(
        f"{path}: its columns are of no known tracking layout; the nearest is {nearest.name}, "
        f"which also needs {', '.join(missing) or 'no column'}"
        f"{said}. Another layout can be "
        "declared in a column map."
    )


def _likeness(layout: Format, header: frozenset[str]) -> tuple[int, int, int]:
    """How much a header is like a layout: columns there less those that lack or are another's."""
    asked = layout.signature | set(layout.rows.values())
    there, lack = len(asked & header), len(asked - header)
    in_rows = len(set(layout.players_in_rows.values()) & header)
    return there - lack - len(layout.absent & header), -lack, in_rows


def _is_whole(layout: Format, header: frozenset[str]) -> bool:
    return set(layout.rows.values()) <= header


def _is_told(layout: Format, path: Path) -> bool:
    """Whether a table beside a file, which no other layout has, says that it is of this one."""
    stem = layout.told_by.lower().removesuffix(".csv")
    return bool(stem) and any(
        SIDE_TABLES.match(file.name) and file.name.lower().split(".")[0] == stem
        for folder in (path.parent, path.parent.parent)
        if folder.is_dir()
        for file in folder.iterdir()
    )


def _renamed(path: Path, layout: Format, header: frozenset[str]) -> tuple[str, ...]:
    """Sentences about columns that a file lacks: of those it may lack if it has them otherwise."""
    known = {*layout.rows.values(), *layout.signature, *layout.players_in_rows.values()}
    known |= {column for columns in layout.plays.values() for column in columns}
    others = sorted(header - known)
    return tuple(
        lacking(path, [layout.rows[name]], name, others)
        for name in OPTIONAL_ROWS
        if name in layout.rows
        and layout.rows[name] not in header
        and (name == "jersey_number" or nearest_column([layout.rows[name]], others))
    )


def _require_columns(path: Path, layout: Format, header: frozenset[str]) -> None:
    """Require the columns that a layout maps, whatever its signature asks for."""
    if said := without_motion(path, layout, header):
        raise ReaderError(said)
    if missing := sorted(set(layout.rows.values()) - header):
        raise ReaderError(
            f"{path}: a file of the {layout.name} layout must have the columns "
            f"{', '.join(layout.rows.values())}, but lacks {', '.join(missing)}."
        )


def misnamed_tracking(path: Path) -> str:
    """A sentence about a file of tracking that has the name of a table; empty for none."""
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        if not (file.is_file() and SIDE_TABLES.match(file.name)) or file.suffix.lower() == ".zip":
            continue
        try:
            header, _ = read_header(file)
        except ReaderError:
            continue
        if is_like_tracking(header) and not file.name.lower().startswith("output_"):
            return named_as_table(file)
    return ""


def find_folders(path: Path, formats: Sequence[Format]) -> list[SourceFolder]:
    """All tracking files under a path, by folder.

    Args:
        path: A file, a folder, searched to any depth, or a glob of files.
        formats: The layouts to tell apart; a single one is not detected.

    Returns:
        One entry a folder that holds a tracking file or a file set aside.

    Raises:
        ReaderError: If nothing is there to read.
    """
    by_folder: dict[Path, list[Path]] = {}
    for candidate in candidate_files(path):
        by_folder.setdefault(candidate.parent, []).append(candidate)
    folders = [_sorted_out(folder, paths, formats) for folder, paths in by_folder.items()]
    if not any(folder.files for folder in folders):
        reasons = [reason for folder in folders for _, reason in folder.left_out]
        if said := play_by_play(path):
            raise ReaderError(said)
        raise ReaderError(
            reasons[0]
            if reasons
            else misnamed_tracking(path)
            or f"{path} holds no tracking file; looked for {', '.join(SUFFIXES)}."
        )
    return folders


def play_by_play(path: Path) -> str:
    """A sentence about files of play-by-play, which is no tracking; empty for others."""
    files = sorted(path.glob("*play*")) if path.is_dir() else [path]
    for file in files:
        try:
            header, _ = read_header(file) if file.is_file() else ((), "")
        except ReaderError:
            continue
        if 2 * len(PLAY_BY_PLAY.intersection(header)) > len(PLAY_BY_PLAY):
            return (
                f"{path} is play-by-play, not tracking ({file.name} has nflverse's columns): it is "
                f"read as it is, as by `dropback train {path} --out RUN`."
            )
    return ""


def candidate_files(path: Path) -> list[Path]:
    """Files under a path that may be tracking files, by their names alone, in order.

    Raises:
        ReaderError: If the path is neither a file, a folder nor a glob that matches a file.
    """
    if path.is_file():
        return [path]
    return [
        file
        for file in (sorted(path.rglob("*")) if path.is_dir() else matching_files(path))
        if file.is_file()
        and file.name.lower().endswith(SUFFIXES)
        and not SIDE_TABLES.match(file.name)
        and not (path.is_dir() and is_hidden(file.relative_to(path)))
    ]


def matching_files(path: Path) -> list[Path]:
    """A file, or the files of a glob, in order.

    Raises:
        ReaderError: If there is none.
    """
    # pathlib takes no absolute pattern.
    found = sorted(Path(match) for match in glob.glob(str(path)))  # noqa: PTH207
    if not found:
        raise ReaderError(f"{path} does not exist; it must be a tracking file or a folder of them.")
    return found


def truncation(source: SourceFile) -> tuple[str, int | None, int | None] | None:
    """Why a text file must have been cut off, and in which play; None for a whole file.

    Reads the last 64 KiB: a whole file ends in a newline or in a line with all its fields. Gzip
    tells once it is unpacked.

    Returns:
        A sentence and the source's game and play keys, which are None where they too are cut.
    """
    unpacked = source.text if is_gzip(source.path) else b""
    if not source.delimiter or unpacked is None:
        return None
    with io.BytesIO(unpacked) if unpacked else source.path.open("rb") as file:
        header = file.readline().decode("utf-8-sig", "replace").rstrip("\r\n")
        names = column_names(header.split(source.delimiter))
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").split("\n")
    fields = lines[-1].split(source.delimiter)
    if not lines[-1] or len(fields) >= len(names):
        return None
    complete = lines[-2].split(source.delimiter) if len(lines) > 1 else []
    rows = source.layout.rows
    keys = []
    for column in (rows["source_game_id"], rows["source_play_id"]):
        place = names.index(column)
        # The last field is itself cut, so it is no key.
        row = fields if place < len(fields) - 1 else complete
        text = row[place] if place < len(row) else ""
        keys.append(int(float(text)) if text.replace(".", "", 1).isdigit() else None)
    sentence = f"the file is cut off: its last line has {len(fields)} of {len(names)} fields"
    if not lines[-1].strip("\0"):
        sentence = f"the file is cut off: it ends in {len(lines[-1])} zero bytes: get it anew"
    return sentence, keys[0], keys[1]


def last_row(source: SourceFile) -> int:
    """The place below the header of a text file's last line, which has no end."""
    if source.text is not None:
        return source.text.count(b"\n")
    with source.path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(partial(file.read, _HEAD_BYTES), b""))


def _first_lines(path: Path) -> bytes:
    """The whole lines at a text file's start, which cost a tenth of a scan that is cut short."""
    with open_text(path) as file:
        head = file.read(_HEAD_BYTES)
    return head if len(head) < _HEAD_BYTES else head[: head.rfind(b"\n") + 1]


def _unusual_ids(path: Path, layout: Format, delimiter: str) -> dict[str, IdKind]:
    """The kinds of ids that are no ordinary numbers, by a file's first rows."""
    columns = {name: layout.rows[name] for name in ID_COLUMNS}
    try:
        if delimiter:
            rows = pl.read_csv(
                _first_lines(path),
                separator=delimiter,
                infer_schema=False,
                n_rows=ID_ROWS,
                # Broken rows are told where the file is read.
                truncate_ragged_lines=True,
                encoding="utf8-lossy",
            )
            rows.columns = column_names(rows.columns)
        else:
            rows = pl.read_parquet(path, columns=list(columns.values()), n_rows=ID_ROWS)
        cells = rows.select(pl.col(columns.values()).cast(pl.String))
    except (*POLARS_ERRORS, *DAMAGED_GZIP):
        return {}  # reading says what is wrong
    kinds = {name: id_kind(cells[column]) for name, column in columns.items()}
    for name in SOURCE_KEY:
        if kinds[name] == "text":
            require_number(path, columns[name], cells[columns[name]])
    return {name: kind for name, kind in kinds.items() if kind != "number"}


def _sorted_out(folder: Path, paths: list[Path], formats: Sequence[Format]) -> SourceFolder:
    files: list[SourceFile] = []
    left_out: list[tuple[Path, str]] = []
    for path in paths:
        try:
            header, delimiter = read_header(path)
            layout = detect_format(path, header, formats)
            files.append(SourceFile(path, layout, delimiter, _unusual_ids(path, layout, delimiter)))
        except ReaderError as error:
            left_out.append((path, str(error)))
    if not files:
        return SourceFolder(folder, (), tuple(left_out))
    counts = Counter(file.layout.name for file in files)
    chosen = counts.most_common(1)[0][0]
    left_out += [
        (
            file.path,
            f"{file.path} is in the {file.layout.name} layout, but most of {folder} is {chosen}; "
            "a folder must hold one layout: read this file on its own.",
        )
        for file in files
        if file.layout.name != chosen
    ]
    return SourceFolder(
        folder, tuple(file for file in files if file.layout.name == chosen), tuple(left_out)
    )
