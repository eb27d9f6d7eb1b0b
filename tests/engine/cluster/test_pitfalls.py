"""Warnings: what is allowed and will hurt. Each case has it, and the file without it has no warning."""

from pathlib import Path

import pytest

from searchinr.engine.cluster.cluster_file import load_cluster
from searchinr.engine.cluster.pitfalls import cluster_warnings, fit_warnings, resource_warnings
from searchinr.space import Resources

GOOD = """\
cluster_name: mine
provider: {type: aws, region: us-west-2, availability_zone: "us-west-2a,us-west-2b", cache_stopped_nodes: false}
head_node_type: head
available_node_types:
  head: {resources: {CPU: 0}, node_config: {InstanceType: a}}
  gpu: {resources: {CPU: 4, GPU: 1}, node_config: {InstanceMarketOptions: {MarketType: spot}}}
initialization_commands: ["sudo mount -t nfs4 fs-1:/ /mnt/efs"]
head_start_ray_commands: ["export RAY_AUTH_MODE=token; ray start --head --dashboard-host=127.0.0.1"]
worker_start_ray_commands: ["export RAY_AUTH_MODE=token; ray start --address=$RAY_HEAD_IP:6379"]
metadata:
  searchinr: {storage: s3://bucket/x}
"""


def warnings(folder: Path, text: str) -> list[str]:
    path = folder / "c.yaml"
    path.write_text(text)
    return [str(warning).replace(str(path), "F") for warning in cluster_warnings(load_cluster(path))]


def test_a_good_file_has_none(tmp_path: Path) -> None:
    assert warnings(tmp_path, GOOD) == []
    assert warnings(tmp_path, GOOD.replace("s3://bucket/x", "/mnt/efs/runs")) == []


@pytest.mark.parametrize(
    ("found", "replaced", "expected"),
    [
        ("{storage: s3://bucket/x}", "{}", "F:11: metadata.searchinr.storage: missing, and every node would write to"),
        ("s3://bucket/x", "/mnt/other/x", "F:11: metadata.searchinr.storage: found '/mnt/other/x', which may be each"),
        ("s3://bucket/x", "/mnt/ef/x", "F:11: metadata.searchinr.storage: found '/mnt/ef/x', which may be each"),
        (
            "s3://bucket",
            "s3://FILL-IN",
            "F:11: metadata.searchinr.storage: found 's3://FILL-IN/x'; still to be filled in",
        ),
        (
            "{InstanceType: a}",
            "{InstanceMarketOptions: {MarketType: spot}}",
            "F:5: available_node_types.head: found the",
        ),
        (",us-west-2b", "", "F:2: provider.availability_zone: found one zone for one kind of spot workers"),
        ("cache_stopped_nodes: false", "", "F:2: provider.cache_stopped_nodes: missing, which means true: nodes are"),
        ("host=127.0.0.1", "host=0.0.0.0", "F:8: head_start_ray_commands: found a command that opens the dashboard"),
        ("host=127.0.0.1", "host 10.0.0.3", "F:8: head_start_ray_commands: found a command that opens the dashboard"),
        (
            'worker_start_ray_commands: ["export RAY_AUTH_MODE=token; ',
            'worker_start_ray_commands: ["',
            "F:9: worker_start_ray_commands: found commands that let Ray run without a token",
        ),
        (
            "cache_stopped_nodes: false",
            "cache_stopped_nodes: false, security_group: {IpPermissions: [{FromPort: 0, ToPort: 9999, IpProtocol: tcp, "
            "IpRanges: [{CidrIp: 0.0.0.0/0}]}]}",
            "F:2: provider.security_group.IpPermissions[0]: found ports other than SSH open to everybody",
        ),
        (
            "metadata:",
            "file_mounts: {/a: /no/such/file}\nmetadata:",
            "F:10: file_mounts./a: found '/no/such/file', which",
        ),
    ],
)
def test_each_pitfall_is_one_line(tmp_path: Path, found: str, replaced: str, expected: str) -> None:
    assert found in GOOD
    (warning,) = warnings(tmp_path, GOOD.replace(found, replaced))
    assert warning.startswith(expected)


def test_rays_own_start_commands_on_aws_open_the_dashboard(tmp_path: Path) -> None:
    text = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith("head_start"))
    dashboard, token = warnings(tmp_path, text)
    assert dashboard.startswith(
        "F: head_start_ray_commands: missing, and Ray's own for aws opens the dashboard to the network "
        "(--dashboard-host=0.0.0.0)"
    )
    assert token.startswith("F: head_start_ray_commands: missing, and Ray's own for aws lets Ray run without a token")


def test_ssh_may_be_open_and_a_cluster_of_one_needs_no_storage(tmp_path: Path) -> None:
    group = "security_group: {IpPermissions: [{FromPort: 22, ToPort: 22, IpRanges: [{CidrIp: 0.0.0.0/0}]}]}"
    assert warnings(tmp_path, GOOD.replace("cache_stopped_nodes: false", f"cache_stopped_nodes: false, {group}")) == []
    alone = GOOD.replace("{storage: s3://bucket/x}", "{}").replace("metadata:", "max_workers: 0\nmetadata:")
    assert warnings(tmp_path, alone) == []


@pytest.mark.parametrize(
    ("gpu", "warned"), [(0, 0), (1, 0), (0.25, 0), (0.333, 0), (0.1, 0), (0.3, 1), (0.6, 1), (2, 0)]
)
def test_gpu_fractions_that_do_not_divide_one(gpu: float, warned: int) -> None:
    found = list(resource_warnings(Resources(gpu=gpu)))
    assert len(found) == warned
    if gpu == 0.3:
        assert found[0][0] == ("resources", "gpu")
        assert "of a GPU 3 trials make use, and 10% is never used; allowed without loss is 1/3 = 0.3333" in found[0][1]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(cpu=1, gpu=0.25), []),
        (
            Resources(cpu=2, gpu=0.25),
            ["found 2: a 'gpu' node has 4 CPUs, enough for 2 trials, where its GPUs would take 4"],
        ),
        (Resources(cpu=1, gpu=2), ["a trial takes 1 CPU and 2 GPU, which no node of"]),
        (Resources(cpu=5), ["a trial takes 5 CPU and 0 GPU, which no node of"]),
    ],
)
def test_a_space_on_a_cluster(tmp_path: Path, resources: Resources, expected: list[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(GOOD)
    texts = [text for _, text in fit_warnings(resources, load_cluster(path))]
    assert [text.startswith(start) for text, start in zip(texts, expected, strict=True)] == [True] * len(expected)
