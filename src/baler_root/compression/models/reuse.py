"""Applies the models of a `.balermodel` file to a tree: finds their columns, and keeps what pays here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.page_groups import plan_groups
from baler_root.compression.plan import GroupModel, Plan
from baler_root.errors import ConfigError
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.conditional.page import LENGTH_KINDS
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.model_loader import codec_of
from baler_root.format.columns.to_columns import flatten
from baler_root.format.container.references import Detached, KnownColumn
from baler_root.format.model_file import ModelFile, StoredModel
from baler_root.format.tables import lengths_of, tables_of

if TYPE_CHECKING:
    from baler_root.compression.planner import TreeJob


SAMPLE_ENTRIES = 1 << 14


SAMPLE_SIZE = 1 << 23
"""Entries of a tree, and bytes in memory, on which models are tried out."""


WORTHWHILE = 0.01
"""Share of its columns' bytes that a detached model must save: a file should not depend on another for less."""


NAMES = 6
"""Columns named in a message."""


@dataclass(slots=True)
class Reuse:
    """What became of the models of a file."""

    used: dict[bytes, StoredModel] = field(default_factory=dict)
    codec: str = "classic"
    """Of the file."""
    notes: list[str] = field(default_factory=list)
    """What was not used, and why."""

    def detached(self, hint: str) -> tuple[Detached, ...]:
        """What a file says that has the models in another one, at `hint`."""
        return tuple(Detached(digest, len(stored.data), hint) for digest, stored in self.used.items())


@dataclass(slots=True)
class Match:
    """A model and the columns of a tree that it knows."""

    stored: StoredModel
    numbers: dict[int, int]
    """The model's number of each column of the tree."""
    problems: list[str]
    """What does not fit."""
    outside: dict[int, int] = field(default_factory=dict)
    """The same of the columns of the entries that it uses for a list."""
    lists: int | None = None
    """Column with the lengths of the list."""
    other_bound: int = 0
    """Columns that are asked for with another bound than in training."""

    @property
    def label(self) -> str:
        """What the model is called in messages."""
        return f"model {self.stored.trained.digest.hex()[:12]}… of tree {self.stored.trained.tree!r}"


def reuse(jobs: Sequence[TreeJob], file: ModelFile, detach: bool) -> Reuse:
    """Give each job the models that make its tree smaller; with `detach` their own bytes count for nothing.

    Autoencoders without a residual are given whatever they save.

    Raises ConfigError where no column of any tree fits any model, or most have another bound.
    """
    out = Reuse()
    strangers: list[str] = []
    problems: list[str] = []
    found = other_bound = 0
    codecs = sorted({codec_of(stored.model) for stored in file.models})
    if len(codecs) > 1:
        raise ConfigError(f"{file.path}: models of several codecs ({', '.join(codecs)})")
    for job in jobs:
        path = job.plan.schema.path
        if job.same_as is not None:
            continue
        known = [stored for stored in file.models if stored.trained.tree == path]
        if not known:
            trees = ", ".join(dict.fromkeys(repr(stored.trained.tree) for stored in file.models))
            strangers.append(f"tree {path!r} is none of those it was trained on ({trees})")
            continue
        matches = [_match(job, stored) for stored in known]
        problems += [f"{path}: {problem}" for match in matches for problem in match.problems]
        fitting = [match for match in matches if _streams(match)]
        found += sum(len(match.numbers) for match in fitting)
        other_bound += sum(match.other_bound for match in matches)
        if fitting and job.lengths:
            job.plan, kept, notes = _try_out(job, _apart(fitting, problems), detach)
            out.used.update({stored.trained.digest: stored for stored in kept})
            out.notes += notes
    if not found or other_bound > found:
        raise ConfigError(f"{file.path}: no model fits: {'; '.join([*strangers, *problems, *out.notes])}")
    if out.used:
        (out.codec,) = codecs
    out.notes = [f"{file.name}: {note}" for note in [*problems, *out.notes]]
    if out.used and detach:
        names = ", ".join(f"{digest.hex()[:12]}…" for digest in out.used)
        out.notes.append(f"{file.name} is needed to read the file: keep it (model {names})")
    return out


def _match(job: TreeJob, stored: StoredModel) -> Match:
    """Which columns of the tree a model knows, and why others are left out."""
    plan = job.plan
    columns = plan.columns
    places: dict[tuple[str, str, str], int] = {
        (plan.schema.path_of(c.branch), c.field, c.role): number
        for number, c in reversed([*enumerate(columns)])
    }
    tables = tables_of(columns, flatten(plan.schema, columns, job.source.sample))
    found: dict[int, int] = {}
    missing: list[KnownColumn] = []
    other_type: list[KnownColumn] = []
    too_loose: list[KnownColumn] = []
    other_bound: dict[tuple[str, str], list[KnownColumn]] = {}
    for at, known in enumerate(stored.trained.columns):
        number = places.get((known.branch, known.field, known.role))
        if number is None:
            missing.append(known)
        elif str(columns[number].dtype) != known.dtype or columns[number].shape:
            other_type.append(known)
        elif str(columns[number].bound) != known.bound:
            other_bound.setdefault((known.bound, str(columns[number].bound)), []).append(known)
        elif not ErrorBound.parse(known.held).implies(columns[number].tightened):
            too_loose.append(known)
        else:
            found[number] = at
    kinds = [column.kind for column in stored.model.columns]
    outside = {number: at for number, at in found.items() if kinds[at] == "entry"}
    own = {number: at for number, at in found.items() if kinds[at] == "value"}
    rows = [tables[number] for number in own]
    usual = max(dict.fromkeys(rows), key=rows.count, default=-1)
    odd = [number for number in own if tables[number] != usual or usual < 0]
    odd += [number for number in outside if tables[number] != 0]
    stray = [stored.trained.columns[found[number]] for number in odd]
    for number in odd:
        own.pop(number, None)
        outside.pop(number, None)
    lists = lengths_of(columns, tables, usual)
    problems = [
        f"{what}: {_named(names)}"
        for names, what in (
            (missing, "not in this file"),
            (other_type, "of another type here"),
            (stray, "in another list than the rest here"),
            (too_loose, "kept tighter here than in training, since others are computed from it"),
        )
        if names
    ]
    for (trained, asked), names in other_bound.items():
        problems.append(
            f"learned at {trained}, while {asked} is asked for: {_named(names)}; "
            f"ask for {trained} here, or train again at {asked}"
        )
    match = Match(stored, own, problems, outside, lists, sum(map(len, other_bound.values())))
    coded = _streams(match)
    told = stored.model.columns
    lost = [
        stored.trained.columns[at]
        for _, at in sorted(own.items())
        if told[at].conditional is not None and at not in coded
    ]
    if lost and problems:
        problems[-1] += f"; without these nothing is known of {_named(lost)}"
    return match


def _named(columns: Sequence[KnownColumn]) -> str:
    """The names of a few columns, and how many there are."""
    names = ", ".join(repr(column.name) for column in columns[:NAMES])
    return names if len(columns) <= NAMES else f"{names} and {len(columns) - NAMES} more columns"


def _streams(match: Match) -> list[int]:
    """The columns, by number in the model, whose network or histograms have all that they ask for."""
    columns = match.stored.model.columns
    if isinstance(match.stored.model, AutoencoderModel):
        # It makes latents of all columns together.
        return sorted(match.numbers.values()) if len(match.numbers) == len(columns) else []
    there = {*match.numbers.values(), *match.outside.values()}
    if match.lists is not None:
        there.update(at for at, column in enumerate(columns) if column.kind in LENGTH_KINDS)
    return sorted(
        at
        for at in match.numbers.values()
        if (told := columns[at].conditional) is not None
        and there.issuperset(told.parents)
        and (at not in told.parents or match.lists is not None)
    )


def _apart(matches: Sequence[Match], problems: list[str]) -> list[Match]:
    """The matches whose stretches of columns do not overlap: each is one page. In their order in the tree."""
    out: list[Match] = []
    for match in sorted(matches, key=lambda match: min(match.numbers)):
        if out and min(match.numbers) <= max(out[-1].numbers):
            problems.append(f"the {match.label} is not used: its columns lie among those of another here")
        else:
            out.append(match)
    return out


def _try_out(
    job: TreeJob, matches: Sequence[Match], detach: bool
) -> tuple[Plan, list[StoredModel], list[str]]:
    """The plan with the models that pay, those models, and what is said of the others."""
    entries = job.plan.schema.num_entries
    sampled = min(entries, SAMPLE_ENTRIES, max(1, int(SAMPLE_SIZE / max(job.source.entry_size, 1e-9))))
    start = (entries - sampled) // 2
    arrays = job.source.read(job.plan.schema.stored(), start, start + sampled)
    values = flatten(job.plan.schema, job.plan.columns, arrays)
    drafted = _planned(job, matches, values, sampled)
    plain = encode_cluster(job.plan, arrays, sampled).records["size"].astype(np.int64)
    tried = encode_cluster(drafted, arrays, sampled).records["size"].astype(np.int64)
    kept: list[Match] = []
    notes: list[str] = []
    for match in matches:
        numbers = _worth(match, plain - tried)
        page = slice(min(match.numbers), max(match.numbers) + 1)
        scale = entries / sampled
        saved = int((plain - tried)[sorted(numbers)].sum() * scale) if numbers else 0
        least = WORTHWHILE * float(plain[page].sum()) * scale
        cost = least if detach else len(match.stored.data)
        if numbers and (saved > cost or _alone(match)):
            kept.append(replace(match, numbers=numbers))
        elif numbers and not detach and saved > least:
            notes.append(
                f"the {match.label} is not used: it would save about {saved / 1000:.3g} kB of "
                f"{plain[page].sum() * scale / 1000:.3g}, and take {cost / 1000:.3g} kB itself; kept outside "
                "(--detach-model) it would pay"
            )
        else:
            notes.append(
                f"the {match.label} is not used: on a sample of this file it saves too little "
                f"({tried[page].sum()} bytes with it, {plain[page].sum()} without); the data differ from those it was "
                "trained on"
            )
    if not kept:
        return job.plan, [], notes
    return _planned(job, kept, values, sampled), [match.stored for match in kept], notes


def _worth(match: Match, gains: NDArray[Any]) -> dict[int, int]:
    """The columns that save bytes, and those that their networks ask for; none if no network is left."""
    columns, streams = match.stored.model.columns, set(_streams(match))
    if isinstance(match.stored.model, AutoencoderModel):
        pays = gains[sorted(match.numbers)].sum() > 0 or _alone(match)
        return match.numbers if streams and pays else {}
    needed: set[int] = set()
    paying = False
    for number, at in sorted(match.numbers.items(), key=lambda item: -item[1]):
        pays = at in streams and gains[number] > 0
        paying = paying or pays
        if pays or (at in needed and at in streams):
            net = columns[at].conditional
            needed.update([at, *(net.parents if net is not None else ())])
    return {number: at for number, at in match.numbers.items() if at in needed} if paying else {}


def _alone(match: Match) -> bool:
    """Whether a model's latents have no residual beside them: who trained it wants them, whatever they save."""
    model = match.stored.model
    return isinstance(model, AutoencoderModel) and model.residual == "none"


def _planned(job: TreeJob, matches: Sequence[Match], values: Sequence[NDArray[Any]], entries: int) -> Plan:
    """The plan with a page for each match, and pages as usual between them."""
    cluster = max(job.lengths)
    groups: list[int] = []
    models: list[GroupModel] = []
    first = 0
    for match in matches:
        start, stop = min(match.numbers), max(match.numbers) + 1
        if first < start:
            groups += plan_groups(values[first:start], entries, cluster)
        models.append(
            GroupModel(
                len(groups),
                match.stored.trained.digest,
                match.stored.model,
                dict(match.numbers),
                outside=match.outside,
                lists=match.lists,
            )
        )
        groups.append(stop - start)
        first = stop
    if first < len(values):
        groups += plan_groups(values[first:], entries, cluster)
    return replace(job.plan, groups=tuple(groups), codec=codec_of(models[0].model), models=tuple(models))
