"""The weights beside the latents: of the network and of the latents' decoder, quantised as those of codec `mlp`."""

from collections.abc import Mapping

from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.fields.contract import TensorSpec
from searchinr.codecs.fields.hashgrid import Hashgrid
from searchinr.codecs.quantize.contract import Coded, Quantizer
from searchinr.codecs.shacira.objective import DECODER, LATENTS
from searchinr.codecs.shacira.rate import RateModel

_BESIDE = (LATENTS, *RateModel.names)


def network_parts(field: Hashgrid, latent_dim: int, bits: int) -> list[QuantSpec]:
    """The tensors as they are to be quantised, each with one step."""
    decoder = TensorSpec(DECODER, (latent_dim, field.params.features), "hidden")
    return [QuantSpec(spec.name, spec.shape, bits) for spec in (decoder, *field.network_tensors())]


class BesideLatents(Quantizer):
    """A quantiser of the network that hands through what is trained beside it."""

    def __init__(self, network: Quantizer) -> None:
        super().__init__(network.parts)
        self._network = network

    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.start`; the names beside the network are those of weights."""
        return {**{name: weights[name] for name in _BESIDE}, **self._network.start(weights)}

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`; latents are rounded by the objective."""
        return {**{name: latents[name] for name in _BESIDE}, **self._network.values(latents, progress)}

    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """See `Quantizer.coded`: the network."""
        return self._network.coded(latents)

    def bits(self, latents: Mapping[str, Tensor]) -> Tensor:
        """See `Quantizer.bits`: of the network."""
        return self._network.bits(latents)

    def penalty(self, latents: Mapping[str, Tensor], progress: float) -> Tensor | None:
        """See `Quantizer.penalty`."""
        return self._network.penalty(latents, progress)
