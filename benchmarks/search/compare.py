"""How much fitting work each way of searching needs to reach 90 % and 95 % of the table's hypervolume.

Replays the recorded curves for 20 seeds on 1, 8, 64 and 512 virtual workers and writes `reports/search/`: the figures
as JSON, tables as Markdown, plots. Most of the time passes in the samplers that fit a model; what is in the JSON
already is not simulated again (`--only` and `--seeds` add to it). "mo-asha, gp" takes three minutes a run on 1 and 8
workers and a quarter of an hour on more, and is simulated where `--only` names it. syne-tune's contenders need
`pip install -e '.[compare]'`.
"""

import argparse
import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache, partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import optuna
import yaml

from benchmarks.search import fast_priority
from benchmarks.search.fast_tpe import FastTpe
from benchmarks.search.plain_optuna import PlainOptuna
from benchmarks.search.report import write_report
from benchmarks.search.rivals import RayAsha, SyneTuneMoAsha
from benchmarks.search.table import CurveTable
from searchinr.cores import usable_cores
from searchinr.engine.catalog import canonicalise
from searchinr.search.configs import ConfigSpace
from searchinr.search.samplers import Sampler
from searchinr.search.scheduler import Scheduler
from searchinr.search.search import Search, make_sampler, make_scheduler
from searchinr.search.simulator import simulate
from searchinr.space import Space

REPORT = Path(__file__).parents[2] / "reports" / "search"
CONTENDERS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("contenders.yaml").read_text())
WORKERS = (1, 8, 64, 512)
SEEDS = 20
LEVELS = (0.90, 0.95)
GRID = np.geomspace(1e-3, 1.0, 121)
"""Where curves are kept: work as a fraction of training every config of the table to its end."""
_table = cache(CurveTable)
SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "Optuna's TPE": FastTpe,
    "Optuna's NSGA-II": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
}


def _sampler(name: str, space: Space, configs: ConfigSpace) -> Sampler:
    if name in SAMPLERS:
        return PlainOptuna(configs, space.search.seed, SAMPLERS[name])
    return make_sampler(space, configs)


def _scheduler(contender: Mapping[str, Any], space: Space) -> Scheduler:
    rungs, reduction = len(space.fidelity.rungs), space.fidelity.reduction
    if contender["scheduler"] == "Ray's ASHA":
        return RayAsha(rungs, reduction, lambda vector: float(vector @ contender["given"]))
    if contender["scheduler"] == "syne-tune's MOASHA":
        return SyneTuneMoAsha(rungs, reduction, getattr(fast_priority, contender["given"]))
    return make_scheduler(space)


def run(name: str, workers: int, seed: int) -> dict[str, Any]:
    """One simulated search, until it has the highest of `LEVELS` or has tried everything.

    Returns:
        A JSON object: per level the work (MACs), the virtual time (s), the trials started and the jobs until then
        (None if it was never reached), and the fraction of the table's hypervolume at each work of `GRID`.
    """
    contender, table = CONTENDERS[name], _table()
    fidelity, chosen = table.space.fidelity, ("sampler", "scheduler")
    if contender.get("full"):
        fidelity = fidelity.model_copy(update={"min_steps": fidelity.max_steps})
    of_search = {"seed": seed, "trials": table.size, **{key: contender[key] for key in chosen}}
    settings = table.space.search.model_copy(update=of_search)
    search = Search(
        table.space.model_copy(update={"fidelity": fidelity, "search": settings}),
        ["table"],
        canonicalise,
        make_sampler=partial(_sampler, contender["sampler"]),
        make_scheduler=partial(_scheduler, contender),
    )
    levels = list(LEVELS)
    reached: dict[str, Any] = {f"{level:.2f}": None for level in levels}
    work, fractions, trials = [0.0], [0.0], set()
    events = simulate(search, partial(table.outcome, rungs=fidelity.rungs), workers)
    for jobs, event in enumerate(events, start=1):
        trials.add(event.line.trial)
        work.append(event.macs / table.macs)
        fractions.append(search.hypervolume("table") / table.hypervolume)
        while levels and fractions[-1] >= levels[0]:
            figures = {"macs": event.macs, "seconds": event.seconds, "trials": len(trials), "jobs": jobs}
            reached[f"{levels.pop(0):.2f}"] = figures
        if not levels:
            break
    curve = np.array(fractions)[np.searchsorted(work, GRID, side="right") - 1]
    return {"contender": name, "workers": workers, "seed": seed, "reached": reached, "curve": curve.round(4).tolist()}


def _simulate(
    runs: list[dict[str, Any]], names: Sequence[str], workers: Sequence[int], seeds: int, processes: int, file: Path
) -> None:
    """Adds the runs that are missing, and keeps them in the file as they come."""
    known = {(found["contender"], found["workers"], found["seed"]) for found in runs}
    cells = [(name, count, seed) for seed in range(seeds) for name in names for count in workers]
    todo = [cell for cell in cells if cell not in known]
    with ProcessPoolExecutor(processes) as pool:
        for number, future in enumerate(as_completed([pool.submit(run, *cell) for cell in todo]), start=1):
            runs.append(future.result())
            runs.sort(key=lambda found: (found["contender"], found["workers"], found["seed"]))
            file.write_text("[\n" + ",\n".join(json.dumps(found) for found in runs) + "\n]\n")
            print(f"{number} of {len(todo)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), metavar="NAME", help="contenders [all but gp]")
    parser.add_argument("--workers", nargs="+", type=int, default=WORKERS, help="virtual workers [1 8 64 512]")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of each [20]")
    parser.add_argument("--processes", type=int, default=usable_cores(), help="simulations at a time [all cores]")
    parser.add_argument("--out", type=Path, default=REPORT, help="folder of the report [reports/search]")
    options = parser.parse_args()
    names = options.only or [name for name, contender in CONTENDERS.items() if not contender.get("slow")]
    if importlib.util.find_spec("syne_tune") is None:
        names = [name for name in names if not name.startswith("syne-tune")]
        print("syne-tune is not installed: pip install -e '.[compare]'; its figures stay as they are")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "runs.json"
    runs: list[dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else []
    _simulate(runs, names, options.workers, options.seeds, options.processes, file)
    write_report(runs, CONTENDERS, GRID, _table(), options.out)
