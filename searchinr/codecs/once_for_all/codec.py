"""Codec `once_for_all`: fitting, encoding, trimming and decoding; the package says what is computed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, Codec, Decoder, Inspection, Level, Setup
from searchinr.codecs.decoders import CoordinateDecoder
from searchinr.codecs.fitting.groups import (
    NetworkGroup,
    NetworkState,
    fit_groups,
    make_field,
    make_group,
    packers,
    recipe_of,
    same_for_all,
)
from searchinr.codecs.fitting.layouts import targets_by_layout
from searchinr.codecs.fitting.supernet import Sandwich, Supernet
from searchinr.codecs.level_names import level_name, matching
from searchinr.codecs.once_for_all.body import Architecture, Nested
from searchinr.codecs.once_for_all.params import OnceForAllParams
from searchinr.codecs.once_for_all.shells import Size, subnet_weights
from searchinr.codecs.params.bit_widths import bit_widths
from searchinr.codecs.params.sizes import parse_sizes
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.signals.signal import Layout, Signal

OnceForAllState = NetworkState[OnceForAllParams, Architecture]


class OnceForAllCodec(Codec[OnceForAllParams, OnceForAllState]):
    """A supernet per signal, in a file with a section for each of its sizes.

    A level is a subnet: `{"depth": 3, "width": 24}`.
    """

    name: ClassVar[str] = "once_for_all"
    id: ClassVar[int] = 1
    Params = OnceForAllParams
    scalable: ClassVar[bool] = True

    def fit(
        self, signals: Sequence[Signal], params: OnceForAllParams, rungs: Sequence[int], setup: Setup
    ) -> Iterator[OnceForAllState]:
        """See `Codec.fit`; the shells are what is trained, so that each is quantised by itself."""
        recipe = recipe_of(params, setup.seed)
        groups = []
        for targets in targets_by_layout(signals, setup.device):
            architecture = _architecture(targets.layout, params)
            supernet, shells = architecture.supernet, architecture.shells(setup.device)
            initial = shells.split(supernet.init(torch.Generator().manual_seed(setup.seed)))
            groups.append(
                make_group(
                    targets,
                    architecture,
                    supernet.largest.macs_per_point(),
                    same_for_all(initial, targets),
                    Sandwich(supernet, shells.join, targets.observation),
                    None if architecture.quantizer is None else architecture.quantizer(shells.all_parts),
                    recipe,
                )
            )
        yield from fit_groups(params, groups, recipe, rungs, setup.resume)

    def encode(self, state: OnceForAllState) -> list[bytes]:
        """See `Codec.encode`."""
        return state.files(self._files)

    def _files(self, group: NetworkGroup[Architecture], measured: Mapping[str, Tensor]) -> Iterator[bytes]:
        """The files of a group's signals, in their order."""
        architecture, shells = group.architecture, group.architecture.shells()
        head = container.head(self.id, group.layout, scalable=True)
        parts = {size: shells.parts(size) for size in architecture.sizes}
        for pack in packers(group, measured):
            sections = {size: pack(of_size) for size, of_size in parts.items()}
            yield Nested(head, architecture, architecture.sizes[-1], sections).pack()

    def decoder(self, file: container.Container, *, asset: Asset | None = None, level: Level | None = None) -> Decoder:
        """See `Codec.decoder`."""
        nested = Nested.parse(file)
        size = nested.largest if level is None else _size(nested, level)
        supernet = nested.architecture.supernet
        field = supernet.make_field(*size)
        return CoordinateDecoder(
            lambda: partial(field.forward, nested.weights(size)),
            field.macs_per_point(),
            subnet_weights(supernet, size),
        )

    def levels(self, file: container.Container) -> list[tuple[Level, int]]:
        """See `Codec.levels`."""
        return _levels(Nested.parse(file))

    def trim(self, file: container.Container, level: Level) -> bytes:
        """See `Codec.trim`."""
        nested = Nested.parse(file)
        return nested.trimmed(_size(nested, level)).pack()

    def inspect(self, file: container.Container, *, asset: Asset | None = None) -> Inspection:
        """See `Codec.inspect`; the network is the largest that is whole."""
        nested = Nested.parse(file)
        architecture, size = nested.architecture, nested.largest
        nested.weights(size)  # a corrupt stream is said to be one, instead of being described
        field = architecture.supernet.make_field(*size)
        stored = nested.stored_bytes()
        return Inspection(
            about={
                "backbone": field.name,
                "depth": size.depth,
                "width": size.width,
                "weights": subnet_weights(architecture.supernet, size),
                **architecture.quantization(),
            },
            macs_per_point=field.macs_per_point(),
            bits={
                "header": 8 * (file.size - sum(stored.values()) - nested.incomplete),
                **{level_name(part._asdict()): 8 * length for part, length in stored.items()},
                **({"incomplete": 8 * nested.incomplete} if nested.incomplete else {}),
            },
        )


def _architecture(layout: Layout, params: OnceForAllParams) -> Architecture:
    fields = cache(partial(make_field, params, layout))
    supernet = Supernet(fields, parse_sizes(params.depths), parse_sizes(params.widths))
    return Architecture(supernet, QUANTIZERS.get(params.quantizer), bit_widths(params))


def _levels(nested: Nested) -> list[tuple[Level, int]]:
    return [(size._asdict(), len(nested.trimmed(size).pack())) for size in nested.sections]


def _size(nested: Nested, level: Level) -> Size:
    """The largest size that agrees with a part of its name."""
    found, _ = matching(_levels(nested), level)[-1]
    return Size(**found)
