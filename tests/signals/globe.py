"""A modality that only tests have, and that uses all that the contract can say at once.

A globe is a hollow ball of glowing gas, seen from outside by rays towards its centre. Its samples are what these rays
gather: float32 on a grid of latitudes and longitudes. They are weighted by area. The points of a ray are on a curved
grid of two axes and have three coordinates. One set of rays is fitted, another one is held out.
"""

import io
import json
import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from searchinr.errors import UserError
from searchinr.signals.contract import Modality
from searchinr.signals.exhibits import Exhibit, Picture, Table
from searchinr.signals.files import read_file, write_file
from searchinr.signals.observation import Observation
from searchinr.signals.peers import Peer
from searchinr.signals.signal import Layout, Samples, Signal
from searchinr.signals.suggestion import Suggestion
from searchinr.space import PSNR, Metric

OVERLAP = Metric("overlap", "overlap", "max", digits=3, axis="near_one")
WORST = Metric("worst", "worst error", "min", unit="K", digits=2)


class Rays(Observation):
    """The gas along a ray: each place glows, and lets a part of what lies behind it through."""

    outputs = 2  # glow and density

    def __init__(self, depths: int) -> None:
        self.queries_per_point = depths

    def queries(self, points: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """From the surface inwards to half the radius; in training somewhere within each part of it."""
        count = self.queries_per_point
        inside = torch.full((len(points), count), 0.5)
        if rng is not None:
            inside = torch.rand((len(points), count), generator=rng)
        radii = 1 - (torch.arange(count) + inside) / count / 2  # (m, q)
        return (points.unsqueeze(1) * radii.unsqueeze(2)).flatten(0, 1)  # (m, q, 3) -> (m * q, 3)

    def values(self, points: Tensor, queries: Tensor, outputs: Tensor) -> Tensor:
        """Volume rendering with equal steps."""
        glow, density = outputs.unflatten(1, (len(points), -1)).unbind(-1)  # (B, m, q) each
        passed = torch.exp(-torch.nn.functional.softplus(density))
        before = torch.cumprod(torch.cat([torch.ones_like(passed[..., :1]), passed[..., :-1]], dim=-1), dim=-1)
        return (before * (1 - passed) * glow).sum(dim=-1, keepdim=True)  # (B, m, 1)


class Globe(Modality):
    """Half of all that a modality can be is in here."""

    name = "globe"
    id = 7
    rate_unit = "bits per sample"
    suffixes = (".globe",)
    axes = ("latitude", "longitude")
    extras = ("depths", "year")
    is_real = True
    bit_depths = (32,)
    is_separable = False
    metrics = (PSNR, OVERLAP, WORST)
    exhibits_note = "Maps of what is held out."

    def read(self, path: Path) -> Signal:
        """The fitted part, and the one that is held out if there is one."""
        try:
            with np.load(io.BytesIO(read_file(path))) as found:
                arrays = dict(found)
            fitted, turns, (depths, year) = arrays["fitted"], arrays["turns"], arrays["extras"]
        except (ValueError, KeyError, OSError) as error:
            raise UserError(f"{path}: not a globe ({error})") from error
        both = np.concatenate([each.ravel() for each in (fitted, arrays.get("held", fitted))])
        layout = Layout(
            self.name,
            fitted.shape[:2],
            1,
            32,
            (int(depths), int(year)),
            (float(both.min()), float(both.max())),
            (float(turns[0]),),
        )
        held = None
        if "held" in arrays:
            of_held = replace(layout, grid=arrays["held"].shape[:2], poses=(float(turns[1]),))
            held = Signal(path.stem, arrays["held"], of_held)
        return Signal(path.stem, fitted, layout, held)

    def write(self, signal: Signal, path: Path) -> None:
        """All of it but the poses, which decoded signals do not have."""
        file = io.BytesIO()
        np.savez(file, fitted=signal.samples, turns=np.zeros(1), extras=np.array(signal.layout.extras))
        write_file(path, file.getvalue())

    def crop(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """Never."""
        raise UserError(f"{signal.name}: a globe is whole")

    def downscale(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """Never."""
        raise UserError(f"{signal.name}: a globe is whole")

    def posed(self, layout: Layout, path: Path) -> Layout:
        """By how much the globe is turned, as JSON."""
        return replace(layout, poses=(float(json.loads(path.read_text())),))

    def extent(self, layout: Layout) -> tuple[float, ...]:
        """The ball's radius along each coordinate."""
        return (1.0, 1.0, 1.0)

    def cells(self, layout: Layout) -> tuple[int, ...]:
        """As fine as the rays lie at the equator."""
        return (layout.grid[1],) * 3

    def resized(self, layout: Layout, scale: float) -> Layout:
        """More or fewer rays."""
        return replace(layout, grid=tuple(max(1, round(length * scale)) for length in layout.grid))

    def coordinates_at(self, layout: Layout, index: np.ndarray) -> np.ndarray:
        """Where rays enter the ball, turned as the pose says."""
        row, column = np.unravel_index(index, layout.grid)
        (turn,) = layout.poses or (0.0,)
        latitude = np.pi * ((row + 0.5) / layout.grid[0] - 0.5)
        longitude = 2 * np.pi * (column + 0.5) / layout.grid[1] + turn
        level = np.cos(latitude)
        places = np.stack([level * np.cos(longitude), level * np.sin(longitude), np.sin(latitude)], axis=-1)
        return places.astype(np.float32)

    def weights_at(self, signal: Signal, index: np.ndarray) -> np.ndarray:
        """Areas."""
        rows, columns = signal.layout.grid
        areas = np.cos(np.pi * ((np.arange(rows) + 0.5) / rows - 0.5))
        return (areas / areas.mean())[index // columns].astype(np.float32)

    def observation(self, layout: Layout) -> Rays:
        """As many places along a ray as the header says."""
        return Rays(layout.extras[0])

    def rate(self, layout: Layout, n_bytes: int) -> float:
        """Bits per fitted sample."""
        return 8 * n_bytes / layout.points

    def quality(self, original: Signal, decoded: Samples) -> dict[str, float]:
        """PSNR, the overlap of what is bright, the largest error."""
        weights = self.weights_at(original, np.arange(original.layout.points))
        middle = sum(self.value_range(original.layout)) / 2
        one, other = (np.ravel(each > middle) for each in (original.samples, decoded))
        overlap = float((weights * (one & other)).sum() / max(1e-9, (weights * (one | other)).sum()))
        worst = float(np.abs(original.samples - decoded).max())
        return {PSNR.name: self.psnr_db(original, decoded), OVERLAP.name: overlap, WORST.name: worst}

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Deflate of float16."""
        return (Peer("float16, deflated", (1, 9), _deflate, _inflate),)

    def exhibits(self, signal: Signal) -> tuple[Exhibit, ...]:
        """A map, and its year."""
        low, high = self.value_range(signal.layout)
        grey = np.round((signal.samples - low) / (high - low) * 255).astype(np.uint8)
        return Picture(np.repeat(grey, 3, axis=-1)), Table((("year", str(signal.layout.extras[1])),))

    def suggestion(self, layout: Layout) -> Suggestion:
        """A tiny network of long waves."""
        params = {"depth": 2, "width": 8, "siren.omega_first": 4.0}
        return Suggestion("mlp", steps=40, params=params)


def _deflate(signal: Signal, quality: float) -> bytes:
    return zlib.compress(signal.samples.astype(np.float16).tobytes(), int(quality))


def _inflate(file: bytes, layout: Layout) -> Samples:
    values = np.frombuffer(zlib.decompress(file), np.float16).reshape(*layout.grid, layout.channels)
    return values.astype(np.float32)


def made(name: str, seed: int, *, grid: tuple[int, int] = (8, 12), depths: int = 3, held: bool = True) -> Signal:
    """A globe of a few long waves."""
    waves = np.random.default_rng(seed).normal(size=(3, 3))

    def seen(layout: Layout) -> Samples:
        places = Globe().coordinates(layout).astype(np.float64)
        return (280 + 20 * np.sin(places @ waves).sum(axis=1)).astype(np.float32).reshape(*layout.grid, 1)

    layout = Layout("globe", grid, 1, 32, (depths, 2026), (200.0, 360.0), (0.0,))
    other = replace(layout, grid=(grid[0] - 2, grid[1] - 4), poses=(math.pi / 7,))
    return Signal(name, seen(layout), layout, Signal(name, seen(other), other) if held else None)


def write_globe(signal: Signal, path: Path) -> None:
    """The file of a signal, with its poses."""
    parts = {"fitted": signal.samples, "extras": np.array(signal.layout.extras)}
    turns = [signal.layout.poses[0]]
    if signal.held_out is not None:
        parts["held"] = signal.held_out.samples
        turns.append(signal.held_out.layout.poses[0])
    np.savez(path.with_suffix(".npz"), turns=np.array(turns), **parts)
    path.with_suffix(".npz").rename(path)


MODALITY = Globe
