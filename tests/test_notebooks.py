"""The tutorial runs, and its numbers say what its text says."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

from documents import Block, check_python

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "heavy_tails.ipynb"


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return "".join(output.get("text", "") for output in outputs)


def check_claims(text: str) -> None:
    number = r"\s+(-?\d+\.\d+)"
    scores = {
        name: [float(n) for n in row]
        for name, *row in re.findall(rf"^(Gaussian|spliced){number}{number}{number}$", text, re.M)
    }
    assert all(
        ours < theirs for ours, theirs in zip(scores["spliced"], scores["Gaussian"], strict=True)
    )
    (truth,) = re.findall(rf"^truth{number}$", text, re.M)
    assert float(truth) < scores["spliced"][0]
    above = {name: float(n) for name, n in re.findall(rf"^(\S+){number}%\s+\S+$", text, re.M)}
    assert above["-log_prob"] < 4  # the trap
    assert above["composite_nll"] == pytest.approx(5, abs=0.7)
    assert "must not be maximized with free scales" in text


def test_stored_outputs_are_whole_and_small() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert NOTEBOOK.stat().st_size < 200_000
    check_claims(printed(notebook))


def test_cells_name_what_the_packages_have() -> None:
    for number, cell in enumerate(nbformat.read(NOTEBOOK, as_version=4).cells):
        if cell.cell_type == "code":
            check_python(Block(NOTEBOOK, number, "python", cell.source, None))


# A window that cannot be opened is told; a notebook would show the figure.
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.slow
def test_tutorial_runs_and_keeps_its_claims(capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells in this process: a kernel of Jupyter's would import all that is loaded here."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    plt.switch_backend("agg")
    names: dict[str, object] = {"__name__": "notebook"}
    with plt.rc_context():
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{NOTEBOOK.name}, cell {number}", "exec"), names)  # noqa: S102  # that is the test
        plt.close("all")
    check_claims(capsys.readouterr().out)
