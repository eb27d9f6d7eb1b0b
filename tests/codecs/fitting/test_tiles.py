"""Tiles and chunks: how many points and signals a pass takes at a time, and what the chunks' gradients add up to."""

import pytest
import torch

from searchinr.codecs.fitting.points import HeldPoints
from searchinr.codecs.fitting.tiles import Chunks, tiling


def points(signals: int, count: int) -> HeldPoints:
    return HeldPoints(torch.zeros(count, 2), torch.zeros(signals, 1, 1).expand(signals, count, 1))


@pytest.mark.parametrize("elements", [1, 16, 100, 1024])
@pytest.mark.parametrize("count", [1, 1000, 100_000])
def test_tiles_do_not_depend_on_how_many_signals_there_are(count: int, elements: int) -> None:
    [found] = {tiling(points(signals, count), elements) for signals in (1, 2, 24, 1000)}
    assert 1 <= found.points <= count and found.signals >= 1
    if elements <= 512:  # so wide that the shortest tile fits
        assert found.points * found.signals * elements <= 1.5 * 2**17


def test_small_signals_share_a_pass_and_large_ones_have_one_each() -> None:
    assert tiling(points(24, 1024), 16) == (1024, 8)
    assert tiling(points(24, 8192), 16) == (8192, 1)
    assert tiling(points(24, 8193), 16) == (8193, 1), "nothing is left over"
    assert tiling(points(24, 81_920), 16, enlarged=4) == (40_960, 1)


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_chunks_leave_the_gradients_of_all_signals_at_once(size: int) -> None:
    rng = torch.Generator().manual_seed(0)
    weights = {
        "used": torch.randn(5, 3, generator=rng).requires_grad_(),
        "unused": torch.randn(5, 2, generator=rng).requires_grad_(),
    }
    chunks = Chunks(weights, size)
    for times in (1, 2):  # gradients add up over passes
        for few, own in chunks:
            assert torch.equal(own["used"], weights["used"][few])
            torch.autograd.backward((times * own["used"].square()).sum())
    chunks.gather_gradients()
    torch.testing.assert_close(weights["used"].grad, 6 * weights["used"].detach())
    assert weights["unused"].grad is None
