"""The backbones under test, and a plain one-signal version of each, written without their code."""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fields.contract import Field, FieldShape
from searchinr.codecs.fields.registry import FIELDS

Weights = dict[str, Tensor]


def make_shape(d_in: int = 2, depth: int = 3, width: int = 13, d_out: int = 3) -> FieldShape:
    return FieldShape(d_in, d_out, depth, width, cells=(6, 9)[:d_in], extent=(0.7, 1.0)[:d_in])


def grid_coords(shape: FieldShape, times: int = 1) -> Tensor:
    """Centres of the cells of the grid at `times` its resolution, row-major, `(n, d_in)`."""
    axes = [
        (2 * torch.arange(times * n) + 1 - times * n) / (times * n) * half
        for n, half in zip(shape.cells, shape.extent, strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, shape.d_in)


def random_weights(field: Field, batch: int) -> Weights:
    """Different weights for each signal, `(B, *shape)`; a DINER table large enough to matter."""
    each = [field.init(torch.Generator().manual_seed(seed)) for seed in range(batch)]
    stacked = {name: torch.stack([w[name] for w in each]) for name in each[0]}
    return {name: 1e3 * w if name == "table" else w for name, w in stacked.items()}


def _layer(weights: Weights, name: str, x: Tensor) -> Tensor:
    return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]


def plain_siren(field: Field, weights: Weights, x: Tensor) -> Tensor:
    for i in range(field.shape.depth):
        x = torch.sin((field.params.omega_first if i == 0 else field.params.omega) * _layer(weights, f"layer{i}", x))
    return _layer(weights, "out", x)


def plain_fourier(field: Field, weights: Weights, x: Tensor) -> Tensor:
    turns = x @ field.frequencies.to(x)
    x = torch.cat([torch.cos(2 * math.pi * turns), torch.sin(2 * math.pi * turns)], dim=1)
    for i in range(field.shape.depth):
        x = torch.relu(_layer(weights, f"layer{i}", x))
    return _layer(weights, "out", x)


def plain_mfn(field: Field, weights: Weights, x: Tensor) -> Tensor:
    z = x
    for i in range(field.shape.depth):
        g = torch.sin(x @ weights["filters.weight"][i] + weights["filters.bias"][i])
        if field.params.filter == "gabor":
            distance = (x[:, :, None] - weights["filters.mu"][i][None]).square().sum(1)
            g = g * torch.exp(-0.5 * weights["filters.gamma"][i] * distance)
        z = g if i == 0 else _layer(weights, f"layer{i}", z) * g
    return _layer(weights, "out", z)


def plain_wire(field: Field, weights: Weights, x: Tensor, max_exponent: float = torch.inf) -> Tensor:
    h = x + 0j
    for i in range(field.shape.depth):
        w, b = weights[f"layer{i}.weight"], weights[f"layer{i}.bias"]
        z = h @ (w + 0j) + b if i == 0 else h @ torch.complex(w[0], w[1]) + torch.complex(b[0], b[1])
        exponent = 1j * field.params.omega * z - (field.params.sigma * z).abs().square()
        h = torch.exp(torch.complex(exponent.real.clamp(max=max_exponent), exponent.imag))
    w = weights["out.weight"]
    return (h @ torch.complex(w[0], w[1])).real + weights["out.bias"]


def plain_diner(field: Field, weights: Weights, x: Tensor) -> Tensor:
    displaced = []
    for point, entry in zip(x, field.entry_of(x), strict=True):
        displaced.append(point + weights["table"][entry])
    x = torch.stack(displaced)
    for i in range(field.shape.depth):
        x = torch.sin(field.params.omega * _layer(weights, f"layer{i}", x))
    return _layer(weights, "out", x)


def plain_relu(field: Field, weights: Weights, x: Tensor) -> Tensor:
    inputs = [x]
    for wave in (torch.sin, torch.cos):
        for axis in range(x.shape[1]):
            inputs += [wave(2**k * math.pi * x[:, axis : axis + 1]) for k in range(field.params.octaves)]
    x = torch.cat(inputs, dim=1)
    for i in range(field.shape.depth):
        x = torch.relu(_layer(weights, f"layer{i}", x))
    return _layer(weights, "out", x)


def plain_gauss(field: Field, weights: Weights, x: Tensor) -> Tensor:
    for i in range(field.shape.depth):
        x = torch.exp(-(((field.params.scale if i == 0 else 4) * _layer(weights, f"layer{i}", x)) ** 2) / 2)
    return _layer(weights, "out", x)


def plain_hashgrid(field: Field, weights: Weights, x: Tensor) -> Tensor:
    """Point by point, from the definition: resolutions, vertices, hash, products of distances."""
    p, shape = field.params, field.shape
    features, start = [], 0
    for level in range(p.levels):
        growth = (p.max_resolution / p.min_resolution) ** (level / max(1, p.levels - 1))
        resolution = math.floor(p.min_resolution * growth + 1e-9) if p.levels > 1 else p.max_resolution
        vertices = [max(2, round(resolution * half / max(shape.extent))) for half in shape.extent]
        entries = min(math.prod(vertices), 2**p.table_size_log2)
        rows = []
        for point in x.tolist():
            at = [(c / half + 1) / 2 * (v - 1) for c, half, v in zip(point, shape.extent, vertices, strict=True)]
            row = torch.zeros(p.features, dtype=x.dtype)
            for vertex in itertools.product(*(range(v) for v in vertices)):
                share = math.prod(max(0.0, 1 - abs(a - v)) for a, v in zip(at, vertex, strict=True))
                if math.prod(vertices) > entries:
                    entry = 0
                    for place, prime in zip(vertex, (1, 2654435761, 805459861), strict=False):
                        entry ^= place * prime
                    entry %= entries
                else:
                    entry = int(np.ravel_multi_index(vertex, vertices))
                if share:
                    row = row + share * weights["table"][start + entry]
            rows.append(row)
        features.append(torch.stack(rows))
        start += entries
    x = torch.cat(features, dim=1)
    for i in range(shape.depth):
        x = torch.relu(_layer(weights, f"layer{i}", x))
    return _layer(weights, "out", x)


class Case(NamedTuple):
    name: str
    params: dict[str, object]
    plain: Callable[[Field, Weights, Tensor], Tensor]

    def field(self, shape: FieldShape) -> Field:
        field_class = FIELDS[self.name]
        return field_class(shape, field_class.Params(**self.params))


CASES = {
    "siren": Case("siren", {}, plain_siren),
    "siren-60-20": Case("siren", {"omega_first": 60, "omega": 20}, plain_siren),
    "fourier": Case("fourier", {"features": 5, "sigma": 2}, plain_fourier),
    "mfn-fourier": Case("mfn", {"filter": "fourier", "input_scale": 32}, plain_mfn),
    "mfn-gabor": Case("mfn", {"filter": "gabor", "input_scale": 32}, plain_mfn),
    "wire": Case("wire", {}, plain_wire),
    "wire-narrow": Case("wire", {"omega": 5, "sigma": 5}, plain_wire),
    "diner-shared": Case("diner", {"table_size_log2": 4, "omega": 15}, plain_diner),
    "diner-own": Case("diner", {"table_size_log2": 12}, plain_diner),
    "relu": Case("relu", {"octaves": 3}, plain_relu),
    "hashgrid": Case("hashgrid", {"table_size_log2": 4, "levels": 3, "min_resolution": 3}, plain_hashgrid),
    "hashgrid-one": Case("hashgrid", {"levels": 1, "features": 3, "max_resolution": 5}, plain_hashgrid),
    "gauss": Case("gauss", {"scale": 6}, plain_gauss),
}
