"""``persistence completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands, options and choices.

    \b
    Example: eval "$(persistence completion bash)"
             in ~/.bashrc; likewise in ~/.zshrc; for fish, write the script to
             ~/.config/fish/completions/persistence.fish
    """
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is None:
        raise click.BadParameter(f"{shell!r} is not known to this release of click.")
    click.echo(script(context.find_root().command, {}, "persistence", "_PERSISTENCE_COMPLETE").source())
