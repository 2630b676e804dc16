"""All commands, in the order in which help lists them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dropback import __version__
from dropback._choices import nearest
from dropback.cli._charts import app as charts_app
from dropback.cli._compare_metrics import app as compare_metrics_app
from dropback.cli._decisions import app as decisions_app
from dropback.cli._leagues import demo_app, fetch_app, simulate_app
from dropback.cli._projection import app as projection_app
from dropback.cli._ranking import app as ranking_app
from dropback.cli._runs import app as runs_app
from dropback.cli._seasons import app as seasons_app
from dropback.cli._serve import app as serve_app
from dropback.cli._tracking import app as tracking_app
from dropback.cli._training import app as training_app
from dropback.cli._update import app as update_app


class Commands(TyperGroup):
    """Commands whose errors name the nearest of the choices of an option."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401  # typer keeps its type to itself
        """Run the command; see `TyperGroup`."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if choices := _CHOICES.search(error.message):
                value, names = choices.groups()
                error.message += nearest(value, _QUOTED.findall(names))
            raise


# As typer words it.
_CHOICES = re.compile(r"'([^']*)' is not one of (.*)\.")
_QUOTED = re.compile(r"'([^']*)'")

app = typer.Typer(
    name="dropback",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _print_version(asked: bool) -> None:  # as typer calls it
    if asked:
        typer.echo(f"dropback {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it, exit."),
    ] = False,
) -> None:
    """How good was that throw? Predictive distributions, play scores and passer rankings."""


# Without a name: their commands stand beside one another.
app.add_typer(training_app)
app.add_typer(runs_app)
app.add_typer(demo_app)
app.add_typer(ranking_app)
app.add_typer(charts_app, name="chart")
app.add_typer(compare_metrics_app)
app.add_typer(update_app)
app.add_typer(seasons_app)
app.add_typer(projection_app)
app.add_typer(tracking_app)
app.add_typer(decisions_app)
app.add_typer(serve_app)
app.add_typer(fetch_app, name="fetch")
app.add_typer(simulate_app, name="simulate")


@functools.cache
def command() -> Callable[..., object]:
    """The commands as they are parsed, built once a process, in 70 ms."""
    return typer.main.get_command(app)
