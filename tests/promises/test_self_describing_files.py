"""Self-describing: both readers find in each golden file what was put in. Nothing is written."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from baler_root.api.verify import verify
from baler_root.dataset.reader.file_reader import open_file
from baler_root.dataset.reader.latent_pages import LatentPages
from baler_root.format.bounds import ErrorBound, measure
from baler_root.format.container.layout import BlockKind
from baler_root.format.encodings.functions import FUNCTIONS
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.page import Page
from tests.helpers.vectors import second_reader
from tests.independent_reader import columns as independent_columns
from tests.independent_reader.reader import Reader
from tests.vectors.__main__ import main
from tests.vectors.bad import BAD
from tests.vectors.corpus import FOLDER, expected, path_of
from tests.vectors.files import GOOD
from tests.vectors.sidecar import features, plain

FORMATS = FOLDER.parent


def check(found: list[Any], about: dict[str, Any]) -> None:
    """Hold values (as `plain` has them) to what went in, within the bound."""
    if "sha256" in about:
        raise TypeError("flat arrays are compared by digest")
    wanted, bound = about["values"], about["bound"]
    assert len(found) == len(wanted)
    if bound == "lossless":
        assert json.dumps(found) == json.dumps(wanted)  # distinguishes -0.0 from 0.0
        return
    (x, exact), (y, same) = flatten(wanted), flatten(found)
    assert exact == same  # structure, text and floats that are no numbers
    original, decoded = (np.array(values).astype(about.get("dtype", "float64")) for values in (x, y))
    assert not measure(original, decoded, ErrorBound.parse(bound)).violations


def flatten(value: Any) -> tuple[list[Any], Any]:
    """The numbers in nested values, and the structure without them."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return [], value
    if isinstance(value, int | float):
        return [value], 0
    parts = [flatten(item) for item in (value.values() if isinstance(value, dict) else value)]
    return [number for numbers, _ in parts for number in numbers], [shape for _, shape in parts]


@pytest.mark.parametrize("name", GOOD)
def test_second_reader_finds_what_was_put_in(name: str) -> None:
    reader = second_reader(name)
    about = expected(name)
    assert len(reader.manifest["trees"]) == len(about["trees"])
    for number, tree in enumerate(about["trees"]):
        stored = reader.manifest["trees"][number]
        assert [stored[key] for key in ("path", "cycle", "entries")] == [
            tree[key] for key in ("path", "cycle", "entries")
        ]
        digests = [about for about in tree["branches"].values() if "sha256" in about]
        if digests and len(digests) == len(tree["branches"]) == 1:  # too long for lists
            raw = b"".join(values[0].tobytes() for values in reader.clusters(number))
            assert hashlib.sha256(raw).hexdigest() == digests[0]["sha256"]
            continue
        found = independent_columns.read(reader, number)
        columns = dict(zip(stored["names"], range(len(stored["names"])), strict=True))
        assert {stored["names"][i] for i in found} == set(tree["branches"])
        for branch, wanted in tree["branches"].items():
            values = found[columns[branch]]
            if "sha256" in wanted:
                check_digest(np.array(values), wanted)
            else:
                check(plain(values), wanted)


def check_digest(values: Any, about: dict[str, Any]) -> None:
    """Compare flat numbers in the type in which they went in."""
    raw = values.astype(about["dtype"])
    assert raw.reshape(-1)[:5].tolist() == about["first"]
    assert hashlib.sha256(raw.tobytes()).hexdigest() == about["sha256"]


@pytest.mark.parametrize("name", GOOD)
def test_package_finds_what_was_put_in(name: str) -> None:
    about = expected(name)
    with open_file(path_of(name)) as file:
        assert len(file.trees) == len(about["trees"])
        for reader, tree in zip(file.trees, about["trees"], strict=True):
            assert reader.schema.num_entries == tree["entries"]
            arrays = reader.read(reader.schema.stored(), 0, tree["entries"])
            for position, array in arrays.items():
                wanted = tree["branches"][reader.schema.branches[position].name]
                if "sha256" in wanted:
                    check_digest(np.asarray(array), wanted)
                else:
                    check(plain(array), wanted)


@pytest.mark.parametrize("name", GOOD)
def test_package_verifies(name: str) -> None:
    result = verify(path_of(name))
    assert result.ok, result.problems


@pytest.mark.parametrize("name", GOOD)
def test_files_show_what_they_are_for(name: str) -> None:
    assert features(path_of(name)) == expected(name)["shows"]


@pytest.mark.parametrize("name", GOOD)
def test_manifests_fit_the_schema(name: str) -> None:
    schema = json.loads((FORMATS / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(Reader(path_of(name).read_bytes()).manifest, schema)


def test_model_file_by_the_text() -> None:
    reader = Reader(path_of("detached").with_suffix(".balermodel").read_bytes())
    reader.check_models()
    (about,) = reader.manifest["models"]
    assert about["tree"] == "Events"
    assert about["columns"] == [
        ["pt", "", "data", "float32", "rel=0.01", "rel=0.01"],
        ["tracks", "", "data", "int32", "lossless", "lossless"],
    ]
    schema = json.loads((FORMATS / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(reader.manifest, schema)


def test_every_part_of_the_format_has_a_file() -> None:
    shown = {feature for name in GOOD for feature in expected(name)["shows"]}
    wanted = {f"transform {word}" for word in ("none", "delta", "lorenzo", "dictionary", "rows", "grid")}
    wanted |= {f"coding {word}" for word in ("constant", "planes", "bits", "pco")}
    wanted |= {
        f"recipe {kind} {dtype}"
        for kind in ("log", "linear", "shift")
        for dtype in ("float16", "float32", "float64")
    }
    wanted |= {"recipe exact", "recipe shift int64", "recipe linear int32", "recipe linear uint64"}
    wanted |= {f"lookup by {count}" for count in (1, 2, 3)}
    wanted |= {f"interpolated, rows {word}" for word in ("alone", "predict", "miss alike")}
    wanted |= {"1 units", "5 units"}
    wanted |= {"copy", "lattice", "outliers", "atoms", "superseded", "same_as", "detached"}
    wanted |= {
        f"block {kind.name.lower()}" for kind in BlockKind if kind.name in ("OBJECTS", "STATISTICS", "SCHEMA")
    }
    forms = (
        "Numpy",
        "ListOffset",
        "Regular",
        "Record",
        "Indexed",
        "IndexedOption",
        "ByteMasked",
        "BitMasked",
    )
    wanted |= {f"form {word}Array" for word in (*forms, "Union", "Empty")}
    assert wanted <= shown
    functions = {feature.split()[1] for feature in shown if feature.startswith("formula ")}
    predictions = {feature.split()[-1] for feature in shown if feature.startswith("predicted by ")}
    assert functions | predictions == {*FUNCTIONS}
    for kind in ("shift", "linear", "log"):
        assert f"{kind} prediction with special values" in shown


def test_objects_are_carried() -> None:
    about = expected("ttree")["objects"]
    reader = Reader(path_of("ttree").read_bytes())
    assert {entry[0] for entry in reader.manifest["objects"]} == set(about)
    assert reader.other(2)[:4] == b"root"
    with open_file(path_of("ttree")) as file:
        assert file.objects_directory()["dir/h"].values().tolist() == about["dir/h"]


@pytest.mark.parametrize("name", ["clusters", "merged", "trees"])
def test_statistics_by_the_text(name: str) -> None:
    reader = Reader(path_of(name).read_bytes())
    clusters = len(reader.manifest["trees"][0]["clusters"])
    planes = np.frombuffer(reader.other(5), "u1").reshape(9, 4, clusters, -1)
    lengths = sum(planes[7, i].astype("u4") << np.uint32(8 * i) for i in range(4))
    columns = list(reader.clusters(0))
    assert lengths.tolist() == [[len(values) for values in cluster] for cluster in columns]


def test_both_readers_decode_the_same_bits() -> None:
    """Also where a bound allows them to differ: the decode rule is part of the format."""
    for name in ("relative", "absolute", "mantissa", "lattice", "grids"):
        mine = next(Reader(path_of(name).read_bytes()).clusters(0))
        with open_file(path_of(name)) as file:
            theirs = file.trees[0].read_columns([0], range(len(mine)))[0]
        for i, values in enumerate(mine):
            assert values.tobytes() == theirs[i].tobytes(), f"{name}: column {i}"


LATENTS = [name for name in GOOD if "codec autoencoder" in expected(name)["shows"]]


@pytest.mark.parametrize("name", LATENTS)
def test_both_readers_find_the_same_latents(name: str) -> None:
    """Both find the same outlier rows, whose values are exact."""
    reader = second_reader(name)
    whole = list(reader.clusters(0))
    with open_file(path_of(name)) as file:
        latents = LatentPages(file.trees[0])
        assert latents.tables
        for table in latents.tables:
            for cluster in range(len(whole)):
                (part,) = latents.parts(cluster, table)
                told = reader.latents[0, cluster, part.id.group]
                assert np.array_equal(latents.latents([part], part.page.rows), told["latents"])
                rows, scores = latents.outlier_rows([part], part.page.rows)
                assert np.array_equal(rows, told["rows"])
                assert scores.tobytes() == told["scores"].tobytes()


def test_rows_unlike_the_others_are_exact() -> None:
    reader = second_reader("autoencoder")
    about = expected("autoencoder")["trees"][0]["branches"]
    start, found = 0, 0
    for cluster, (_, pt, _, phi, *_) in enumerate(reader.clusters(0)):
        rows = reader.latents[0, cluster, 0]["rows"]
        for values, name in ((pt, "pt"), (phi, "phi")):
            assert independent_columns.plain(values[rows]) == [
                about[name]["values"][start + row] for row in rows
            ]
        start, found = start + len(pt), found + len(rows)
    assert found == 15


def test_corpus_is_complete_and_small() -> None:
    files = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.baler*")}
    assert files == {*GOOD, *BAD}
    assert all(path_of(name).with_suffix(".json").exists() for name in files)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1_100_000, (
        "a test of the format takes kilobytes; a checkout must stay small"
    )


def test_vectors_are_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path), "write", "schema"]) == 0
    before = (tmp_path / "schema.baler").read_bytes()
    assert main(["--folder", str(tmp_path), "write", "schema"]) == 1
    assert "never overwritten" in capsys.readouterr().err
    assert (tmp_path / "schema.baler").read_bytes() == before
    assert main(["--folder", str(tmp_path), "write", "nonesuch"]) == 2
    (tmp_path / "schema.baler").unlink()
    assert main(["--folder", str(tmp_path), "write", "schema"]) == 1, "a sidecar alone is kept too"


def test_second_reader_is_short_and_independent() -> None:
    text = Path(Reader.__init__.__code__.co_filename).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    assert "import baler_root" not in text
    assert "from baler_root" not in text
    assert "awkward" not in text


def test_pages_of_golden_files_open() -> None:
    """The features that `features` reports come from opened pages, not from file names."""
    with open_file(io.BytesIO(path_of("relative").read_bytes())) as file:
        page = file.container.page_ids()[0]
        opened = Page(file.container.read_pages([page])[page][0], file.trees[0].columns)
    assert any(isinstance(e, QuantisedEncoding) and e.quantiser.kind == "log" for e in opened.encodings)
