"""Requests for arrays of a TTree: the branches they need, and their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from baler_root.dataset.expressions import Formulas
from baler_root.dataset.interfaces import BranchLike, NodeLike
from baler_root.dataset.libraries import Context, convert, group, library_name
from baler_root.dataset.request import Request

if TYPE_CHECKING:
    import awkward as ak


class TTreeRequest:
    """A request for arrays of a TTree, or of a branch of one.

    Without expressions, the result has one field for each branch that holds values, by its name; raw branches
    must be named. A group of
    which the filters pass only some members is one field, with all its members.
    """

    def __init__(self, node: NodeLike, request: Request) -> None:
        self._node = node
        self._request = request
        self._library = library_name(request.library)
        self._formulas = Formulas(node, request)
        names = request.names()
        if names is None:
            for branch in _requested_branches(node, request):
                self._formulas.add_branch(branch.name, branch)
        else:
            for name in names:
                self._formulas.add(name)
        if request.cut is not None:
            self._formulas.add(request.cut, is_cut=True)
        self.branches = self._formulas.positions

    def build(self, arrays: Mapping[int, ak.Array], start: int, stop: int) -> Any:
        """The result, of arrays that hold entries `start` to `stop`."""
        branch_arrays = {
            branch.position: array_of_branch(branch, arrays, start, stop, self._request)
            for branch in self._formulas.branches
        }
        values = self._formulas.compute(branch_arrays)
        context: Context = [
            (term.name, {"is_jagged": term.is_jagged}) for term in self._formulas.terms if term.is_result
        ]
        result = group(values, context, self._request.how, self._library)
        return _documented(result, self._node, self._request.ak_add_doc)


def array_of_branch(
    branch: BranchLike, arrays: Mapping[int, ak.Array], start: int, stop: int, request: Request
) -> Any:
    """The array of a branch in the library of the request; for a group, the grouped arrays of its members."""
    library = library_name(request.library)
    if branch.is_group:
        members = {member.name: member for member in branch.branches if not (member.missing or member.is_raw)}
        member_arrays = {
            name: array_of_branch(member, arrays, start, stop, request) for name, member in members.items()
        }
        context: Context = [(name, {"is_jagged": member.is_jagged}) for name, member in members.items()]
        return _documented(group(member_arrays, context, request.how, library), branch, request.ak_add_doc)
    array = arrays[branch.position]
    if branch.is_raw:
        array = array["bytes"]
    if request.ak_add_doc and library == "ak":
        import awkward as ak

        array = ak.with_parameter(array, "__doc__", branch.title)
    return convert(array, branch.interpretation, library, start, stop)


def _documented(result: Any, node: NodeLike, ak_add_doc: bool | Mapping[str, str]) -> Any:
    """An array whose parameters hold its title, or the attributes that `ak_add_doc` names."""
    import awkward as ak

    if ak_add_doc and isinstance(result, ak.Array):
        attributes = ak_add_doc if isinstance(ak_add_doc, Mapping) else {"__doc__": "title"}
        for key, attribute in attributes.items():
            result = ak.with_parameter(result, key, getattr(node, attribute))
    return result


def _requested_branches(node: NodeLike, request: Request) -> Iterator[BranchLike]:
    """Branches of a request without expressions; of several with one name the first."""
    node_branch = node.as_branch
    if node_branch is not None and not len(node_branch):
        if request.filters.passes(node_branch, node_branch.name, "/"):
            yield node_branch
        return
    selected = [branch for _, branch in node.selected(request.filters)]
    stored = {branch.position for branch in selected if branch.is_stored}
    groups: dict[int, BranchLike] = {}
    hidden: set[int] = set()
    for branch in selected:
        if not branch.is_group or any(member.missing or member.is_raw for member in branch.branches):
            continue
        members = set(branch.stored_below())
        if not members or not members <= stored:
            hidden |= members & stored
            groups[branch.position] = branch
    outermost = [b for b in groups.values() if not any(a.position in groups for a in b.ancestors())]
    seen: set[str] = set()
    for branch in [*(b for b in selected if b.is_stored and b.position not in hidden), *outermost]:
        if branch.name not in seen:
            seen.add(branch.name)
            yield branch
