"""Help of every command: examples can be copied, one command on each line, on a terminal of 80 columns."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import shlex
from collections.abc import Iterator

import click
import pytest
import typer

from baler_root.cli import app

COLUMNS = 80


def commands() -> Iterator[tuple[str, click.Command]]:
    """(Words of the command, command) of the whole command line."""

    def walk(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{words} {name}".strip(), inner)

    return walk("", typer.main.get_command(app))


COMMANDS = dict(commands())
RUNNABLE = [words for words, command in COMMANDS.items() if not hasattr(command, "commands")]


def text_of(words: str) -> str:
    """The help of a command as its source has it."""
    return inspect.cleandoc(COMMANDS[words].help or "").replace("\\[", "[")


def examples(words: str) -> list[str]:
    """The example commands in the help of a command, continued lines joined."""
    joined = re.sub(r" \\\n\s*", " ", text_of(words))
    return [line for line in joined.splitlines() if line.startswith("baler-root ")]


@pytest.mark.parametrize("words", COMMANDS)
def test_lines_fit_the_terminal_as_they_are(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    context = click.Context(COMMANDS[words], info_name="baler-root", terminal_width=COLUMNS)
    with context, contextlib.redirect_stdout(io.StringIO()) as printed:
        returned = COMMANDS[words].get_help(context)
    shown = [line.rstrip() for line in (printed.getvalue() + (returned or "")).splitlines()]
    _, *body = text_of(words).split("\n\n")
    for line in "\n".join(body).splitlines():
        assert f" {line}".rstrip() in shown, f"{line!r} is wrapped or joined with another line"


@pytest.mark.parametrize("words", RUNNABLE)
def test_examples_are_one_command_each(words: str) -> None:
    assert any(line.split()[1:][: len(words.split())] == words.split() for line in examples(words))
    for line in examples(words):
        outside = re.sub(r"\$\(.*?\)", "", line)
        assert outside.count("baler-root ") == 1, line
        arguments = shlex.split(outside.partition(" | ")[0].partition(" || ")[0])[1:]
        name = next(name for name in RUNNABLE if arguments[: len(name.split())] == name.split())
        parameters = COMMANDS[name].params
        known = {option for parameter in parameters for option in parameter.opts + parameter.secondary_opts}
        used = {word for word in arguments if word.startswith("-") and not word.lstrip("-")[:1].isdigit()}
        assert used <= known, f"{line}: {used - known}"
