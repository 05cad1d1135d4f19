"""The manifest: canonical JSON, and refused where it lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import (
    CorruptFileError,
)
from baler_root.format.container.manifest import Manifest, StoredTree, canonical_json
from baler_root.format.container.read import open_container
from baler_root.format.limits import MAX_COLUMN_LENGTH
from baler_root.format.schema import Branch, Tree
from tests.helpers.forge import Forger, Json


def test_manifest_is_canonical_json(baler: Path) -> None:
    with open_container(baler) as container:
        text = canonical_json(container.manifest.to_json())
        assert (
            json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            == text.decode()
        )
        assert Manifest.unpack(container.manifest.pack()) == container.manifest


def test_manifest_of_everything_comes_back() -> None:
    """Names of any kind, parents, aliases, groups without columns, two branches of one name."""
    form = {"class": "NumpyArray", "primitive": "float32"}
    branches = (
        Branch("group", None, "Klass", "a title"),
        Branch("µ/x", 0, "float", "", "AsDtype('>f4')", form, counter="nµ"),
        Branch("µ/x", 0, "float", "again", "AsDtype('>f4')", form),
        Branch("lost", None, "Odd<T>", missing="uproot: cannot"),
        Branch("\udcff\n\0", None, "float", form=form),
    )
    tree = Tree("dir/Events", 3, "TTree", 't"itle', 5, branches, {"a": "b+1"}, "ZLIB(1)")
    stored = StoredTree(tree, (2, 3), ((1, 2), (3,)), (0, 1), (("lossless", "why"),) * 3, (), ("entries",))
    manifest = Manifest(
        (stored, StoredTree(tree, same_as=0, bounds=stored.bounds)), provenance={"x": [1, None]}
    )
    assert Manifest.unpack(manifest.pack()) == manifest


# Lies with right checksums


def entries(document: Json) -> None:
    document["trees"][0]["entries"] = 1 << 60


def one_huge_cluster(document: Json) -> None:
    document["trees"][0].update(entries=1 << 60, clusters=[1 << 60], layout=[[0, 1]])


def many_clusters(document: Json) -> None:
    document["trees"][0].update(entries=10**6, clusters=[1] * 10**6, layout=[[0, 10**6]])


def layouts_without_end(document: Json) -> None:
    document["trees"][0]["layout"] = [[0, 1 << 60]]


def no_such_layout(document: Json) -> None:
    document["trees"][0]["layout"] = [[7, 3]]


def other_columns(document: Json) -> None:
    document["trees"][0]["layouts"] = [[1 << 40]]


def wide_rows(document: Json) -> None:
    form = {
        "class": "RegularArray",
        "size": 1 << 60,
        "content": {"class": "NumpyArray", "primitive": "float64"},
    }
    document["trees"][0]["forms"]["of"][0] = form


def block_elsewhere(document: Json) -> None:
    document["blocks"][0][2] += 8


def block_missing(document: Json) -> None:
    document["blocks"] = []


def block_beyond(document: Json) -> None:
    document["blocks"][0][3] = 1 << 62


def footer_twice(document: Json) -> None:
    document["superseded"] = [[16, 100]]


def repeats_itself(document: Json) -> None:
    document["trees"][0].update(same_as=0, clusters=[], layout=[], layouts=[], lists=[])


def repeats_nothing(document: Json) -> None:
    document["trees"].append(
        {**document["trees"][0], "same_as": 5, "clusters": [], "layout": [], "layouts": []}
    )


def repeats_with_clusters(document: Json) -> None:
    document["trees"].append({**document["trees"][0], "same_as": 0})


def repeats_another_kind(document: Json) -> None:
    other = json.loads(json.dumps(document["trees"][0]))
    other.update(same_as=0, clusters=[], layout=[], layouts=[], lists=[], entries=999)
    document["trees"].append(other)


def parent_later(document: Json) -> None:
    document["trees"][0]["parents"][0] = 3


def kind_unknown(document: Json) -> None:
    document["trees"][0]["kind"] = "TChain"


def bounds_too_few(document: Json) -> None:
    document["trees"][0]["bounds"]["at"].pop()


def text_is_number(document: Json) -> None:
    document["trees"][0]["names"][0] = 5


def negative(document: Json) -> None:
    document["trees"][0]["cycle"] = -1


def fraction(document: Json) -> None:
    document["trees"][0]["clusters"][0] = 400.0


def trees_missing(document: Json) -> None:
    del document["trees"]


LIES: dict[Callable[[Json], None], str] = {
    entries: "clusters of 1000 entries, not 1152921504606846976",
    one_huge_cluster: f"a cluster must have 1 to {MAX_COLUMN_LENGTH} entries",
    many_clusters: "a page table of",
    layouts_without_end: "layouts of a number of clusters other than 3",
    no_such_layout: "a cluster has no layout",
    other_columns: "a layout does not have",
    wide_rows: "cannot be stored",
    block_elsewhere: "blocks overlap or leave a hole",
    block_missing: "blocks overlap or leave a hole",
    block_beyond: "blocks overlap or leave a hole",
    footer_twice: "blocks overlap or leave a hole at byte 16",
    repeats_itself: "a page table of|repeats tree 0",
    repeats_nothing: "the number of lists|repeats tree 5|yet has clusters",
    repeats_with_clusters: "yet has clusters of its own",
    repeats_another_kind: "repeats tree 0, which is of another kind",
    parent_later: "branch 0 stands before its parent 3",
    kind_unknown: "a tree of kind 'TChain'",
    bounds_too_few: "the number of bounds is wrong",
    text_is_number: "text expected, found 5",
    negative: "a count expected, found -1",
    fraction: "a count expected, found 400.0",
    trees_missing: "the manifest is not valid",
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: str(lie.__name__))
def test_manifests_that_lie_are_refused(lie: Callable[[Json], None], forger: Forger, tmp_path: Path) -> None:
    path = forger.write(tmp_path / "lie.baler", manifest=lie)
    with pytest.raises(CorruptFileError, match=LIES[lie]), open_file(path) as file:
        file.trees[0].read(file.trees[0].schema.stored(), 0, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not valid"),
        (b"[]", "not valid"),
        (b'{"trees":[],"trees":[]}', "a key appears twice"),
        (b'{"trees":NaN}', "NaN is not allowed"),
        (b"\xff{}", "not valid"),
        (b"[" * 100_000, "not valid"),
        (b'{"trees":' + b"9" * 10_000 + b"}", "not valid"),
    ],
)
def test_manifests_that_are_no_documents_are_refused(
    text: bytes, said: str, forger: Forger, tmp_path: Path
) -> None:
    with pytest.raises(CorruptFileError, match=said):
        open_container(forger.write(tmp_path / "lie.baler", text=lambda _: text))
