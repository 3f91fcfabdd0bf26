"""What our commands have in common: how one is added, what numbers they take, and how they end."""

import argparse
from collections.abc import Callable
from typing import Any

INTERRUPTED, TERMINATED = 130, 143
"""Exit status after Ctrl-C and SIGTERM: 128 and the signal's number, as shells have it."""


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], Any],
    text: str,
    add_options: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add a subcommand.

    Args:
        commands: What `add_subparsers` returned.
        name: Of the subcommand.
        command: Called with the options, among which it stands as `command`.
        text: What it does, a few words without a full stop.
        add_options: Adds its options.
    """
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = commands.add_parser(name, help=text, description=text.capitalize() + ".", formatter_class=formatter)
    parser.set_defaults(command=command)
    add_options(parser)


def whole_number(text: str) -> int:
    """Return the whole number, 1 or more, that an option was given.

    Raises:
        ArgumentTypeError: It is less.
        ValueError: It is no whole number.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number
