"""COMBINER (Guo et al., NeurIPS 2023, arXiv 2305.19185): its figures again, on whole files decoded in a new process.

    python -m benchmarks.reproduce.combiner --kept combiner.jsonl --json reports/combiner.json \
        --markdown reports/combiner.md

Rates and PSNR on CIFAR-10 beside what other neural codecs have published, refinement and prior learning left out
(figure 4), refinement steps (figure 5), training signals of the prior (figure 8), coding times (tables 1 and 2), files
against the KL divergence, priors that start from a neighbour's, and a photograph against JPEG. With `--data cifar10`
the test images of the data folder, with priors from its training images, on a core; `cifar10-500`, `kodak` and
`librispeech` are the sizes of the paper, which want a GPU, and for the last two photographs and clips to learn priors
from: `--train PATH`. `--share` makes all lengths shorter.
"""

import argparse
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.curves import Curve, Panel, draw
from benchmarks.machine import describe_machine, machine_line
from benchmarks.reproduce.cells import plus_minus
from benchmarks.reproduce.coded import Cells, Coder
from benchmarks.reproduce.combiner_sizes import PHOTOGRAPH, SIZES, Params, Size
from benchmarks.reproduce.goals import Goal, Goals
from benchmarks.tables import save, table
from searchinr.codecs.combiner.samples import INDEX_BITS
from searchinr.engine.report.published import published
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.space import Value
from searchinr.space.schema import DatasetEntry

Points = Sequence[tuple[float, float]]

PLAIN: Params = {"candidates": 1}
"""A* coding as published."""
UNREFINED: Params = {"candidates": 1, "refinement_steps": 0}

PAPER_TIMES = {
    "cifar10-test": "13 min at 0.91 bpp to 34 min at 4.45 bpp for 500 images on an A100 (1.6 to 4.1 s an image); "
    "decoding 2.1 to 3.9 ms on a CPU",
    "kodak": "21.5 min at 0.07 bpp to 79 min at 0.29 bpp for an image on an A100; decoding 0.35 to 0.6 s on a CPU",
    "librispeech": "none",
}


JPEG_QUALITIES = (1, 2, 3, 5, 8, 12, 20, 30, 45, 60)
PHOTOGRAPH_RATE = 0.35


@dataclass
class Paper:
    """The cells of the paper, measured.

    Attributes:
        coder: Measures them.
        size: What is measured.
        goals: What was to be reached.
        results: For the JSON file.
    """

    coder: Coder
    size: Size
    goals: Goals
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Of rates."""
        return MODALITIES[self.coder.signals[0].layout.modality].rate_unit

    def code(self, beta: float, first: int | None = None, **params: Value) -> Cells:
        """What is not said is that of the size."""
        return self.coder.code({**self.size.common, "beta": beta, **params}, self.size.steps, first)

    def curve(self, **params: Value) -> list[Cells]:
        """Over the betas."""
        return [self.code(beta, **params) for beta in self.size.betas]


def mean_rate(cells: Cells) -> float:
    """Mean over seeds."""
    return statistics.mean(cell.rate for cell in cells)


def mean_db(cells: Cells) -> float:
    """Mean over seeds."""
    return statistics.mean(cell.psnr_db for cell in cells)


def db(cells: Cells) -> str:
    """Mean PSNR and its standard deviation over seeds."""
    return plus_minus([cell.psnr_db for cell in cells])


def points(curve: Sequence[Cells]) -> list[tuple[float, float]]:
    """Rates and PSNRs."""
    return [(mean_rate(cells), mean_db(cells)) for cells in curve]


def at_rate(curve: Points, rate: float) -> float:
    """The PSNR of a curve at a rate: linear in the logarithm of the rate, beyond the ends as between the last two."""
    curve = sorted(dict(curve).items())
    if len(curve) == 1:
        return curve[0][1]
    pairs = list(pairwise(curve))
    (low, before), (high, after) = next((pair for pair in pairs if rate <= pair[1][0]), pairs[-1])
    return before + (after - before) * math.log(rate / low) / math.log(high / low)


def gain(curve: Points, cells: Cells) -> float:
    """How far cells are above a curve at their own rate, in dB."""
    return mean_db(cells) - at_rate(curve, mean_rate(cells))


def rates(paper: Paper) -> tuple[str, list[Curve]]:
    """Rates and PSNR beside other codecs."""
    size, curve = paper.size, paper.curve()
    known = published(size.entry).curves
    paper.results["rates"] = dict(zip(map(str, size.betas), curve, strict=True))
    rows = []
    for beta, cells in zip(size.betas, curve, strict=True):
        here = mean_rate(cells)
        inside = [other.points[0].rate <= here <= other.points[-1].rate for other in known]
        others = [f"{at_rate(o.points, here):.2f}" if within else "" for o, within in zip(known, inside, strict=True)]
        rows.append([f"{beta:g}", f"{cells[0].blocks:.0f}", f"{here:.3f}", db(cells), *others])
    for limit, least, aim in size.limits:
        found = max((mean_db(cells) for cells in curve if mean_rate(cells) <= limit), default=-math.inf)
        paper.goals.reach(Goal(f"at most {limit:g} {paper.unit}", "dB", least, aim, "about COIN++'s"), found)
    text = "\n\n".join(
        [
            table(["beta", "blocks", paper.unit, "PSNR, dB", *(f"{other.name} there" for other in known)], rows),
            "COMBINER prints its curve in a figure only, 'on par with COIN++'. Others' are their published points, "
            "interpolated: on whole test sets, and with priors or networks of megabytes that are not counted.",
            _files(paper, curve),
        ]
    )
    others = [Curve(other.name, other.points, dashed=True) for other in known]
    return text, [Curve("combiner", points(curve)), *others]


def _files(paper: Paper, curve: Sequence[Cells]) -> str:
    """Files against the KL divergence, priors, and whether what is decoded is what was encoded."""
    cells = [cell for of_beta in curve for cell in of_beta]
    excess = [100 * (cell.file_bits / cell.kl_bits - 1) for cell in cells]
    of_indices = [100 * (INDEX_BITS * cell.blocks / cell.kl_bits - 1) for cell in cells]
    largest, slowest = max(cell.prior_bytes for cell in cells), max(cell.prior_s for cell in cells)
    inexact = sum(not cell.exact for cell in cells)
    paper.goals.reach(Goal("file bits beyond the KL divergence, most of all rates", "%", 5, 3, "", True), max(excess))
    paper.goals.reach(Goal("the same without headers", "%", 5, 3, "", True), max(of_indices))
    paper.goals.reach(Goal("learning a prior", "s", 90, 40, "", at_most=True), slowest)
    paper.goals.reach(
        Goal("cells whose files another process decodes otherwise", "of all", 0, None, "", at_most=True), inexact
    )
    whole, bare = (", ".join(f"{percent:.1f}" for percent in each) for each in (excess, of_indices))
    return (
        f"Files are {whole} % larger than the KL divergence when their blocks were coded, {bare} % without headers. A "
        f"prior takes at most {slowest:.0f} s to learn and {largest:,} bytes, which no rate counts."
    )


def ablations(paper: Paper) -> tuple[str, list[Curve]]:
    """Figure 4."""
    whole = points(paper.curve())
    found = {
        "A* coding alone, refined": paper.curve(**PLAIN),
        "A* coding alone": paper.curve(**UNREFINED),
        "not refined": paper.curve(refinement_steps=0),
        "layer-wise prior": [paper.code(beta, prior="layerwise") for beta in paper.size.layerwise],
    }
    paper.results["ablations"] = found
    rows = [
        [name, *(f"{mean_rate(cells):.2f}: {db(cells)} ({gain(whole, cells):+.2f})" for cells in curve)]
        for name, curve in found.items()
    ]
    longest = max(map(len, rows))
    rows = [row + [""] * (longest - len(row)) for row in rows]
    refined, alone = found["A* coding alone, refined"], found["A* coding alone"]
    of_refinement = [mean_db(a) - mean_db(b) for a, b in zip(refined, alone, strict=True)]
    of_prior = [-gain(whole, cells) for cells in found["layer-wise prior"]]
    paper.goals.reach(Goal("refinement, least of all rates", "dB", 1.3, None, "more at high rates"), min(of_refinement))
    paper.goals.reach(Goal("learned against layer-wise prior, least of all rates", "dB", 2.5, None, "4"), min(of_prior))
    text = [
        table([f"{paper.unit}: dB (against all, at that rate)", *[""] * (longest - 1)], rows),
        f"Refinement alone, at equal files: {', '.join(f'{g:+.2f}' for g in of_refinement)} dB. The learned prior: "
        f"{', '.join(f'{g:+.2f}' for g in of_prior)} dB. Paper: refinement is worth more at high rates, the prior 4 dB "
        "at all of them. Its layer-wise deviations are learned for each image; these are, as the learned prior is, for "
        "all.",
    ]
    return "\n\n".join(text), [Curve(name, points(curve), dashed=True) for name, curve in found.items()]


def refinement(paper: Paper) -> tuple[str, list[Curve]]:
    """Figure 5."""
    kinds = {"A* coding alone": 1, f"best of {paper.size.common.get('candidates', 16)}": None}
    found = {}
    for name, candidates in kinds.items():
        own = {} if candidates is None else {"candidates": candidates}
        found[name] = {n: paper.code(paper.size.middle, refinement_steps=n, **own) for n in paper.size.refinements}
    paper.results["refinement"] = found
    header = ["steps after a block", *(f"{n}" for n in paper.size.refinements)]
    rows = [[name, *(db(cells) for cells in of.values())] for name, of in found.items()]
    rows += [[f"{name}, s", *(f"{cells[0].code_s:.2f}" for cells in of.values())] for name, of in found.items()]
    some = next(iter(next(iter(found.values())).values()))
    text = [
        table(header, rows),
        f"PSNR in dB at {mean_rate(some):.2f} {paper.unit} ({some[0].blocks:.0f} blocks), and seconds of coding and "
        "refining a signal. Paper: of 30,000 steps in all 3,000 lose 0.3 dB.",
    ]
    return "\n\n".join(text), [
        Curve(name, [(n, mean_db(cells)) for n, cells in of.items() if n]) for name, of in found.items()
    ]


def training_signals(paper: Paper) -> str:
    """Figure 8."""
    whole = points(paper.curve())
    found = {n: paper.code(paper.size.middle, prior_signals=n) for n in paper.size.prior_signals}
    paper.results["training_signals"] = found
    gains = {n: gain(whole, cells) for n, cells in found.items()}
    rows = [
        [f"{n}", f"{mean_rate(cells):.3f}", db(cells), f"{gains[n]:+.2f}", f"{cells[0].prior_s:.0f}"]
        for n, cells in found.items()
    ]
    if {16, 48} <= set(gains):
        goal = Goal("a prior from 16 signals below one from 48", "dB", 0.5, None, "almost none", at_most=True)
        paper.goals.reach(goal, gains[48] - gains[16])
    return "\n\n".join(
        [
            table(["signals", paper.unit, "PSNR, dB", "against all, at that rate", "s to learn"], rows),
            "Paper: 16 are enough.",
        ]
    )


def neighbours(paper: Paper) -> str:
    """Priors that start from that of the next larger beta."""
    size = paper.size
    chain = " ".join(map(repr, size.betas))
    steps = {"prior_steps": size.neighbour_steps}
    whole = paper.curve()
    found = {
        "as everywhere else": whole,
        f"{size.neighbour_steps} steps from scratch": paper.curve(**steps),
        f"{size.neighbour_steps} steps from the neighbour": paper.curve(
            **{"init": "neighbour", "neighbour.betas": chain, "neighbour.steps": size.neighbour_steps}
        ),
    }
    paper.results["neighbours"] = found
    rows = [
        [
            name,
            *(f"{mean_rate(cells):.2f}: {db(cells)} ({gain(points(whole), cells):+.2f})" for cells in curve),
            f"{sum(cells[0].prior_s for cells in curve):.0f}",
        ]
        for name, curve in found.items()
    ]
    header = ["priors", *(f"beta {beta:g}" for beta in size.betas), "s to learn all"]
    return "\n\n".join(
        [
            table(header, rows),
            f"{paper.unit}: dB (against the first row, at that rate). The neighbour is the prior of the next larger "
            "beta; the largest starts from scratch in any case.",
        ]
    )


def times(paper: Paper) -> str:
    """Tables 1 and 2."""
    size = paper.size
    found = {beta: paper.code(beta, size.batch) for beta in size.betas}
    paper.results["times"] = found
    rows = [
        [
            f"{mean_rate(cells):.2f} {paper.unit}",
            f"{cells[0].fit_s:.2f}",
            f"{cells[0].code_s:.2f}",
            f"{cells[0].fit_s + cells[0].code_s:.2f}",
            f"{cells[0].decode_ms:.1f}",
        ]
        for cells in found.values()
    ]
    encoding = max(cells[0].fit_s + cells[0].code_s for cells in found.values())
    decoding = max(cells[0].decode_ms for cells in found.values())
    paper.goals.reach(Goal(f"encoding an image of a batch of {size.batch}", "s", 3, 1.2, "1.6 to 4.1", True), encoding)
    paper.goals.reach(Goal("decoding an image", "ms", 20, None, "2.1 to 3.9", True), decoding)
    return "\n\n".join(
        [
            table(["", "posteriors, s", "coding and refinement, s", "encoding, s", "decoding, ms"], rows),
            f"For each signal of a batch of {size.batch}; CPU time of one thread, or what passes on a GPU. Paper: "
            f"{PAPER_TIMES[str(size.entry.name)]}.",
        ]
    )


def photograph(paper: Paper) -> str:
    """One picture against JPEG."""
    curve = paper.curve()
    [signal] = paper.coder.signals
    jpeg = _jpeg(signal)
    paper.results["photograph"] = {"ours": curve, "jpeg": jpeg}
    rows, gains = [], []
    for beta, cells in zip(paper.size.betas, curve, strict=True):
        here, cell = mean_rate(cells), cells[0]
        known = at_rate(jpeg, here) if here >= jpeg[0][0] else jpeg[0][1]
        gains.append((abs(math.log(here / PHOTOGRAPH_RATE)), mean_db(cells) - known, cell))
        seconds = cell.prior_s + cell.fit_s + cell.code_s
        same = next((f"{rate:.2f}" for rate, psnr_db in jpeg if psnr_db >= mean_db(cells)), "")
        row = [f"{beta:g}", f"{here:.3f}", db(cells), f"{known:.2f}", same]
        rows.append([*row, f"{cell.prior_s:.0f}", f"{seconds:.0f}"])
    _, ahead, nearest = min(gains, key=lambda each: each[0])
    paper.goals.reach(Goal(f"a photograph near {PHOTOGRAPH_RATE} bpp over JPEG", "dB", 2), ahead)
    in_all = nearest.prior_s + nearest.fit_s + nearest.code_s
    paper.goals.reach(Goal("its prior and its encoding", "s", 120, None, "", at_most=True), in_all)
    smallest = f"{jpeg[0][0]:.3f} bpp and {jpeg[0][1]:.2f} dB"
    return "\n\n".join(
        [
            table(["beta", "bpp", "PSNR, dB", "JPEG, dB", "JPEG's bpp for that PSNR", "prior, s", "in all, s"], rows),
            f"{signal.name} at 96 x 144, with priors from 16 pictures of Kodak. JPEG (4:2:0, optimised) at the same "
            f"rate, or its smallest file, {smallest}, where that is larger.",
        ]
    )


def _jpeg(signal: Signal) -> list[tuple[float, float]]:
    modality = MODALITIES[signal.layout.modality]
    codec = next(codec for codec in modality.peers if codec.name.startswith("JPEG ("))
    found = []
    for quality in JPEG_QUALITIES:
        file = codec.encode(signal, quality)
        decoded = codec.decode(file, signal.layout)
        found.append((modality.rate(signal.layout, len(file)), modality.quality(signal, decoded)["psnr_db"]))
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(SIZES), default="cifar10", help="[cifar10]")
    parser.add_argument(
        "--train", metavar="PATH", help="files from which priors are learned, where the size names none"
    )
    parser.add_argument("--seeds", type=int, default=1, help="[1]")
    parser.add_argument("--share", type=float, default=1.0, help="of all training lengths [1]")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep what is measured there, to go on from")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there, and its plots beside it")
    options = parser.parse_args()
    machine = describe_machine("torch", "numpy", "pillow")
    size = SIZES[options.data].shortened(options.share)
    if options.train is not None:
        train = DatasetEntry(path=options.train, crop=size.entry.crop)
        size = replace(size, entry=size.entry.model_copy(update={"train": train}))
    paper = Paper(Coder(size.entry, options.seeds, options.kept), size, Goals(are_set=size.has_goals))
    by_rate, lines = rates(paper)
    ablated, ablation_lines = ablations(paper)
    sections = {"Rates": by_rate, "Refinement and prior left out (figure 4)": ablated}
    sections["Training signals of the prior (figure 8)"] = training_signals(paper)
    if size.photograph:
        one = PHOTOGRAPH.shortened(options.share)
        alone = Paper(Coder(one.entry, options.seeds, options.kept), one, paper.goals)
        sections["A photograph"] = photograph(alone)
        paper.results |= alone.results
    sections["Times (tables 1 and 2)"] = times(paper)
    sections["Priors from their neighbours"] = neighbours(paper)
    sections["Refinement steps (figure 5)"], refinement_lines = refinement(paper)
    common = ", ".join(f"{key} {value}" for key, value in size.common.items())
    text = (
        f"# COMBINER again, on {options.data}, {options.seeds} seed{'s' * (options.seeds > 1)}\n\n"
        f"{machine_line(machine)}.\n\n"
        f"{len(paper.coder.signals)} signals, fits of {size.steps} steps; {common} where nothing else is said. Rates "
        "are the sizes of whole files, PSNR is that of the files as another process decodes them; mean over signals, "
        f"then mean ± standard deviation over seeds.\n\n{paper.goals.section()}"
        + "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())
    )
    results = {
        "machine": machine,
        "data": options.data,
        "share": options.share,
        "goals": paper.goals.rows,
        **paper.results,
    }
    save(text, results, options.markdown, options.json)
    if options.markdown is not None:
        draw([Panel(paper.unit, lines)], _beside(options.markdown, ""))
        draw([Panel(paper.unit, [lines[0], *ablation_lines])], _beside(options.markdown, "-ablation"))
        draw([Panel("refinement steps after a block", refinement_lines)], _beside(options.markdown, "-refinement"))


def _beside(markdown: Path, name: str) -> Path:
    return markdown.with_name(f"{markdown.stem}{name}.png")


if __name__ == "__main__":
    main()
