"""The best config of a run, as a file that `encode --config` takes."""

from searchinr.engine.config_file import Config
from searchinr.engine.opened import OpenedRun
from searchinr.engine.report.front import Point
from searchinr.errors import UserError


def best_config(
    run: OpenedRun,
    *,
    dataset: str | None,
    max_rate: float | None,
    min_psnr: float | None,
    trial: str | None,
) -> Config:
    """Picks an operating point and turns it into a config.

    Args:
        run: The run.
        dataset: Label of the dataset; may be None where the run has one only.
        max_rate: Take the highest PSNR at no more than this rate.
        min_psnr: Take the lowest rate with at least this PSNR.
        trial: Take this trial's longest training within the constraints (a prefix of its name will do).

    Raises:
        UserError: Not exactly one criterion, or no point that meets it.
    """
    if sum(criterion is not None for criterion in (max_rate, min_psnr, trial)) != 1:
        raise UserError("export: give exactly one of --max-rate, --min-psnr and --trial")
    labels = run.chosen(dataset)
    if len(labels) > 1:
        raise UserError(f"{run.folder.path}: has several datasets; choose one with --dataset: {', '.join(labels)}")
    point = _pick(run, labels[0], max_rate, min_psnr, trial)
    return Config(
        codec=point["codec"],
        params=point["params"],
        steps=point["steps"],
        seed=point["seed"],
        provenance={
            "run": str(run.folder.path),
            "dataset": labels[0],
            "trial": point["trial"],
            "rate": point["rate"],
            "rate_unit": point["rate_unit"],
            "psnr_db": point["psnr_db"],
            **({"ssim": point["ssim"]} if "ssim" in point else {}),
            "signals": len(point["signals"]),
        },
    )


def _pick(run: OpenedRun, label: str, max_rate: float | None, min_psnr: float | None, trial: str | None) -> Point:
    report = run.front(label)
    if trial is not None:
        points = [point for point in report.points if point["trial"].startswith(trial)]
        names = {point["trial"] for point in points}
        if len(names) != 1:
            found = f"{len(names)} trials begin with it" if names else "no trial with an operating point has it"
            raise UserError(f"--trial {trial}: {found}; `searchinr front {run.folder.path}` lists those on the front")
        feasible = [point for point in points if run.objectives.is_feasible(point)]
        if not feasible:
            raise UserError(f"--trial {trial}: breaks the constraints: {', '.join(run.objectives.broken(points[-1]))}")
        return max(feasible, key=lambda point: int(point["steps"]))
    front = report.front
    if max_rate is not None:
        within = [point for point in front if point["rate"] <= max_rate]
        if not within:
            lowest = min(point["rate"] for point in front)
            found = f"the lowest rate found is {lowest:.3f} {report.rate_unit}"
            raise UserError(f"--max-rate {max_rate:g}: no point is that low; {found}")
        return max(within, key=lambda point: float(point["psnr_db"]))
    assert min_psnr is not None
    good = [point for point in front if point["psnr_db"] >= min_psnr]
    if not good:
        highest = max(point["psnr_db"] for point in front)
        raise UserError(f"--min-psnr {min_psnr:g}: no point is that good; the highest PSNR found is {highest:.2f} dB")
    return min(good, key=lambda point: float(point["rate"]))
