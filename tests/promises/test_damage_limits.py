"""Damage is found: limits on what a manifest says bound the time and memory of a reader."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import (
    BalerError,
    CorruptFileError,
    KeyInFileError,
    MissingModelError,
    SourceError,
    UnreadableBranchError,
)
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.columns.form_columns import columns_of
from baler_root.format.container.layout import BlockKind
from baler_root.format.limits import MAX_AXES, MAX_FORM_DEPTH, MAX_JSON_DEPTH, MAX_MANIFEST_LENGTH
from tests.helpers.cli import Cli
from tests.helpers.forge import Forger

Json = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "formats" / "vectors"

NUMBERS = {"class": "NumpyArray", "primitive": "float32"}


def nested(kind: str, depth: int) -> Json:
    """A form of this many nodes inside one another."""
    form: Json = NUMBERS
    for _ in range(depth - 1):
        if kind == "RecordArray":
            form = {"class": kind, "fields": ["a"], "contents": [form]}
        elif kind == "ListOffsetArray":
            form = {"class": kind, "offsets": "i64", "content": form}
        elif kind == "RegularArray":
            form = {"class": kind, "size": 1, "content": form}
        else:
            form = {"class": kind, "content": form}
    return form


def branches(tree: Json, names: list[str], parents: list[int], form: Json | None = None) -> None:
    """Give a tree these branches."""
    count = len(names)
    tree |= {"names": names, "parents": parents, "titles": [""] * count}
    for key in ("typenames", "interpretations", "counters", "missings"):
        tree[key] = {"at": [0] * count, "of": [""]}
    tree["forms"] = {"at": [0] * count, "of": [form]}


def chain(tree: Json) -> None:
    branches(tree, ["b"] * 100, [-1, *range(99)])


def long_names(tree: Json) -> None:
    """Every path repeats the name of the parent."""
    branches(tree, ["n" * 100_000, *["x"] * 1000], [-1, *[0] * 1000])


def repeated_forms(tree: Json) -> None:
    form = {"class": "RecordArray", "fields": [], "contents": [{"class": "EmptyArray"}] * 1000}
    branches(tree, ["b"] * 1000, [-1] * 1000, form)


def many_branches(tree: Json) -> None:
    branches(tree, ["b"] * 150_000, [-1] * 150_000)


TREE_LIES: dict[Callable[[Json], None], str] = {
    chain: "100 branches inside one another; at most 64",
    long_names: "characters in paths of branches; at most",
    repeated_forms: "nodes of forms; at most",
    many_branches: " branches; at most",
}


def refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        open_file(io.BytesIO(data))


@pytest.mark.parametrize("lie", TREE_LIES, ids=lambda lie: str(lie.__name__))
def test_trees_beyond_the_limits(lie: Callable[[Json], None], small: Path) -> None:
    refused(Forger(small).build(manifest=lambda document: lie(document["trees"][0])), TREE_LIES[lie])


def test_too_many_trees(small: Path) -> None:
    empty = ("clusters", "layouts", "layout", "lists", "tables")

    def repeated(document: Json) -> None:
        again = {**document["trees"][0], "same_as": 0, **{key: [] for key in empty}}
        document["trees"] += [again] * 65

    refused(Forger(small).build(manifest=repeated), "65 trees that repeat others; at most 64")
    tree: Json = {"same_as": None, "names": [], "parents": [], "forms": {"at": [], "of": []}}
    many = Forger(small).build(manifest=lambda document: document.update(trees=[tree] * 5000))
    refused(many, "5000 trees; at most 4096")


def test_bombs_of_json(small: Path) -> None:
    """Text of a few kilobytes that would become gigabytes of lists."""
    forger = Forger(small)
    for unit in (b"[]", b"{}", b'""', b"[0]", b'{"":0}'):
        bomb = pack_bytes(b'{"a":[' + (unit + b",") * 2_200_000 + b"0]}")
        refused(forger.build(packed=lambda _, bomb=bomb: bomb), "brackets, commas and colons|claim to hold")
    deep = b"[" * (MAX_JSON_DEPTH + 1) + b"]" * (MAX_JSON_DEPTH + 1)
    extra = b'{"deep":' + deep + b","
    refused(forger.build(text=lambda text: text.replace(b"{", extra, 1)), "levels deep")


@pytest.mark.parametrize("kind", ["RegularArray", "ListOffsetArray", "RecordArray", "UnmaskedArray"])
def test_depth_of_forms(kind: str) -> None:
    """The deepest form is taken, for a writer too; one more node is refused by name."""
    assert columns_of([(0, nested(kind, MAX_AXES))])
    depth = MAX_AXES if kind == "RegularArray" else MAX_FORM_DEPTH
    columns_of([(0, nested(kind, depth))])
    with pytest.raises(SourceError, match=r"levels deep cannot be stored|axes cannot be stored"):
        columns_of([(0, nested(kind, MAX_FORM_DEPTH + 1))])


def test_axes() -> None:
    columns_of([(0, {**NUMBERS, "inner_shape": [1] * MAX_AXES})])
    for form in (
        {**NUMBERS, "inner_shape": [1] * (MAX_AXES + 1)},
        {"class": "RegularArray", "size": 1, "content": {**NUMBERS, "inner_shape": [1] * MAX_AXES}},
    ):
        with pytest.raises(SourceError, match="33 axes cannot be stored"):
            columns_of([(0, form)])


def test_numbers_and_text_that_readers_understand_differently(small: Path) -> None:
    forger = Forger(small)

    def huge(text: bytes) -> bytes:
        return text.replace(b'"provenance":{', b'"provenance":{"x":1e999,', 1)

    refused(forger.build(text=huge), "the number 1e999 is too large")
    for name in ("a\ud800b", "\udfff"):
        data = forger.build(manifest=lambda document, name=name: document["trees"][0].update(path=name))
        refused(data, "half a surrogate pair")
    bad = forger.build(
        manifest=lambda document: document["trees"][0]["bounds"]["of"].__setitem__(0, ["[x]", ""])
    )
    refused(bad, "unknown kind")


PROVENANCES = [
    value
    for bad in (
        5,
        "text",
        [1],
        [[1, 2, 3]],
        {"size": "x", "name": [], "digest": 5},
        None,
        {"x": {"y": 1}},
        True,
    )
    for key in ("source", "sources", "wire", "versions", "skipped", "rules", "model")
    for value in ({key: bad},)
]


def test_provenance_of_any_kind(small: Path, tmp_path: Path, cli: Cli) -> None:
    """It is for people: whatever stands in it, the file is described, checked and merged."""
    from baler_root.cli.inspect import _origin

    for provenance in PROVENANCES:
        assert all(isinstance(line, str) for line in _origin(provenance))
    document = {key: value for part in PROVENANCES[::3] for key, value in part.items()}
    path = Forger(small).write(tmp_path / "a.baler", manifest=lambda d: d.update(provenance=document))
    assert cli("inspect", path).code == 0
    assert cli("inspect", path, "--json").code == 0
    assert baler_root.verify(path).ok


def test_objects_that_are_not_there(small: Path, tmp_path: Path, cli: Cli) -> None:
    forger = Forger(small)
    listed = forger.write(
        tmp_path / "listed.baler",
        manifest=lambda document: document["objects"].append(["nothere", 1, "TH1F", ""]),
    )
    forger.blocks = [
        (kind, tree, pack_bytes(b"root" + bytes(range(200))) if kind == BlockKind.OBJECTS else payload)
        for kind, tree, payload in forger.blocks
    ]
    garbage = forger.write(tmp_path / "garbage.baler")
    for path, message in ((listed, "'nothere' of cycle 1 is listed"), (garbage, "are not a ROOT file")):
        assert any(message in problem for problem in baler_root.verify(path).problems)
        with pytest.raises(CorruptFileError, match=message):
            baler_root.decompress(path, tmp_path / "out.root")
        with baler_root.open(path) as file, pytest.raises(CorruptFileError, match=message):
            file["h"]
        assert cli("inspect", path).code == 0


def test_names_cannot_control_the_terminal(small: Path, tmp_path: Path, cli: Cli) -> None:
    """Escapes, markup and changes of direction in names, titles and provenance are shown, not obeyed."""
    evil = "\x1b]0;x\x07\x1b[2J\x9b31m\u202e[/x][link=file:///y]z[/link]\r"

    def names(document: Json) -> None:
        tree = document["trees"][0]
        tree["names"][0] = tree["titles"][0] = tree["title"] = evil
        tree["path"] = evil.replace("/", "|")
        tree["aliases"] = {evil: evil}
        tree["bounds"]["of"] = [[bound, evil] for bound, _ in tree["bounds"]["of"]]
        for key in ("typenames", "interpretations"):
            tree[key]["of"] = [evil for _ in tree[key]["of"]]
        document["provenance"] = {"source": {"name": evil}, "rules": {evil: evil}, "model": evil}
        document["objects"] = []

    path = Forger(small).write(tmp_path / "evil.baler", manifest=names)
    target = str(tmp_path / "evil.root")
    stream = io.StringIO()
    with baler_root.open(path) as file:
        file[file.keys()[0]].show(stream=stream)
    outputs = [stream.getvalue()]
    for command in (("inspect",), ("inspect", "--json"), ("verify",), ("verify", "--against", str(path))):
        result = cli(*command, str(path))
        outputs.append(result.out + result.err)
    result = cli("decompress", str(path), target)
    outputs.append(result.out + result.err)
    for output in outputs:
        assert all(character.isprintable() or character == "\n" for character in output)
    assert "\\x1b[2J" in outputs[1]
    assert "[/x][link=" in outputs[1]
    assert json.loads(outputs[2])["trees"][0]["title"] == evil


def test_errors_cannot_control_the_terminal() -> None:
    """Python prints the text of an error as it is; names in it come from files."""
    evil = "\x1b]0;x\x07\x1b[2J\x9b31m\u202e\0\ud800"
    errors = (
        BalerError(evil),
        CorruptFileError(f"needs {evil}"),
        MissingModelError(evil),
        SourceError(evil),
        UnreadableBranchError(evil, evil, evil),
        KeyInFileError(evil, [evil], evil),
    )
    for error in errors:
        assert str(error).isprintable()
        assert "\\x1b[2J" in str(error)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("name", ["conditional", "autoencoder"])
def test_notes_of_models_of_any_kind(name: str, tmp_path: Path, cli: Cli) -> None:
    """Notes on the training are for people: whatever they say, the model is described by what it is."""
    forger = Forger(VECTORS / f"{name}.baler")
    facts = cli("inspect", VECTORS / f"{name}.baler", "--json").json["models"][0]
    for bad in ("\x1b[2J[/x]", 5, [1], [[1, 2, 3]], {"x": 1}, None, [{"branches": 5}, {"branches": [5]}]):
        notes = dict.fromkeys((*facts, "rows", "steps", "level", "seed", "history", "masses", "file"), bad)
        blocks = []
        for kind, tree, payload in forger.blocks:
            if kind == BlockKind.MODEL:
                cursor = Cursor(memoryview(payload))
                document = {**json.loads(bytes(unpack_bytes(cursor, MAX_MANIFEST_LENGTH))), "about": notes}
                forged = pack_bytes(json.dumps(document).encode()) + bytes(cursor.rest())
                blocks.append((kind, tree, forged))
            else:
                blocks.append((kind, tree, payload))
        path = tmp_path / f"{name}.baler"
        original, forger.blocks = forger.blocks, blocks
        forger.write(path)
        forger.blocks = original
        result = cli("inspect", path)
        assert (result.code, result.err) == (0, "")
        assert all(character.isprintable() or character == "\n" for character in result.out)
        described = cli("inspect", path, "--json").json["models"][0]
        kept = ("columns", "networks", "histograms", "weights", "architecture")
        assert [described[key] for key in kept] == [facts[key] for key in kept]
