import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KODAK, AWS = ROOT / "spaces" / "kodak.yaml", ROOT / "clusters" / "aws.yaml"


def test_check_of_a_cluster_file(searchinr: Callable) -> None:
    result = searchinr("check", AWS)
    assert result.code == 0
    assert result.out.startswith(
        f"{AWS}: ok; aws, a head and up to 8 of gpu (4 CPU, 1 GPU, spot); storage s3://FILL-IN/"
    )
    assert all(line.startswith(f"warning: {AWS}:") for line in result.err.splitlines())
    assert "storage: found 's3://FILL-IN/searchinr'; still to be filled in" in result.err
    summary = json.loads(searchinr("check", AWS, "--json").out)
    assert (summary["max_workers"], summary["workers"]["gpu"]["gpu"]) == (8, 1)
    assert summary["warnings"]


def test_check_of_a_broken_cluster_file(refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(AWS.read_text().replace("head_node_type: head", "head_node_tpe: head"))
    assert refused("check", path).startswith(f"{path}:31: head_node_tpe: unknown key; allowed cluster_name,")


def test_check_of_a_space_for_a_cluster(searchinr: Callable, refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    text = KODAK.read_text().replace("gpu: 0.25", "gpu: 0.3")
    path.write_text(text)
    line = text[: text.index("gpu: 0.3")].count("\n") + 1
    result = searchinr("check", path, "--cluster", AWS)
    assert result.code == 0
    assert f"warning: {path}:{line}: resources.gpu: found 0.3, which does not divide 1" in result.err
    assert f"on {AWS}: aws, a head and up to 8 of gpu" in result.out
    assert "a cluster file found where --cluster needs a search space" in refused("check", AWS, "--cluster", AWS)


def test_a_manifest_for_kuberay_holds_the_space_and_asks_for_its_resources(searchinr: Callable) -> None:
    options = ("--target", "kuberay", "--nodes", 3, "--image", "me/searchinr:1", "--storage", "s3://bucket/x?region=eu")
    result = searchinr("render", KODAK, *options)
    assert (result.code, result.err) == (0, "")
    config_map, job = yaml.safe_load_all(result.out)
    assert config_map["data"]["space.yaml"] == KODAK.read_text()
    spec = job["spec"]["rayClusterSpec"]
    assert spec["authOptions"] == {"mode": "token"}
    (workers,) = spec["workerGroupSpecs"]
    limits = workers["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert (workers["replicas"], limits["cpu"], limits["nvidia.com/gpu"]) == (3, "4", 1)
    volume = spec["headGroupSpec"]["template"]["spec"]["volumes"][0]["configMap"]["name"]
    assert volume == config_map["metadata"]["name"] == "searchinr-kodak"
    entrypoint = job["spec"]["entrypoint"]
    assert entrypoint.startswith(
        "searchinr run /etc/searchinr/space.yaml --address auto --storage 's3://bucket/x?region"
    )
    assert entrypoint.endswith("--workers 12")
    assert "# searchinr fetch 's3://bucket/x/kodak?region=eu'" in result.out


def test_a_manifest_needs_what_only_the_user_knows(refused: Callable) -> None:
    assert "--image is missing" in refused("render", KODAK, "--target", "kuberay", "--storage", "s3://bucket/x")
    assert "--storage is missing" in refused("render", KODAK, "--target", "kuberay", "--image", "i")
    assert "credentials" in refused("render", KODAK, "--target", "slurm", "--storage", "s3://b/x?secret_key=1")


FAKES = {
    # every step runs here; a node's Ray stays until it is ended
    "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    "ray": 'echo "ray $*" >> "$SEEN"; [ "$1" = health-check ] || exec sleep 600',
    "searchinr": 'trap \'echo stopped >> "$SEEN"; exit 130\' TERM; echo "searchinr $* ${#RAY_AUTH_TOKEN}" >> "$SEEN"; '
    'echo $$ > "$SEEN.pid"; for _ in $(seq ${RUN_FOR:-1}); do sleep 0.1; done; exit 3',
}


@pytest.fixture
def slurm(tmp_path: Path) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Starts a batch script where the commands of Slurm, Ray and searchinr write down what they are asked."""
    for name, text in FAKES.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)

    def start(script: Path, run_for: int = 1) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "SEEN": str(tmp_path / "seen"),
            "RUN_FOR": str(run_for),
            "SLURM_JOB_ID": "12345",
            "SLURM_JOB_NUM_NODES": "3",
            "SLURMD_NODENAME": "node1",
            "USER": "me",
        }
        return subprocess.Popen(["bash", str(script)], env=environment, process_group=0)

    return start


@pytest.mark.skipif(
    subprocess.run(["bash", "-c", "hostname -I"], capture_output=True).returncode != 0, reason="no bash"
)
def test_a_slurm_script_starts_ray_and_the_run_and_ends_both(
    searchinr: Callable, slurm: Callable, tmp_path: Path
) -> None:
    script = tmp_path / "kodak.sbatch"
    said = searchinr("render", KODAK, "--target", "slurm", "--nodes", 3, "-o", script)
    assert said == (0, f"{script}: sbatch {script}\n", "")
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert slurm(script).wait(60) == 3  # the code of the run is that of the job, and nothing is left to wait for
    seen = (tmp_path / "seen").read_text().splitlines()
    head = next(line for line in seen if "start --head" in line)
    address = head.split("--node-ip-address=")[1].split()[0]
    assert "--port=32345" in head and "--num-cpus=4 --num-gpus=1" in head
    assert any(line.startswith(f"ray start --address={address}:32345") for line in seen)
    run = next(line for line in seen if line.startswith("searchinr"))
    assert run == f"searchinr run {KODAK} --address {address}:32345 --workers 12 64"


@pytest.mark.skipif(
    subprocess.run(["bash", "-c", "hostname -I"], capture_output=True).returncode != 0, reason="no bash"
)
def test_a_slurm_script_lets_the_run_end_in_order(searchinr: Callable, slurm: Callable, tmp_path: Path) -> None:
    script = tmp_path / "kodak.sbatch"
    searchinr("render", KODAK, "--target", "slurm", "-o", script)
    job = slurm(script, run_for=600)
    while not (tmp_path / "seen.pid").exists():
        assert job.poll() is None
    job.terminate()
    assert job.wait(60) == 130
    assert "stopped" in (tmp_path / "seen").read_text()


TINY = """\
name: tiny
datasets: [{name: photos, downscale: [16, 24], limit: 1}]
reference_point: {psnr_db: 8, rate: 64}
fidelity: {min_steps: 20, max_steps: 60, reduction: 3}
search: {sampler: random, trials: 3, seed: 0}
codecs:
  mlp: {depth: 2, width: {choice: [6, 8, 12]}}
"""


def test_a_plan_says_what_it_is_and_stays_in_the_run_folder(searchinr: Callable, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    cluster = tmp_path / "c.yaml"
    cluster.write_text(AWS.read_text().replace("CPU: 4, GPU: 1", "CPU: 2").replace("\n    max_workers: 8", ""))
    arguments = ("plan", tmp_path / "tiny.yaml", "--cluster", cluster, "--out", tmp_path / "run", "--probes", 2)
    result = searchinr(*arguments)
    assert result.code == 0
    assert result.out.startswith("estimate: 3 trials, 4 (4 to 4) results, ")
    heading, *rows = [line.split() for line in result.out.splitlines()[1:]]
    assert heading == ["nodes", "trials", "at", "once", "hours", "cost,", "USD"]
    assert [row[:2] for row in rows] == [["1", "2"], ["2", "4"], ["4", "8"], ["8", "16"]]
    assert "probed on this machine (cpu), one trial at a time; nodes are taken to be as fast" in result.err
    kept = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert kept["fit_hours"]["low"] > 0
    assert kept["rows"][1]["cost"]["median"] == pytest.approx(kept["rows"][1]["hours"]["median"] * (0.19 + 2 * 0.35))


def test_a_run_tells_what_was_estimated_beside_what_it_took(searchinr: Callable, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    searchinr("plan", tmp_path / "tiny.yaml", "--out", tmp_path / "run", "--probes", 2)
    code, out, err = searchinr("run", tmp_path / "tiny.yaml", "--out", tmp_path / "run", "--debug")
    assert (code, err) == (0, "")
    assert "hours of training in all; it took " in out


def test_a_plan_of_what_does_not_fit_the_nodes(refused: Callable, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY + "resources: {cpu: 9}\n")
    said = refused("plan", tmp_path / "tiny.yaml", "--cluster", AWS, "--out", tmp_path / "run")
    assert said.startswith(f"{AWS}: no trial fits a 'gpu' node")


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "5" * 64)


@pytest.mark.usefixtures("token")
def test_nothing_is_launched_with_a_file_that_is_not_filled_in(searchinr: Callable, tmp_path: Path) -> None:
    result = searchinr("run", KODAK, "--cluster", AWS, "--out", tmp_path / "run")
    said = result.err
    assert result.code == 2
    assert f"{AWS}:15: metadata.searchinr.storage: found 's3://FILL-IN/searchinr'; still to be filled in" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("token")
def test_a_cluster_that_is_open_to_the_network_is_refused(searchinr: Callable, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    text = AWS.read_text().replace("FILL-IN", "mine").replace("dashboard-host=127.0.0.1", "dashboard-host=0.0.0.0")
    path.write_text(text.replace("RAY_AUTH_MODE=token", "A=b"))
    said = searchinr("run", KODAK, "--cluster", path, "--out", tmp_path / "run").err
    assert "opens the dashboard to the network" in said
    assert "let Ray run without a token" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--address", "head"), "--address: head found; allowed are HOST:PORT and auto"),
        (("--address", "head:65536"), "with a port from 1024 to 65535"),
        (("--address", "::1:6379"), "allowed are HOST:PORT and auto"),
        (("--address", "ray://127.0.0.1:10001"), "through ray:// Ray Tune runs the search at the other end"),
        (("--down",), "--down: found without --cluster"),
        (("--cluster", AWS, "--address", "auto"), "--address: found with --cluster"),
    ],
)
def test_options_that_do_not_go_together(refused: Callable, arguments: tuple[object, ...], reason: str) -> None:
    assert reason in refused("run", KODAK, *arguments)


def test_a_run_that_is_on_no_cluster_cannot_be_come_back_to(refused: Callable, tmp_path: Path) -> None:
    assert "not a run on a cluster" in refused("attach", tmp_path)
    assert "not a run on a cluster" in refused("stop", tmp_path)


HOSTILE = """
cluster_name: hostile
provider: {{type: external, module: hostile_provider.Provider}}
auth: {{ssh_user: nobody}}
head_node_type: head
available_node_types: {{head: {{resources: {{CPU: 1}}, node_config: {{}}}}}}
metadata: {{searchinr: {{storage: "{storage}"}}}}
"""


@pytest.fixture
def hostile(run_copy: Path, tmp_path: Path) -> Path:
    """A run folder that names a cluster, in it or beside it, whose file names a module that leaves a trace."""
    (run_copy / "hostile_provider.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')")
    for folder in (run_copy, tmp_path):
        (folder / "c.yaml").write_text(HOSTILE.format(storage=tmp_path / "storage"))
    return run_copy


def test_a_run_folder_is_data_and_names_no_cluster(
    searchinr: Callable, refused: Callable, hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(hostile)
    monkeypatch.setenv("PYTHONPATH", str(hostile), prepend=os.pathsep)
    note = {"cluster": str(hostile / "c.yaml"), "place": str(tmp_path / "storage" / "copy"), "job": "searchinr-1"}
    (hostile / "cluster.json").write_text(json.dumps(note))
    status = searchinr("status", hostile)
    assert (status.code, status.err) == (0, "")
    assert status.out.startswith(f"{hostile}: finished")
    for command in ("attach", "stop"):
        assert f"if you trust it, name its file: --cluster {hostile / 'c.yaml'}" in refused(command, hostile)
    for command in ("attach", "stop", "status"):
        assert "which came with the run folder" in refused(command, hostile, "--cluster", hostile / "c.yaml")
    assert not (tmp_path / "trace").exists()


def test_a_run_folder_names_no_storage(refused: Callable, hostile: Path, tmp_path: Path) -> None:
    note = {"cluster": "c.yaml", "place": "s3://theirs/copy?endpoint_override=10.0.0.1", "job": "searchinr-1"}
    (hostile / "cluster.json").write_text(json.dumps(note))
    said = refused("status", hostile, "--cluster", tmp_path / "c.yaml")
    assert f"is kept at s3://theirs/copy, which is not in the storage of {tmp_path / 'c.yaml'}" in said


def test_a_run_of_which_nothing_was_fetched_yet(refused: Callable, tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("{}")
    assert f"`searchinr status {tmp_path} --cluster FILE`" in refused("status", tmp_path)
