"""Simulated grids: vorticity of a two-dimensional fluid with random forcing.

Incompressible Navier–Stokes equations on a periodic square, solved pseudo-spectrally with two thirds of the
modes. Forcing at random, at wave numbers near 4, is balanced by viscosity at small scales and friction at
large ones. The flow is statistically stationary, so any number of frames can be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fluid:
    """Parameters of the simulation; a vortex turns once in a few units of time."""

    side: int = 64
    step: float = 0.02
    every: int = 5
    """Time steps from one frame to the next."""
    viscosity: float = 4e-3
    friction: float = 0.1
    stirring: float = 10.0
    memory: float = 0.5
    """Correlation time of the forcing."""
    warm_up: float = 40.0

    def frames(self, number: int, seed: int = 0, chunk: int = 200) -> Iterator[Frames]:
        """Yield `number` frames of vorticity as arrays (frames, side, side) of at most `chunk` frames."""
        random = np.random.default_rng(seed)
        cell = 1 / self.side
        y, x = np.meshgrid(np.fft.fftfreq(self.side, cell), np.fft.rfftfreq(self.side, cell), indexing="ij")
        square = x**2 + y**2
        inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
        resolved = (np.abs(x) < self.side / 3) & (np.abs(y) < self.side / 3)
        decay = np.exp(-(self.viscosity * square + self.friction) * self.step)
        stirred = (np.abs(np.sqrt(square) - 4) < 1) * float(self.side) * self.stirring
        to_grid = np.stack([1j * y * inverse, -1j * x * inverse, 1j * x, 1j * y]) * resolved

        def advection(modes: NDArray[np.complex128]) -> NDArray[np.complex128]:
            """Rate of change of the vorticity by advection."""
            u, v, along_x, along_y = np.fft.irfft2(to_grid * modes, s=(self.side, self.side))
            return np.asarray(-np.fft.rfft2(u * along_x + v * along_y) * resolved)

        modes = np.zeros_like(to_grid[0])
        force = np.zeros_like(modes)
        keep = np.exp(-self.step / self.memory)
        steps = -round(self.warm_up / self.step)
        finished: list[Frames] = []
        while number > 0:
            noise = np.fft.rfft2(random.normal(size=(self.side, self.side))) * stirred / self.side
            force = keep * force + np.sqrt(1 - keep**2) * noise
            first = advection(modes) + force
            second = advection(decay * (modes + self.step * first)) + force
            modes = decay * (modes + self.step / 2 * first) + self.step / 2 * second
            steps += 1
            if steps > 0 and steps % self.every == 0:
                finished.append(np.fft.irfft2(modes, s=(self.side, self.side)))
                number -= 1
                if len(finished) == chunk or number == 0:
                    yield np.stack(finished)
                    finished = []
