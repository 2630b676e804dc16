"""The tutorial runs, and its numbers say what its text says."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

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


@pytest.mark.slow
def test_tutorial_runs_and_keeps_its_claims() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    check_claims(printed(notebook))
