"""Codec `combiner`: fitting, encoding and decoding.

A file's body:

    the first 3 bytes of the prior's SHA-256
    gain (1 byte, two's complement): values were divided by 2**(gain / 6)
    the number of the candidate of each block (2 bytes, the higher first)
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.steps import PER_OCTAVE
from searchinr.codecs.combiner.distortion import Distortion
from searchinr.codecs.combiner.fit import CombinerState, Group, fit_groups
from searchinr.codecs.combiner.params import CombinerParams
from searchinr.codecs.combiner.posterior_fit import PosteriorFit, Recipe
from searchinr.codecs.combiner.prior import Prior, WeightPrior
from searchinr.codecs.combiner.prior_learning import learn_prior, neighbour_spec, prior_spec
from searchinr.codecs.combiner.prior_space import completed
from searchinr.codecs.contract import Asset, AssetSpec, AssetState, Codec, Level, Watch, no_levels
from searchinr.codecs.fitting.layouts import Targets, targets_by_layout
from searchinr.codecs.render import render
from searchinr.errors import InvalidFileError, MissingAssetError, TrialError
from searchinr.signals.signal import Signal
from searchinr.space import Domain, Finding

_NAMED_BYTES = 3
_INDEX = np.dtype(">u2")


class CombinerCodec(Codec):
    """A Bayesian network per signal, of which one sample is coded against a prior that all files share."""

    name: ClassVar[str] = "combiner"
    id: ClassVar[int] = 3
    Params = CombinerParams
    needs_training: ClassVar[bool] = True

    def completed(self, domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[Finding]]:
        """See `Codec.completed`."""
        return completed(domains)

    def asset_spec(self, params: Any) -> AssetSpec:  # noqa: ANN401  CombinerParams
        """See `Codec.asset_spec`: a prior."""
        return prior_spec(params)

    def base_spec(self, spec: AssetSpec) -> AssetSpec | None:
        """See `Codec.base_spec`: the prior of the next larger beta, where that is asked for."""
        return neighbour_spec(spec)

    def prepare(
        self,
        signals: Sequence[Signal],
        spec: AssetSpec,
        *,
        seed: int,
        device: torch.device,
        base: Asset | None = None,
        resume: Mapping[str, Tensor] | None = None,
    ) -> Iterator[AssetState]:
        """See `Codec.prepare`."""
        return learn_prior(signals, spec, seed=seed, device=device, base=base, resume=resume)

    def fit(
        self,
        signals: Sequence[Signal],
        params: Any,  # noqa: ANN401  CombinerParams
        rungs: Sequence[int],
        *,
        seed: int,
        device: torch.device,
        asset: Asset | None = None,
        resume: Mapping[str, Tensor] | None = None,
    ) -> Iterator[CombinerState]:
        """See `Codec.fit`.

        Raises:
            TrialError: The prior was learned from no signals like these, or the fit diverged.
        """
        if asset is None:
            raise ValueError("a fit needs the asset of `prepare`")
        prior = Prior.of(asset)
        groups = [_group(targets, prior, params, seed) for targets in targets_by_layout(signals, device)]
        yield from fit_groups(asset, groups, rungs, resume)

    def encode(self, state: CombinerState) -> list[bytes]:
        """See `Codec.encode`."""
        files: dict[int, bytes] = {}
        for group, indices in zip(state.groups, state.measured, strict=True):
            for position, index in enumerate(group.indices):
                out = Writer()
                out.data += bytes.fromhex(state.asset.sha256)[:_NAMED_BYTES]
                out.byte(int(group.gains[position]) & 0xFF)
                out.data += indices[position].numpy().astype(_INDEX).tobytes()
                files[index] = container.pack(self.id, group.layout, bytes(out.data))
        return [files[i] for i in range(len(files))]

    def needed_asset(self, file: container.Container) -> str:
        """See `Codec.needed_asset`."""
        return Reader(file.body).take(_NAMED_BYTES).hex()

    def decode(
        self,
        file: container.Container,
        *,
        asset: Asset | None = None,
        scale: float = 1.0,
        level: Level | None = None,
        watch: Watch | None = None,
    ) -> Signal:
        """See `Codec.decode`."""
        if level is not None:
            raise no_levels()
        layout = file.layout_at(scale)
        prior, weights_prior = self._priors(file, asset)
        gain, indices = _parsed(file)
        network = prior.network(file.layout)
        if len(indices) != len(weights_prior.lengths):
            raise InvalidFileError(
                f"the file holds {len(indices)} blocks, its prior has {len(weights_prior.lengths)}: it is corrupt"
            )
        weights = network.split(weights_prior.decoded(indices).unsqueeze(0))  # {name: (1, *shape)}
        factor = 2 ** (gain / PER_OCTAVE)
        return render(lambda coords: factor * network.forward(weights, network.features(coords))[0], layout, watch)

    def inspect(self, file: container.Container, *, asset: Asset | None = None) -> dict[str, Any]:
        """See `Codec.inspect`; without the asset, what the file alone says."""
        _, indices = _parsed(file)
        about: dict[str, Any] = {"asset": f"prior {self.needed_asset(file)}", "blocks": len(indices)}
        if asset is not None:
            prior, _ = self._priors(file, asset)
            network = prior.network(file.layout)
            about |= {
                "depth": prior.depth,
                "width": prior.width,
                "features": prior.features,
                "max_frequency": prior.max_frequency,
                "weights": network.size,
                "macs_per_point": network.macs_per_point,
            }
        blocks = 8 * _INDEX.itemsize * len(indices)
        return {**about, "bits": {"header": 8 * file.size - blocks, "blocks": blocks}}

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


def _parsed(file: container.Container) -> tuple[int, Tensor]:
    """Gain, and indices `(K,)`, int64."""
    reader = Reader(file.body)
    reader.take(_NAMED_BYTES)
    gain = int.from_bytes(reader.take(1), signed=True)
    rest = reader.rest()
    if not rest or len(rest) % _INDEX.itemsize:
        raise InvalidFileError(f"the file holds {len(rest)} bytes of blocks, which have 2 each: it is corrupt")
    return gain, torch.from_numpy(np.frombuffer(rest, _INDEX).astype(np.int64))


def _group(targets: Targets, prior: Prior, params: Any, seed: int) -> Group:  # noqa: ANN401
    weights_prior = prior.of_layout(targets.layout)
    if weights_prior is None:
        raise TrialError(
            f"the prior is none for signals of {targets.layout.channels} channels; train it on such signals"
        )
    recipe = Recipe(
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
    macs_per_point = distortion.network.macs_per_point
    return Group(targets.indices, targets.layout, targets.gains, recipe, macs_per_point, trunk)
