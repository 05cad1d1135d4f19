"""Masses in the loss of latents: what they cost, what they are good for, and when they are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from baler_root import LatentOptions
from baler_root.compression.rules.rules import Rules
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import ConfigError
from baler_root.format.codecs.latent.columns import latents_of, point_predictions
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.training import latent
from baler_root.training.axis_fit import fit_axis
from baler_root.training.pair_masses import Leg, Pair, PairMass
from baler_root.training.torch.mass_loss import MassTargets, invariant_mass
from tests.helpers.cli import Cli
from tests.helpers.latent_files import short_training
from tests.helpers.mass_pairs import ASKED, MASSIVE, NAMES, Arrays, mass_of, notes_of, pairs
from tests.helpers.root_files import Make

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")


pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")


@pytest.fixture(autouse=True)
def _train_shortly() -> Iterator[None]:
    with short_training(steps=60):
        yield


def compress(source: Path, *masses: PairMass, **keywords: Any) -> Any:
    keywords = {"codec": latents("none"), "overwrite": True} | keywords
    return baler_root.compress(source, source.with_name("out.baler"), rules=Rules(masses=masses), **keywords)


def latents(residual: str) -> LatentOptions:
    return LatentOptions("autoencoder", 3, residual)


# ---- the mass


def test_masses_are_those_of_four_vectors() -> None:
    arrays = pairs()
    values = {at: torch.from_numpy(arrays[name]) for at, name in enumerate(NAMES)}
    assert np.allclose(invariant_mass(MASSIVE, values).numpy(), mass_of(arrays), rtol=2e-5)
    massless = Pair(ASKED, Leg(0, 1, 2), Leg(4, 5, 6))
    light = arrays | {"mu_m": np.zeros(3000), "tau_m": np.zeros(3000)}
    assert np.allclose(invariant_mass(massless, values).numpy(), mass_of(light), rtol=2e-5)


def test_masses_of_near_parallel_particles_keep_their_digits() -> None:
    """By four-vectors in single precision nothing would be left of them."""
    near = {0: 50.0, 1: 2.0, 2: 1.0, 4: 70.0, 5: 2.0 + 1e-4, 6: 1.0 - 2e-4}
    values = {at: torch.tensor([value]) for at, value in near.items()}
    eta, phi = (float(values[a][0].double() - values[b][0].double()) for a, b in ((5, 1), (6, 2)))
    exact = np.sqrt(4 * 50 * 70 * (np.sinh(eta / 2) ** 2 + np.sin(phi / 2) ** 2))
    found = invariant_mass(Pair(ASKED, Leg(0, 1, 2), Leg(4, 5, 6)), values)
    assert float(found) == pytest.approx(exact, rel=1e-3)


# ---- what it costs


def terms(arrays: Arrays, step: float = 1e-2) -> tuple[Any, list[np.ndarray], list[Any]]:
    """Mass of rows with columns in steps of `step`, outputs that predict all values exactly, and edges."""
    symbols, axes, values = [], [], {}
    for at, name in enumerate(NAMES):
        keys = np.round(arrays[name] / step).astype(np.int64)
        low = keys.min()
        axes.append(fit_axis(keys - low))
        symbols.append(keys - low)
        values[at] = (np.arange(axes[-1].length) + low) * step
    edges = [torch.from_numpy((axis.edges / 2**20).astype(np.float32)) for axis in axes]
    places = [torch.from_numpy(some[:, None]) for some in symbols]
    found = MassTargets([MASSIVE], values).loss(edges, places)
    middles = [((edge[:-1] + edge[1:]) / 2)[at[:, 0]] for edge, at in zip(edges, places, strict=True)]
    outputs = torch.zeros(len(symbols[0]), len(NAMES), 3)
    outputs[:, :, 1] = torch.stack(middles, 1)
    return found, symbols, [outputs, edges]


def test_what_is_told_exactly_costs_nothing_and_errors_cost_their_logarithm() -> None:
    arrays = pairs(400) | {"mu_m": np.linspace(0.1, 0.2, 400, dtype="f4")}
    found, symbols, (outputs, edges) = terms(arrays)
    rows = torch.arange(400)
    assert float(found.bits(outputs, rows).max()) < 0.2
    cost = []
    for steps in (4, 32):
        wrong = outputs.clone()
        moved = np.clip(symbols[2] + steps, 0, len(edges[2]) - 2)
        wrong[:, 2, 1] = ((edges[2][:-1] + edges[2][1:]) / 2)[moved]
        cost.append(float(found.bits(wrong, rows).median()))
    assert 0.5 < cost[0] < cost[1]
    assert cost[1] - cost[0] == pytest.approx(3, abs=1.0)


def test_rows_without_a_pair_cost_nothing_and_gradients_are_numbers() -> None:
    arrays = pairs(300) | {"mu_m": np.linspace(0.1, 0.2, 300, dtype="f4")}
    gone = np.arange(300) % 3 == 0
    arrays = {
        name: np.where(gone, -999, values) if name.startswith("tau") else values
        for name, values in arrays.items()
    }
    found, _, (outputs, _) = terms(arrays)
    for shift in (0.0, 0.5, 30.0, -30.0):
        wrong = (outputs + torch.tensor([0.0, shift, 0.0])).requires_grad_()
        bits = found.bits(wrong, torch.arange(300))
        assert float(bits.detach()[gone].abs().max()) == 0
        bits.sum().backward()
        assert torch.isfinite(wrong.grad).all()
        assert shift != 0.5 or float(wrong.grad[~gone, :, 1].abs().max()) > 0
        assert float(wrong.grad[gone].abs().max()) == 0


def test_columns_that_are_never_those_of_a_particle_cost_nothing() -> None:
    arrays = pairs(300) | {"mu_m": np.linspace(0.1, 0.2, 300, dtype="f4"), "mu_pt": np.linspace(-9, -5, 300)}
    found, _, (outputs, _) = terms(arrays)
    wrong = (outputs + torch.tensor([0.0, 0.5, 0.0])).requires_grad_()
    bits = found.bits(wrong, torch.arange(300))
    bits.sum().backward()
    assert float(bits.detach().max()) == 0
    assert torch.isfinite(wrong.grad).all()


# ---- what it is good for


def told(path: Path, arrays: Arrays) -> Arrays:
    """Columns of the pair, predicted from the latents alone."""
    with open_file(path) as file:
        (model,) = (AutoencoderModel.from_bytes(file.models[digest]) for digest in file.models)
    with baler_root.open(path) as file:
        decoded = file["Events"].arrays(library="np")
    out = dict(arrays)
    places, values = {}, {}
    for n, column in enumerate(model.columns):
        quantiser, _ = Quantiser.from_bytes(column.quantiser)
        values[n] = quantiser.values(
            np.arange(column.axis.low, column.axis.low + column.axis.length, dtype=np.uint64)
        )
        order = np.argsort(values[n], kind="stable")
        places[n] = order[np.searchsorted(values[n][order], decoded[column.name])]
        out[column.name] = np.empty(len(places[n]))
    for n, rows, predictions in point_predictions(model, latents_of(model, places), {n: n for n in places}):
        out[model.columns[n].name][rows] = values[n][predictions]
    return out


def test_latents_tell_a_mass_better_that_training_looks_after(
    make_root: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent, "STEPS", {"default": 250})
    arrays = pairs(4000)
    source = make_root("in.root", kind="rntuple", Events=dict(sorted(arrays.items())))
    true = mass_of(arrays)
    off = []
    for masses in ((), (ASKED,)):
        summary = compress(source, *masses)
        off.append(np.quantile(np.abs(mass_of(told(Path(summary.target), arrays)) / true - 1), 0.683))
        (model,) = baler_root.inspect(summary.target)["models"]
        assert [mass["branches"] for mass in model.get("masses", [])] == [
            list(mass.branches) for mass in masses
        ]
    assert off[1] < 0.7 * off[0]


@pytest.mark.parametrize("residual", ["bounded", "none"])
def test_bounds_hold_and_bytes_are_the_same_with_a_mass(
    residual: str, make_root: Make, cli: Cli, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(f"[[physics]]\nmass = {list(NAMES)}\n".replace("'", '"'))
    source = make_root("in.root", kind="rntuple", Events=pairs())
    written = set()
    for name in ("a", "b"):
        target = tmp_path / f"{name}.baler"
        cli("compress", source, target, "--codec", "autoencoder", "--residual", residual, "--config", rules)
        assert baler_root.verify(target, source).problems == []
        written.add(target.read_bytes())
    assert len(written) == 1
    assert "also trained to preserve a mass: mu_pt, mu_eta" in " ".join(
        cli("inspect", tmp_path / "a.baler").out.split()
    )


# ---- messages on masses that cannot be


def test_masses_of_what_is_not_learned_are_named(make_root: Make) -> None:
    arrays = pairs()
    source = make_root(
        "in.root",
        kind="rntuple",
        Events=arrays
        | {"more": arrays["mu_pt"], "flat": np.full(3000, 30, "f4"), "count": np.arange(3000) % 7},
    )
    why = {
        "mu_pt": ("flat", "'flat' never changes"),
        "tau_eta": ("count", "'count' is kept exactly"),
    }
    again = PairMass(tuple("more" if name == "mu_pt" else name for name in NAMES))
    assert "training ignores the" not in notes_of(compress(source, again))
    for old, (new, message) in why.items():
        mass = PairMass(tuple(new if name == old else name for name in NAMES))
        found = notes_of(compress(source, mass))
        assert f"Events: training ignores the mass of {', '.join(mass.branches)}: {message}" in found
    assert ": 'mu_pt' is kept exactly" in notes_of(compress(source, ASKED, codec=latents("lossless")))
    assert "training ignores the" not in notes_of(compress(source, ASKED))


def test_masses_across_tables_are_named(tmp_path: Path) -> None:
    import awkward as ak

    arrays = pairs()
    source = tmp_path / "in.root"
    counts = np.full(1500, 2)
    lists = {name: ak.unflatten(arrays[f"tau_{name}"], counts) for name in ("pt", "eta", "phi")}
    flat = {f"mu_{name}": arrays[f"mu_{name}"][:1500].repeat(2) for name in ("pt", "eta", "phi")}
    with uproot.recreate(source) as file:
        file["Events"] = flat | {
            f"tau_{name}": ak.concatenate([values, values]) for name, values in lists.items()
        }
    mass = PairMass(tuple(f"{leg}_{name}" for leg in ("mu", "tau") for name in ("pt", "eta", "phi")))
    assert ": its columns are not in one table" in notes_of(compress(source, mass))


@pytest.mark.parametrize("codec", ["classic", "conditional"])
def test_masses_without_latents_are_named(codec: str, make_root: Make) -> None:
    source = make_root("in.root", kind="rntuple", Events=pairs())
    keywords = {"codec": codec, "training": "fast"}
    assert "[[physics]] of the rules is for codecs that store latents" in notes_of(
        compress(source, ASKED, **keywords)
    )


def test_masses_of_branches_that_are_not_there(make_root: Make) -> None:
    source = make_root("in.root", kind="rntuple", Events=pairs())
    mass = PairMass(("mu_pT", *NAMES[1:]))
    with pytest.raises(
        ConfigError, match=r"\[\[physics\]\] mass of mu_pT, .*: there is no branch 'mu_pT'; nearest: 'mu_pt'"
    ):
        compress(source, mass)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[physics]]\nmass = ["a", "b"]', "physics 1: a mass of 2 branches; name pt, eta, phi"),
        ("[[physics]]", "physics 1: a mass of 0 branches"),
        ("[[physics]]\nmass = 3", "physics 1: mass must be a list of texts"),
        ("[[physics]]\nmas = 3", "physics 1: unknown key 'mas'; did you mean 'mass'"),
        ("physics = 3", r"physics must be tables: \[\[physics\]\], then mass = "),
    ],
)
def test_rules_without_sense(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        Rules.build(path)
