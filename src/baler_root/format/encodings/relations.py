"""Relations: functions that give a column from others, so that events stay consistent after decoding.

A relation is a `Sum`, a `Formula` or a `Lookup`. It knows the numbers of its sources, and nothing of a
cluster.
"""

from __future__ import annotations

from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.lookup import Lookup
from baler_root.format.encodings.sum import Sum

Relation = Sum | Formula | Lookup
