"""The container: what is written is read back, one pass, tiled without holes; each lie in it has its error."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import (
    CorruptFileError,
    FormatError,
    OutputError,
    SourceError,
    TruncatedFileError,
    UnsupportedFeatureError,
)
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.container.layout import (
    BLOCK,
    HEAD,
    PAGE_ENTRY,
    SECTION,
    TRAILER,
    BlockHeader,
    BlockKind,
    Trailer,
    check_head,
    open_block,
    pack_head,
)
from baler_root.format.container.manifest import Manifest, StoredTree, canonical_json
from baler_root.format.container.read import open_container
from baler_root.format.container.write import AtomicFile, ContainerWriter
from baler_root.format.limits import MAX_COLUMN_LENGTH
from baler_root.format.schema import Branch, Tree
from tests.helpers.forge import Forger, Json


@pytest.fixture
def baler(jagged_root: Path, tmp_path: Path) -> Path:
    """A small file of three clusters."""
    path = tmp_path / "in.baler"
    baler_root.compress(jagged_root, path, cluster_size=400)
    return path


@pytest.fixture
def forger(baler: Path) -> Forger:
    return Forger(baler)


def test_sizes_of_structs() -> None:
    """Fixed widths, with nothing that depends on the machine."""
    sizes = [part.size for part in (HEAD, BLOCK, PAGE_ENTRY, SECTION, TRAILER)]
    assert sizes == [16, 36, 40, 16, 68]


def test_magic_has_canaries() -> None:
    """A byte with the high bit, both line ends, and end-of-file: what careless copying changes."""
    head = pack_head()
    assert head[0] >= 0x80
    assert b"\r\n" in head
    assert b"\x1a" in head
    mangled = head.replace(b"\r\n", b"\n") + b"\0"
    with pytest.raises(CorruptFileError, match="copied in text mode"):
        check_head(mangled, "x")


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back(value: int) -> None:
    packed = pack_varint(value)
    cursor = Cursor(packed)
    assert cursor.varint() == value
    assert len(packed) == max(1, -(-value.bit_length() // 7))
    cursor.finish("the number")


@pytest.mark.parametrize("data", [b"\xff" * 10, b"\x80" * 11 + b"\1", b"\xff" * 9 + b"\2"])
def test_endless_varints_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptFileError, match="varint"):
        Cursor(data).varint()


@given(
    st.one_of(
        st.binary(max_size=300), st.builds(lambda a, n: a * n, st.binary(max_size=9), st.integers(0, 9999))
    )
)
def test_packed_bytes_come_back(data: bytes) -> None:
    packed = pack_bytes(data)
    cursor = Cursor(packed + b"rest")
    assert bytes(unpack_bytes(cursor, len(data))) == data
    assert bytes(cursor.rest()) == b"rest"
    assert len(packed) <= len(data) + 5
    if len(data) > 1 and packed[0] & 1:
        with pytest.raises(CorruptFileError, match=r"claim to hold"):
            unpack_bytes(Cursor(packed), len(data) - 1)


def test_blocks_are_covered_by_their_checksum_to_the_last_bit() -> None:
    block, digest = BlockHeader(BlockKind.PAGE, 1, 2, 3, 0).seal(b"payload")
    header, payload, found = open_block(memoryview(block), "x")
    assert (header, bytes(payload), found) == (BlockHeader(BlockKind.PAGE, 1, 2, 3, 0), b"payload", digest)
    for bit in range(8 * len(block)):
        broken = bytearray(block)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError, match="x: "):
            open_block(memoryview(broken), "x")


def test_trailer_comes_back_and_is_covered() -> None:
    trailer = Trailer(1000, 200, 99, 1200 + TRAILER.size, previous=500)
    data = trailer.pack()
    assert Trailer.unpack(data, trailer.file_size, "x") == trailer
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            Trailer.unpack(bytes(broken), trailer.file_size, "x")


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


def test_opening_and_describing(baler: Path) -> None:
    with open_container(baler) as container:
        assert len(container.manifest.trees[0].clusters) == 3
        assert all(len(container.read_pages([page])[page][0]) > 0 for page in container.page_ids())
        assert "cluster 2 of tree 'Events'" in container.describe(container.page_ids()[-1])
        sizes = int(container.pages["size"].sum()) + sum(block[3] for block in container.manifest.blocks)
        assert HEAD.size + sizes + container.trailer.footer_size + TRAILER.size == container.size


# Wrong files


@pytest.mark.parametrize("data", [b"", b"root", b"\x89BLR", b"x" * 1000, b"\x89PNG\r\n\x1a\n" + b"\0" * 500])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.baler"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=str(path)):
        baler_root.open(path)


def test_root_files_are_refused_by_name(jagged_root: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"not a \.baler file"):
        baler_root.open(jagged_root)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        open_container(tmp_path / "none.baler")
    with pytest.raises(SourceError, match="is a folder"):
        open_container(tmp_path)


def test_truncated_file_says_what_to_do(baler: Path) -> None:
    baler.write_bytes(baler.read_bytes()[:-100])
    with pytest.raises(TruncatedFileError, match="baler-root recover"):
        open_container(baler)


def test_future_versions_are_refused(forger: Forger, tmp_path: Path, baler: Path) -> None:
    def newer(tail: bytearray) -> None:
        struct.pack_into("<H", tail, TRAILER.size - 20, 7)

    with pytest.raises(
        UnsupportedFeatureError, match=r"format version 7\.0 is newer.*pip install -U baler-root"
    ):
        open_container(forger.write(tmp_path / "new.baler", trailer=newer))
    data = bytearray(baler.read_bytes())
    data[8] = 9
    baler.write_bytes(data)
    with pytest.raises(UnsupportedFeatureError, match=r"format version 9\.0 is newer"):
        open_container(baler)


def test_newer_minor_versions_are_read(forger: Forger, tmp_path: Path) -> None:
    def minor(tail: bytearray) -> None:
        struct.pack_into("<H", tail, TRAILER.size - 18, 5)

    path = forger.write(tmp_path / "minor.baler", trailer=minor)
    assert baler_root.verify(path).ok
    assert baler_root.inspect(path)["format"] == "1.5"


def test_unknown_critical_features_are_named_and_ancillary_ones_ignored(
    forger: Forger, tmp_path: Path
) -> None:
    def critical(tail: bytearray) -> None:
        struct.pack_into("<I", tail, 40, 1 << 5 | 1 << 31)

    def ancillary(tail: bytearray) -> None:
        struct.pack_into("<I", tail, 44, 1 << 5)

    with pytest.raises(UnsupportedFeatureError, match=r"critical feature bit\(s\) 5, 31"):
        open_container(forger.write(tmp_path / "critical.baler", trailer=critical))
    assert baler_root.verify(forger.write(tmp_path / "ancillary.baler", trailer=ancillary)).ok


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


def test_forging_nothing_changes_nothing(forger: Forger, baler: Path, tmp_path: Path) -> None:
    """The lies above are found for what they are: the forger itself writes the same file."""
    assert forger.write(tmp_path / "same.baler").read_bytes() == baler.read_bytes()


def test_page_table_must_fit(forger: Forger, tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="a page table of 41 bytes"):
        open_container(forger.write(tmp_path / "a.baler", table=lambda table: table[:41]))
    with pytest.raises(CorruptFileError, match="a page table of 1 rows"):
        open_container(forger.write(tmp_path / "b.baler", table=lambda table: table[:40]))


def test_swapped_pages_are_found(forger: Forger, tmp_path: Path) -> None:
    """Each page is whole, but in the place of another: the block says which one it is."""
    path = forger.write(tmp_path / "swapped.baler", table=lambda t: t[40:80] + t[:40] + t[80:])
    problems = baler_root.verify(path).problems
    assert any("holds another block than the page table says" in problem for problem in problems)


# Writing


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    output = AtomicFile(target)
    output.file.write(b"half")
    assert not target.exists()
    assert output.temporary.parent == tmp_path
    output.discard()
    assert list(tmp_path.iterdir()) == []
    output = AtomicFile(target)
    output.file.write(b"whole")
    output.commit()
    output.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]
    assert target.read_bytes() == b"whole"


def test_output_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    output = AtomicFile(target)
    target.write_bytes(b"somebody else's")
    with pytest.raises(OutputError, match="exists already"):
        output.commit()
    output.discard()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"somebody else's"]


def test_where_output_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    with pytest.raises(OutputError, match="exists already; use --overwrite"):
        AtomicFile(tmp_path / "there")
    with pytest.raises(OutputError, match=r"the folder .* does not exist; create it first"):
        AtomicFile(tmp_path / "none" / "out")
    with pytest.raises(OutputError, match="is a folder"):
        AtomicFile(tmp_path, overwrite=True)
    (tmp_path / "there").unlink()
    assert list(tmp_path.iterdir()) == []


def test_later_generations_point_to_earlier_ones(baler: Path, tmp_path: Path) -> None:
    """A copy under a new footer: the first file is in it byte for byte, and still whole."""
    target = tmp_path / "second.baler"
    with open_container(baler) as base, ContainerWriter(target, base=base) as writer:
        writer.finish(Manifest(base.manifest.trees, base.manifest.codecs))
    size = baler.stat().st_size
    assert target.read_bytes()[:size] == baler.read_bytes()
    with open_container(target) as container:
        assert container.trailer.previous == size
        assert container.manifest.superseded[0][0] + container.manifest.superseded[0][1] == size
    assert baler_root.verify(target).ok


def test_pages_are_fetched_once_while_they_are_remembered(
    baler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_file(baler) as file:
        tree = file.trees[0]
        first = tree.read_columns([0], [0])
        tree.read_columns([0], [0])
        monkeypatch.setattr(
            file.container._source, "read", lambda ranges: [] if not ranges else pytest.fail("read again")
        )
        assert first[0][0].tobytes() == tree.read_columns([0], [0])[0][0].tobytes()
