"""Errors, by their cause: one base class, few kinds.

Messages name the problem and its place, the expected and the actual value, and a remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Self


class BalerError(Exception):
    """Base class of all errors that this package raises on purpose."""

    def __str__(self) -> str:
        """The message; what a terminal may obey in a name from a file is shown as an escape."""
        return printable(super().__str__())


class FormatError(BalerError, ValueError):
    """A `.baler` file breaks a rule of the format."""


class CorruptFileError(FormatError):
    """The bytes of a file are not those that were written: a checksum, digest or length disagrees."""


class TruncatedFileError(FormatError):
    """The file ends before its last promised byte."""


class UnsupportedFeatureError(FormatError):
    """The file needs a format version, feature or codec that this reader lacks."""


class MissingModelError(UnsupportedFeatureError):
    """A column needs a model of another file, which is missing or has changed."""


class UnknownCodecError(BalerError, LookupError):
    """No installed package provides the codec of this id."""


class SourceError(BalerError):
    """The ROOT input cannot be read, or holds something that cannot be carried."""


class UnreadableBranchError(SourceError):
    """A branch whose first entries could be read, but not a later one.

    `others` are (branch, cause) of further branches of the tree that cannot be read either.
    """

    def __init__(self, tree: str, branch: str, why: str, others: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(
            f"tree {tree!r}, branch {branch!r} cannot be read to its end ({why}); "
            "--skip-unsupported (skip_unsupported=True) leaves such branches out"
        )
        self.tree, self.branch, self.why, self.others = tree, branch, why, others

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str, tuple[tuple[str, str], ...]]]:
        return type(self), (self.tree, self.branch, self.why, self.others)


class ErrorBoundViolated(BalerError):  # noqa: N818 - says what happened
    """A decoded value misses its error bound: a bug in a codec; nothing is written."""


class ConfigError(BalerError, ValueError):
    """A rule, bound or option is not valid."""


class AnalysisError(BalerError):
    """An analysis, often a user's own file, failed or returned something else than a selection."""


class FitError(BalerError):
    """A fit did not converge, or has nothing to fit."""


class OutputError(BalerError, OSError):
    """The output cannot be written where it was asked for."""


class WorkerError(BalerError):
    """A worker process ended before its work was done."""


class KeyInFileError(BalerError, KeyError):
    """No tree, branch or object of this name.

    Behaves as `KeyError`, as `uproot.KeyInFileError` does, and names the nearest keys.
    """

    def __init__(self, key: str, keys: Iterable[str] = (), where: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.where = where
        self.nearest = nearest(key, keys)

    def __str__(self) -> str:
        inside = f" in {self.where}" if self.where else ""
        hint = f"; nearest: {', '.join(map(repr, self.nearest))}" if self.nearest else ""
        return printable(f"not found: {self.key!r}{inside}{hint}")


class MissingExtraError(BalerError, ImportError):
    """An optional dependency is needed; the message has the install line."""


class MissingToolError(BalerError):
    """A program is needed that is not installed; the message says how to get it."""


class ToolFailedError(BalerError):
    """An external program failed or took too long."""


class DisagreementError(BalerError):
    """Firmware gives other latents than its definition."""


def nearest(word: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known words most like `word`, at most `n`, best first; a path is as like as its last part is.

    >>> nearest("Event", ["meta", "nominal/Events"])
    ['nominal/Events']
    """
    words: dict[str, list[str]] = {}
    for path in dict.fromkeys(known):
        words.setdefault(path, []).append(path)
        if (last := path.rpartition("/")[2]) != path:
            words.setdefault(last, []).append(path)
    matches = difflib.get_close_matches(word, words, n=n, cutoff=0.5)
    return list(dict.fromkeys(path for match in matches for path in words[match]))[:n]


def listed(items: Iterable[str], max_items: int = 5, separator: str = ", ") -> str:
    """The first `max_items` items as text, and how many more there are.

    >>> listed(["pt", "eta", "phi", "m"], 2)
    'pt, eta and 2 more'
    """
    items = list(items)
    text = separator.join(items[:max_items])
    if len(items) <= max_items:
        return text
    return f"{text}{' ' if separator == ', ' else separator}and {len(items) - max_items} more"


def printable(text: str) -> str:
    r"""The text with characters that a terminal may obey, or not show, as escapes; line breaks stay.

    These are control characters, invisible ones, those that change the direction of writing, and halves of
    surrogate pairs. Names and titles come from files, which anybody may have written.

    >>> printable("\x1b[2Jpt\u202e")
    '\\x1b[2Jpt\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character.isprintable() or character in "\n\xa0\u2009\u202f":
        return character
    return (
        character.encode("ascii", "backslashreplace").decode()
        if character > "\x7f"
        else f"\\x{ord(character):02x}"
    )
