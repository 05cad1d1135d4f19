"""Finds outlier rows by their latents: the Mahalanobis distance from the nearest cluster centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError

MAX_CENTRES = 1 << 8
"""Most clusters of a detector."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlierDetector:
    """Detects rows whose latents are far from all clusters. Only writers need it."""

    threshold: float
    """Score above which rows are stored exactly."""
    centres: NDArray[np.float32]
    """(clusters, latents)"""
    whitening: NDArray[np.float32]
    """(clusters, latents, latents): matrix that makes the latents of a cluster independent, with unit
    variance.
    """

    @property
    def latents(self) -> int:
        """Number of latents of a row."""
        return int(self.centres.shape[1])

    @classmethod
    def fit(cls, latents: NDArray[np.integer], share: float, clusters: int, seed: int) -> OutlierDetector:
        """Detector for which a `share` (0 to 1) of these rows, (rows, latents), is above the threshold."""
        rows = latents.astype(np.float64)
        labels = _clusters(rows, clusters, seed)
        centres, whitening = [], []
        for label in range(clusters):
            cluster = rows[labels == label]
            if len(cluster) <= rows.shape[1]:
                continue
            # A constant latent has no variance: it gets a standard deviation of 1/100 of a step.
            covariance = np.cov(cluster, rowvar=False).reshape(rows.shape[1], -1) + 1e-4 * np.eye(
                rows.shape[1]
            )
            centres.append(cluster.mean(axis=0))
            whitening.append(np.linalg.inv(np.linalg.cholesky(covariance)))
        if not centres:
            centres, whitening = [rows.mean(axis=0)], [np.eye(rows.shape[1])]
        unset = cls(0.0, np.array(centres, np.float32), np.array(whitening, np.float32))
        threshold = np.quantile(unset.scores(latents), 1 - share) if share < 1 else -1.0
        return cls(float(np.float32(threshold)), unset.centres, unset.whitening)

    def scores(self, latents: NDArray[np.integer]) -> NDArray[np.float32]:
        """Mahalanobis distance of each row from the nearest centre, in standard deviations."""
        nearest = np.full(len(latents), np.inf)
        for centre, whitening in zip(self.centres, self.whitening.astype(np.float64), strict=True):
            distance = (latents - centre.astype(np.float64)) @ whitening.T
            np.minimum(nearest, np.sqrt(np.einsum("ij,ij->i", distance, distance)), out=nearest)
        return nearest.astype(np.float32)

    def to_array(self) -> NDArray[np.float32]:
        """Flat array for a model: the threshold, then centre and matrix of each cluster."""
        parts = [self.centres[:, None], self.whitening]
        return np.append(np.float32(self.threshold), np.concatenate(parts, axis=1).reshape(-1))

    @classmethod
    def from_array(cls, array: NDArray[np.float32], clusters: int, latents: int) -> OutlierDetector:
        """Detector from `to_array`; raises CorruptFileError for another length, or numbers that are not
        finite.
        """
        if (
            not clusters
            or len(array) != 1 + clusters * latents * (1 + latents)
            or not np.isfinite(array).all()
        ):
            raise CorruptFileError(
                f"{clusters} clusters of {latents} latents that are not told by finite numbers"
            )
        parts = array[1:].reshape(clusters, 1 + latents, latents)
        return cls(float(array[0]), parts[:, 0], parts[:, 1:])


def _clusters(rows: NDArray[np.float64], clusters: int, seed: int, rounds: int = 30) -> NDArray[np.int64]:
    """Cluster of each row, by k-means of latents scaled to equal variance."""
    if clusters == 1:
        return np.zeros(len(rows), np.int64)
    scaled = rows / np.maximum(rows.std(axis=0), 1e-9)
    random = np.random.default_rng(seed)
    centres = scaled[random.choice(len(scaled), clusters, replace=len(scaled) < clusters)]
    labels = np.zeros(len(rows), np.int64)
    for _ in range(rounds):
        distance = (scaled**2).sum(1)[:, None] - 2 * scaled @ centres.T + (centres**2).sum(1)
        nearest = distance.argmin(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        for label in range(clusters):
            if (members := labels == label).any():
                centres[label] = scaled[members].mean(axis=0)
    return labels
