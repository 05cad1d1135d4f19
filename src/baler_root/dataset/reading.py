"""Reading of trees and branches, whole or step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import index
from types import TracebackType
from typing import Any, Self

from baler_root.dataset.filters import BranchFilter, Filters, StringFilter
from baler_root.dataset.interfaces import AnyBranch
from baler_root.dataset.node import Node
from baler_root.dataset.request import Expressions, How, Plan, Request, entry_range
from baler_root.dataset.rntuple import RNTuplePlan
from baler_root.dataset.ttree import TTreePlan
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
        filter_name: StringFilter = None,
        filter_typename: StringFilter = None,
        filter_branch: BranchFilter = None,
        filter_field: BranchFilter = None,
        aliases: Mapping[str, str] | None = None,
        language: Any = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: Any = "ak",
        how: How = None,
        ak_add_doc: bool | Mapping[str, str] = False,
    ) -> Any:
        """Several branches or formulas at once.

        `expressions`: names and formulas; None for every branch that the filters pass. `cut`: keeps the entries
        for which this formula is not zero. `aliases`: names for formulas. `entry_start`, `entry_stop`: the
        range of entries, negative ones counted from the end. `library`: `"ak"`, `"np"` or `"pd"`. `how`:
        `tuple`, `list`, `dict` or `"zip"`. `ak_add_doc`: titles become `__doc__` parameters; a dictionary gives
        parameter names and attributes.

        Raises KeyInFileError for a name that nothing has.
        """
        request = Request(
            expressions,
            cut,
            _filters(filter_name, filter_typename, filter_branch, filter_field),
            aliases,
            language,
            library,
            how,
            ak_add_doc,
        )
        start, stop = entry_range(self.num_entries, entry_start, entry_stop)
        plan = self._plan(request)
        return plan.build(self._tree.read(plan.branches, start, stop), start, stop)

    def iterate(
        self,
        expressions: Expressions = None,
        cut: str | None = None,
        *,
        filter_name: StringFilter = None,
        filter_typename: StringFilter = None,
        filter_branch: BranchFilter = None,
        filter_field: BranchFilter = None,
        aliases: Mapping[str, str] | None = None,
        language: Any = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        step_size: int | str = "100 MB",
        library: Any = "ak",
        how: How = None,
        ak_add_doc: bool | Mapping[str, str] = False,
        report: bool = False,
    ) -> Iterator[Any]:
        """What `arrays` gives, for `step_size` entries (or memory, `"100 MB"`) after the other.

        With `report`, pairs of that and uproot's Report, which says what entries they are.
        """
        request = Request(
            expressions,
            cut,
            _filters(filter_name, filter_typename, filter_branch, filter_field),
            aliases,
            language,
            library,
            how,
            ak_add_doc,
        )
        start, stop = entry_range(self.num_entries, entry_start, entry_stop)
        plan = self._plan(request)
        if not plan.branches:
            return
        step = self._entries_in(step_size, plan.branches) if isinstance(step_size, str) else index(step_size)
        if step < 1:
            raise ConfigError(f"step_size={step_size!r}: a step is at least one entry")
        for first in range(start, stop, step):
            last = min(first + step, stop)
            result = plan.build(self._tree.read(plan.branches, first, last), first, last)
            if report:
                from uproot.behaviors.TBranch import Report

                yield result, Report(self, first, last)
            else:
                yield result

    def num_entries_for(
        self,
        memory_size: int | str,
        expressions: Expressions = None,
        cut: str | None = None,
        *,
        filter_name: StringFilter = None,
        filter_typename: StringFilter = None,
        filter_branch: BranchFilter = None,
        filter_field: BranchFilter = None,
        aliases: Mapping[str, str] | None = None,
    ) -> int:
        """Number of entries of what `arrays` would read that fit into this memory (`"100 MB"`), at least 1."""
        filters = _filters(filter_name, filter_typename, filter_branch, filter_field)
        plan = self._plan(Request(expressions, cut, filters, aliases))
        return self._entries_in(memory_size, plan.branches)

    def _plan(self, request: Request) -> Plan:
        return TTreePlan(self, request) if self.kind == "TTree" else RNTuplePlan(self, request)

    def _entries_in(self, memory_size: int | str, branches: Sequence[int]) -> int:
        from uproot._util import memory_size as bytes_of

        per_entry = sum(self._tree.source.entry_size(branch) for branch in branches)
        return max(1, round(bytes_of(memory_size) / per_entry)) if per_entry else 1


def _filters(
    name: StringFilter, typename: StringFilter, branch: BranchFilter, by_field: BranchFilter
) -> Filters:
    return Filters.of(filter_name=name, filter_typename=typename, filter_branch=branch, filter_field=by_field)
