"""A codec with a context model, which no file of searchinr knows: the conformance suite, and what a context gains."""

from typing import ClassVar

import numpy as np
import torch
from conformance import Case, CodecConformance, make_signal
from context_codec import CODEC, ContextParams, ContextWalk, Pyramid, _best_codes, _parsed

from searchinr.codecs.bitstream import container, range_coder
from searchinr.codecs.bitstream.models.registry import best_model
from searchinr.codecs.contract import Setup
from searchinr.signals.signal import Layout
from searchinr.space import build_params

CPU = torch.device("cpu")


class TestConformance(CodecConformance):
    codec = "context"
    module = "context_codec"
    cases: ClassVar = {
        "two channels": Case("image", {}),
        "one channel": Case("image", {"channels": 1, "lambda": 2.5e-3}),
    }


def waves(pyramid: Pyramid) -> list[np.ndarray]:
    """Integers that are large in one half of a picture and mostly zero in the other."""
    rng = np.random.default_rng(0)
    grids = []
    for height, width in pyramid.grids:
        deviation = np.where(np.arange(width) < width // 2, 0.2, 4.0)
        drawn = rng.normal(0, deviation, (pyramid.channels, height, width))
        grids.append(np.clip(np.rint(drawn), -32, 31).astype(np.int32))
    return grids


def test_contexts_save_bits() -> None:
    pyramid = Pyramid(Layout("image", (64, 96), 3, 8), 2, 6)
    grids = waves(pyramid)
    walk = ContextWalk(pyramid, _best_codes([torch.from_numpy(grid) for grid in grids]))
    symbols = np.concatenate([grid.ravel() for grid in grids])
    stream = range_coder.encode([symbols], [walk])
    assert np.array_equal(range_coder.decode(stream, [walk])[0], symbols)
    alone = [best_model(grid.ravel(), -32, 31) for grid in grids]
    without = range_coder.encode(
        [grid.ravel() for grid in grids],
        [model.walk(grid.size) for model, grid in zip(alone, grids, strict=True)],
    )
    assert len(stream) < 0.85 * len(without)


def test_dearer_bits_make_smaller_latents() -> None:
    signal = make_signal("any", Layout("image", (24, 36), 3, 8))
    codec, spent = CODEC(), []
    for lambda_ in (2.5e-5, 0.25):
        states = codec.fit([signal], build_params(ContextParams, {"lambda": lambda_}), [100], Setup(0, CPU))
        state = next(each for each in states if each.is_rung)
        found = codec.inspect(container.unpack(codec.encode(state)[0]))
        spent.append(found.bits["latents"])
    assert spent[1] < 0.5 * spent[0]


def test_training_and_coding_see_the_same_contexts() -> None:
    """The walk's tables are those that the encoder chose the distributions for: one bit of difference would show."""
    signal = make_signal("any", Layout("image", (13, 9), 1, 8))
    codec = CODEC()
    state = next(s for s in codec.fit([signal], ContextParams(), [60], Setup(0, CPU)) if s.is_rung)
    pyramid, _, _, symbols = _parsed(container.unpack(codec.encode(state)[0]))
    split = np.split(symbols, [pyramid.channels * int(np.prod(pyramid.grids[0]))])
    grids = [
        torch.from_numpy(each.reshape(pyramid.channels, *grid)) for each, grid in zip(split, pyramid.grids, strict=True)
    ]
    assert any(grid.any() for grid in grids)
    codes = _best_codes(grids)
    walk = ContextWalk(pyramid, codes)
    ideal = sum(block.least_bits for block in walk.blocks(symbols))
    assert walk.least_bits <= ideal <= 8 * len(range_coder.encode([symbols], [walk])) + 1
