"""A plain Ray Tune script with defaults, as in Ray's tutorial: what `overhead.py` compares with.

    python -m benchmarks.plain_tune TRIALS WORKERS

Prints one JSON object: when it was ready to run trials, and when each trial had its result (seconds since the epoch).
"""

import json
import sys
import tempfile
import time
from typing import Any

import ray
from ray import tune


def trial(config: dict[str, Any]) -> None:
    """As little as a trial with PyTorch can do."""
    import torch

    loss = (config["scale"] * torch.ones(16, 16)).sum().item()
    tune.report({"loss": loss, "time": time.time()})


if __name__ == "__main__":
    trials, workers = map(int, sys.argv[1:])
    ray.init(address="local", num_cpus=workers)
    with tempfile.TemporaryDirectory() as storage:
        tuner = tune.Tuner(
            trial,
            param_space={"scale": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=trials),
            run_config=tune.RunConfig(storage_path=storage),
        )
        ready = time.time()
        results = tuner.fit()
        for error in results.errors:
            raise error
        metrics = [results[trial].metrics or {} for trial in range(len(results))]
    times = [found["time"] for found in metrics]
    print(json.dumps({"ready": ready, "results": sorted(times)}))
