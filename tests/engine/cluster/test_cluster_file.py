"""Cluster files: ours are what `ray up` takes, and what is wrong with anybody's is said by line."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from searchinr.engine.cluster.cluster_file import Cluster, is_cluster_file, load_cluster
from searchinr.space import SpaceError

CLUSTERS = Path(__file__).parents[3] / "clusters"
VALID = """\
cluster_name: mine
provider: {type: aws, region: us-west-2}
head_node_type: head
max_workers: 6
available_node_types:
  head: {resources: {CPU: 2}, node_config: {}}
  big: {resources: {CPU: 8, GPU: 2}, node_config: {InstanceMarketOptions: {MarketType: spot}}, min_workers: 1}
  small: {resources: {}, node_config: {}, max_workers: 1}
metadata:
  other: {left: alone}
  searchinr: {storage: s3://bucket/x, prices: {big: 2}}
"""


def load(folder: Path, text: str) -> Cluster:
    path = folder / "c.yaml"
    path.write_text(text)
    return load_cluster(path)


def problems(folder: Path, text: str) -> list[str]:
    try:
        load(folder, text)
    except SpaceError as error:
        return str(error).replace(str(folder / "c.yaml"), "F").split("\n")
    return []


@pytest.mark.parametrize("name", ["aws", "onprem"])
def test_ray_up_takes_our_files(name: str) -> None:
    path = CLUSTERS / f"{name}.yaml"
    config = yaml.safe_load(path.read_text())
    validate_config(prepare_config(config))
    assert path.read_text().startswith(f"# searchinr run spaces/kodak.yaml --cluster clusters/{name}.yaml\n")
    assert load_cluster(path).config == config


@pytest.mark.parametrize("name", ["aws", "onprem"])
def test_our_files_listen_on_loopback_with_a_token_and_hold_no_secret(name: str) -> None:
    config = yaml.safe_load((CLUSTERS / f"{name}.yaml").read_text())
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in config[key][1]
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][1]
    assert "RAY_AUTH_TOKEN=" not in (CLUSTERS / f"{name}.yaml").read_text()


def test_what_a_file_says_of_its_nodes(tmp_path: Path) -> None:
    cluster = load(tmp_path, VALID)
    assert (cluster.provider, cluster.head.name, cluster.head.cpu, cluster.max_workers) == ("aws", "head", 2, 6)
    big, small = cluster.workers
    assert (big.name, big.max_nodes, big.cpu, big.gpu, big.spot, big.price) == ("big", 6, 8, 2, True, 2)
    assert (small.name, small.max_nodes, small.cpu, small.gpu, small.spot, small.price) == (
        "small", 1, None, None, False, None,
    )  # fmt: skip
    assert cluster.settings.storage == "s3://bucket/x"
    assert cluster.settings.teardown == "keep"


def test_a_local_cluster_has_the_nodes_that_it_names(tmp_path: Path) -> None:
    text = "cluster_name: l\nmin_workers: 1\nprovider: {type: local, head_ip: a, worker_ips: [b, c, d]}\n"
    assert load(tmp_path, text).max_workers == 3
    assert load(tmp_path, text + "max_workers: 2\n").max_workers == 2
    assert load(tmp_path, text).head.cpu is None


@pytest.mark.parametrize(
    ("found", "replaced", "expected"),
    [
        ("max_workers: 6", "max_worker: 6", "F:4: max_worker: unknown key; allowed cluster_name, max_workers,"),
        ("cluster_name: mine\n", "", "F: cluster_name: missing, and it has no default"),
        ("type: aws", "type: asw", "F:2: provider.type: found 'asw'; allowed aws, azure, external, gcp, local,"),
        (", region: us-west-2", "", "F:2: provider.region: missing, and a provider of type aws needs it"),
        ("max_workers: 6", "max_workers: many", "F:4: max_workers: found 'many'; allowed an integer"),
        ("max_workers: 6", "max_workers: -1", "F:4: max_workers: found -1; allowed a number at least 0"),
        (
            "max_workers: 6",
            "max_workers: 0",
            "F:4: max_workers: found 0; allowed 1 or more, the sum of all min_workers",
        ),
        ("CPU: 8", "CPU: 7.5", "F:7: available_node_types.big.resources.CPU: found 7.5; allowed an integer"),
        (
            "head_node_type: head",
            "head_node_type: haed",
            "F:3: head_node_type: found 'haed'; allowed head, big, small;",
        ),
        ("{big: 2}", "{bug: 2}", "F:11: metadata.searchinr.prices.bug: unknown node type; allowed head, big, small;"),
        ("{big: 2}", "{big: -2}", "F:11: metadata.searchinr.prices.big: found -2; allowed a number greater than or"),
        ("s3://bucket/x", "s3://a:b@bucket/x", "F:11: metadata.searchinr.storage: s3://bucket/x: credentials found"),
        ("s3://bucket/x", "s4://bucket/x", "F:11: metadata.searchinr.storage: s4://bucket/x: scheme 's4' found;"),
        ("storage:", "storge:", "F:11: metadata.searchinr.storge: unknown key; allowed storage, log_level, teardown,"),
        ("provider: {", "provider: [{", "F:3:1: not valid YAML"),
    ],
)
def test_each_error_is_one_line(tmp_path: Path, found: str, replaced: str, expected: str) -> None:
    assert found in VALID
    (line,) = problems(tmp_path, VALID.replace(found, replaced, 1))
    assert line.startswith(expected)


def test_all_errors_at_once_by_line(tmp_path: Path) -> None:
    text = VALID.replace("max_workers: 6", "max_workers: x").replace("storage:", "storge:").replace("mine", "[1]")
    assert [line.split(":")[1] for line in problems(tmp_path, text)] == ["1", "4", "11"]


def test_a_key_that_is_no_text_hides_no_other_error(tmp_path: Path) -> None:
    text = VALID.replace("provider: {type: aws, region: us-west-2}", "provider:\n1: x")
    lines = problems(tmp_path, text)
    assert lines[0].startswith("F:2: provider: found nothing; allowed a mapping")
    assert lines[1:] == ["F:3: found '1' as a key; allowed text"]


@pytest.mark.parametrize("text", ["", "[1, 2]", "metadata: 3\ncluster_name: x\nprovider: {type: aws}", "provider: []"])
def test_what_is_no_cluster_file_at_all_is_told(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_whatever_we_call_right_ray_calls_right(tmp_path: Path) -> None:
    """Our check is not laxer than Ray's own, key by key."""
    valid = yaml.safe_load(VALID)
    wrong: list[Any] = [None, 3, -1, "text", [], [3], {}, {"x": 3}]
    for key in valid:
        for value in wrong:
            config = {**valid, key: value}
            try:
                validate_config(prepare_config(config))
            except Exception:
                assert problems(tmp_path, yaml.safe_dump(config, sort_keys=False)), (key, value)


def test_kinds_of_files_are_told_by_their_content(tmp_path: Path) -> None:
    assert is_cluster_file(CLUSTERS / "aws.yaml")
    assert not is_cluster_file(CLUSTERS.parent / "spaces" / "kodak.yaml")
    assert not is_cluster_file(tmp_path / "none.yaml")
