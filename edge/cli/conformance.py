"""`edge conformance`."""

import typer


def print_conformance() -> None:
    """Print the DICOM conformance statement of this release, as Markdown."""
    from edge.cli.statement import statement  # Loads every part of the node: no other command waits for that.

    typer.echo(statement(), nl=False)
