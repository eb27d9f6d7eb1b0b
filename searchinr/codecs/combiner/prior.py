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
from searchinr.codecs.combiner.blocks import places
from searchinr.codecs.combiner.network import SineNetwork
from searchinr.codecs.combiner.samples import SAMPLES_VERSION, chosen_samples, shared_order
from searchinr.codecs.contract import Asset
from searchinr.errors import InvalidFileError
from searchinr.signals.signal import Layout

FORMAT = 1

_ABOUT = "about"
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
        try:
            format_version, samples_version, *rest = asset.tensors[_ABOUT].tolist()
        except (KeyError, ValueError) as error:
            raise InvalidFileError(f"asset {asset.sha256[:12]}: not a prior of codec combiner") from error
        if (format_version, samples_version) != (FORMAT, SAMPLES_VERSION):
            raise InvalidFileError(
                f"prior {asset.sha256[:12]}: version {format_version}.{samples_version} found, {FORMAT}."
                f"{SAMPLES_VERSION} allowed: update searchinr, or encode the signal again"
            )
        try:
            return cls._of(asset.tensors, *rest)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidFileError(f"prior {asset.sha256[:12]}: its parts contradict one another") from error

    @classmethod
    def _of(
        cls, tensors: Mapping[str, Tensor], seed: int, depth: int, width: int, features: int, code: int, axes: int
    ) -> Self:
        by_channels = {}
        for name in tensors:
            if name.endswith(".mean"):
                channels = name.removesuffix(".mean")
                mean, deviation, lengths = (tensors[f"{channels}.{part}"] for part in ("mean", "deviation", "lengths"))
                if not len(mean) == len(deviation) == int(lengths.sum()):
                    raise ValueError("as many deviations as means are allowed, and blocks of all of them")
                by_channels[int(channels)] = WeightPrior(mean, deviation, lengths, seed)
        return cls(depth, width, features, byte_float_value(code), axes, by_channels)

    def of_layout(self, layout: Layout) -> WeightPrior | None:
        """The prior for signals of a layout; None if no signals like these were among the training signals."""
        prior = self.by_channels.get(layout.channels)
        network = self.network(layout)
        if prior is None or network.shape.d_in != self.axes or len(prior.mean) != network.size:
            return None
        return prior


def rounded(mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations as an asset holds them: float16 on the CPU."""
    return mean.cpu().half(), deviation.clamp_min(_LEAST_DEVIATION).cpu().half()
