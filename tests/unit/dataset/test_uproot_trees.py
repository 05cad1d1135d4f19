"""TTrees: names, types and arrays as uproot gives them for the original."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.dataset.file import File
from baler_root.errors import SourceError
from tests.conftest import data_path
from tests.helpers.compare import assert_same
from tests.helpers.uproot_pairs import Pair, Sample, both
from tests.helpers.uproot_source import FakeFile


def test_names_and_types(pair: Pair) -> None:
    for call in (
        lambda t: t.name,
        lambda t: t.title,
        lambda t: t.object_path,
        lambda t: t.num_entries,
        len,
        lambda t: t.keys(),
        lambda t: t.keys(recursive=False),
        lambda t: t.keys(full_paths=False),
        lambda t: t.keys(full_paths=False, ignore_duplicates=True),
        lambda t: t.keys(filter_name=pair.sample.glob),
        lambda t: t.keys(filter_name=["/.*e.*/i", pair.sample.flat]),
        lambda t: t.keys(filter_typename="*float*"),
        lambda t: t.keys(filter_branch=lambda b: b.name.endswith("x")),
        lambda t: t.typenames(),
        lambda t: t.typenames(filter_name=lambda name: "t" in name),
        lambda t: t.aliases,
        lambda t: [(name, branch.name, branch.title, branch.object_path) for name, branch in t.items()],
        lambda t: [branch.index for branch in t.values()],
        lambda t: [branch.name for branch in t],
        lambda t: [branch.num_entries for branch in t.values()],
        lambda t: [branch.parent.name for branch in t.values()],
        lambda t: [branch.top_level for branch in t.values()],
        lambda t: [
            branch.count_branch.name if branch.count_branch is not None else None for branch in t.values()
        ],
    ):
        both(pair, call)


def test_every_name_finds_the_same_branch(pair: Pair) -> None:
    for key in [*pair.theirs.keys(), *pair.theirs.keys(full_paths=False)]:
        for name in (key, f"/{key}"):
            theirs = pair.theirs.get(name)
            ours = pair.ours.get(name)
            assert (ours is None) == (theirs is None)
            if theirs is not None:
                assert (ours.object_path, ours.index) == (theirs.object_path, theirs.index)
                assert name in pair.ours


def test_show(pair: Pair) -> None:
    def shown(tree: Any, **options: Any) -> str:
        stream = io.StringIO()
        tree.show(stream=stream, **options)
        return stream.getvalue()

    raw = pair.raw
    plain = {"filter_branch": lambda b: not len(b) and b.name not in raw, "interpretation_width": 40}
    assert shown(pair.ours, **plain) == shown(pair.theirs, **plain)
    one = pair.sample.flat
    assert shown(pair.ours[one]) == shown(pair.theirs[one])


def test_arrays_of_everything(pair: Pair) -> None:
    for options in ({}, {"entry_stop": 10, "how": dict}, {"entry_start": -5, "how": tuple}, {"how": "zip"}):
        both(pair, lambda t, options=options: t.arrays(filter_name=pair.readable, **options))


@pytest.mark.parametrize(
    ("start", "stop"),
    [(None, None), (3, 17), (-7, None), (None, -20), (-30, -20), (9, 4), (0, 10**9), (-(10**9), 2)],
)
def test_entry_ranges(pair: Pair, start: int | None, stop: int | None) -> None:
    names = [name for name in (pair.sample.flat, pair.sample.jagged) if name]
    both(pair, lambda t: t.arrays(names, entry_start=start, entry_stop=stop))
    for name in names:
        both(pair, lambda t, name=name: t[name].array(entry_start=start, entry_stop=stop))


def test_filters_of_arrays(pair: Pair) -> None:
    for options in (
        {"filter_name": pair.sample.glob},
        {"filter_name": f"/.*{pair.sample.flat[-3:].upper()}.*/i"},
        {"filter_name": [pair.sample.flat, pair.sample.glob]},
        {"filter_name": "nothing has this name"},
        {"filter_typename": "float"},
        {"filter_typename": ["int32_t", "float[]"]},
        {"filter_branch": lambda branch: len(branch.name) % 3 == 1},
        {"filter_name": pair.sample.glob, "filter_typename": "/.*(float|int).*/"},
    ):
        both(pair, lambda t, options=options: t.arrays(entry_stop=50, **options))


def test_expressions(pair: Pair) -> None:
    flat, jagged = pair.sample.flat, pair.sample.jagged
    calls: list[dict[str, Any]] = [
        {"expressions": flat},
        {"expressions": [flat, flat]},
        {"expressions": f"{flat}**2 + 1"},
        {"expressions": [flat, f"sqrt(abs({flat}))"], "cut": f"{flat} > 1"},
        {"expressions": ["twice", "four"], "aliases": {"twice": f"2 * {flat}", "four": "twice + twice"}},
        {"expressions": f"get({flat!r}) * 3"},
        {"expressions": {flat: None}},
        {"cut": f"({flat} > 0) & ({flat} < 5)", "filter_name": pair.sample.glob},
    ]
    if jagged:
        calls += [
            {"expressions": [jagged, flat], "how": dict},
            {"expressions": [f"where({jagged} > 3, {jagged}, 0)", f"-{jagged} * {flat}"]},
            {"expressions": [jagged], "cut": f"{jagged} > 20"},
            {"expressions": ["x"], "aliases": {"x": f"hypot({jagged}, {jagged})"}, "how": list},
        ]
    for call in calls:
        both(pair, lambda t, call=call: t.arrays(entry_stop=100, **call))


def test_expressions_of_a_branch(pair: Pair) -> None:
    """`branch.arrays()` of a leaf is a record of it alone; of a group, what is below it."""
    both(pair, lambda t: t[pair.sample.flat].arrays(entry_stop=20))
    for name, group in pair.theirs.items(recursive=False):
        if len(group) > 1 and not any(below.missing or below.is_raw for below in pair.ours[name].all_below()):
            both(pair, lambda t, name=name: t[name].arrays(entry_stop=20))
            both(pair, lambda t, name=name: t[name].array(entry_stop=20))
            both(pair, lambda t, name=name: t[name].keys())


def test_numpy(pair: Pair) -> None:
    names = [name for name in (pair.sample.flat, pair.sample.jagged) if name]
    both(pair, lambda t: t.arrays(library="np", entry_stop=50, filter_name=pair.readable))
    both(pair, lambda t: t.arrays(names, library="numpy", entry_start=-50, how=tuple))
    both(pair, lambda t: t.arrays([f"{names[0]} * 2"], f"{names[0]} > 1", library="np", entry_stop=50))
    for name in names:
        both(pair, lambda t, name=name: t[name].array(library="np", entry_stop=50))
    both(pair, lambda t: np.asarray(t[pair.sample.flat]))


def test_pandas(pair: Pair) -> None:
    pytest.importorskip("pandas")
    flat = pair.sample.flat
    both(pair, lambda t: t.arrays([flat, f"{flat} + 1"], library="pd", entry_start=5, entry_stop=50))
    both(pair, lambda t: t.arrays([flat], f"{flat} > 1", library="pd", entry_stop=50))
    both(pair, lambda t: t[flat].array(library="pd", entry_start=-10))
    both(pair, lambda t: list(t.iterate([flat], library="pd", step_size=17, entry_stop=50)))


def test_pandas_wants_awkward_pandas_for_lists(pair: Pair) -> None:
    """Same error, or same result, as uproot."""
    pytest.importorskip("pandas")
    if not pair.sample.jagged:
        return
    call = lambda t: t.arrays([pair.sample.jagged], library="pd", entry_stop=20)
    if importlib.util.find_spec("awkward_pandas") is None:
        for tree in (pair.ours, pair.theirs):
            with pytest.raises(ModuleNotFoundError, match="awkward-pandas"):
                call(tree)
    else:
        assert [list(x) for x in call(pair.ours).iloc[:, 0]] == [
            list(x) for x in call(pair.theirs).iloc[:, 0]
        ]


def test_documentation(pair: Pair) -> None:
    def documented(tree: Any, doc: Any) -> Any:
        array = tree.arrays([pair.sample.flat], entry_stop=3, ak_add_doc=doc)
        return [array.layout.parameters, array[pair.sample.flat].layout.parameters, ak.parameters(array)]

    both(pair, lambda t: documented(t, True))
    both(pair, lambda t: documented(t, {"title": "title"}))
    both(pair, lambda t: t[pair.sample.flat].array(entry_stop=3, ak_add_doc=True).layout.parameters)


def test_mistakes_raise_the_same_kind(pair: Pair) -> None:
    flat = pair.sample.flat
    for call, kind in [
        (lambda t: t["no such branch"], KeyError),
        (lambda t: t.arrays("no_such_branch + 1"), KeyError),
        (lambda t: t.arrays(flat, "no_such_branch > 1"), KeyError),
        (lambda t: t.arrays("a", aliases={"a": "b", "b": "a"}), ValueError),
        (lambda t: t.arrays(f"{flat} +"), SyntaxError),
        (lambda t: t.arrays(flat, library="xx"), ValueError),
        (lambda t: t.arrays(flat, how="nonsense"), TypeError),
        (lambda t: t.arrays(5), TypeError),
        (lambda t: t.arrays(filter_name=5), TypeError),
        (lambda t: t.keys(filter_branch="x"), TypeError),
        (lambda t: list(t.iterate(flat, step_size="much")), TypeError),
        (lambda t: t.show(name_width=2), ValueError),
        (lambda t: t[10**6], IndexError),
        (lambda t: t[2.5], TypeError),
    ]:
        for tree in (pair.ours, pair.theirs):
            with pytest.raises(kind):
                call(tree)


@pytest.mark.parametrize(
    ("file", "tree"),
    [
        ("fcc_edm4hep_100", "events"),
        pytest.param("emc_12k", "emc", marks=pytest.mark.slow),
        ("atlas_analysisminitree_100", "AnalysisMiniTree"),
        ("double32_demo_40k", "T"),
        ("cms_deepjet_ttbar_7k", "deepntuplizer/tree"),
    ],
)
def test_objects_groups_and_stl(file: str, tree: str, compressed: Callable[[str, str], Path]) -> None:
    """Groups in groups, vectors of vectors, objects: all branches, a few entries."""
    path = data_path("real", f"{file}.root")
    with uproot.open(path) as theirs, baler_root.open(compressed(f"real/{file}", tree)) as ours:
        pair = Pair(ours[tree], theirs[tree], Sample(file, tree, "", "", ""))
        both(pair, lambda t: t.keys())
        both(pair, lambda t: t.typenames())
        readable = {branch.name for branch in pair.ours.values() if not branch.missing}
        both(pair, lambda t: t.arrays(entry_stop=20, filter_branch=lambda b: b.name in readable))
        for name, branch in pair.ours.items():
            if branch.missing or any(below.missing or below.is_group for below in branch.all_below()):
                continue  # uproot fails here; on groups in groups since it looks for the wrong names
            both(pair, lambda t, name=name: t[name].array(entry_stop=5))
            if "Model" not in branch.interpretation:
                both(pair, lambda t, name=name: t[name].array(entry_stop=5, library="np"))


@pytest.mark.slow
def test_every_branch_of_the_coverage_files(data_dir: Path) -> None:
    """All that uproot can read, in both libraries, except objects that are classes there (`library="np"`)."""
    compared = 0
    for path in sorted((data_dir / "coverage").glob("uproot-*.root")):
        with uproot.open(path) as theirs:
            trees = [key for key, name in theirs.classnames().items() if name == "TTree"]
            if not trees:
                continue
            with contextlib.ExitStack() as stack:
                try:
                    ours = stack.enter_context(File(FakeFile(path, trees[:1])))
                except SourceError:  # no tree, or none that uproot can open
                    continue
                for name, branch in list(ours[trees[0]].items())[:150]:
                    models = [
                        b.interpretation for b in (branch, *branch.all_below()) if "Model" in b.interpretation
                    ]
                    for library in ("ak",) if models else ("ak", "np"):
                        try:
                            expected = theirs[trees[0]][name].array(entry_stop=3, library=library)
                        except Exception:  # noqa: BLE001  # uproot cannot read it
                            continue
                        if not branch.missing:
                            assert_same(branch.array(entry_stop=3, library=library), expected)
                            compared += 1
    assert compared > 5000
