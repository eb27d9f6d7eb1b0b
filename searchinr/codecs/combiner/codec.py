"""Codec `combiner`: fitting, encoding and decoding.

A file's body:

    the first 3 bytes of the prior's SHA-256
    gain (1 byte, two's complement): values were divided by 2**(gain / 6)
    the number of the candidate of each block (2 bytes, the higher first)
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.combiner.distortion import Distortion
from searchinr.codecs.combiner.params import CombinerParams
from searchinr.codecs.combiner.posterior_fit import PosteriorFit, PosteriorRecipe, fit_to_rung
from searchinr.codecs.combiner.prior import Prior, WeightPrior
from searchinr.codecs.combiner.prior_learning import learn_prior, neighbour_spec, prior_spec
from searchinr.codecs.combiner.prior_space import completed
from searchinr.codecs.contract import Asset, AssetSpec, AssetState, Codec, Decoder, Inspection, Level, Setup, no_levels
from searchinr.codecs.decoders import CoordinateDecoder, Network
from searchinr.codecs.fitting.gains import factor_of_byte
from searchinr.codecs.fitting.layouts import Targets, targets_by_layout
from searchinr.codecs.fitting.rungs import Group, RungState, fit_to_rungs
from searchinr.errors import InvalidFileError, MissingAssetError, TrialError
from searchinr.signals.signal import Signal
from searchinr.space import Domain, Finding, Value

CombinerGroup = Group[Asset, PosteriorFit]
CombinerState = RungState[CombinerParams, CombinerGroup, Tensor]
"""Measured are, for each group, the numbers of the blocks' candidates, `(B, K)`, on the CPU."""

_NAMED_BYTES = 3
_INDEX = np.dtype(">u2")


class CombinerCodec(Codec[CombinerParams, CombinerState]):
    """A Bayesian network per signal, of which one sample is coded against a prior that all files share."""

    name: ClassVar[str] = "combiner"
    id: ClassVar[int] = 3
    Params = CombinerParams

    def completed(self, domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[Finding]]:
        """See `Codec.completed`."""
        return completed(domains)

    def asset_spec(self, params: CombinerParams) -> AssetSpec:
        """See `Codec.asset_spec`: a prior."""
        return prior_spec(params)

    def base_spec(self, spec: AssetSpec) -> AssetSpec | None:
        """See `Codec.base_spec`: the prior of the next larger beta, where that is asked for."""
        return neighbour_spec(spec)

    def prepare(self, signals: Sequence[Signal], spec: AssetSpec, setup: Setup) -> Iterator[AssetState]:
        """See `Codec.prepare`."""
        return learn_prior(signals, spec, setup)

    def fit(
        self, signals: Sequence[Signal], params: CombinerParams, rungs: Sequence[int], setup: Setup
    ) -> Iterator[CombinerState]:
        """See `Codec.fit`.

        Raises:
            TrialError: The prior was learned from no signals like these, or the fit diverged.
        """
        if setup.asset is None:
            raise ValueError("a fit needs the asset of `prepare`")
        all_targets = targets_by_layout(signals, setup.device)
        groups = [_group(targets, setup.asset, params, setup.seed) for targets in all_targets]
        state: CombinerState = RungState(params, groups)
        for _ in fit_to_rungs(state, rungs, setup.resume, _advance, lambda _, branch: branch.indices.cpu()):
            yield state

    def encode(self, state: CombinerState) -> list[bytes]:
        """See `Codec.encode`."""
        return state.files(self._files)

    def _files(self, group: CombinerGroup, measured: Tensor) -> Iterator[bytes]:
        """The files of a group's signals, in their order."""
        for position, indices in enumerate(measured):
            out = Writer()
            out.data += bytes.fromhex(group.architecture.sha256)[:_NAMED_BYTES]
            out.byte(group.gains.byte(position))
            out.data += indices.numpy().astype(_INDEX).tobytes()
            yield container.pack(self.id, group.layout, bytes(out.data))

    def needed_asset(self, file: container.Container) -> str:
        """See `Codec.needed_asset`."""
        return Reader(file.body).take(_NAMED_BYTES).hex()

    def decoder(self, file: container.Container, *, asset: Asset | None = None, level: Level | None = None) -> Decoder:
        """See `Codec.decoder`."""
        if level is not None:
            raise no_levels()
        prior, weights_prior = self._priors(file, asset)
        gain, indices = _parsed(file)
        network = prior.network(file.layout)
        if len(indices) != len(weights_prior.lengths):
            raise InvalidFileError(
                f"the file holds {len(indices)} blocks, its prior has {len(weights_prior.lengths)}: it is corrupt"
            )

        def made() -> Network:
            weights = network.split(weights_prior.decoded(indices).unsqueeze(0))  # {name: (1, *shape)}
            return lambda coords: gain * network.forward(weights, coords)

        return CoordinateDecoder(made, network.macs_per_point(), network.size)

    def inspect(self, file: container.Container, *, asset: Asset | None = None) -> Inspection:
        """See `Codec.inspect`; without the asset, what the file alone says."""
        _, indices = _parsed(file)
        about: dict[str, Value] = {"asset": f"prior {self.needed_asset(file)}", "blocks": len(indices)}
        macs_per_point = None
        if asset is not None:
            prior, _ = self._priors(file, asset)
            network = prior.network(file.layout)
            macs_per_point = network.macs_per_point()
            about |= {
                "depth": prior.depth,
                "width": prior.width,
                "features": prior.features,
                "max_frequency": prior.max_frequency,
                "weights": network.size,
            }
        blocks = 8 * _INDEX.itemsize * len(indices)
        return Inspection(about, macs_per_point, {"header": 8 * file.size - blocks, "blocks": blocks})

    def _priors(self, file: container.Container, asset: Asset | None) -> tuple[Prior, WeightPrior]:
        needed = self.needed_asset(file)
        if asset is None or not asset.sha256.startswith(needed):
            raise MissingAssetError(
                f"cannot be decoded without the prior {needed}, which the run has that the file is from: let "
                f"`searchinr asset export RUN {needed} -o FILE` write it, and name it with --asset FILE"
            )
        prior = Prior.of(asset)
        found = prior.of_layout(file.layout)
        if found is None:
            raise InvalidFileError(f"prior {needed} is none for signals like the file's: the file is corrupt")
        return prior, found


def _parsed(file: container.Container) -> tuple[float, Tensor]:
    """The gain of the values, and the numbers of the candidates, `(K,)`, int64."""
    reader = Reader(file.body)
    reader.take(_NAMED_BYTES)
    gain = factor_of_byte(reader.byte())
    rest = reader.rest()
    if not rest or len(rest) % _INDEX.itemsize:
        raise InvalidFileError(f"the file holds {len(rest)} bytes of blocks, which have 2 each: it is corrupt")
    return gain, torch.from_numpy(np.frombuffer(rest, _INDEX).astype(np.int64))


def _group(targets: Targets, asset: Asset, params: CombinerParams, seed: int) -> CombinerGroup:
    prior = Prior.of(asset)
    weights_prior = prior.of_layout(targets.layout)
    if weights_prior is None:
        raise TrialError(
            f"the prior is none for signals of {targets.layout.channels} channels; train it on such signals"
        )
    recipe = PosteriorRecipe(
        bit_weight=params.beta / targets.layout.points,
        lr=params.lr,
        refinement_lr=params.refinement_lr,
        decay=params.decay,
        refinement_steps=params.refinement_steps,
        candidates=params.candidates,
        seed=seed,
    )
    distortion = Distortion(prior.network(targets.layout), targets, params.batch_fraction)
    trunk = PosteriorFit(distortion, weights_prior, len(targets.indices), recipe)
    macs_per_point = distortion.network.macs_per_point()
    return Group(targets.indices, targets.layout, targets.gains, asset, macs_per_point, trunk)


def _advance(
    group: CombinerGroup, rung: int, branched: Mapping[str, Tensor] | None
) -> Iterator[tuple[PosteriorFit, bool]]:
    """See `fit_to_rungs`."""
    for fit in fit_to_rung(group.trunk, rung, branched):
        yield fit, fit.coded == fit.blocks
