"""The parts of codec `combiner`: A* coding, blocks, the network, posteriors, the prior."""

import math

import numpy as np
import pytest
import torch

from searchinr.codecs.combiner.astar import arrivals, astar_index, likely_indices, log_weights
from searchinr.codecs.combiner.blocks import partition, places
from searchinr.codecs.combiner.gaussians import Gaussians
from searchinr.codecs.combiner.network import SineNetwork
from searchinr.codecs.combiner.prior import Prior, WeightPrior, rounded
from searchinr.codecs.combiner.samples import MAX_DIMENSIONS, block_samples, shared_order
from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.errors import InvalidFileError
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout

CPU = torch.device("cpu")
LAYOUT = Layout("image", (8, 12), 3, 8)


def posterior(dimensions: int, deviation: float, signals: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    mean = torch.randn(signals, dimensions, generator=rng)
    return mean, torch.full_like(mean, math.log(deviation))


def test_log_weights_are_those_of_the_densities() -> None:
    samples = block_samples(0, 0, 3, CPU)[:50]
    mean, log_deviation = posterior(3, 0.3)
    weights = log_weights(samples, mean, log_deviation)
    q = torch.distributions.Normal(mean, log_deviation.exp())
    p = torch.distributions.Normal(0.0, 1.0)
    expected = (q.log_prob(samples.unsqueeze(1)) - p.log_prob(samples).unsqueeze(1)).sum(-1)  # (N, B)
    torch.testing.assert_close(weights - weights[0], expected - expected[0], rtol=1e-4, atol=1e-4)


def test_arrivals_fall_and_the_first_is_gumbel() -> None:
    rng = np.random.default_rng(0)
    drawn = [arrivals(10, rng) for _ in range(4000)]
    assert all((one.diff() < 0).all() for one in drawn)
    first = torch.stack(drawn)[:, 0]
    assert float(first.mean()) == pytest.approx(0.5772, abs=0.06)
    assert float(first.var()) == pytest.approx(math.pi**2 / 6, rel=0.1)


def test_astar_samples_the_posterior_where_indices_have_bits_to_spare() -> None:
    mean, log_deviation = torch.tensor([[0.8]]), torch.tensor([[math.log(0.4)]])
    rng = np.random.default_rng(0)
    found = []
    for block in range(300):
        samples = block_samples(0, block, 1, CPU)
        found.append(float(samples[astar_index(samples, mean, log_deviation, rng)]))
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)
    assert np.std(found) == pytest.approx(0.4, abs=0.06)


def test_likely_candidates_are_the_largest_weights() -> None:
    samples = block_samples(0, 0, 4, CPU)
    mean, log_deviation = posterior(4, 0.2)
    weights = log_weights(samples, mean, log_deviation)
    likely = likely_indices(samples, mean, log_deviation, 5)
    assert likely.shape == (2, 5)
    for signal in range(2):
        assert sorted(likely[signal].tolist()) == sorted(weights[:, signal].argsort()[-5:].tolist())


def test_blocks_hold_what_an_index_can_say() -> None:
    rng = np.random.default_rng(0)
    bits = rng.exponential(2.0, 500).tolist()
    lengths = partition(bits)
    assert sum(lengths) == 500
    ends = np.cumsum(lengths)
    costs = [sum(bits[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
    assert all(cost <= 16 or length == 1 for cost, length in zip(costs, lengths, strict=True))
    assert all(cost + bits[end] > 16 for cost, end in zip(costs[:-1], ends[:-1], strict=True))
    assert partition([0.0] * 200) == [MAX_DIMENSIONS] * 3 + [200 - 3 * MAX_DIMENSIONS]
    assert partition([40.0, 1.0]) == [1, 1]


def test_places_of_weights() -> None:
    block, dimension = places(torch.tensor([2, 1, 3]))
    assert block.tolist() == [0, 0, 1, 2, 2, 2]
    assert dimension.tolist() == [0, 1, 0, 0, 1, 2]


def test_published_networks_have_the_published_number_of_weights() -> None:
    layout = Layout("image", (32, 32), 3, 8)
    for depth, width, features, weights in ((3, 16, 8, 1123), (5, 48, 16, 12675), (6, 56, 24, 21563)):
        assert SineNetwork.of(layout, depth, width, features, 1024.0).size == weights
    clip = Layout("audio", (48000,), 1, 16, (16000,))
    assert SineNetwork.of(clip, 5, 48, 32, 1024.0).size == 12675 - 2 * 49


def test_features_reach_from_one_period_to_the_highest_frequency() -> None:
    network = SineNetwork.of(LAYOUT, 1, 4, 3, 4.0)
    coords = torch.from_numpy(MODALITIES["image"].coordinates(LAYOUT))
    rows = (np.arange(8) * 2 + 1 - 8) / 8
    expected = [np.cos(math.pi * f * rows) for f in (1, 2, 4)] + [np.sin(math.pi * f * rows) for f in (1, 2, 4)]
    found = network.seen(coords).reshape(8, 12, 2, 6)
    torch.testing.assert_close(found[:, 0, 0].double(), torch.tensor(np.stack(expected, -1)), atol=1e-6, rtol=0)


def test_vectors_and_weights_are_the_same_numbers() -> None:
    network = SineNetwork.of(LAYOUT, 2, 4, 3, 4.0)
    vectors = torch.arange(2.0 * network.size).reshape(2, -1)
    assert torch.equal(network.join(network.split(vectors)), vectors)
    assert sum(network.layer_sizes) == network.size
    start = torch.cat([weight.flatten() for weight in network.init(torch.Generator().manual_seed(0)).values()])
    assert start.shape == (network.size,) and start.abs().max() < 1


def test_bits_and_gradients_are_those_of_the_kl_divergence() -> None:
    rng = torch.Generator().manual_seed(0)
    mean, log_deviation, prior_mean, prior_log = (torch.randn(2, 5, generator=rng) for _ in range(4))
    gaussians = Gaussians(mean, log_deviation)
    prior = torch.distributions.Normal(prior_mean, prior_log.exp())
    leaves = mean.clone().requires_grad_(), log_deviation.clone().requires_grad_()
    noise = torch.randn(5, generator=rng)
    divergence = torch.distributions.kl_divergence(torch.distributions.Normal(leaves[0], leaves[1].exp()), prior)
    bits = divergence / math.log(2)
    torch.testing.assert_close(gaussians.bits(prior_mean, prior_log.exp()), bits.detach())
    sample = leaves[0] + leaves[1].exp() * noise
    (3 * sample.square().sum() + 0.7 * bits.sum()).backward()
    gaussians.step(0.0, 6 * sample.detach(), noise, 0.7, prior_mean, prior_log.exp())
    torch.testing.assert_close(gaussians.adam.weights["mean"].grad, leaves[0].grad)
    torch.testing.assert_close(gaussians.adam.weights["log_deviation"].grad, leaves[1].grad)


def make_prior() -> Prior:
    network = SineNetwork.of(LAYOUT, 2, 4, 3, 4.0)
    rng = torch.Generator().manual_seed(0)
    mean, deviation = rounded(torch.randn(network.size, generator=rng), torch.rand(network.size, generator=rng))
    lengths = torch.tensor(partition([3.0] * network.size), dtype=torch.uint8)
    return Prior(2, 4, 3, 4.0, 2, {3: WeightPrior(mean, deviation, lengths, 5)})


def make_asset(prior: Prior) -> Asset:
    return Asset.of(AssetSpec("prior", {}, needed_to_decode=True), prior.tensors(5))


def test_a_prior_comes_back_from_its_asset() -> None:
    prior = make_prior()
    again = Prior.of(make_asset(prior))
    assert (again.depth, again.width, again.features, again.max_frequency, again.axes) == (2, 4, 3, 4.0, 2)
    for part in ("mean", "deviation", "lengths"):
        assert torch.equal(getattr(again.by_channels[3], part), getattr(prior.by_channels[3], part))
    assert again.by_channels[3].seed == 5
    assert again.of_layout(LAYOUT) is not None
    assert again.of_layout(Layout("image", (8, 12), 1, 8)) is None
    assert again.of_layout(Layout("audio", (96,), 3, 16, (8000,))) is None


def test_decoded_weights_are_the_chosen_samples() -> None:
    prior = make_prior().by_channels[3]
    indices = torch.arange(len(prior.lengths)) * 31
    weights = prior.decoded(indices)
    order = shared_order(len(weights))
    place = 0
    for block, length in enumerate(prior.lengths.tolist()):
        here = order[place : place + length]
        samples = block_samples(5, block, length, CPU)[indices[block]].double()
        assert torch.equal(
            weights[here], (prior.mean[here].double() + prior.deviation[here].double() * samples).float()
        )
        place += length


def changed(**tensors: torch.Tensor | None) -> Asset:
    """An asset whose tensors are others, or are not there."""
    asset = make_asset(make_prior())
    found = {name: tensor for name, tensor in {**asset.tensors, **tensors}.items() if tensor is not None}
    return Asset.of(asset.spec, found)


def about(place: int, number: int) -> torch.Tensor:
    found = make_asset(make_prior()).tensors["about"].clone()
    found[place] = number
    return found


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("about", None, "not a prior of codec combiner"),
        ("about", torch.tensor(7), "not a prior of codec combiner"),
        ("about", about(0, 9).float(), "not a prior of codec combiner"),
        ("about", about(0, 9), r"version 9\.1 found, 1\.1 allowed"),
        ("about", about(1, 9), r"version 1\.9 found, 1\.1 allowed"),
        ("about", about(2, -1), "seed -1 found"),
        ("about", about(3, 2**31 - 1), "depth 2147483647 found; allowed are numbers up to 16"),
        ("about", about(4, 0), "width 0 found"),
        ("about", about(5, -5), "features -5 found"),
        ("about", about(6, 20_000), "code 20000 found"),
        ("3.deviation", None, "it has no 3.deviation"),
        ("3.mean", torch.zeros(1, 43, dtype=torch.float16), "one row of means"),
        ("3.mean", torch.zeros(43), "types torch.float32"),
        ("3.mean", torch.full((43,), math.nan, dtype=torch.float16), "no numbers"),
        ("3.deviation", -torch.ones(43, dtype=torch.float16), "no numbers"),
        ("3.lengths", torch.tensor([43, 1], dtype=torch.uint8), "all weights once"),
        ("3.lengths", torch.tensor([43, 0], dtype=torch.uint8), "blocks of 1 to 64"),
        ("3.lengths", torch.tensor([], dtype=torch.uint8), "one row of lengths"),
    ],
)
def test_an_asset_that_is_no_prior_is_refused(name: str, tensor: torch.Tensor | None, message: str) -> None:
    prior = make_prior()
    if tensor is not None and name != "about" and tensor.shape[-1] == 43:  # as many weights as the prior has
        tensor = tensor.flatten()[:1].expand(*tensor.shape[:-1], len(prior.by_channels[3].mean))
    with pytest.raises(InvalidFileError, match=message):
        Prior.of(changed(**{name: tensor}))


def test_a_prior_without_means_is_none_for_any_signals() -> None:
    assert Prior.of(changed(**{"3.mean": None})).of_layout(LAYOUT) is None
