"""Requests for arrays of an RNTuple: the fields they need, and their results."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from baler_root.dataset.expressions import Formulas
from baler_root.dataset.filters import Filters, string_test
from baler_root.dataset.interfaces import BranchLike, NodeLike
from baler_root.dataset.libraries import group, library_name, numpy_of_field
from baler_root.dataset.request import Request
from baler_root.errors import ConfigError

if TYPE_CHECKING:
    import awkward as ak


class RNTupleRequest:
    """A request for arrays of an RNTuple, or of a field of one.

    The result keeps the shape of the data: top-level fields, with the members that are wanted. Expressions
    are names or filters, as in uproot. Unlike in uproot, formulas, aliases and the cut work as for a TTree,
    and an unknown name raises KeyInFileError.
    """

    def __init__(self, node: NodeLike, request: Request) -> None:
        self._node = node
        self._request = request
        self._formulas = Formulas(node, request)
        names = request.names()
        filters = request.filters
        formulas: list[str] = []
        if names is not None:
            if filters.name is not None:
                raise ConfigError("an RNTuple takes expressions or filter_name, not both")
            for name in names:
                self._check_stored(name)
            patterns = [name for name in names if self._matches(name)]
            formulas = [name for name in names if name not in patterns]
            filters = replace(filters, name=string_test(patterns))
        self._positions = self._selected_positions(filters)
        for formula in [*formulas, *([] if request.cut is None else [request.cut])]:
            self._formulas.add(formula)
        self._names_of_formulas = formulas
        self._tops = [top for top in node.tree.branches if top.position in self._positions and top.is_stored]
        self.branches = sorted({top.position for top in self._tops} | set(self._formulas.positions))

    def _check_stored(self, name: str) -> None:
        """Raise SourceError for the name of a field that was not stored."""
        branch = self._node.get(name)
        if branch is not None:
            branch.needed()

    def _matches(self, name: str) -> bool:
        """Whether an expression is a name or filter that finds fields, or can only be a filter."""
        if any(self._node.selected(Filters(string_test(name)))):
            return True
        try:
            ast.parse(name, mode="eval")
        except SyntaxError:
            return any(letter in name for letter in "*?[") or name.startswith("/")
        return False

    def _selected_positions(self, filters: Filters) -> set[int]:
        """Positions of the fields wanted, with all that is below and above them."""
        positions: set[int] = set()
        for _, branch in self._node.selected(filters):
            positions.add(branch.position)
            positions.update(descendant.position for descendant in branch.all_below())
            positions.update(ancestor.position for ancestor in branch.ancestors())
        node_branch = self._node.as_branch
        if node_branch is not None:
            positions.add(node_branch.position)
            positions.update(ancestor.position for ancestor in node_branch.ancestors())
        return positions

    def build(self, arrays: Mapping[int, ak.Array], start: int, stop: int) -> Any:
        """The result, of arrays that hold entries `start` to `stop`."""
        import awkward as ak

        branch = self._node.as_branch
        if branch is None:
            contents = [self._pruned(arrays[top.position], top) for top in self._tops]
            names = [top.name for top in self._tops]
            layout = ak.contents.RecordArray(
                contents, names, length=stop - start, parameters=_doc(self._node, self._request.ak_add_doc)
            )
            record = ak.Array(layout)
        else:
            record = _field_record(self._pruned(arrays[branch.top.position], branch.top), branch)
        if self._formulas.terms:
            record = self._with_formulas(record, arrays)
        return self._grouped(record, start)

    def _with_formulas(self, record: ak.Array, arrays: Mapping[int, ak.Array]) -> ak.Array:
        """The record with the formulas as further fields, the cut applied to each field."""
        import awkward as ak

        field_arrays = {
            branch.position: _project(arrays[branch.top.position], branch)
            for branch in self._formulas.branches
        }
        values = self._formulas.compute(field_arrays)
        cut = self._request.cut
        fields = {name: record[name] for name in record.fields}
        fields |= {name: values[name] for name in self._names_of_formulas}
        if cut is not None:
            mask = values[cut] != 0
            fields = {name: array[mask] for name, array in fields.items()}
        return ak.Array(fields) if fields else record

    def _pruned(self, array: ak.Array, top: BranchLike) -> ak.contents.Content:
        return _prune(array.layout, top, self._positions, self._request.ak_add_doc)

    def _grouped(self, record: ak.Array, start: int) -> Any:
        """The record in the library and grouping of the request."""
        library = library_name(self._request.library)
        how = self._request.how
        result: Any = record
        if library != "ak":
            result = {name: numpy_of_field(record[name]) for name in record.fields}
        if library == "pd":
            import uproot

            pandas = uproot.extras.pandas()
            result = pandas.DataFrame(result, index=pandas.RangeIndex(start, start + len(record)))
        if how is None:
            return result
        context = [(name, {"is_jagged": record[name].ndim > 1}) for name in record.fields]
        return group({name: result[name] for name in record.fields}, context, how, library)


def _prune(
    layout: ak.contents.Content,
    owner: BranchLike,
    positions: set[int],
    ak_add_doc: bool | Mapping[str, str],
    *,
    is_outermost: bool = True,
) -> ak.contents.Content:
    """The layout of a field with the members at these `positions` and descriptions as `ak_add_doc` says."""
    parameters = {**layout.parameters, **(_doc(owner, ak_add_doc) if is_outermost else {})}
    if not ak_add_doc and all(descendant.position in positions for descendant in owner.all_below()):
        return layout
    if layout.is_record:
        import awkward as ak

        members = {member.name: member for member in owner.branches}
        names = [name for name in layout.fields if name not in members or members[name].position in positions]
        contents = [
            _prune(layout.content(name), members[name], positions, ak_add_doc)
            if name in members
            else layout.content(name)
            for name in names
        ]
        fields = None if layout.is_tuple else names
        return ak.contents.RecordArray(contents, fields, length=len(layout), parameters=parameters)
    if owner.branches and (layout.is_list or layout.is_option or layout.is_indexed):
        content = _prune(layout.content, owner, positions, ak_add_doc, is_outermost=False)
        return layout.copy(content=content, parameters=parameters)
    return layout.copy(parameters=parameters)


def _doc(node: NodeLike, ak_add_doc: bool | Mapping[str, str]) -> dict[str, Any]:
    """The parameters that `ak_add_doc` adds to a field."""
    if isinstance(ak_add_doc, Mapping):
        return {
            key: getattr(node, attribute)
            for key, attribute in ak_add_doc.items()
            if node.as_branch is not None
        }
    return {"__doc__": node.title} if ak_add_doc and node.title else {}


def _field_record(layout: ak.contents.Content, branch: BranchLike) -> ak.Array:
    """A record of one field below the top, inside the lists that hold it."""
    import awkward as ak

    path = [*reversed([ancestor.name for ancestor in branch.ancestors()]), branch.name]
    depth = 0
    while depth < len(path) - 1 and layout.is_record:
        depth += 1
        layout = layout.content(path[depth] if path[depth] in layout.fields else layout.fields[0])
    result = ak.Array(ak.contents.RecordArray([layout], [path[depth]]))
    for name in path[depth:-1]:
        result = result[name]
    return result


def _project(array: ak.Array, branch: BranchLike) -> ak.Array:
    """The array of a field below the top, taken from the top field's array."""
    for name in [*reversed([ancestor.name for ancestor in branch.ancestors()]), branch.name][1:]:
        array = array[name]
    return array


def array_of_field(
    branch: BranchLike, arrays: Mapping[int, ak.Array], start: int, stop: int, request: Request
) -> Any:
    """The array of a field in the library of the request."""
    positions = {b.position for b in (branch, *branch.all_below(), *branch.ancestors())}
    record = _field_record(
        _prune(arrays[branch.top.position].layout, branch.top, positions, request.ak_add_doc), branch
    )
    array = record[record.fields[0]]
    library = library_name(request.library)
    if library == "ak":
        return array
    values = numpy_of_field(array)
    if library == "np":
        return values
    import uproot

    pandas = uproot.extras.pandas()
    return pandas.Series(values, index=pandas.RangeIndex(start, stop))
