"""A reproduction as data: spaces that the engine runs, and where their points belong among the results.

`NAME.yaml` beside a read-out `NAME.py` has, beside what the paper says:

    seeds:      how many of each fit, where nothing else is said
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

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import searchinr
from benchmarks.command import Found
from benchmarks.reproduce.inside import figures_found, points_inside
from searchinr.engine.catalog import read_space
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.search.lines import AssetBuilt, FitFailed, TrialStarted
from searchinr.space import json_hash


@dataclass(frozen=True)
class StudySpace:
    """One space of a study.

    Attributes:
        tree: The space file.
        into: Where its points belong.
        variables: What holes can be filled with beside parameters.
        inside: What is looked up inside of its fits and files.
    """

    tree: Found
    into: list[str]
    variables: Found
    inside: list[str]


def read_study(name: str) -> Found:
    """The data file of a reproduction."""
    return dict(yaml.safe_load(Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8")))


def variables(name: str, size: str, given: Mapping[str, Any] | None = None) -> Found:
    """The variables of a size, some of them as they are given; `SystemExit` if one is missing."""
    own = {**read_study(name)["sizes"][size], **(given or {})}
    try:
        return dict(_filled(own, own))
    except KeyError as error:
        raise SystemExit(f"{name}, {size}: give `--set {error.args[0]}=VALUE`") from error


def spaces(name: str, size: str, of_size: Found, share: float = 1.0) -> Iterator[StudySpace]:
    """The spaces of a study for one of its sizes with its variables, in their order, with a share of all lengths."""
    study = read_study(name)
    for each in (each for each in study["spaces"] if each.get("only", size) == size):
        for own in _filled(each.get("each", [{}]), of_size):
            names = {**of_size, **own}
            steps = _filled(each["steps"], names)
            fidelity = steps if isinstance(steps, dict) else {"min_steps": steps, "max_steps": steps}
            given = {key: each[key] for key in ("datasets", "codecs") if key in each}
            tree = _filled({"name": name, **study["space"], "fidelity": fidelity, **given}, names)
            for section in (tree["fidelity"], *tree["codecs"].values()):
                for key in {"min_steps", "max_steps", *study.get("shortened", ())} & set(section):
                    section[key] = max(2, round(share * section[key]))
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


def gather(of: Iterator[StudySpace], seeds: int, runs: Path, *, debug: bool = False) -> Found:
    """Runs what has not been run yet, and gathers the points: nested by their places, a list with one for each seed.

    Args:
        of: The spaces.
        seeds: How many of each space.
        runs: Where run folders are, and what came of them.
        debug: Whether fits run one after another in this process.
    """
    results: Found = {}
    for each in of:
        for seed in range(seeds):
            folder = runs / f"{each.tree['name']}-{json_hash([each.tree, each.inside])[:10]}-seed{seed}"
            file = folder.with_suffix(".json")
            if not file.is_file():
                runs.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(_points(each, folder, seed, debug)), encoding="utf-8")
                print(f"{file.name} is there", file=sys.stderr, flush=True)
            for point in json.loads(file.read_text(encoding="utf-8")):
                for into in each.into:
                    *outer, last = into.format_map({**each.variables, **point, **point["params"]}).split("/")
                    place = results
                    for key in outer:
                        place = place.setdefault(key, {})
                    place.setdefault(last, []).append({key: point[key] for key in point if key != "params"})
    return results


def _points(each: StudySpace, folder: Path, seed: int, debug: bool) -> list[Found]:
    """The operating points of a space in the order of its trials."""
    if each.inside:
        file = folder.with_suffix(".yaml")
        file.write_text(yaml.safe_dump(each.tree, sort_keys=False), encoding="utf-8")
        return list(points_inside(read_space(file), seed, each.inside))
    opened = run(each.tree, folder, seed=seed, debug=debug)
    failed = [line.reason for line in opened.lines if isinstance(line, FitFailed)]
    if failed:
        raise SystemExit(f"{folder}: {len(failed)} trials have failed: {failed[0]}")
    numbers = {line.trial: line.number for line in opened.lines if isinstance(line, TrialStarted)}
    points = sorted(opened.points(None), key=lambda line: (numbers[line.trial], line.rung))
    used = {  # what priors and supernets have cost
        line.label: {"prior_s": line.cost.train_s, "prior_bytes": line.bytes, "shared_macs": line.cost.macs}
        for line in opened.lines
        if isinstance(line, AssetBuilt)
    }
    return [{**figures_found(line.config, line.steps, line.seed, line), **used.get(line.init, {})} for line in points]


def run(tree: Found, folder: Path, *, seed: int, **options: Any) -> OpenedRun:  # noqa: ANN401  of `searchinr.search`
    """A run that has ended; it goes on with what is in its folder."""
    with contextlib.redirect_stdout(sys.stderr):
        searchinr.search({**tree, "name": folder.name}, out=folder, seed=seed, **options)
    return open_run(folder)
