"""ROOT files written: real files come back."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import uproot

from baler_root.rootio.array_parts import values_of
from baler_root.rootio.raw.raw_branch import RawBranch
from baler_root.rootio.raw.record_writer import OutputRecord
from baler_root.rootio.read_back import same_values
from baler_root.rootio.rntuple_writer import lay_out_rntuple
from baler_root.rootio.source import RootSource
from baler_root.rootio.ttree_layout import lay_out_ttree
from baler_root.rootio.write import write_root
from tests.conftest import data_path
from tests.helpers.rootio_write import Clusters

FILES = [
    ("real", "cms_nano_2015_ttbar_200.root"),
    ("real", "delphes_z91_100.root"),
    ("real", "atlas_4lep_data_A.root"),
    ("real", "double32_demo_40k.root"),
    ("real", "cms_scouting_nano_40.root"),
    ("coverage", "uproot-HZZ-lz4.root"),
    ("coverage", "uproot-Zmumu.root"),
    ("coverage", "uproot-leaflist.root"),
    ("coverage", "uproot-vectorVectorDouble.root"),
    ("coverage", "uproot-issue-60.root"),
    ("coverage", "uproot-issue-172.root"),
    ("coverage", "uproot-issue243-new.root"),
    ("coverage", "uproot-small-evnt-tree-nosplit.root"),
    ("coverage", "uproot-sample-6.20.04-uncompressed.root"),
    ("coverage", "test_emptystruct_invalidvar_rntuple_v1-0-0-0.root"),
    ("coverage", "test_class_inheritance_rntuple_v1-0-0-1.root"),
    ("coverage", "ntpl001_staff_rntuple_v1-0-0-0.root"),
    ("coverage", "test_float_types_rntuple_v1-0-0-0.root"),
]


@pytest.mark.parametrize(("folder", "name"), FILES, ids=[name for _, name in FILES])
def test_real_files_come_back(folder: str, name: str) -> None:
    with RootSource(data_path(folder, name)) as source:
        trees = [source.open_tree(key) for key in source.tree_keys()]
        data = [tree.read(tree.schema.stored(), 0, tree.schema.num_entries) for tree in trees]
    file = io.BytesIO()
    schemas = [tree.schema for tree in trees]

    def parts(position: int) -> Clusters:
        step = max(1, -(-schemas[position].num_entries // 2))
        starts = range(0, schemas[position].num_entries, step)
        return lambda: ({i: a[s : s + step] for i, a in data[position].items()} for s in starts)

    results = write_root(file, [(schema, parts(i)) for i, schema in enumerate(schemas)])
    with uproot.open(file) as back:
        for result, schema, arrays in zip(results, schemas, data, strict=True):
            cycle = [s.path for s in schemas[: schemas.index(schema) + 1]].count(schema.path)
            tree = back[f"{schema.path};{cycle}"]
            assert tree.num_entries == schema.num_entries
            if result.kind == "TTree":
                plan = lay_out_ttree(schema, arrays)
                items = list(_written(plan.branches, tree.branches))
                if not any("with counter" in note for note in result.notes):
                    assert {source for source, _, _ in items} == set(schema.stored())
            else:
                fields = zip(lay_out_rntuple(schema).fields, tree.fields, strict=True)
                items = [(position, (), item) for position, item in fields]
            assert {source for source, _, _ in items if source is not None} == set(arrays)
            for source, members, item in items:
                if source is None:
                    continue
                array, raw = values_of(arrays[source], members), schema.branches[source].raw
                read = RawBranch(item).array(0, len(array)) if raw else item.array()
                assert same_values(read, array), (schema.path_of(source), members)


def _written(
    plan: Sequence[Any], branches: Sequence[Any]
) -> Iterator[tuple[int | None, tuple[str, ...], Any]]:
    """Position and members in the source, and uproot's branch, of everything with values.

    Described branches are included.
    """
    for item, branch in zip(plan, branches, strict=True):
        if not isinstance(item, OutputRecord):
            yield item.source, item.members, branch
            continue
        if item.has_values:
            yield item.source, item.members, branch
        yield from _written(item.children, branch.branches)
