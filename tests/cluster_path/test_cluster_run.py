"""`searchinr run --cluster`, from end to end without a cloud: nodes are process groups on loopback addresses."""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from loopback_provider import end_node, nodes, processes
from processes import searchinr, wait_until

from benchmarks.fault_run import RunProcess
from searchinr.engine.results.opened import open_run
from searchinr.engine.results.status import recorded
from searchinr.engine.results.verify import verify
from searchinr.engine.store.ledger import read_ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc"),
]

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "spaces" / "quickstart.yaml"
TOKEN = "0123456789abcdef" * 4
CLUSTER = """\
cluster_name: loopback
max_workers: 2
provider:
  type: external
  module: loopback_provider.LoopbackProvider
  folder: {folder}/nodes
  agent_ports: {agent_ports}
auth: {{ssh_user: nobody}}
head_node_type: head
available_node_types:
  head: {{resources: {{CPU: 0}}, node_config: {{}}}}
  worker: {{resources: {{CPU: 1}}, node_config: {{}}, min_workers: 0, max_workers: 2}}
idle_timeout_minutes: 5
file_mounts: {{~/.ray/auth_token: {folder}/token}}
initialization_commands: []
setup_commands: ["{setup}"]
head_setup_commands: []
worker_setup_commands: []
cluster_synced_files: []
head_start_ray_commands:
  - ray stop
  - >-
    export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0;
    ray start --head --node-ip-address=$NODE_IP --port={port} --autoscaling-config=~/ray_bootstrap_config.yaml
    --dashboard-host=127.0.0.1 --dashboard-port={dashboard_port} --ray-client-server-port={client_port}
    --dashboard-agent-listen-port=$AGENT_PORT --object-store-memory=104857600 --temp-dir={temporary}
worker_start_ray_commands:
  - ray stop
  - >-
    export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0;
    ray start --address=$RAY_HEAD_IP:{port} --node-ip-address=$NODE_IP --dashboard-agent-listen-port=$AGENT_PORT
    --object-store-memory=104857600
metadata: {{searchinr: {{storage: {folder}/storage, log_level: debug}}}}
"""


@dataclass(frozen=True)
class Cloud:
    """A cluster file for nodes of our own, and what commands need in their environment to use it."""

    folder: Path
    file: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> tuple[str, ...]:
        return searchinr("run", str(QUICKSTART), "--cluster", str(self.file), "--out", str(self.run), *arguments)

    def ask(self, command: str) -> tuple[str, ...]:
        return searchinr(command, str(self.run), "--cluster", str(self.file))

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def stored(self) -> Path:
        return self.folder / "storage" / "run"

    def up(self, kind: str) -> list[Path]:
        return nodes(self.folder / "nodes", kind)

    def points(self) -> int:
        """Operating points that the storage has."""
        texts = [path.read_text() for path in [*self.stored.glob("ledger.jsonl"), *self.stored.glob("ledger/*")]]
        return sum(text.count('"kind":"point"') for text in texts)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def make_cloud(folder: Path, temporary: Path, setup: str = "true") -> Cloud:
    (folder / "token").write_text(TOKEN)
    port, dashboard_port, client_port, *agent_ports = free_ports(9)
    text = CLUSTER.format(
        folder=folder, temporary=temporary, port=port, dashboard_port=dashboard_port, client_port=client_port,
        agent_ports=agent_ports, setup=setup,
    )  # fmt: skip
    (folder / "c.yaml").write_text(text)
    path = f"{ROOT}{os.pathsep}{Path(__file__).parent}"
    environment = {
        "PYTHONPATH": path,
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_AUTH_TOKEN": "",
        "RAY_TMPDIR": str(temporary),  # which nodes inherit from the command that starts them, and outlive
    }
    return Cloud(folder, folder / "c.yaml", environment)


@pytest.fixture
def cloud(tmp_path: Path, short_folder: Path) -> Iterator[Cloud]:
    made = make_cloud(tmp_path, short_folder)
    yield made
    for node in (made.folder / "nodes").glob("*"):
        end_node(node)


def workers(node: Path) -> list[int]:
    """Processes of a node that run jobs."""
    return [pid for pid, title in processes(node).items() if title.startswith("ray::ImplicitFunc")]


def detach(cloud: Cloud, run: RunProcess) -> None:
    """Ctrl-C, once a job of the run is under way."""
    wait_until(lambda: (cloud.run / "cluster.json").exists(), run)
    time.sleep(1)  # into following it
    run.kill(signal.SIGINT)
    code, _, err = run.finish()
    assert code == 130
    assert "left alone, it goes on" in err


def test_two_nodes_of_which_one_is_killed(cloud: Cloud) -> None:
    trials = 8
    with RunProcess(*cloud.command("--trials", str(trials)), environment=cloud.environment) as first:
        detach(cloud, first)
    with RunProcess(*cloud.command("--trials", str(trials), "--down"), environment=cloud.environment) as run:
        wait_until(lambda: cloud.points() >= 2 and len(cloud.up("worker")) == 2, run)
        wait_until(lambda: all(map(workers, cloud.up("worker"))), run)
        lost, _ = cloud.up("worker")
        end_node(lost)
        (lost / "terminated").touch()  # a cloud would say so
        code, out, err = run.finish()
    assert (code, err) == (0, ""), out
    assert f"{trials}/{trials} trials" in out  # of the same view as that of a local run
    assert "the run has finished: ending the cluster" in out
    assert cloud.up("head") == cloud.up("worker") == []
    assert len(list((cloud.folder / "nodes").glob("[0-9]*"))) > 3  # another node took the place of the lost one

    lines = read_ledger(cloud.run / "ledger.jsonl")
    assert [line.kind for line in lines].count("trial") == trials
    assert not [line for line in lines if line.kind == "failed"]
    (row,) = recorded(open_run(cloud.run))
    assert (row["done"], row["total"], row["failed"]) == (trials, trials, 0)
    log = (cloud.run / "log.txt").read_text()
    assert " is put back (NodeLostError)" in log
    assert len(re.findall(r"ledger lines on record", log)) == 1  # submitted twice, it ran once
    verdicts = list(verify(open_run(cloud.run), None))
    assert verdicts and not any(verdict.problems for verdict in verdicts)
    for path in [*cloud.run.rglob("*"), *cloud.stored.rglob("*")]:
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in out


def test_a_run_is_stopped_and_continued(cloud: Cloud) -> None:
    with RunProcess(*cloud.command("--trials", "6"), environment=cloud.environment) as run:
        wait_until(lambda: cloud.points() >= 1, run)
        for command, expected in (("status", f"{cloud.run}: running as job searchinr-quickstart-"), ("stop", "")):
            with RunProcess(*cloud.ask(command), environment=cloud.environment) as asked:
                code, out, err = asked.finish()
            assert (code, err) == (0, "") and out.startswith(expected), out
        code, out, err = run.finish()
        assert code == 130 and "stopped; the same command again continues" in err
    with RunProcess(*searchinr("status", str(cloud.run)), environment=cloud.environment) as status:
        code, out, err = status.finish()
    assert (code, err) == (0, "") and out.startswith(f"{cloud.run}: on a cluster, and this is what was fetched")
    before = read_ledger(cloud.run / "ledger.jsonl")
    (cloud.run / "cluster.json").unlink()  # written anew when the next job is submitted
    with RunProcess(*cloud.command("--trials", "6"), environment=cloud.environment) as run:
        detach(cloud, run)
    with RunProcess(*cloud.ask("attach"), environment=cloud.environment) as attach:
        code, out, err = attach.finish()
    assert (code, err) == (0, ""), out
    after = read_ledger(cloud.run / "ledger.jsonl")
    assert after[: len(before)] == before
    assert recorded(open_run(cloud.run))[0]["done"] == 6
    assert cloud.up("head")  # nobody asked for its end


def test_the_last_lines_of_a_set_up_that_fails_are_shown(tmp_path: Path, short_folder: Path) -> None:
    cloud = make_cloud(tmp_path, short_folder, setup="echo no such wheel; exit 3")
    with RunProcess(*cloud.command(), environment=cloud.environment) as run:
        code, _, err = run.finish()
    assert code == 1
    assert f"searchinr: {cloud.file}: the cluster could not be set up:\n" in err
    assert "searchinr:   no such wheel\n" in err
    assert "Traceback" not in err
    assert not processes(cloud.folder / "nodes" / "0")
