"""Baskets of raw branches where clusters are missing: where the bytes of the first entries were, or that they
are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from baler_root._types import Values
from baler_root.api.recovered_cluster import ClusterRecovery, RecoveredCluster
from baler_root.rootio.raw.basket_key import MAX_KEY_SIZE, basket_key_size
from baler_root.rootio.raw.raw_branch import GENERATED_OFFSETS, OTHER_OFFSETS

BYTES_LOST = "its bytes are in a basket that began in a damaged cluster"


_NEW_CLASS = b"\xff\xff\xff\xff"
"""Bytes in front of the name of a class, to which later objects refer by its position."""


class RecoveredBaskets:
    """Baskets of the raw branches of one tree, cluster by cluster.

    A basket may go on in the next cluster. Where that one is missing, or in another tree, the next entries
    need a basket of their own.
    """

    def __init__(self, recovery: ClusterRecovery) -> None:
        schema = recovery.tree.schema
        self._schema = schema
        self._columns: dict[int, dict[str, int]] = {}
        for number, column in enumerate(recovery.columns):
            if schema.branches[column.branch].raw:
                name = "counts" if column.role == "counts" else column.field
                self._columns.setdefault(column.branch, {})[name] = number
        self._next_byte: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._unlike: set[int] = set()
        """Branches of which some basket has no offsets of its entries although others have, or the other way
        round."""
        self._never_filled: set[int] = set()
        self._last = -1
        self.notes: list[str] = []

    def lost_behind_gap(self, content: RecoveredCluster) -> dict[int, str]:
        """The branches of which a cluster has no bytes without the one in front of it, with the reason."""
        lost = {}
        for branch, (baskets, counts) in self._starting_inside(content).items():
            front = _entries_in_front(baskets)
            is_filled = branch in self._positions or front < len(baskets)
            is_unlike = branch in self._unlike or bool((baskets & OTHER_OFFSETS).any())
            if not counts[:front].any() and not (is_filled and self._has_offsets(branch) and not is_unlike):
                lost[branch] = BYTES_LOST
        return lost

    def started(self, content: RecoveredCluster) -> RecoveredCluster:
        """The cluster, with a basket that begins in its first entry, for each branch that has a part of one
        there."""
        if content.decoded is None:
            return content
        changed: dict[int, Values] = {}
        for branch, (baskets, counts) in self._starting_inside(content).items():
            number = self._columns[branch]["basket"]
            front = _entries_in_front(baskets)
            position = self._next_byte.get(branch, MAX_KEY_SIZE + 1)
            if position > MAX_KEY_SIZE:
                data = content.decoded.values[self._columns[branch]["bytes"]][: int(counts[:front].sum())]
                self._note(branch, np.asarray(data).tobytes())
                known = self._positions.get(branch) or int(baskets.max())
                if self._has_offsets(branch):  # sizes of entries are known here, and need them
                    known &= ~OTHER_OFFSETS
                position = known or basket_key_size(self._schema.branches[branch].name, self._schema.path)
            else:
                position |= self._positions[branch] & OTHER_OFFSETS
            changed[number] = np.array(baskets)
            changed[number][0] = position
        if not changed:
            return content
        decoded = replace(content.decoded, values={**content.decoded.values, **changed})
        return replace(content, decoded=decoded, changed=frozenset(changed))

    def add(self, cluster: int, content: RecoveredCluster) -> None:
        """Note where the baskets of a cluster are; clusters come in order."""
        if cluster != self._last + 1:
            self._next_byte.clear()
        self._last = cluster
        whole = self._whole(content)
        for branch in self._columns.keys() - whole.keys():
            self._next_byte.pop(branch, None)
        for branch, (baskets, counts) in whole.items():
            starts = np.flatnonzero(baskets)
            if cluster == 0 and len(baskets) and not baskets[0]:
                self._never_filled.add(branch)
            if len(starts):
                self._positions[branch] = int(baskets[starts[-1]])
                first_byte = self._positions[branch] & ~OTHER_OFFSETS
                self._next_byte[branch] = first_byte + int(counts[starts[-1] :].sum())
                if (baskets & OTHER_OFFSETS).any():
                    self._unlike.add(branch)
            elif branch in self._next_byte:
                self._next_byte[branch] += int(counts.sum())

    def _starting_inside(self, content: RecoveredCluster) -> dict[int, tuple[Values, Values]]:
        """Positions of baskets and lengths of entries of branches whose first entry is inside a basket."""
        return {
            branch: (baskets, counts)
            for branch, (baskets, counts) in self._whole(content).items()
            if len(baskets) and not baskets[0] and branch not in self._never_filled
        }

    def _whole(self, content: RecoveredCluster) -> Mapping[int, tuple[Values, Values]]:
        if content.decoded is None:
            return {}
        values = content.decoded.values
        return {
            branch: (values[columns["basket"]], values[columns["counts"]])
            for branch, columns in self._columns.items()
            if branch not in content.lost
        }

    def _has_offsets(self, branch: int) -> bool:
        """Whether each entry has its bytes: baskets without offsets may have those of all in the first."""
        record = self._schema.branches[branch].record or {}
        return bool(record.get("fEntryOffsetLen")) and not record.get("fIOBits", 0) & GENERATED_OFFSETS

    def _note(self, branch: int, data: bytes) -> None:
        if _NEW_CLASS in data:
            note = (
                f"{self._schema.path}: {self._schema.path_of(branch)}: the positions of some bytes in their "
                "basket are lost, so ROOT may not read objects in them that refer to other objects"
            )
            self.notes += [note] if note not in self.notes else []


def _entries_in_front(baskets: Values) -> int:
    """Number of entries in front of the first basket that begins in a cluster."""
    starts = np.flatnonzero(baskets)
    return int(starts[0]) if len(starts) else len(baskets)
