"""Tables of README.md and docs/, written from stored results by `python -m benchmarks publish pages`.

A page holds each table between `<!-- begin NAME … -->` and `<!-- end NAME -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.publish import latent_pages
from benchmarks.publish.markdown import NOT_YET, kb, table
from benchmarks.record import results, variants
from benchmarks.run.size import RIVALS

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/guide/how-it-gets-smaller.md", "docs/measurements/latent-codecs.md")
FILES = {
    "agc_muons_100k": "CMS Open Data muons, NanoAOD slice, 100 000 events",
    "cms_aod2nano_10000": "CMS 2012 data, NanoAOD-like, 10 000 events",
    "cms_nano_2015_ttbar_200": "CMS NanoAOD simulation, 947 branches, 200 events",
    "cms_nano_v5_1000": "CMS NanoAOD simulation, 1 479 branches, 1 000 events",
    "atlas_physlite_example_100": "ATLAS PHYSLITE, 100 events",
    "cms_htt_DY_35k": "CMS H→ττ ntuple, flat, 35 000 events",
    "lhcb_upgrade_tracks_33k": "LHCb tracks, flat, 33 000 tracks",
    "pythia_jets_365k": "Pythia jets, 24 variables, 365 000 jets",
}
SHORT = {
    "agc_muons_100k": "CMS muons",
    "cms_htt_DY_35k": "CMS H→ττ",
    "lhcb_upgrade_tracks_33k": "LHCb tracks",
    "cms_nano_v5_1000": "CMS NanoAOD",
    "pythia_jets_365k": "Pythia jets",
    "cms_llp_jets_train": "CMS jets, tracks",
    "gamgam": "γγ pseudo-data",
}
WORDS = {
    "original": "the original file",
    "ttree-zlib1": "TTree, zlib-1",
    "ttree-zstd5": "TTree, zstd-5",
    "ttree-lzma9": "TTree, LZMA-9",
    "rntuple-zstd5": "RNTuple, zstd-5",
    "rntuple-real32": "RNTuple, Real32Trunc / Real32Quant",
    "round+zstd19": "bit-rounding + zstd-19 on split bytes",
    "round+xz": "bit-rounding + xz-9e",
    "round+pcodec12": "bit-rounding + pcodec-12",
    "symbols+zstd19": "our quantiser + zstd-19 on split bytes",
    "symbols+xz": "our quantiser + xz-9e",
    "symbols+pcodec12": "our quantiser + pcodec-12",
    "sz3": "SZ3, best of three algorithms",
    "zfp": "zfp, fixed accuracy",
    "default, model at hand": "**`default`, with a trained model**",
}
STEPS = {
    "no loss": "lossless",
    "+ histograms in context, own table": "+ histograms, same table",
    "+ entry and item before (`fast`)": "+ entry and previous item (`fast`)",
}
"""Words for steps of the benchmark `ablation`."""

FIRST, LAST = variants.NAMES[0], variants.USUAL
PARTS = ("columns", "models", "other objects", "metadata")


def numbers() -> list[str]:
    """Sizes of some files beside rivals, for the README."""
    rows = results.rows("size")
    by_key = {(row["file"], row["bound"]): row for row in rows}
    lines = []
    for name, words in FILES.items():
        exact, near = (by_key.get((name, bound)) for bound in ("lossless", "rel=1e-3"))
        if exact and near:
            sizes = (exact["original"], exact[exact["best rival"]], exact[FIRST], near["ttree-lzma9"])
            lines.append([words, *map(kb, (*sizes, near[near["best rival"]], near[FIRST], near[LAST]))])
    head = (
        "file",
        "original",
        "lossless: best rival",
        f"lossless: `{FIRST}`",
        "1e-3: LZMA-9",
        "1e-3: best rival",
    )
    return [
        "Sizes are those of whole files in kB, including metadata and models. Rivals are other formats at the same bound:",
        "ROOT's TTree and RNTuple, with floats rounded to 9 mantissa bits at `rel=1e-3`, and compressors of single columns",
        "(bit-rounding or our quantiser followed by zstd, xz or pcodec; SZ3; zfp), whose metadata is not counted. Rivals hold",
        "the branches that uproot can read; `.baler` files hold all, which costs 8 % in the PHYSLITE file.",
        "",
        *table((*head, f"1e-3: `{FIRST}`", f"1e-3: `{LAST}`"), lines),
        "",
        *standing(),
        "",
        "All results, with machine, versions and commands, are in [benchmarks/results/](benchmarks/results/);",
        "`python -m benchmarks list` lists the benchmarks, and",
        "[docs/guide/how-it-gets-smaller.md](docs/guide/how-it-gets-smaller.md) explains the gains.",
    ]


def standing() -> list[str]:
    """Summary of all sizes in words."""
    summary = results.about("size").get("summary", {})
    lines = []
    if missing := summary.get("rows with ROOT files alone as rivals"):
        lines.append(
            f"- For {missing} of {summary['rows']} pairs of file and bound, the rivals are ROOT files only; compressors of"
            " single columns were not measured."
        )
    for name in variants.NAMES:
        if not summary.get(f"{name}: rows"):
            continue
        over = [
            summary.get(f"{name}: median over {rival} at rel=1e-3", "–")
            for rival in ("ttree-lzma9", "best rival")
        ]
        smaller = len(summary.get(f"{name}: rows where a rival is smaller", ()))
        lines.append(
            f"- `{name}` at `rel=1e-3`: the median of {summary['files']} files is {over[0]} × LZMA-9, {over[1]} × the best "
            f"rival; in {smaller} of {summary[f'{name}: rows']} pairs of file and bound a rival is smaller."
        )
        if mean := summary.get(f"{name}: geometric mean over {FIRST} at rel=1e-3"):
            larger = len(summary.get(f"{name}: files larger than {FIRST} at rel=1e-3", ()))
            lines.append(
                f"  Against `{FIRST}`: {mean['ratio']} as the geometric mean of {mean['files']} files with at least"
                f" {mean['of at least']}; files that become larger: {larger}."
            )
    return lines


def rivals() -> list[str]:
    """Table of all rivals on some files at one bound."""
    by_file = {row["file"]: row for row in results.rows("size") if row["bound"] == "rel=1e-3"}
    files = [name for name in SHORT if name in by_file]
    if not files:
        return NOT_YET
    lines = []
    for name in (*RIVALS, *variants.NAMES):
        cells = [kb(by_file[file][name]) for file in files]
        smallest = [by_file[file]["best rival"] == name for file in files]
        lines.append(
            [
                WORDS.get(name, f"**`{name}`**"),
                *(f"*{c}*" if s else c for c, s in zip(cells, smallest, strict=True)),
            ]
        )
    return [
        "Sizes of whole files in kB at `rel=1e-3`; the best rival is in italics; a dash means not measured, or that it",
        "cannot store the file.",
        "",
        *table(("", *(SHORT[file] for file in files)), lines),
    ]


def steps() -> list[str]:
    """Table of sizes with one method added after another."""
    rows = results.rows("ablation")
    by_key = {(row["file"], row["with"]): row for row in rows}
    files = [name for name in SHORT if any(row["file"] == name for row in rows)]
    labels = list(dict.fromkeys(row["with"] for row in rows))
    if not files:
        return NOT_YET
    lines = [["arrays in memory", *(kb(by_key[file, labels[0]]["in memory"]) for file in files)]]
    for label in labels:
        columns = [by_key.get((file, label)) for file in files]
        lines.append([STEPS.get(label, label), *(step(row) for row in columns)])
    return [
        "Sizes of whole files in kB, and in brackets the ratio to the previous line.",
        "",
        *table(("", *(SHORT[f] for f in files)), lines),
    ]


def step(row: dict[str, Any] | None) -> str:
    """One field of the table of steps."""
    if row is None:
        return "–"
    share = row["of the step before"]
    return kb(row["size"]) + (f" ({share:.2f})" if share else "")


def parts() -> list[str]:
    """Table of the parts of files."""
    rows = [row for row in results.rows("parts") if row["file"] in SHORT and row["variant"] == LAST]
    if not rows:
        return NOT_YET
    rows.sort(key=lambda row: list(SHORT).index(row["file"]))
    lines = [[SHORT[row["file"]], *(kb(row[part]) for part in PARTS), kb(row["file size"])] for row in rows]
    return [
        f"Sizes in kB with `{LAST}` at `rel=1e-3`; other objects are mostly histograms.",
        "",
        *table(("", *PARTS, "file"), lines),
    ]


def precision() -> list[str]:
    """Table of bits per row of integer and floating-point networks."""
    rows = results.rows("precision")
    if not rows:
        return NOT_YET
    summary = results.about("precision")["summary"]
    lines = [
        [
            "integers of the format" if row["networks"] == "as it is" else row["networks"],
            f"{row['bits per row']:.2f}",
            f"{row['more than as it is']:+.2f}",
        ]
        for row in rows
    ]
    return [
        f"Bits per row of {summary['columns']} columns of `{summary['file']}` at `{summary['bound']}`, on validation rows, after",
        f"{summary['steps']} steps of training, without models. The format has 10-bit activations and 8-bit weights.",
        "",
        *table(("networks", "bits per row", "difference"), lines),
    ]


def throughput() -> list[str]:
    """Table of encoding and decoding rates."""
    rows = results.rows("throughput")
    if not rows:
        return NOT_YET
    files = list(dict.fromkeys(row["file"] for row in rows))
    by_key = {(row["file"], row["what"]): row for row in rows}
    lines = []
    for name in dict.fromkeys(row["what"] for row in rows):
        columns = [by_key.get((file, name)) for file in files]
        rates = [f"{row['encode MB/s']:,.0f} / {row['decode MB/s']:,.0f}" if row else "–" for row in columns]
        lines.append([WORDS.get(name, f"**`{name}`**"), *rates])
    return [
        "MB of arrays per second of processor time at `rel=1e-3`, encoding / decoding, one thread. `.baler` and TTree: whole",
        "files; for `.baler`, encoding begins with a ROOT file and includes training and checking. Others: floating-point",
        "columns only, from and to arrays.",
        "",
        *table(("", *(SHORT.get(file, file) for file in files)), lines),
    ]


BLOCKS: dict[str, Callable[[], list[str]]] = {
    "numbers": numbers,
    "rivals": rivals,
    "steps": steps,
    "parts": parts,
    "precision": precision,
    "throughput": throughput,
    **latent_pages.BLOCKS,
}


def filled(text: str) -> str:
    """The page with all its tables written again."""

    def block(match: re.Match[str]) -> str:
        name = match[1]
        begin = (
            f"<!-- begin {name}: written by `python -m benchmarks publish pages` from benchmarks/results/ -->"
        )
        return "\n".join([begin, *BLOCKS[name](), f"<!-- end {name} -->"])

    return re.sub(r"<!-- begin (\w+)\b.*?<!-- end \1 -->", block, text, flags=re.DOTALL)


def main() -> None:
    """Write the tables of all pages."""
    for page in PAGES:
        path = ROOT / page
        path.write_text(filled(path.read_text()))
