"""Texts in `formats/` and the code agree: structs, kinds, limits, versions, known answers, anchors."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import xxhash

from baler_root import __version__
from baler_root.format import limits
from baler_root.format.binary import portable_math
from baler_root.format.binary.packed import unpack_bytes
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.classic.codec import MAX_DICTIONARY
from baler_root.format.codecs.classic.streams import PCO_PAGE, PCO_RUN, Coding, Transform
from baler_root.format.codecs.conditional.model_streams import ROWS
from baler_root.format.codecs.latent import model as latent_model
from baler_root.format.codecs.latent.codec import MAX_LATENT_VALUES, LatentCodec
from baler_root.format.codecs.latent.columns import BLOCK_OUTPUTS
from baler_root.format.codecs.latent.outlier_rows import MAX_CENTRES, OutlierDetector
from baler_root.format.codecs.model_arrays import MAX_PLACES
from baler_root.format.codecs.registry import codec_ids, get_codec
from baler_root.format.columns.form_columns import MAX_ROW
from baler_root.format.container import layout
from baler_root.format.encodings.base import ColumnKind
from baler_root.format.encodings.column_record import ENCODINGS
from baler_root.format.encodings.functions import FUNCTIONS
from baler_root.format.encodings.grid import MAX_STEPS, octave_tables
from baler_root.format.encodings.quantiser import DTYPES, KINDS
from baler_root.format.statistics import RECORD
from tests.helpers.models import known_column, random_autoencoder
from tests.independent_reader.reader import LATENT_CODECS
from tests.vectors.files import GOOD

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "formats"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FORMATS.glob("*.md")}

STRUCT_CODES = {"uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "float32": "f", "float64": "d"}


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).strip().replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def tables(text: str, anchor: str) -> list[list[dict[str, str]]]:
    """The tables under a heading, before the next one: rows by column heading."""
    parts = re.split(r"^#+ (.*)$", text, flags=re.MULTILINE)
    sections = dict(zip(map(slug, parts[1::2]), parts[2::2], strict=True))
    out = []
    for block in re.findall(r"(?:^\|.*\n)+", sections[anchor], re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        out.append([dict(zip(rows[0], row, strict=True)) for row in rows[2:]])
    return out


def struct_format(rows: list[dict[str, str]]) -> str:
    """The struct of a table, whose offsets must be right."""
    form = "<"
    for row in rows:
        assert int(row["offset"]) == struct.calcsize(form), row
        count = re.fullmatch(r"bytes\[(\d+)\]", row["type"])
        form += f"{count[1]}s" if count else STRUCT_CODES[row["type"]]
    return form


@pytest.mark.parametrize(
    ("anchor", "known"),
    [
        ("head", layout.HEAD), ("blocks", layout.BLOCK), ("footer", layout.SECTION),
        ("page-table", layout.PAGE_ENTRY), ("trailer", layout.TRAILER),
    ],
)  # fmt: skip
def test_structs(anchor: str, known: struct.Struct) -> None:
    assert struct_format(tables(TEXTS["container.md"], anchor)[0]) == known.format
    assert re.search(rf"\b{known.size} bytes|\b{known.size}\b", TEXTS["container.md"])


def test_functions() -> None:
    rows = tables(TEXTS["pages.md"], "formulas")[1]
    rows += [row for part in ("particles", "tracks", "lists") for row in tables(TEXTS["pages.md"], part)[0]]
    listed = sorted((row for row in rows if row["name"]), key=lambda row: int(row["function"]))
    assert [(int(row["function"]), row["name"]) for row in listed] == list(enumerate(FUNCTIONS))
    answers = tables(TEXTS["pages.md"], "functions")[0]
    assert {row["function"] for row in answers} == {
        "exp", "cosh", "sinh", "cos", "sin", "arcsinh", "arctan2", "wrap"
    }  # fmt: skip
    for row in answers:
        (value,) = getattr(portable_math, row["function"])(
            *(np.array([float(x)]) for x in row["x"].split(","))
        )
        assert value == float.fromhex(row["value"].strip("`"))
    for constant in (
        portable_math.LOG2_HEAD,
        portable_math.LOG2_TAIL,
        portable_math.HALF_PI_HEAD,
        portable_math.HALF_PI_TAIL,
    ):
        short = constant.hex().replace("00000p", "p")
        assert f"{short})" in TEXTS["pages.md"] or f"{short}`" in TEXTS["pages.md"]


def test_constants_of_functions() -> None:
    known = {
        portable_math.NEAR,
        portable_math.ROOT_HALF,
        0.5 * portable_math.HALF_PI,
        2.0 * portable_math.HALF_PI,
        4.0 * portable_math.HALF_PI,
    }
    assert {constant.hex() for constant in known} <= {*re.findall(r"-?0x1[.0-9a-fp+-]+", TEXTS["pages.md"])}


def test_magics() -> None:
    text = TEXTS["container.md"]
    for magic in (layout.HEAD_MAGIC, layout.BLOCK_MAGIC, layout.TAIL_MAGIC):
        assert f"`{magic.hex(' ')}`" in text


def test_kinds() -> None:
    text = TEXTS["container.md"]
    assert {int(r["kind"]): r["name"] for r in tables(text, "blocks")[1]} == {
        k.value: k.name.lower() for k in layout.BlockKind
    }
    sections = {k.value: k.name.lower().replace("_", " ") for k in layout.SectionKind}
    assert {int(r["kind"]): r["name"] for r in tables(text, "footer")[1]} == sections
    assert [layout.Critical.NONE, *layout.Critical] == [0]
    assert tables(text, "features")[0][0]["meaning"] == "none defined"


def test_versions() -> None:
    rows = tables(TEXTS["container.md"], "versions")[0]
    assert (int(rows[-1]["major"]), int(rows[-1]["minor"])) == (layout.VERSION_MAJOR, layout.VERSION_MINOR)
    assert rows[-1]["first reader"] <= __version__


def test_limits() -> None:
    stated = {row["limit"]: int(row["value"]) for row in tables(TEXTS["container.md"], "limits")[0]}
    assert stated == {
        "manifest": limits.MAX_MANIFEST_LENGTH,
        "items": limits.MAX_JSON_ITEMS,
        "depth": limits.MAX_JSON_DEPTH,
        "trees": limits.MAX_TREES,
        "repeated trees": limits.MAX_REPEATED_TREES,
        "branches": limits.MAX_BRANCHES,
        "branch depth": limits.MAX_BRANCH_DEPTH,
        "paths": limits.MAX_PATHS_LENGTH,
        "form nodes": limits.MAX_FORM_NODES,
        "form depth": limits.MAX_FORM_DEPTH,
        "axes": limits.MAX_AXES,
        "page": limits.MAX_PAGE_LENGTH,
        "objects": limits.MAX_OBJECTS_LENGTH,
        "column": limits.MAX_COLUMN_LENGTH,
        "row": MAX_ROW,
        "expansion": limits.MAX_EXPANSION,
        "codecs": layout.NO_CODEC,
        "window": 1 << 27,
        "places": MAX_PLACES,
        "parents": limits.MAX_PARENTS,
        "components": limits.MAX_COMPONENTS,
        "network products": limits.MAX_NET_PRODUCTS,
        "page products": limits.MAX_PAGE_PRODUCTS,
        "latent products": limits.MAX_LATENT_PRODUCTS,
        "weights": limits.MAX_WEIGHTS,
        "contexts": limits.MAX_CONTEXTS,
        "all contexts": limits.MAX_ALL_CONTEXTS,
        "roots": limits.MAX_ROOTS,
        "all roots": limits.MAX_ALL_ROOTS,
        "mixing sources": limits.MAX_MIXING_SOURCES,
        "mixing kinds": limits.MAX_MIXING_KINDS,
        "mixing rows": limits.MAX_MIXING_ROWS,
        "mixing counters": limits.MAX_MIXING_COUNTERS,
        "mixing counters per row": limits.MIXING_COUNTERS_PER_ROW,
        "dictionary": MAX_DICTIONARY,
        "steps": MAX_STEPS,
    }


def test_quantisers() -> None:
    _, kinds, types, _ = tables(TEXTS["pages.md"], "quantisers")
    assert {int(row["kind"]): row["name"] for row in kinds} == dict(enumerate(KINDS))
    assert {int(row["type"]): row["name"] for row in types} == {
        i: str(dtype) for i, dtype in enumerate(DTYPES)
    }


def test_page_entries() -> None:
    kinds = tables(TEXTS["pages.md"], "page")[1][0]
    known = {kind.name.lower().replace("_", " "): kind.value for kind in ColumnKind}
    assert {name: int(number) for name, number in kinds.items() if number.isdigit()} == known
    assert {kind: encoding.kind for kind, encoding in ENCODINGS.items()} == {
        kind: kind for kind in ColumnKind
    }


def test_statistics() -> None:
    rows = tables(TEXTS["pages.md"], "statistics")[0]
    stated = np.dtype([(row["field"], "<" + STRUCT_CODES[row["type"]]) for row in rows])
    assert stated == RECORD


def test_varints() -> None:
    for row in tables(TEXTS["pages.md"], "varint")[0]:
        data = bytes.fromhex(row["bytes"].strip("`"))
        assert pack_varint(int(row["number"])) == data
        assert Cursor(data).varint() == int(row["number"])


def test_log_tables() -> None:
    for row in tables(TEXTS["pages.md"], "log")[0]:
        coarse, fine = octave_tables(int(row["N"]))
        table = {"A": coarse, "B": fine}[row["table"]]
        assert table[int(row["entry"])] == float.fromhex(row["value (hexadecimal)"].strip("`"))


def test_classic() -> None:
    text = TEXTS["codecs.md"]
    codings = {int(row["coding"]): row["name"] for row in tables(text, "codings")[0]}
    assert codings == {coding.value: coding.name.lower() for coding in Coding}
    transforms = {int(row["transform"]): row["name"] for row in tables(text, "transforms")[0]}
    assert transforms == {transform.value: transform.name.lower() for transform in Transform}
    assert f"{PCO_RUN} (2^22)" in text
    assert f"{PCO_PAGE} (2^18)" in text


def test_codecs() -> None:
    rows = tables(TEXTS["codecs.md"], "codecs")[0]
    stated = {name for row in rows for name in re.findall(r"`(\w+)`", row["id"])}
    assert stated <= set(codec_ids())
    assert {name for name in stated if isinstance(get_codec(name), LatentCodec)} == set(LATENT_CODECS)
    assert "classic" in stated


def test_autoencoder_models() -> None:
    text = TEXTS["codecs.md"]
    keys, more = tables(text, "autoencoder-models")[1:]
    column = known_column("x", b"", np.array([1.5, 2.5]), dropped_bits=47, each=2)
    model = random_autoencoder([column], latents=2)
    model = replace(model, outlier_detector=OutlierDetector.fit(np.zeros((9, 2), np.int16), 0.1, 1, seed=0))
    document = json.loads(bytes(unpack_bytes(Cursor(memoryview(model.to_bytes())), 1 << 20)))
    names = [[name for row in rows for name in re.findall(r"`(\w+)`", row["key"])] for rows in (keys, more)]
    assert sorted(names[0]) == sorted(document)
    assert sorted(names[1]) == sorted(document["columns"][0])
    assert f"`{latent_model.FORMAT}`" in text
    for limit, words in (
        (latent_model.MAX_LATENTS, "1 to {} latents"),
        (limits.MAX_COMPONENTS, "`K`, 1 to {} "),
        (latent_model.LATENT_LIMIT, "Latents are from -{} to"),
        (MAX_CENTRES, "detect outlier rows, 1 to {};"),
        (ROWS, "min({}, 2^23 // N)"),
    ):
        assert words.format(limit) in text
    assert (BLOCK_OUTPUTS, MAX_LATENT_VALUES) == (1 << 23, 1 << 27)


def test_xxh3_known_answers() -> None:
    pattern = bytes(i % 251 for i in range(100_000))
    rows = tables(TEXTS["container.md"], "xxh3")[0]
    assert {0, 1, 3, 16, 17, 128, 129, 240, 241, 1024, 100_000} <= {int(row["n"]) for row in rows}
    for row in rows:
        assert f"`{xxhash.xxh3_64_hexdigest(pattern[: int(row['n'])])}`" == row["XXH3-64"]


def test_manifest_keys() -> None:
    schema = json.loads((FORMATS / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for anchor, part in (("manifest", schema), ("trees", schema["$defs"]["tree"])):
        rows = tables(TEXTS["container.md"], anchor)[0]
        stated = {row["key"].strip("`") for row in rows}
        optional = {row["key"].strip("`") for row in rows if row["content"].startswith("may be absent")}
        assert stated == set(part["properties"])
        assert stated - optional == set(part["required"])
    entry = schema["properties"]["models"]["items"]
    stated = {row["key"].strip("`") for row in tables(TEXTS["model.md"], "models")[0]}
    assert stated == set(entry["properties"]) == set(entry["required"])
    classes = {row["class"].strip("`") for row in tables(TEXTS["pages.md"], "columns")[0]}
    assert classes == set(schema["$defs"]["form"]["properties"]["class"]["enum"])


def test_anchors_in_code_and_text_exist() -> None:
    known = {name: anchors(text) for name, text in TEXTS.items()}
    named = []
    for path in (ROOT / "src").rglob("*.py"):
        named += re.findall(r"formats/([a-z]+\.md)(?:#([a-z0-9-]+))?", path.read_text(encoding="utf-8"))
    assert len(named) > 15
    for name, text in TEXTS.items():
        links = re.findall(r"\]\(([a-z.]*?)(?:#([a-z0-9-]+))?\)", text)
        named += [(file or name, anchor) for file, anchor in links if (file or name).endswith(".md")]
    for name, anchor in named:
        assert name in known, name
        assert not anchor or anchor in known[name], f"{name}#{anchor}"


def test_every_golden_file_is_named_in_the_text() -> None:
    stated = {row["file"].strip("`") for row in tables(TEXTS["README.md"], "golden-files")[0]}
    assert stated == set(GOOD)
