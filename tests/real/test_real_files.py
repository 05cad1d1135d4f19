"""Real files: lossless is what uproot reads from the original, branch by branch; bounds hold on every value.

The small files are tested always, where the data are; all of them with `-m slow`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import pytest
import uproot

import baler_root
from baler_root.dataset.reader.file_reader import FileReader, open_file

QUICK = [
    "atlas_4lep_data_A",
    "atlas_4lep_data_D",
    "atlas_analysisminitree_100",
    "cms_hep_tutorial_zz",
    "cms_scouting_nano_40",
    "delphes_z91_100",
    "km3net_toa_55k",
    "lhcb_bp_39k",
]
SLOW = [
    "agc_muons_100k",
    "alice_hypertriton_39k",
    "atlas_4lep_data_B",
    "atlas_4lep_data_C",
    "atlas_physlite_example_100",
    "atlas_physlite_rntuple",
    "cms_aod2nano_10000",
    "cms_deepjet_ttbar_7k",
    "cms_htt_DY_35k",
    "cms_htt_TT_13k",
    "cms_htt_VBF_5k",
    "cms_htt_W1J_7k",
    "cms_htt_W2J_11k",
    "cms_hzz4mu_ggH_22k",
    "cms_llp_jets_train",
    "cms_miniaod_data_5000",
    "cms_nano_2015_ttbar_200",
    "cms_nano_tt_v15_200",
    "cms_nano_v5_1000",
    "double32_demo_40k",
    "emc_12k",
    "fcc_edm4hep_100",
    "lhcb_upgrade_tracks_33k",
]
FILES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]

DOUBTFUL = 5
"""Branches left out that are tried again with uproot, which may take minutes to fail."""

DataFile = Callable[..., Path]


def same(found: ak.Array, expected: ak.Array) -> bool:
    """Same type, structure and bits."""
    if found.type != expected.type:
        return False
    parts = [ak.to_buffers(ak.to_packed(array)) for array in (found, expected)]
    if parts[0][0] != parts[1][0]:
        return bool(ak.array_equal(found, expected, equal_nan=True, dtype_exact=True))
    return all(parts[0][2][key].tobytes() == values.tobytes() for key, values in parts[1][2].items())


def compare(file: FileReader, source: Path) -> tuple[int, list[str]]:
    """(branches compared, those that differ, or were left out although uproot reads them).

    Raw branches are left to tests of their own.
    """
    count, wrong = 0, []
    doubtful: list[tuple[str, Any]] = []
    with (
        uproot.open(source, handler=uproot.MemmapSource, array_cache=None, object_cache=None) as root,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # uproot warns of classes it had to guess
        for tree in file.trees:
            original = root[f"{tree.schema.path};{tree.schema.cycle}"]
            fields = tree.schema.kind == "RNTuple"
            handles = list(_walk(original, fields))
            for branch, stored in enumerate(tree.schema.branches):
                path = f"{tree.schema.path}: {tree.schema.path_of(branch)}"
                if stored.missing and not stored.missing.startswith("uproot: "):
                    doubtful.append((path, handles[branch]))
                if stored.form is not None and not stored.raw:
                    expected = handles[branch].array(library="ak")
                    found = tree.read([branch], 0, tree.schema.num_entries)[branch]
                    count += 1
                    if not same(found, expected):
                        wrong.append(path)
        wrong += [path for path, branch in doubtful[:DOUBTFUL] if _readable(branch)]
    return count, wrong


def _readable(branch: Any) -> bool:
    try:
        return branch.array(library="ak") is not None
    except Exception:  # noqa: BLE001 - uproot fails in many ways on what it cannot read
        return False


def _walk(owner: Any, fields: bool) -> Iterator[Any]:
    for item in owner.fields if fields else owner.branches:
        yield item
        yield from _walk(item, fields)


def test_every_real_file_is_listed_here(data_file: DataFile) -> None:
    assert {path.stem for path in data_file("real").glob("*.root")} == {*QUICK, *SLOW}


@pytest.mark.parametrize("name", FILES)
def test_lossless_is_what_uproot_reads(name: str, data_file: DataFile, tmp_path: Path) -> None:
    source, target = data_file("real", f"{name}.root"), tmp_path / "out.baler"
    baler_root.compress(source, target, bound="lossless", codec="classic", skip_unsupported=True)
    with open_file(target) as file:
        count, wrong = compare(file, source)
    assert count > 0
    assert wrong == []
    assert baler_root.verify(target).ok


@pytest.mark.parametrize("bound", [None, "bits=10"], ids=["default", "bits=10"])
@pytest.mark.parametrize("name", FILES)
def test_bounds_hold(name: str, bound: str | None, data_file: DataFile, tmp_path: Path) -> None:
    source, target = data_file("real", f"{name}.root"), tmp_path / "out.baler"
    summary = baler_root.compress(source, target, bound=bound, codec="classic", skip_unsupported=True)
    result = baler_root.verify(target, source)
    assert result.problems == []
    assert result.values > 0
    for tree in summary.trees:
        for branch in tree.branches:
            if branch.bound == "rel=0.001":
                assert branch.max_error <= 1e-3 * (1 + 1e-6)
                assert abs(branch.mean_error) <= branch.max_error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")
@pytest.mark.parametrize("level", ["fast", "default"])
@pytest.mark.parametrize("bound", [None, "lossless"], ids=["default", "lossless"])
@pytest.mark.parametrize("name", ["cms_aod2nano_10000", "cms_htt_DY_35k", "km3net_toa_55k", "lhcb_bp_39k"])
def test_what_is_learned_makes_files_smaller_within_bounds(
    name: str, bound: str | None, level: str, data_file: DataFile, tmp_path: Path
) -> None:
    source, sizes = data_file("real", f"{name}.root"), []
    for number, options in enumerate(({"codec": "classic"}, {"training": level})):
        target = tmp_path / f"{number}.baler"
        sizes.append(baler_root.compress(source, target, bound=bound, skip_unsupported=True, **options).size)  # type: ignore[arg-type]
    assert sizes[1] <= sizes[0]
    assert baler_root.verify(target, source).problems == []


@pytest.mark.parametrize("name", ["cms_hep_tutorial_zz", "atlas_4lep_data_A"])
def test_several_clusters_and_jobs_make_no_difference(
    name: str, data_file: DataFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)
    source = data_file("real", f"{name}.root")
    for number, jobs in enumerate((1, 2)):
        baler_root.compress(
            source, tmp_path / f"{number}.baler", codec="classic", cluster_size=500, jobs=jobs
        )
    one, two = (tmp_path / f"{number}.baler" for number in range(2))
    assert one.read_bytes() == two.read_bytes()
    assert baler_root.verify(one, source).ok
    with baler_root.open(one) as file, uproot.open(source) as root:
        (key,) = {tree.partition(";")[0] for tree in file.keys(filter_classname="TTree")}
        assert file[key].keys() == root[key].keys()
        assert file[key].num_entries == root[key].num_entries


def test_cycles_with_the_same_baskets_are_one(data_file: DataFile, tmp_path: Path) -> None:
    """ROOT keeps the last saved header of a growing tree; a later one with new baskets is another tree."""
    source, target = data_file("real", "delphes_z91_100.root"), tmp_path / "out.baler"
    baler_root.compress(source, target, bound="lossless", codec="classic", skip_unsupported=True)
    with open_file(target) as file, uproot.open(source) as root:
        stored = {tree.schema.cycle: tree for tree in file.trees}
        assert {cycle: tree.schema.num_entries for cycle, tree in stored.items()} == {
            cycle: root[f"Delphes;{cycle}"].num_entries for cycle in (1, 2)
        }
        assert [tree.same_as for tree in file.container.manifest.trees] == [None, 0]
