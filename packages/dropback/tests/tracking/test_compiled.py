import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import dropback
from dropback.tracking._compiled import (
    _written,
    compiled,
    lowest_bit,
    one_layout,
    places_of,
    word_at,
)

_PACKAGE = Path(dropback.__file__).parent
_FACTOR = 2
_WEIGHTS = np.array([1.0, 10.0])

_FEATURES = """
import numpy as np
from dropback.tracking import _compiled, _kernels
from dropback.tracking.tensors._features import player_features
frame, line = np.ones((1, 23, 6), np.float32), np.zeros(1, np.float32)
(features,) = player_features(frame, np.zeros(1, int), line)
print(features[0, 1], features[0, 2], _kernels.player_columns.stats.cache_hits.total())
"""


@compiled
def _doubled(value):
    return _FACTOR * value


@compiled
def _weighted(value):
    return _doubled(value) * _WEIGHTS[1]


def test_compiled_functions_read_constants_and_call_each_other():
    assert _weighted(3.0) == 60.0


def _run(copy: Path) -> tuple[float, float, int]:
    """Middle of the field, a velocity and loads from the cache, in a process of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    # Python's own cache of bytecode looks at size and time too.
    own |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join([str(copy), *sys.path])}
    command = [sys.executable, "-c", _FEATURES]
    output = subprocess.check_output(command, env=own, text=True).split()  # noqa: S603
    return float(output[0]), float(output[1]), int(output[2])


def _edit(file: Path, old: str, new: str, *, keep_stamp: bool) -> None:
    before, text = file.stat(), file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    if keep_stamp:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert file.stat().st_size == before.st_size
        assert file.stat().st_mtime_ns == before.st_mtime_ns


SOURCE = """
def inner(value):
    return FACTOR * value

inner = compiled(inner)

def outer(value):
    return inner(value) * WEIGHTS[1]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("FACTOR *", "FACTOR +"), ("WEIGHTS[1]", "WEIGHTS[0]"), ("FACTOR", "2"), ("", "")],
    ids=["callee", "body", "constant", "none"],
)
@pytest.mark.parametrize(
    "named",
    [{}, {"FACTOR": 3}, {"WEIGHTS": np.array([1.0, 11.0])}],
    ids=["same", "number", "array"],
)
def test_another_callee_constant_or_array_has_another_cache(old, new, named, tmp_path):
    def cache_of(source, **names):
        names = {"compiled": compiled, "FACTOR": 2, "WEIGHTS": _WEIGHTS} | names
        exec(compile(source, tmp_path / "kernels.py", "exec"), names)  # noqa: S102  # two variants
        return compiled(names["outer"]).stats.cache_path

    (tmp_path / "kernels.py").write_text(SOURCE)
    changed = SOURCE.replace(old, new) if old else SOURCE
    same = changed == SOURCE and not named
    assert (cache_of(changed, **named) == cache_of(SOURCE)) is same


# The whole of it, in processes that read the same cache.
@pytest.mark.slow
def test_a_changed_constant_or_callee_is_seen_with_a_warm_cache(tmp_path):
    copy = tmp_path / "dropback"
    shutil.copytree(_PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
    middle, velocity, _ = _run(tmp_path)
    assert middle == pytest.approx(1 - 160 / 6)
    assert velocity == pytest.approx(np.sin(np.deg2rad(1)))
    assert _run(tmp_path) == (middle, velocity, 1)
    field, kernels = copy / "data/_field.py", copy / "tracking/_kernels.py"
    _edit(field, "FIELD_WIDTH_YD = 160 / 3", "FIELD_WIDTH_YD = 180 / 3", keep_stamp=True)
    assert _run(tmp_path) == (1 - 180 / 6, velocity, 0)
    _edit(kernels, "return speed * sine, speed", "return 3 * speed * sine, speed", keep_stamp=False)
    assert _run(tmp_path)[1:] == (pytest.approx(3 * velocity), 0)


def test_what_the_cache_could_not_see_is_refused():
    def calls_another(value):
        return one_layout(value)

    def reads_an_unknown_name(value):
        return value * _NEVER_DEFINED  # noqa: F821

    with pytest.raises(TypeError, match=r"calls_another reads one_layout, which must be a number"):
        compiled(calls_another)
    with pytest.raises(TypeError, match=r"reads_an_unknown_name reads _NEVER_DEFINED"):
        compiled(reads_an_unknown_name)


def test_without_compiling_the_functions_are_pythons(monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)

    def halved(value):
        return value / _FACTOR

    assert compiled(halved) is halved
    instruction = _written(lambda *_: None)(halved)
    assert instruction is halved

    def reader(value):
        return instruction_of_test(value) + 1  # noqa: F821 - put among its globals below

    reader = types.FunctionType(reader.__code__, {"instruction_of_test": instruction})
    assert compiled(reader) is reader


def test_instructions_of_the_processor_do_what_python_would():
    generator = np.random.default_rng(5)
    text = generator.integers(0, 4, 200).astype(np.uint8)

    def found(text, at, byte):
        return places_of(text, at, byte)

    def word(text, at):
        return word_at(text, at)

    def lowest(bits):
        return lowest_bit(bits)

    for at in (0, 1, 77, 136):
        bits = int(compiled(found)(text, at, np.uint8(3)))
        assert [n for n in range(64) if bits >> n & 1] == np.flatnonzero(
            text[at : at + 64] == 3
        ).tolist()
        assert compiled(word)(text, at) == text[at : at + 8].copy().view("<u8")[0]
    for place in (0, 1, 40, 63):
        assert compiled(lowest)(np.uint64(1 << place | 1 << 63)) == place


def test_only_one_module_imports_numba():
    users = [
        path.relative_to(_PACKAGE).as_posix()
        for path in _PACKAGE.rglob("*.py")
        if re.search(r"^\s*(import|from) numba", path.read_text(), re.MULTILINE)
    ]
    assert users == ["tracking/_compiled.py"]


def test_a_read_only_or_strided_array_is_copied_into_the_one_layout():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert one_layout(array) is array
    for other in (array.T, np.broadcast_to(array, (2, 3, 4))):
        plain = one_layout(other)
        assert plain.flags.c_contiguous
        assert plain.flags.writeable
        np.testing.assert_array_equal(plain, other)
