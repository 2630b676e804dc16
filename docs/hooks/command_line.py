"""One page of reference for the command line, generated from the commands themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer.main
from mkdocs.structure.files import File, Files

from dropback.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click
    from mkdocs.config.defaults import MkDocsConfig

INTRODUCTION = """# Command line

`dropback COMMAND --help` prints the same in the terminal. Errors are one sentence on standard error
and exit code 2; Ctrl-C exits with 130 and leaves no half-written file.

"""


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, by its full name."""
    inner: dict[str, click.Command] | None = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    else:
        for word, child in inner.items():
            yield from leaves(child, f"{name} {word}")


def section(name: str, command: click.Command) -> str:
    """A heading, the help text and a table of the parameters of a command."""
    lines = [f"## {name}", "", command.help or "", ""]
    lines += ["| parameter | meaning | default |", "|---|---|---|"]
    for parameter in command.params:
        if parameter.name == "help":
            continue
        help_text = " ".join((getattr(parameter, "help", "") or "").split()).replace("|", "\\|")
        spelled = (
            parameter.name.upper()
            if parameter.param_type_name == "argument"
            else ", ".join(parameter.opts)
        )
        if parameter.required:
            default = "required"
        elif parameter.default is None or callable(parameter.default):
            default = ""
        else:
            default = f"`{getattr(parameter.default, 'value', parameter.default)}`"
        lines.append(f"| `{spelled}` | {help_text} | {default} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page in Markdown."""
    root = typer.main.get_command(app)
    return INTRODUCTION + "\n".join(section(*leaf) for leaf in leaves(root, "dropback"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, "reference/command_line.md", content=page()))
    return files
