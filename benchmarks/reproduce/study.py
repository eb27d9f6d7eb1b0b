"""A reproduction as data: spaces that the engine runs, and where their points belong among the results.

`NAME.yaml` beside a read-out `NAME.py` has, beside what the paper says:

    sizes:      by name of a size, its variables: what `$name` stands for below
    space:      a partial space file, which all spaces have in common
    shortened:  parameters that `--share` makes smaller, as it does training lengths
    spaces:     a list of
      into:     where a point goes among the results, e.g. `quantisers/{quantizer}/{bits}`, or several such places;
                holes are parameters of the codec, `steps`, and variables
      steps:    the training length, or a `fidelity` section for several in one fit
      each:     variables of as many spaces as there are elements; left out, there is one space
      inside:   what is looked up inside of fits and files, which no ledger holds: see `inside.py`
      codecs:   as in a space file; every combination of choices is fitted, once for each seed
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.command import Found
from benchmarks.reproduce.inside import ledger_figures, points_inside
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.engine.store.ledger import asset_label
from searchinr.search.search import Search
from searchinr.space import json_hash

HERE = Path(__file__).parent


@dataclass(frozen=True)
class StudySpace:
    """One space of a study.

    Attributes:
        tree: The space file.
        into: Where its points belong.
        variables: What holes can be filled with beside parameters.
        inside: What is looked up inside of its fits and files.
    """

    tree: Mapping[str, Any]
    into: list[str]
    variables: Mapping[str, Any]
    inside: list[str]


def read_study(name: str) -> Found:
    """The data file of a reproduction."""
    return dict(yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8")))


def variables(name: str, size: str, given: Mapping[str, Any] | None = None) -> Found:
    """The variables of a size, some of them as they are given; `SystemExit` if one is missing."""
    own = {**read_study(name)["sizes"][size], **(given or {})}
    try:
        return dict(_filled(own, own))
    except KeyError as error:
        raise SystemExit(f"{name}, {size}: give `--set {error.args[0]}=VALUE`") from error


def spaces(name: str, size: str, of_size: Found, share: float = 1.0) -> Iterator[StudySpace]:
    """The spaces of a study, in their order.

    Args:
        name: Of the study.
        size: One of its sizes.
        of_size: Its variables.
        share: Of all training lengths.
    """
    study = read_study(name)
    for each in study["spaces"]:
        if each.get("only", size) != size:
            continue
        for own in _filled(each.get("each", [{}]), of_size):
            names = {**of_size, **own}
            tree = {"name": name, **study["space"], "fidelity": _fidelity(_filled(each["steps"], names), share)}
            tree |= _filled({key: each[key] for key in ("datasets", "codecs") if key in each}, names)
            tree = _filled(tree, names)
            for params in tree["codecs"].values():
                for key in set(params) & set(study.get("shortened", ())):
                    params[key] = _shorter(params[key], share)
            into = [each["into"]] if isinstance(each["into"], str) else each["into"]
            yield StudySpace(tree, into, names, each.get("inside", []))


def _filled(tree: Any, variables: Mapping[str, Any]) -> Any:  # noqa: ANN401  YAML
    """With the variables in place of their names; `also` names mappings whose keys are added."""
    if isinstance(tree, dict):
        own = {key: _filled(value, variables) for key, value in tree.items() if key != "also"}
        others = [_filled(name, variables) for name in tree.get("also", [])]
        return {key: value for each in (*others, own) for key, value in each.items()}
    if isinstance(tree, list):
        return [_filled(value, variables) for value in tree]
    return variables[tree[1:]] if isinstance(tree, str) and tree.startswith("$") else tree


def _fidelity(steps: Any, share: float) -> dict[str, Any]:  # noqa: ANN401  YAML
    given = dict(steps) if isinstance(steps, dict) else {"min_steps": steps, "max_steps": steps}
    return {**given, **{key: _shorter(given[key], share) for key in ("min_steps", "max_steps")}}


def _shorter(steps: int, share: float) -> int:
    return max(2, round(share * steps))


def measure(name: str, size: str, of_size: Found, seeds: int, runs: Path, share: float = 1.0) -> Found:
    """Runs what has not been run yet, and gathers the points: nested by their places, a list with one for each seed.

    Args:
        name: Of the study.
        size: One of its sizes.
        of_size: Its variables.
        seeds: How many of each space.
        runs: Where run folders are.
        share: Of all training lengths.
    """
    results: Found = {}
    for each in spaces(name, size, of_size, share):
        for seed in range(seeds):
            stem = f"{name}-{json_hash(each.tree)[:10]}-seed{seed}"
            if each.inside:
                points = _kept(runs / f"{stem}.json", each, seed)
            else:
                points = points_of(run(each.tree, runs / stem, seed=seed))
            for point in points:
                for into in each.into:
                    _put(results, into.format_map({**each.variables, **point, **point["params"]}), point)
    return results


def _kept(path: Path, each: StudySpace, seed: int) -> list[Found]:
    """What was found inside, once."""
    if not path.is_file():
        space_file = _written(each.tree, path.with_suffix(".yaml"))
        points = list(points_inside(read_space(space_file), seed, each.inside))
        path.write_text(json.dumps(points), encoding="utf-8")
    return list(json.loads(path.read_text(encoding="utf-8")))


def _put(results: Found, place: str, point: Found) -> None:
    *outer, last = place.split("/")
    for key in outer:
        results = results.setdefault(key, {})
    results.setdefault(last, []).append({key: value for key, value in point.items() if key != "params"})


def _written(tree: Mapping[str, Any], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(tree), sort_keys=False), encoding="utf-8")
    return path


def run(tree: Mapping[str, Any], folder: Path, *, seed: int, trials: int | None = None, workers: int = 0) -> OpenedRun:
    """A run that has ended: by `searchinr run`, which goes on with what is there.

    Args:
        tree: The space file; it is kept beside the folder.
        folder: The run folder.
        seed: Of the search.
        trials: Of the search; None for those of the space.
        workers: Trials at a time; 0 for as many as there are cores. With one, a search can be repeated exactly.
    """
    file = _written({**tree, "name": folder.name}, folder.with_suffix(".yaml"))
    if not _has_ended(folder, trials):
        options = {"--out": folder, "--seed": seed, "--trials": trials, "--workers": workers or None}
        given = [str(each) for option in options.items() if option[1] is not None for each in option]
        command = [sys.executable, "-m", "searchinr", "run", str(file), *given]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(f"{folder.name} has ended", file=sys.stderr, flush=True)
    return open_run(folder)


def _has_ended(folder: Path, trials: int | None) -> bool:
    if not (folder / "ledger.jsonl").is_file():
        return False
    opened = open_run(folder)
    search = Search(opened.space.overridden(trials, None), opened.labels, canonicalise)
    search.replay(opened.lines)
    return search.finished


def points_of(opened: OpenedRun) -> list[Found]:
    """The operating points of a run in the order of its trials; what has failed is an error."""
    failed = [line["reason"] for line in opened.lines if line["kind"] == "failed"]
    if failed:
        raise SystemExit(f"{opened.folder.path}: {len(failed)} trials have failed: {failed[0]}")
    numbers = {line["trial"]: line["number"] for line in opened.lines if line["kind"] == "trial"}
    assets = {asset_label(line): line for line in opened.lines if line["kind"] == "asset"}
    points = [line for line in opened.lines if line["kind"] == "point"]
    points.sort(key=lambda line: (numbers[line["trial"]], line["rung"]))
    return [{**ledger_figures(line), **_of_asset(assets.get(line["init"]))} for line in points]


def _of_asset(line: Mapping[str, Any] | None) -> Found:
    """What the prior or the supernet has cost that a fit has used."""
    if line is None:
        return {}
    return {"prior_s": line["cost"]["train_s"], "prior_bytes": line["bytes"], "shared_macs": line["cost"]["macs"]}
