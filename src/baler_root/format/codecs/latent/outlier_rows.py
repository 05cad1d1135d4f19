"""Tells rows that are unlike the others by their latents: Mahalanobis distance from the nearest centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError

MAX_CENTRES = 1 << 8


@dataclass(frozen=True, slots=True, eq=False)
class OutlierDetector:
    """Which rows are anomalies, as told by one or more clusters of latents. Only writers need it."""

    threshold: float
    """Rows whose score is above are stored exactly."""
    centres: NDArray[np.float32]
    """(clusters, latents)"""
    whitening: NDArray[np.float32]
    """(clusters, latents, latents): makes a cluster's latents independent, of unit width."""

    @property
    def latents(self) -> int:
        """How many latents a row has."""
        return int(self.centres.shape[1])

    @classmethod
    def fit(cls, latents: NDArray[np.integer], share: float, clusters: int, seed: int) -> OutlierDetector:
        """Such that a `share` of these rows (rows, latents), from 0 to 1, is above the threshold."""
        rows = latents.astype(np.float64)
        labels = _clusters(rows, clusters, seed)
        centres, whitening = [], []
        for label in range(clusters):
            own = rows[labels == label]
            if len(own) <= rows.shape[1]:
                continue
            # A latent that never changes has no width: every other value is as far away as a step of 1/100.
            covariance = np.cov(own, rowvar=False).reshape(rows.shape[1], -1) + 1e-4 * np.eye(rows.shape[1])
            centres.append(own.mean(axis=0))
            whitening.append(np.linalg.inv(np.linalg.cholesky(covariance)))
        if not centres:
            centres, whitening = [rows.mean(axis=0)], [np.eye(rows.shape[1])]
        out = cls(0.0, np.array(centres, np.float32), np.array(whitening, np.float32))
        threshold = np.quantile(out.scores(latents), 1 - share) if share < 1 else -1.0
        return cls(float(np.float32(threshold)), out.centres, out.whitening)

    def scores(self, latents: NDArray[np.integer]) -> NDArray[np.float32]:
        """Mahalanobis distance of each row from the nearest centre, in standard deviations."""
        best = np.full(len(latents), np.inf)
        for centre, whitening in zip(self.centres, self.whitening.astype(np.float64), strict=True):
            apart = (latents - centre.astype(np.float64)) @ whitening.T
            np.minimum(best, np.sqrt(np.einsum("ij,ij->i", apart, apart)), out=best)
        return best.astype(np.float32)

    def to_array(self) -> NDArray[np.float32]:
        """As a model holds it: the threshold, then centre and matrix of each cluster."""
        parts = [self.centres[:, None], self.whitening]
        return np.append(np.float32(self.threshold), np.concatenate(parts, axis=1).reshape(-1))

    @classmethod
    def from_array(cls, array: NDArray[np.float32], clusters: int, latents: int) -> OutlierDetector:
        """Raises CorruptFileError for an array of another length, or with numbers that are not finite."""
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
    """Which of so many clusters each row belongs to, by k-means of latents scaled to equal width."""
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
            if (own := labels == label).any():
                centres[label] = scaled[own].mean(axis=0)
    return labels
