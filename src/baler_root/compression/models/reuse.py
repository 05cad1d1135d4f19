"""Applies the models of a `.balermodel` file to trees: finds their columns, and keeps the models that pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.page_groups import plan_groups_with_models
from baler_root.compression.plan import GroupModel, Plan
from baler_root.compression.tree_job import TreeJob
from baler_root.errors import ConfigError, listed
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.conditional.page import LENGTH_KINDS
from baler_root.format.codecs.latent.model import AutoencoderModel, ResidualMode
from baler_root.format.codecs.model_loader import codec_of
from baler_root.format.columns.to_columns import flatten
from baler_root.format.container.model_references import DetachedModel, KnownColumn
from baler_root.format.model_file import ModelFile, StoredModel
from baler_root.format.tables import lengths_of, tables_of
from baler_root.training.model_cost import MARGIN, pays_for_itself

MAX_TRIAL_ENTRIES = 1 << 14
"""Most entries of a tree on which models are tried out."""


MAX_TRIAL_BYTES = 1 << 23
"""Most bytes in memory of the entries on which models are tried out."""


MIN_SAVED_SHARE = 0.01
"""Share of its columns' bytes that a detached model must save: a file should not depend on another for less.
"""


MAX_NAMES = 6
"""Most columns a message lists by name."""


@dataclass(frozen=True, slots=True)
class ReusedModels:
    """Models of a file that are used, and notes on the others."""

    jobs: tuple[TreeJob, ...]
    """The trees, with plans that use the models."""
    models: dict[bytes, StoredModel]
    """The models that are used, by their SHA-256."""
    codec: str
    """Codec of the compressed file."""
    notes: tuple[str, ...]
    """Messages on models and columns that are not used, with the reason."""

    def detached(self, hint: str) -> tuple[DetachedModel, ...]:
        """References to the models for a compressed file that does not contain them; `hint` is their path."""
        return tuple(DetachedModel(digest, len(stored.data), hint) for digest, stored in self.models.items())


@dataclass(frozen=True, slots=True)
class MatchedModel:
    """A model and the columns of a tree that it knows."""

    stored: StoredModel
    numbers: dict[int, int]
    """Number in the model of each column of the tree."""
    problems: tuple[str, ...]
    """Messages on columns that do not fit."""
    context: dict[int, int] = field(default_factory=dict)
    """Number in the model of each column of the entries that a list uses as context."""
    lists: int | None = None
    """Number of the column with the lengths of the list."""
    num_other_bound: int = 0
    """Number of columns whose bound here differs from that of the training."""

    @property
    def label(self) -> str:
        """Name of the model in messages."""
        return f"model {self.stored.trained.digest.hex()[:12]}… of tree {self.stored.trained.tree!r}"

    @property
    def columns(self) -> range:
        """The columns of its page: all from its first to its last."""
        return range(min(self.numbers), max(self.numbers) + 1)


def reuse(jobs: Sequence[TreeJob], file: ModelFile, detach: bool, always: bool = False) -> ReusedModels:
    """The jobs with the models that make their trees smaller by enough to pay for their own bytes.

    With `detach` their bytes do not count. Autoencoders without a residual, and with `always` all models, are
    used whatever they save.
    Raises ConfigError if no column of any tree fits any model, or most have another bound.
    """
    codecs = sorted({codec_of(stored.model) for stored in file.models})
    if len(codecs) > 1:
        raise ConfigError(f"{file.path}: models of several codecs ({', '.join(codecs)})")
    new_jobs = list(jobs)
    used: dict[bytes, StoredModel] = {}
    unknown_trees: list[str] = []
    problems: list[str] = []
    notes: list[str] = []
    num_columns = num_other_bound = 0
    for number, job in enumerate(jobs):
        path = job.plan.schema.path
        if job.same_as is not None:
            continue
        models = [stored for stored in file.models if stored.trained.tree == path]
        if not models:
            trees = ", ".join(dict.fromkeys(repr(stored.trained.tree) for stored in file.models))
            unknown_trees.append(f"tree {path!r} is not among the trees of its training ({trees})")
            continue
        matches = [_match(job, stored) for stored in models]
        problems += [f"{path}: {problem}" for match in matches for problem in match.problems]
        fitting = [match for match in matches if _streams(match)]
        num_columns += sum(len(match.numbers) for match in fitting)
        num_other_bound += sum(match.num_other_bound for match in matches)
        if fitting and job.lengths:
            disjoint, overlapping = _split_overlapping(fitting)
            problems += [
                f"the {match.label} is not used: its columns lie among those of another here"
                for match in overlapping
            ]
            plan, paying, tree_notes = _try_out(job, disjoint, detach, always)
            new_jobs[number] = replace(job, plan=plan)
            used.update({stored.trained.digest: stored for stored in paying})
            notes += tree_notes
    if not num_columns or num_other_bound > num_columns:
        reasons = [*unknown_trees, *(problems or notes)]
        raise ConfigError(f"{file.path}: no model fits: {'; '.join(reasons)}")
    notes = [f"{file.name}: {note}" for note in [*problems, *notes]]
    if used and detach:
        names = ", ".join(f"{digest.hex()[:12]}…" for digest in used)
        notes.append(f"{file.name} is needed to read the file: keep it (model {names})")
    return ReusedModels(tuple(new_jobs), used, codecs[0] if used else "classic", tuple(notes))


def _match(job: TreeJob, stored: StoredModel) -> MatchedModel:
    """The columns of the tree that a model knows, and the reasons why others are left out."""
    plan = job.plan
    columns = plan.columns
    numbers: dict[tuple[str, str, str], int] = {
        (plan.schema.path_of(c.branch), c.field, c.role): number
        for number, c in reversed([*enumerate(columns)])
    }
    tables = tables_of(columns, flatten(plan.schema, columns, job.source.first_entries))
    matched: dict[int, int] = {}
    missing: list[KnownColumn] = []
    other_types: list[KnownColumn] = []
    too_loose: list[KnownColumn] = []
    other_bound: dict[tuple[str, str], list[KnownColumn]] = {}
    for index, column in enumerate(stored.trained.columns):
        number = numbers.get((column.branch, column.field, column.role))
        if number is None:
            missing.append(column)
        elif str(columns[number].dtype) != column.dtype or columns[number].shape:
            other_types.append(column)
        elif str(columns[number].bound) != column.bound:
            other_bound.setdefault((column.bound, str(columns[number].bound)), []).append(column)
        elif not ErrorBound.parse(column.quantiser_bound).implies(columns[number].tightened):
            too_loose.append(column)
        else:
            matched[number] = index
    kinds = [column.kind for column in stored.model.columns]
    context = {number: index for number, index in matched.items() if kinds[index] == "entry"}
    members = {number: index for number, index in matched.items() if kinds[index] == "value"}
    rows = [tables[number] for number in members]
    table = max(dict.fromkeys(rows), key=rows.count, default=-1)
    misplaced = [number for number in members if tables[number] != table or table < 0]
    misplaced += [number for number in context if tables[number] != 0]
    stray = [stored.trained.columns[matched[number]] for number in misplaced]
    for number in misplaced:
        members.pop(number, None)
        context.pop(number, None)
    lists = lengths_of(columns, tables, table)
    problems = [
        f"{problem}: {_named(names)}"
        for names, problem in (
            (missing, "not in this file"),
            (other_types, "of another type here"),
            (stray, "in another list than the rest here"),
            (too_loose, "kept tighter here than in training, since others are computed from it"),
        )
        if names
    ]
    for (trained, requested), names in other_bound.items():
        problems.append(
            f"trained at {trained}, but {requested} is requested: {_named(names)}; "
            f"ask for {trained} here, or train again at {requested}"
        )
    match = MatchedModel(
        stored, members, tuple(problems), context, lists, sum(map(len, other_bound.values()))
    )
    streams = _streams(match)
    model_columns = stored.model.columns
    lost = [
        stored.trained.columns[index]
        for _, index in sorted(members.items())
        if model_columns[index].conditional is not None and index not in streams
    ]
    if not lost or not problems:
        return match
    problems[-1] += f"; without these the model cannot predict {_named(lost)}"
    return replace(match, problems=tuple(problems))


def _named(columns: Sequence[KnownColumn]) -> str:
    """Names of the first columns, and the number of the others."""
    return listed((repr(column.name) for column in columns), MAX_NAMES)


def _streams(match: MatchedModel) -> list[int]:
    """Columns, by number in the model, whose network or histograms have all their parents."""
    columns = match.stored.model.columns
    if isinstance(match.stored.model, AutoencoderModel):
        # Its latents need all columns.
        return sorted(match.numbers.values()) if len(match.numbers) == len(columns) else []
    present = {*match.numbers.values(), *match.context.values()}
    if match.lists is not None:
        present.update(index for index, column in enumerate(columns) if column.kind in LENGTH_KINDS)
    return sorted(
        index
        for index in match.numbers.values()
        if (conditional := columns[index].conditional) is not None
        and present.issuperset(conditional.parents)
        and (index not in conditional.parents or match.lists is not None)
    )


def _split_overlapping(matches: Sequence[MatchedModel]) -> tuple[list[MatchedModel], list[MatchedModel]]:
    """The matches in their order in the tree, and those that overlap an earlier one, as no page may."""
    disjoint: list[MatchedModel] = []
    overlapping: list[MatchedModel] = []
    for match in sorted(matches, key=lambda match: match.columns.start):
        overlaps = disjoint and match.columns.start < disjoint[-1].columns.stop
        (overlapping if overlaps else disjoint).append(match)
    return disjoint, overlapping


def _try_out(
    job: TreeJob, matches: Sequence[MatchedModel], detach: bool, always: bool
) -> tuple[Plan, list[StoredModel], list[str]]:
    """The plan with the models that pay (with `always`, all), these models, and notes on the others."""
    entries = job.plan.schema.num_entries
    sampled = min(entries, MAX_TRIAL_ENTRIES, max(1, int(MAX_TRIAL_BYTES / max(job.source.entry_size, 1e-9))))
    start = (entries - sampled) // 2
    arrays = job.source.read(job.plan.schema.stored(), start, start + sampled)
    values = flatten(job.plan.schema, job.plan.columns, arrays)
    drafted = _planned(job, matches, values, sampled)
    baseline = encode_cluster(job.plan, arrays, sampled).records["size"].astype(np.int64)
    modelled = encode_cluster(drafted, arrays, sampled).records["size"].astype(np.int64)
    used: list[MatchedModel] = []
    notes: list[str] = []
    for match in matches:
        numbers = match.numbers if always else _paying_columns(match, baseline - modelled)
        page = slice(match.columns.start, match.columns.stop)
        scale = entries / sampled
        saved = int((baseline - modelled)[sorted(numbers)].sum() * scale) if numbers else 0
        size = len(match.stored.data)
        pays_detached = saved > MIN_SAVED_SHARE * float(baseline[page].sum()) * scale
        pays = pays_detached if detach else pays_for_itself(saved, size)
        if numbers and (pays or always or _has_no_residual(match)):
            used.append(replace(match, numbers=numbers))
        elif numbers and not detach and pays_detached:
            notes.append(
                f"the {match.label} is not used: it would save about {saved / 1000:.3g} kB of "
                f"{baseline[page].sum() * scale / 1000:.3g}, and take {size / 1000:.3g} kB itself (it must save "
                f"{MARGIN} times that); kept outside (--detach-model) it would pay"
            )
        else:
            notes.append(
                f"the {match.label} is not used: on a sample of this file it saves too little "
                f"({modelled[page].sum()} bytes with it, {baseline[page].sum()} without); the data differ from those it was "
                "trained on"
            )
    if not used:
        return job.plan, [], notes
    return _planned(job, used, values, sampled), [match.stored for match in used], notes


def _paying_columns(match: MatchedModel, gains: NDArray[Any]) -> dict[int, int]:
    """Columns that save bytes, and the parents of their networks; empty if no network pays."""
    columns, streams = match.stored.model.columns, set(_streams(match))
    if isinstance(match.stored.model, AutoencoderModel):
        pays = gains[sorted(match.numbers)].sum() > 0 or _has_no_residual(match)
        return match.numbers if streams and pays else {}
    needed: set[int] = set()
    paying = False
    for number, index in sorted(match.numbers.items(), key=lambda item: -item[1]):
        pays = index in streams and gains[number] > 0
        paying = paying or pays
        if pays or (index in needed and index in streams):
            net = columns[index].conditional
            needed.update([index, *(net.parents if net is not None else ())])
    return {number: index for number, index in match.numbers.items() if index in needed} if paying else {}


def _has_no_residual(match: MatchedModel) -> bool:
    """Whether a model stores latents without a residual: its user wants the latents, whatever they save."""
    model = match.stored.model
    return isinstance(model, AutoencoderModel) and model.residual is ResidualMode.NONE


def _planned(
    job: TreeJob, matches: Sequence[MatchedModel], values: Sequence[NDArray[Any]], entries: int
) -> Plan:
    """The plan with a page for each match, and ordinary pages between them."""
    sections = [(match.columns, True) for match in matches]
    groups, positions = plan_groups_with_models(values, entries, max(job.lengths), sections)
    models = tuple(
        GroupModel(
            group,
            match.stored.trained.digest,
            match.stored.model,
            dict(match.numbers),
            context=match.context,
            lists=match.lists,
        )
        for group, match in zip(positions, matches, strict=True)
    )
    return replace(job.plan, groups=groups, codec=codec_of(models[0].model), models=models)
