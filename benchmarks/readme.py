"""Writes the numbers of README.md from the stored results: `python -m benchmarks.readme`."""

from __future__ import annotations

from pathlib import Path

from benchmarks import results

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- begin numbers", "<!-- end numbers -->"
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


def block() -> str:
    """The Markdown between the markers."""
    rows, about = results.load("scoreboard")
    by_key = {(row["file"], row["bound"]): row for row in rows}
    out = [
        f"{BEGIN}: written by `python -m benchmarks.readme` from benchmarks/results/ -->",
        "Whole files in kB, metadata counted. At `rel=1e-3` the rivals hold floats rounded to the 9 mantissa bits",
        "that meet the same bound.",
        "",
        "| file | original | lossless: best rival | lossless: .baler | 1e-3: LZMA-9 | 1e-3: best rival | 1e-3: .baler |",
        "|---|---|---|---|---|---|---|",
    ]
    rivals = [name for name in rows[0] if name.startswith(("ttree-", "rntuple-"))]
    for name, words in FILES.items():
        if (name, "lossless") not in by_key:
            continue
        exact, near = by_key[name, "lossless"], by_key[name, "rel=1e-3"]
        best = [min(int(row[rival]) for rival in (*rivals, "original")) for row in (exact, near)]
        cells = (exact["original"], best[0], exact["baler"], near["ttree-lzma9"], best[1], near["baler"])
        out.append(f"| {words} | " + " | ".join(f"{int(cell) / 1000:,.0f}" for cell in cells) + " |")
    summary = about["summary"]
    ratio, larger = (
        summary["median over LZMA-9 at rel=1e-3"],
        summary["rows where .baler is not the smallest"],
    )
    out += [
        "",
        f"Over all {summary['files']} files at `rel=1e-3` the median size is {ratio} × LZMA-9. Of {len(rows)} pairs of",
        f"file and bound, {larger} are smaller with some rival.",
        "",
        *learning(),
        "",
        "Everything, with machine, versions and commands, is in",
        "[benchmarks/results/](benchmarks/results/) (`nox -s bench`; also `-- learned`, `-- speed`, `-- memory`, `-- coverage`).",
        END,
    ]
    return "\n".join(out)


def learning() -> list[str]:
    """What `conditional` gains over `classic`."""
    rows, about = results.load("learned")
    by_file = {row["file"]: row for row in rows}
    mean = next(key for key in about["summary"] if key.startswith("geometric mean"))
    larger = len(about["summary"]["larger than classic"])
    jets = by_file["pythia_jets_365k"]
    sizes = [f"{int(jets[codec]) / 1000:,.0f}" for codec in ("conditional", "classic")]
    return [
        f"`--codec conditional` at `rel=1e-3`, models counted: {about['summary'][mean]} × `classic` as the {mean};",
        f"the jets {sizes[0]} kB instead of {sizes[1]}. Of {len(rows)} files {larger} become larger.",
    ]


def main() -> None:
    """Replace what is between the markers."""
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(before + block() + after)


if __name__ == "__main__":
    main()
