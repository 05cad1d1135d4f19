"""Reading of trees and branches, whole or step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import index
from types import TracebackType
from typing import Any, Self, Unpack

from baler_root.dataset.filters import FilterOptions, Filters
from baler_root.dataset.interfaces import AnyBranch
from baler_root.dataset.node import Node
from baler_root.dataset.request import Expressions, ReadOptions, Request, ResolvedRequest, entry_range
from baler_root.dataset.rntuple_request import RNTupleRequest
from baler_root.dataset.ttree_request import TTreeRequest
from baler_root.errors import ConfigError


class Readable(Node[AnyBranch]):
    """A tree or branch that can be read; as a context manager it closes the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tree.file.close()

    def arrays(
        self,
        expressions: Expressions = None,
        cut: str | None = None,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        **options: Unpack[ReadOptions],
    ) -> Any:
        """Arrays of several branches or formulas, in the library and grouping asked for.

        Raises KeyInFileError for an unknown name, SourceError for a branch that was not stored, and
        FormatError for damaged pages.

        Parameters
        ----------
        expressions
            Names and formulas; None for every branch that the filters pass.
        cut
            A formula; entries for which it is zero are left out.
        entry_start, entry_stop
            Range of entries; negative numbers count from the end.
        filter_name, filter_typename, filter_branch, filter_field
            Filters of branches: see `FilterOptions`.
        aliases
            Names for formulas.
        language
            uproot's language of formulas.
        library
            `"ak"`, `"np"` or `"pd"`.
        how
            `tuple`, `list`, `dict` or `"zip"`; None for the library's default.
        ak_add_doc
            True: titles become `__doc__` parameters. A dictionary gives names of parameters and attributes.

        """
        start, stop = entry_range(self.num_entries, entry_start, entry_stop)
        request = self._resolve(Request.of(expressions, cut, options))
        return request.build(self._tree.read(request.branches, start, stop), start, stop)

    def iterate(
        self,
        expressions: Expressions = None,
        cut: str | None = None,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        step_size: int | str = "100 MB",
        report: bool = False,
        **options: Unpack[ReadOptions],
    ) -> Iterator[Any]:
        """Results of `arrays` for one range of entries after another.

        `step_size` is a number of entries, or the memory that a step may take (`"100 MB"`). With `report`,
        each result comes in a pair with uproot's Report, which says what entries it has. Other arguments are
        those of `arrays`.
        """
        start, stop = entry_range(self.num_entries, entry_start, entry_stop)
        request = self._resolve(Request.of(expressions, cut, options))
        if not request.branches:
            return
        step = (
            self._entries_in(step_size, request.branches) if isinstance(step_size, str) else index(step_size)
        )
        if step < 1:
            raise ConfigError(f"step_size={step_size!r}: a step is at least one entry")
        for step_start in range(start, stop, step):
            step_stop = min(step_start + step, stop)
            result = request.build(
                self._tree.read(request.branches, step_start, step_stop), step_start, step_stop
            )
            if report:
                from uproot.behaviors.TBranch import Report

                yield result, Report(self, step_start, step_stop)
            else:
                yield result

    def num_entries_for(
        self,
        memory_size: int | str,
        expressions: Expressions = None,
        cut: str | None = None,
        *,
        aliases: Mapping[str, str] | None = None,
        **filters: Unpack[FilterOptions],
    ) -> int:
        """Number of entries of an `arrays` result that fit into this memory (`"100 MB"`), at least 1."""
        request = self._resolve(Request(expressions, cut, Filters.of(**filters), aliases))
        return self._entries_in(memory_size, request.branches)

    def _resolve(self, request: Request) -> ResolvedRequest:
        return TTreeRequest(self, request) if self.kind == "TTree" else RNTupleRequest(self, request)

    def _entries_in(self, memory_size: int | str, branches: Sequence[int]) -> int:
        from uproot._util import memory_size as bytes_of

        per_entry = sum(self._tree.source.entry_size(branch) for branch in branches)
        return max(1, round(bytes_of(memory_size) / per_entry)) if per_entry else 1
