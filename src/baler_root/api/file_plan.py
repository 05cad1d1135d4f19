"""Decisions about a whole file that is compressed: its trees, objects and models."""

from __future__ import annotations

from dataclasses import dataclass, replace

from baler_root.compression.tree_job import TreeJob
from baler_root.format.container.model_references import DetachedModel
from baler_root.rootio.objects import CarriedObject


@dataclass(frozen=True, slots=True)
class FilePlan:
    """Decisions about a whole file."""

    jobs: tuple[TreeJob, ...]
    codec: str
    objects: tuple[CarriedObject, ...]
    """Objects that are not trees, such as histograms."""
    packed_objects: bytes
    """Bytes of the objects; empty if there are none."""
    skipped: tuple[tuple[str, str], ...]
    """(name, cause) of branches and objects that cannot be carried."""
    detached: tuple[DetachedModel, ...] = ()
    """Models that the file needs and another file holds."""
    notes: tuple[str, ...] = ()

    @property
    def jobs_with_pages(self) -> list[tuple[int, TreeJob]]:
        """Trees that have pages, with their positions in the file; not those that share pages."""
        return [(number, job) for number, job in enumerate(self.jobs) if job.same_as is None]

    def with_codec(self, codec: str) -> FilePlan:
        """The plan of a file whose trees all have this codec."""
        jobs = tuple(replace(job, plan=replace(job.plan, codec=codec)) for job in self.jobs)
        return replace(self, jobs=jobs, codec=codec)
