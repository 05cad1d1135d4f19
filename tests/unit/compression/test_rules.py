"""Rules: which bound each branch gets and why; TOML files, presets, precedence, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler_root.cli.options import rules_of as cli_rules
from baler_root.compression.rules.exact_branches import exact_by_name
from baler_root.compression.rules.matching import check_used
from baler_root.compression.rules.presets import PRESETS
from baler_root.compression.rules.rule import BoundTarget, Rule
from baler_root.compression.rules.rules import Rules
from baler_root.errors import ConfigError
from baler_root.format.bounds import ErrorBound
from baler_root.format.schema import Branch, Tree

F4, F8, I4, BOOL = (np.dtype(t) for t in ("f4", "f8", "i4", "?"))


def bound(
    rules: Rules, name: str, dtype: np.dtype = F4, typename: str = "float", path: str = ""
) -> tuple[str, str]:
    """(bound, reason) of a branch of a tree `Events`."""
    found, reason = rules.bound_for(BoundTarget("Events", path or name, name, dtype, typename))
    return str(found), reason


def tree(path: str = "Events", **branches: str) -> Tree:
    """A TTree of flat branches, by name and awkward primitive."""
    rows = tuple(
        Branch(name, None, primitive, form={"class": "NumpyArray", "primitive": primitive})
        for name, primitive in branches.items()
    )
    return Tree(path, 1, "TTree", "", 0, rows)


def test_default_policy() -> None:
    rules = Rules.build()
    assert bound(rules, "Muon_pt") == ("rel=0.001", "default")
    assert bound(rules, "x", F8, "double") == ("rel=0.001", "default")
    assert bound(rules, "nMuon", I4, "int32_t") == ("lossless", "integer")
    assert bound(rules, "HLT_Mu", BOOL, "bool") == ("lossless", "boolean")
    assert bound(rules, "name", BOOL, "std::string") == ("lossless", "string")
    assert bound(rules, "event", F8, "double") == ("lossless", "identifier")
    assert bound(rules, "genWeight") == ("lossless", "weight")


@pytest.mark.parametrize(
    "name",
    [
        # CMS NanoAOD
        "genWeight", "Generator_weight", "LHEWeight_originalXWGTUP", "LHEPdfWeight", "PSWeight", "genEventSumw2",
        "L1PreFiringWeight_Nom", "btagWeight_CSVV2", "puWeight", "TauSpinner_weight_cp_0p25_alt", "Muon_effSF",
        # ATLAS Open Data 2020 and 2025
        "mcWeight", "scaleFactor_PILEUP", "ScaleFactor_FTAG", "XSection", "SumWeights", "xsec", "filteff", "kfac",
        "sum_of_weights_squared", "num_events",
        # ATLAS PHYSLITE, Delphes, EDM4HEP
        "EventInfoAuxDyn.mcEventWeights", "EventInfoAuxDyn:PileupWeight_NOSYS", "TruthEventsAuxDyn.crossSection",
        "CutBookkeepersAux./CutBookkeepersAux.sumOfEventWeights", "Event/Event.Weight", "Event/Event.CrossSection",
        "MCRecoAssociations/MCRecoAssociations.weight",
    ],
)  # fmt: skip
def test_weights_by_name(name: str) -> None:
    assert exact_by_name(name) == "weight"


@pytest.mark.parametrize(
    "name", ["run", "lumi", "luminosityBlock", "event", "f_run", "runNumber", "EventInfoAuxDyn.eventNumber",
             "eventNumber", "channelNumber", "mcChannelNumber", "EVENT", "bunchCrossing", "bx"]
)  # fmt: skip
def test_identifiers_by_name(name: str) -> None:
    assert exact_by_name(name) == "identifier"


@pytest.mark.parametrize(
    "name",
    ["Muon_pt", "MET_phi", "AnalysisMuonsAuxDyn.ptvarcone30_Nonprompt_All_MaxWeightTTVA_pt500", "weightedMeanEta",
     "brunch", "Jet_rawFactor", "lumiere", "EventInfoAuxDyn.beamPosX", "CutBookkeepers_weight_100Aux.x"],
)  # fmt: skip
def test_not_exact_by_name(name: str) -> None:
    assert exact_by_name(name) == ""


def test_last_rule_wins() -> None:
    rules = Rules.build(
        bound="abs=0.5", bounds={"Muon_*": "bits=12", "*_pt": "rel=1e-4", "Muon_pt": "lossless"}
    )
    assert bound(rules, "MET_phi") == ("abs=0.5", "default")
    assert bound(rules, "Muon_eta") == ("bits=12", "rule 'Muon_*'")
    assert bound(rules, "Jet_pt") == ("rel=0.0001", "rule '*_pt'")
    assert bound(rules, "Muon_pt") == ("lossless", "rule 'Muon_pt'")
    assert bound(rules, "muon_eta")[1] == "default", "patterns have regard to case"


def test_rules_name_paths_and_what_lies_below() -> None:
    rules = Rules.build(bounds={"jets": "bits=8", "fTracks/fTracks.fPx": "bits=9", "*.fPy": "bits=10"})
    assert bound(rules, "pt", path="jets.pt") == ("bits=8", "rule 'jets'")
    assert bound(rules, "pt", path="jetsubstructure.pt")[1] == "default"
    assert bound(rules, "fTracks.fPx", path="fTracks/fTracks.fPx")[0] == "bits=9"
    assert bound(rules, "fTracks.fPy", path="fTracks/fTracks.fPy")[0] == "bits=10"
    assert bound(rules, "charge", I4, "vector<Jet>", path="jets.charge") == ("lossless", "integer")


def test_brackets_in_names() -> None:
    assert bound(Rules.build(bounds={"x[3]": "bits=8"}), "x[3]")[0] == "bits=8"


def test_globs_leave_integers_alone_and_names_do_not() -> None:
    rules = Rules.build(bounds={"*": "rel=1e-2", "Jet_mult": "abs=2"})
    assert bound(rules, "Muon_pt")[0] == "rel=0.01"
    assert bound(rules, "Electron_bitmap", I4, "int32_t") == ("lossless", "integer")
    assert bound(rules, "HLT_Mu", BOOL, "bool") == ("lossless", "boolean")
    assert bound(rules, "Jet_mult", I4, "int32_t[]") == ("abs=2.0", "rule 'Jet_mult'")


def test_globs_leave_weights_alone_unless_they_say_so() -> None:
    rules = Rules.build(bounds={"*": "rel=1e-2"})
    assert bound(rules, "LHEPdfWeight") == ("lossless", "weight")
    assert bound(rules, "eventNumber", F8) == ("lossless", "identifier")
    rules = Rules.build(bounds={"LHE*Weight": "rel=1e-2", "genWeight": "rel=1e-4", "event": "abs=1"})
    assert bound(rules, "LHEPdfWeight") == ("rel=0.01", "rule 'LHE*Weight'")
    assert bound(rules, "genWeight")[0] == "rel=0.0001"
    assert bound(rules, "event", F8)[0] == "abs=1.0"


@pytest.mark.parametrize(("dtype", "typename"), [(BOOL, "std::string"), (BOOL, "bool"), (BOOL, "char*")])
def test_a_bound_on_what_has_no_error_is_refused(dtype: np.dtype, typename: str) -> None:
    with pytest.raises(ConfigError, match=r"rule 'name': branch 'name' is of type .*no error to bound"):
        bound(Rules.build(bounds={"name": "rel=1e-3"}), "name", dtype, typename)
    assert bound(Rules.build(bounds={"name": "lossless"}), "name", dtype, typename)[0] == "lossless"


def test_rules_for_one_tree() -> None:
    rules = Rules(rules=(Rule("x", ErrorBound("bits", 8), tree="dir/Ev*"),))
    assert rules.bound_for(BoundTarget("dir/Events", "x", "x", F4, "float"))[0].kind == "bits"
    assert rules.bound_for(BoundTarget("Events", "x", "x", F4, "float"))[1] == "default"


def test_unused_rules_are_refused_naming_the_nearest() -> None:
    events = tree(Muon_pt="float32", nMuon="int32", HLT_Mu="bool")
    check_used(Rules.build(bounds={"Muon_*": "bits=8", "nMuon": "abs=1", "HLT_*": "lossless"}), [events])
    with pytest.raises(ConfigError, match=r"rule 'Muon_pT' matches no branch; nearest: 'Muon_pt'"):
        check_used(Rules.build(bounds={"Muon_pT": "bits=8"}), [events])
    with pytest.raises(ConfigError, match=r"rule 'zzz\*' matches no branch"):
        check_used(Rules.build(bounds={"zzz*": "bits=8"}), [events])
    with pytest.raises(ConfigError, match=r"no tree 'Event'; nearest: 'Events'"):
        check_used(Rules(rules=(Rule("Muon_pt", ErrorBound("bits", 8), tree="Event"),)), [events])
    check_used(Rules.build(preset="nanoaod"), [events])


def test_rules_without_effect_are_refused() -> None:
    events = tree(HLT_Mu="bool", HLT_prescale="int32", pt="float32")
    with pytest.raises(ConfigError, match=r"rule 'HLT_\*' would change nothing.*boolean, weight.*'HLT_Mu'"):
        check_used(Rules.build(bounds={"HLT_*": "rel=1e-3"}), [events])


def test_rules_of_a_preset_may_match_nothing_but_others_may_not() -> None:
    rules = Rules.build(bounds={"a": "bits=8", "b*": "bits=8"}, preset="nanoaod")
    with pytest.raises(ConfigError, match=r"^rule 'b\*' matches no branch"):
        check_used(rules, [tree(a="float32")])
    check_used(rules, [tree(a="float32", b1="float32")])


FILE = """
preset = "nanoaod"
default = "rel=1e-2"
sentinels = [-99.5, 7]
[[rules]]
branch = "Muon_*"
bound = "bits=8"
tree = "Events"
[[rules]]
branch = "Muon_pt"
bound = "lossless"
"""


def test_file_and_precedence(tmp_path: Path) -> None:
    """Preset, then file, then options; the last rule that applies wins, and so does the last default."""
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    rules = Rules.build(rules=path, bounds={"Muon_pt": "bits=9"})
    assert rules.sentinels == (-99.5, 7.0)
    assert rules.preset == "nanoaod"
    assert bound(rules, "x") == ("rel=0.01", "default")
    assert bound(rules, "Jet_eta") == ("bits=12", "preset nanoaod '*_eta'")
    assert bound(rules, "Muon_eta") == ("bits=8", "rule 'Muon_*'")
    assert bound(rules, "Muon_pt") == ("bits=9", "rule 'Muon_pt'")
    assert bound(Rules.build(path), "Muon_pt")[0] == "lossless"
    assert bound(Rules.build(rules=path, bound="lossless"), "x") == ("lossless", "default")
    assert bound(Rules.build(rules=path, preset="atlas-opendata"), "Jet_eta")[0] == "rel=0.0001"


def test_presets_parse_and_tell_their_source() -> None:
    assert {"lossless", "nanoaod", "physlite", "atlas-opendata"} <= set(PRESETS)
    for name, preset in PRESETS.items():
        assert Rules.build(preset=name).default == ErrorBound.parse(preset.default)
        assert preset.why
        assert preset.sources or name == "lossless"
    lossless = Rules.build(preset="lossless")
    assert bound(lossless, "x") == ("lossless", "default")
    physlite = Rules.build(preset="physlite")
    assert bound(physlite, "AnalysisMuonsAuxDyn.pt")[0] == "lossless"
    assert bound(physlite, "AnalysisMuonsAuxDyn:d0")[0] == "bits=15"
    assert bound(Rules.build(preset="atlas-opendata"), "photon_E")[0] == "rel=0.0001"


def test_to_json_says_everything(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(FILE)
    document = Rules.build(path, preset="lossless").to_json()
    assert document == {
        "default": "rel=0.01",
        "preset": "lossless",
        "rules": [["Muon_*", "bits=8", "Events"], ["Muon_pt", "lossless", None]],
        "sentinels": [-99.5, 7.0],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defualt = 'rel=1e-3'", "unknown key 'defualt'; did you mean 'default'?"),
        ("colour = 1", "unknown key 'colour'"),
        ("default = 1e-3", 'default must be text in quotes, such as default = "rel=1e-3"'),
        ("default = 'rel=0'", "lossless"),
        ("default = 'rel=", "not valid TOML"),
        ("preset = 'nano'", "unknown preset 'nano'; did you mean 'nanoaod'?"),
        ("sentinels = -99", "list of numbers"),
        ("sentinels = [true]", "list of numbers"),
        ("sentinels = [nan]", "finite"),
        ("rules = 'x'", "rules must be tables"),
        ("[[rules]]\nbranch = 'x'", "rule 1: needs both branch and bound"),
        ("[[rules]]\nbranch = 'x'\nbound = 'bits=99'", "rule 1 ('x')"),
        ("[[rules]]\nbrunch = 'x'\nbound = 'bits=9'", "rule 1: unknown key 'brunch'; did you mean 'branch'?"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Rules.build(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Rules.build(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        Rules.build(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    "text", ["Muon_pt", "=bits=12", "Muon_pt=", "Muon_pt=bits", "Muon_pt=rel=nan", "x=rel=-1"]
)
def test_branch_options_that_make_no_sense(text: str) -> None:
    with pytest.raises(ConfigError, match=r"rule"):
        cli_rules(None, [text])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bound": 1e-3}, '"rel=1e-3"'),
        ({"bounds": {"Muon_*": 0.1}}, "rule 'Muon_*': bound 0.1: the kind of error is missing"),
        ({"bounds": ["Muon_*=bits=12"]}, '{"Muon_*": "bits=12"}'),
        ({"bounds": "Muon_*=bits=12"}, '{"Muon_*": "bits=12"}'),
        ({"rules": "relative"}, "neither a TOML file nor an error bound"),
        ({"rules": 1e-3}, '"rel=1e-3"'),
        ({"rules": "rel=1e-3", "bound": "rel=1e-2"}, "two bounds"),
        ({"rules": Rules(), "preset": "nanoaod"}, "beside finished rules"),
        ({"independent": "E"}, "['E']"),
    ],
)  # fmt: skip
def test_short_forms_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Rules.build(**options)
    assert message in str(caught.value)


def test_short_forms(tmp_path: Path) -> None:
    """A text that is a bound, a file by its name, pairs instead of a mapping, finished rules."""
    path = tmp_path / "rules.toml"
    path.write_text('default = "bits=9"')
    assert Rules.build("rel=1e-2") == Rules.build(bound="rel=1e-2")
    assert Rules.build(str(path)) == Rules.build(path) == Rules.build(bound="bits=9")
    pairs = [("a*", "bits=8"), ("b*", ErrorBound("bits", 9)), ("a*", "lossless")]
    rules = Rules.build(bounds=pairs)
    assert [(rule.pattern, str(rule.bound)) for rule in rules.rules] == [
        ("a*", "bits=8"), ("b*", "bits=9"), ("a*", "lossless"),
    ]  # fmt: skip
    added = Rules.build(rules, bound="abs=1", bounds={"c": "bits=3"}, independent=["c"])
    assert added.rules[:3] == rules.rules
    assert (str(added.default), added.rules[3].pattern, added.independent) == ("abs=1.0", "c", ("c",))


@pytest.mark.parametrize(
    "text", ["rel=-1", "rel=0", "rel=nan", "abs=1e400", "bits=-1", "bits=3.5", "rl=1e-3", "", "1e-3"]
)
def test_bounds_that_make_no_sense(text: str) -> None:
    with pytest.raises(ConfigError):
        Rules.build(bound=text)
