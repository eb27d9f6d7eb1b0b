"""Points that are held and points that are made on demand: the same numbers, and the same files."""

import numpy as np
import pytest
import torch
from conformance import CPU, make_signal, make_signals

from searchinr.codecs.contract import Setup
from searchinr.codecs.fitting import layouts
from searchinr.codecs.fitting.gains import Gains
from searchinr.codecs.fitting.layouts import targets_by_layout
from searchinr.codecs.fitting.points import GridPoints, HeldPoints, Points
from searchinr.codecs.registry import CODECS
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params

LAYOUTS = {
    "image": Layout("image", (5, 7), 3, 8),
    "grey, 16 bits": Layout("image", (6, 4), 1, 16),
    "audio": Layout("audio", (31,), 2, 24, (8000,)),
}


def both(layout: Layout) -> tuple[GridPoints, HeldPoints]:
    made = GridPoints([make_signal(name, layout) for name in ("one", "two")], Gains(torch.tensor([-3, 2])), CPU)
    return made, made.held()


def assert_equal(found: Points, expected: Points) -> None:
    for one, other in zip(found.all(), expected.all(), strict=True):
        assert (one is other is None) or torch.equal(one, other)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_made_and_held_points_are_the_same(layout: Layout) -> None:
    made, held = both(layout)
    assert (made.signals, made.count, made.channels) == (held.signals, held.count, held.channels)
    assert made.values_each == layout.points * layout.channels
    index = torch.tensor([layout.points - 1, 0, 3, 3, 9])
    for points in (made, held):
        coords, values, _ = points.at(index)
        assert torch.equal(coords, held.all().coords[index]) and torch.equal(values, held.all().values[:, index])
        drawn = points.drawn(index)
        assert drawn.count == 5 and drawn.values_each == 5 * layout.channels
        assert torch.equal(drawn.part(1, 3).values, values[:, 1:3])
        assert torch.equal(drawn.at(torch.tensor([4, 1])).coords, coords[[4, 1]])
    assert_equal(made.drawn(index), held.drawn(index))


def test_tiles_are_all_points_in_order() -> None:
    made, held = both(LAYOUTS["image"])
    for points in (made, held, held.drawn(torch.arange(35))):
        tiles = list(points.tiles(8))
        assert [len(coords) for coords, *_ in tiles] == [8, 8, 8, 8, 3]
        assert torch.equal(torch.cat([coords for coords, *_ in tiles]), held.all().coords)
        assert torch.equal(torch.cat([values for _, values, _ in tiles], dim=1), held.all().values)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_values_fill_the_range_that_networks_give(layout: Layout) -> None:
    low, high = MODALITIES[layout.modality].value_range(layout)
    samples = np.full((*layout.grid, layout.channels), (low + high + 1) // 2, np.int64)
    quiet, loud = samples.copy(), samples.copy()
    quiet.flat[3] += (high - low) // 40
    loud.flat[3] = low
    [targets] = targets_by_layout([Signal("quiet", quiet, layout), Signal("loud", loud, layout)], CPU)
    peaks = targets.points.all().values.abs().amax(dim=(1, 2))
    assert peaks[1] == 1 and 2 ** (-1 / 6) < peaks[0] <= 1 + 1e-6
    assert targets.gains.places[1] == 0 and targets.gains.places[0] < -20


SMALL: dict[str, dict[str, Value]] = {
    "mlp": {"width": 8, "step_search": True, "activation_bits": 6},
    "once_for_all": {"depths": "1 2", "widths": "4 6"},
    "shacira": {"table_size_log2": 5, "levels": 3, "min_resolution": 3, "mlp_width": 6, "batch_fraction": 0.5},
}


@pytest.mark.parametrize("modality", ["image", "audio"])
@pytest.mark.parametrize("codec", SMALL)
def test_large_signals_give_the_files_that_they_would_give_if_they_were_held(
    codec: str, modality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, signals = CODECS[codec], make_signals(modality)

    def files() -> list[bytes]:
        states = engine.fit(signals, build_params(engine.Params, SMALL[codec]), [20], Setup(0, CPU))
        return next(engine.encode(state) for state in states if state.is_rung)

    held = files()
    monkeypatch.setattr(layouts, "_MOST_HELD", 0)
    assert isinstance(targets_by_layout(signals, CPU)[0].points, GridPoints)
    assert files() == held
