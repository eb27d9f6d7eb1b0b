"""The asset of codec `combiner`: priors of the weights, and how these are cut into blocks.

There is a prior for each number of channels among the training signals. As tensors:

    about                 int32: format, version of the samples, their seed, depth, width, features, code of the highest
                          frequency (see `bits.ByteFloat`), coordinates per point
    <channels>.mean       float16, `(n,)`
    <channels>.deviation  float16, `(n,)`, standard deviations
    <channels>.lengths    uint8, `(K,)`, of the blocks
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from searchinr.codecs.bitstream.bits import byte_float_code, byte_float_value
from searchinr.codecs.bitstream.container import MAX_CHANNELS
from searchinr.codecs.combiner.blocks import places
from searchinr.codecs.combiner.network import SineNetwork
from searchinr.codecs.combiner.params import MAX_FEATURES, MAX_WIDTH
from searchinr.codecs.combiner.samples import (
    MAX_BLOCKS,
    MAX_DIMENSIONS,
    MAX_SEED,
    SAMPLES_VERSION,
    chosen_samples,
    shared_order,
)
from searchinr.codecs.contract import Asset
from searchinr.codecs.params.network_params import MAX_DEPTH
from searchinr.errors import InvalidFileError
from searchinr.signals.signal import Layout

FORMAT = 1

_ABOUT, _NUMBERS = "about", 8
_LEAST_DEVIATION = 2.0**-14  # float16 has fewer digits below


@dataclass(frozen=True)
class WeightPrior:
    """Gaussians over the n weights of one network, and their K blocks.

    Attributes:
        mean: `(n,)`, float16.
        deviation: Standard deviations, `(n,)`, float16.
        lengths: The lengths of the blocks, `(K,)`, uint8; blocks take weights in the order of `order`.
        seed: The seed of the samples.
    """

    mean: Tensor
    deviation: Tensor
    lengths: Tensor
    seed: int

    @cached_property
    def order(self) -> Tensor:
        """The weights in the order of the blocks, `(n,)`, int64."""
        return shared_order(len(self.mean))

    @cached_property
    def places(self) -> tuple[Tensor, Tensor]:
        """Block and dimension of each weight, in that order; see `blocks.places`."""
        return places(self.lengths.long())

    def decoded(self, indices: Tensor) -> Tensor:
        """The weights, `(n,)`, float32, that a file's indices `(K,)`, int64, stand for: the same on every machine."""
        block, dimension = self.places
        samples = chosen_samples(self.seed, block, indices[block], dimension)
        weights = torch.empty(len(self.mean), dtype=torch.float64)
        # In 64 bits the product is exact, so that no way of adding and multiplying rounds otherwise.
        weights[self.order] = self.mean[self.order].double() + self.deviation[self.order].double() * samples.double()
        return weights.float()


@dataclass(frozen=True)
class Prior:
    """What the asset holds.

    Attributes:
        depth: The depth of the network.
        width: The width of the network.
        features: Frequencies along each axis.
        max_frequency: The highest, in periods over the signal.
        axes: Coordinates per point of the signals.
        by_channels: The prior for signals of so many channels.
    """

    depth: int
    width: int
    features: int
    max_frequency: float
    axes: int
    by_channels: Mapping[int, WeightPrior]

    def network(self, layout: Layout) -> SineNetwork:
        """The network for signals of a layout."""
        return SineNetwork.of(layout, self.depth, self.width, self.features, self.max_frequency)

    def tensors(self, seed: int) -> dict[str, Tensor]:
        """The asset's content, with the seed of the samples, which all of `by_channels` share."""
        code = byte_float_code(self.max_frequency)
        about = [FORMAT, SAMPLES_VERSION, seed, self.depth, self.width, self.features, code, self.axes]
        found = {_ABOUT: torch.tensor(about, dtype=torch.int32)}
        for channels, prior in self.by_channels.items():
            found[f"{channels}.mean"] = prior.mean
            found[f"{channels}.deviation"] = prior.deviation
            found[f"{channels}.lengths"] = prior.lengths
        return found

    @classmethod
    def of(cls, asset: Asset) -> Self:
        """Reads an asset.

        Raises:
            InvalidFileError: It is of another version, or contradicts itself.
        """
        about = asset.tensors.get(_ABOUT)
        if about is None or about.shape != (_NUMBERS,) or about.dtype != torch.int32:
            raise InvalidFileError(f"asset {asset.sha256[:12]}: not a prior of codec combiner")
        format_version, samples_version, *rest = about.tolist()
        if (format_version, samples_version) != (FORMAT, SAMPLES_VERSION):
            raise InvalidFileError(
                f"prior {asset.sha256[:12]}: version {format_version}.{samples_version} found, {FORMAT}."
                f"{SAMPLES_VERSION} allowed: update searchinr, or encode the signal again"
            )
        try:
            return cls._of(asset.tensors, *rest)
        except KeyError as error:
            raise InvalidFileError(f"prior {asset.sha256[:12]} is damaged: it has no {error.args[0]}") from error
        except ValueError as error:
            raise InvalidFileError(f"prior {asset.sha256[:12]} is damaged: {error}") from error

    @classmethod
    def _of(
        cls, tensors: Mapping[str, Tensor], seed: int, depth: int, width: int, features: int, code: int, axes: int
    ) -> Self:
        ranges = {"depth": MAX_DEPTH, "width": MAX_WIDTH, "features": MAX_FEATURES, "seed": MAX_SEED - 1, "code": 255}
        for (name, most), found in zip(ranges.items(), (depth, width, features, seed, code), strict=True):
            if not (0 if name in ("seed", "code") else 1) <= found <= most:
                raise ValueError(f"{name} {found} found; allowed are numbers up to {most}")
        by_channels = {}
        for channels in range(1, MAX_CHANNELS + 1):
            if f"{channels}.mean" in tensors:
                mean, deviation, lengths = (tensors[f"{channels}.{part}"] for part in ("mean", "deviation", "lengths"))
                by_channels[channels] = _checked(mean, deviation, lengths, seed)
        return cls(depth, width, features, byte_float_value(code), axes, by_channels)

    def of_layout(self, layout: Layout) -> WeightPrior | None:
        """The prior for signals of a layout; None if no signals like these were among the training signals."""
        prior = self.by_channels.get(layout.channels)
        network = self.network(layout)
        if prior is None or network.shape.d_in != self.axes or len(prior.mean) != network.size:
            return None
        return prior


def _checked(mean: Tensor, deviation: Tensor, lengths: Tensor, seed: int) -> WeightPrior:
    """A prior of these tensors; `ValueError` if they are none."""
    if not (mean.dtype == deviation.dtype == torch.float16 and lengths.dtype == torch.uint8):
        raise ValueError(f"types {mean.dtype}, {deviation.dtype}, {lengths.dtype} found; float16 and uint8 are allowed")
    if not (mean.ndim == lengths.ndim == 1 and mean.shape == deviation.shape and 0 < len(lengths) <= MAX_BLOCKS):
        raise ValueError("one row of means, as many deviations, and one row of lengths are allowed")
    if not (mean.isfinite().all() and deviation.isfinite().all() and (deviation >= 0).all()):
        raise ValueError("means and deviations found that are no numbers")
    if not (lengths.min() >= 1 and lengths.max() <= MAX_DIMENSIONS and int(lengths.sum()) == len(mean)):
        raise ValueError(f"blocks of 1 to {MAX_DIMENSIONS} weights are allowed, which have all weights once")
    return WeightPrior(mean, deviation, lengths, seed)


def rounded(mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations as an asset holds them: float16 on the CPU."""
    return mean.cpu().half(), deviation.clamp_min(_LEAST_DEVIATION).cpu().half()
