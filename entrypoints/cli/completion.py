"""``persistence completion`` and ``version``: what a shell needs, and what a person asks first."""

from __future__ import annotations

import click

from entrypoints.version import VERSION

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands, options and choices.

    \b
    Example: eval "$(persistence completion bash)"
             in ~/.bashrc; likewise in ~/.zshrc; for fish, write the script to
             ~/.config/fish/completions/persistence.fish
    Exit:    0 printed, 2 no such shell
    """
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is None:
        raise click.BadParameter(f"{shell!r} is not known to this release of click.")
    click.echo(script(context.find_root().command, {}, "persistence", "_PERSISTENCE_COMPLETE").source())


@click.command()
def version() -> None:
    """Print the version.

    \b
    Example: persistence version
    Exit:    0 always
    """
    click.echo(VERSION)
