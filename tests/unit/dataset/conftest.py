"""Real files, each opened as ROOT file by uproot and compressed by this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from tests.conftest import data_path
from tests.helpers.root_files import write_tree
from tests.helpers.uproot_pairs import Pair, Sample

Paths = tuple[Path, Path]

SAMPLES = [
    Sample("agc_muons_100k", "Events", "nMuon", "Muon_pt", "Muon_*"),
    Sample("cms_hep_tutorial_zz", "events", "NMuon", "Muon_Px", "M*_P?"),
    Sample("atlas_4lep_data_A", "mini", "runNumber", "lep_pt", "lep_*"),
    Sample("delphes_z91_100", "Delphes", "Event_size", "Particle.PT", "Particle.[EP]*"),
    Sample("alice_hypertriton_39k", "Hyp3O2", "pt", "", "dca_*"),
]


@pytest.fixture(scope="session")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """`compressed(file, tree)` is the path of a `.baler` file of that tree, lossless, in several clusters."""
    folder = tmp_path_factory.mktemp("compressed")

    def make(file: str, tree: str) -> Path:
        target = folder / f"{file}-{tree}.baler".replace("/", "-")
        if not target.exists():
            source = data_path(f"{file}.root")
            with uproot.open(source) as root:
                size = max(10, root[tree].num_entries // 3 + 1)
            baler_root.compress(
                source,
                target,
                bound="lossless",
                training="fast",
                trees=[tree],
                cluster_size=size,
                skip_unsupported=True,
            )
        return target

    return make


@pytest.fixture(scope="module", params=SAMPLES, ids=lambda sample: sample.file)
def pair(request: pytest.FixtureRequest, compressed: Callable[[str, str], Path]) -> Iterator[Pair]:
    sample: Sample = request.param
    path = data_path("real", f"{sample.file}.root")
    ours_path = compressed(f"real/{sample.file}", sample.tree)
    with uproot.open(path) as theirs, baler_root.open(ours_path) as ours:
        yield Pair(ours[sample.tree], theirs[sample.tree], sample)


RNTUPLES = [
    ("real/atlas_physlite_rntuple", "DataHeader"),
    ("real/atlas_physlite_rntuple", "EventTag"),
    pytest.param(("real/atlas_physlite_rntuple", "EventData"), marks=pytest.mark.slow),
    ("coverage/Run2012BC_DoubleMuParked_Muons_1000evts_rntuple_v1-0-0-0", "Events"),
    ("coverage/test_class_inheritance_rntuple_v1-0-0-1", "rntpl"),
    ("coverage/test_emptystruct_invalidvar_rntuple_v1-0-0-0", "ntuple"),
    ("coverage/rntviewer-testfile-multiple-rntuples-v1-0-0-0", "A"),
    ("coverage/test_1jag_int_float_rntuple_v1-0-0-0", "ntuple"),
]


@pytest.fixture(scope="module", params=RNTUPLES, ids=str)
def fields(request: pytest.FixtureRequest, compressed: Callable[[str, str], Path]) -> Iterator[Pair]:
    file, tree = request.param
    with uproot.open(data_path(f"{file}.root")) as theirs, baler_root.open(compressed(file, tree)) as ours:
        yield Pair(ours[tree], theirs[tree], Sample(file, tree, "", "", ""))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A ROOT file of trees in directories, two cycles, an RNTuple and a histogram, and its `.baler` file."""
    folder = tmp_path_factory.mktemp("mixed")
    source, target = folder / "mixed.root", folder / "mixed.baler"
    values = {"x": np.arange(100.0), "y": np.arange(100, dtype=np.int32)}
    jagged = ak.unflatten(np.arange(60.0), [i % 3 for i in range(60)])
    muons = ak.zip({"pt": jagged, "tight": jagged > 20})
    with uproot.recreate(source) as file:
        file["hist"] = np.histogram([1.0, 2.0, 2.0])
        write_tree(file, "Events", {"x": np.zeros(3)})
        write_tree(file, "Events", values)
        write_tree(file, "runs/lumi/Lumi", {"run": np.arange(5)})
        file["runs/counts"] = np.histogram([3.0])
        file.mkrntuple("fields", ak.Array({"muons": muons, "n": np.arange(60)}))
    baler_root.compress(source, target, bound="lossless", cluster_size=30)
    return source, target
