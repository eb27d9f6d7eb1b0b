"""Files of text that a careless editor, or somebody hostile, has changed: each is read, or refused line by line."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_lines import asset_line, confirmation_line, failed_line, point_line, trial_line

from searchinr.engine.check import check_file
from searchinr.engine.coding.config_file import read_config
from searchinr.engine.report.front import collect_front
from searchinr.engine.results.frames import front_frame
from searchinr.engine.store.ledger import read_ledger
from searchinr.errors import UserError
from searchinr.search.lines import Point, dump_line
from searchinr.search.objectives import Objectives

ROOT = Path(__file__).parents[2]
SPACE = yaml.safe_load((ROOT / "spaces" / "quickstart.yaml").read_text(encoding="utf-8"))
CLUSTER = {
    "cluster_name": "mine",
    "provider": {"type": "aws", "region": "us-west-2", "security_group": {"IpPermissions": [{"IpRanges": [{}]}]}},
    "head_node_type": "head",
    "max_workers": 6,
    "available_node_types": {
        "head": {"resources": {"CPU": 2}, "node_config": {}},
        "big": {"resources": {"CPU": 8, "GPU": 2}, "node_config": {"scheduling": {}}, "min_workers": 1},
    },
    "file_mounts": {"/x": "/tmp"},
    "metadata": {"searchinr": {"storage": "s3://bucket/x", "prices": {"big": 2}}},
}
CONFIG = {"codec": "mlp", "params": {"width": 24, "siren.omega": 30.0}, "steps": 9, "asset": "prior.safetensors"}
_POINT = point_line("aaa", 300, 1.01, 27.5)
LEDGER = [
    json.loads(dump_line(line))
    for line in (
        asset_line(),
        trial_line("aaa"),
        point_line("aaa", 100, 0.5, 24.0),
        _POINT,
        confirmation_line(_POINT, 3, 27.0, 1.0),
        failed_line("bbb"),
    )
]

OBJECTIVES = Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 5.0, "rate": 1000.0})

_NUMBERS = [0, -1, 1.5, 10**20, 10**400, 1e308, -1e308, float("nan"), float("inf")]
_OTHERS = [None, True, "", "x", "~nobody/x", "../x", "a\0b", "x" * 300, "$$", "\u2028", [], {}, [1], [[]], {"a": "b"}]
STRANGE = st.sampled_from([*_NUMBERS, *_OTHERS])
"""Values that have no business where they stand."""

_TAGGED = [b"x: !!binary x", b"x: !!python/object/apply:os.getcwd []", b"x: !!set {a}"]
_ROWS = [b"x: &a [*a]", b"<<: 3", b"? [1]", b"- ", b"x: 2001-13-01", b"x: 1:99:99", b"%", b"\t", b"=: =", b"", b"\xff"]
LINES = st.sampled_from([*_TAGGED, *_ROWS, b"x: " + b"9" * 5000, b"[" * 3000])


@st.composite
def changed(draw: st.DrawFn, tree: Any) -> Any:  # noqa: ANN401
    """The tree with one or two of its values replaced by strange ones, left out, or under another key."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, 2))):
        holder = tree
        while holder:
            key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
            if not isinstance(holder[key], dict | list) or not holder[key] or draw(st.integers(0, 3)) == 0:
                match draw(st.integers(0, 5)):
                    case 0:
                        del holder[key]
                    case 1 if isinstance(holder, dict):
                        holder[draw(st.sampled_from(["", "x", "codec", "metadata"]))] = holder.pop(key)
                    case _:
                        holder[key] = copy.deepcopy(draw(STRANGE))  # which may itself be changed next
                break
            holder = holder[key]
    return tree


@st.composite
def changed_yaml(draw: st.DrawFn, tree: dict[str, Any]) -> bytes:
    """The tree as YAML, changed; now and then with a strange line in it, or cut off."""
    data: bytes = yaml.safe_dump(draw(changed(tree)), sort_keys=False, width=10_000).encode()
    match draw(st.integers(0, 5)):
        case 0:
            rows = data.splitlines()
            rows.insert(draw(st.integers(0, len(rows))), draw(LINES))
            data = b"\n".join(rows)
        case 1:
            data = data[: draw(st.integers(0, len(data)))]
    return data


def is_read_or_refused(read: Callable[[Path], object], path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        read(path)
    except UserError as error:
        assert str(error)


def one_kind(count: int) -> settings:
    return settings(
        max_examples=count, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )


@one_kind(100)
@given(changed_yaml(SPACE))
def test_spaces(tmp_path: Path, data: bytes) -> None:
    is_read_or_refused(lambda path: check_file(path, None), tmp_path / "space.yaml", data)


@one_kind(300)
@given(changed_yaml(CONFIG))
def test_configs(tmp_path: Path, data: bytes) -> None:
    is_read_or_refused(read_config, tmp_path / "config.yaml", data)


@one_kind(150)
@given(changed_yaml(CLUSTER))
def test_clusters(tmp_path: Path, data: bytes) -> None:
    is_read_or_refused(lambda path: check_file(path, None), tmp_path / "cluster.yaml", data)


def front_of(path: Path) -> None:
    lines = read_ledger(path)
    for dataset in {line.dataset for line in lines if isinstance(line, Point)}:
        front_frame([collect_front(lines, dataset, OBJECTIVES)])


@one_kind(300)
@given(changed(LEDGER))
def test_ledgers(tmp_path: Path, rows: list[Any]) -> None:
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    is_read_or_refused(front_of, tmp_path / "ledger.jsonl", data)
