"""Ledger lines as they are written and read, and the packed table of a point's single signals."""

import json
import math
import os
from dataclasses import fields, replace

import numpy as np
import pytest
from ledger_lines import asset_line, confirmation_line, failed_line, point_line, signal_figures, trial_line

from searchinr.errors import UserError
from searchinr.search.figures import SignalTable
from searchinr.search.lines import AssetFailed, Line, LineError, OutOfMemory, Point, dump_line, parse_line

POINT = point_line("aaa", 300, 1.01, 27.5)
LINES: list[Line] = [
    trial_line("aaa"),
    POINT,
    replace(POINT, metrics={}, decode_macs_per_sample=None, decodes_with="prior@0123", resumed_at=100),
    confirmation_line(POINT, 3, 27.0, 1.0),
    failed_line("aaa", confirms=True, seed=3),
    OutOfMemory(**POINT.shared(OutOfMemory), reason="out of memory"),
    asset_line(needed_to_decode=True, cached=True),
    AssetFailed(**asset_line().shared(AssetFailed), reason="diverged"),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.kind)
def test_what_is_written_is_read_back(line: Line) -> None:
    row = dump_line(line)
    assert b"\n" not in row
    assert parse_line(row) == line
    assert type(parse_line(row)) is type(line)


def test_a_row_has_the_fields_side_by_side() -> None:
    row = json.loads(dump_line(POINT))
    assert (row["kind"], row["trial"], row["codec"], row["params"]["backbone"]) == ("point", "aaa", "mlp", "siren")
    assert row["cost"] == {"macs": 1e9, "train_s": 3.0, "device": "cpu"}
    assert "confirms" not in row and "decodes_with" not in row  # which have their defaults


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.kind)
def test_whatever_is_missing_or_of_another_type_is_named(line: Line) -> None:
    row = json.loads(dump_line(line))
    needed = {"codec", "params", *(each.name for each in fields(line) if each.name != "config")} & row.keys()
    optional = {"time", "confirms", "resumed_at", "metrics", "built_from", "needed_to_decode", "cached"}
    for key in needed - optional - {"decode_macs_per_sample", "decodes_with"}:
        with pytest.raises(LineError, match=f"it lacks {key}"):
            parse_line(json.dumps({name: value for name, value in row.items() if name != key}))
    for key in {"trial", "asset", "rung", "rate", "reason", "dataset"} & row.keys():
        with pytest.raises(LineError, match=rf"its {key} is \[1\]"):
            parse_line(json.dumps({**row, key: [1]}))


def test_a_key_of_a_later_version_is_left_out() -> None:
    assert parse_line(json.dumps({**json.loads(dump_line(POINT)), "weather": "fine"})) == POINT


def test_a_point_of_an_earlier_version_has_a_list_of_signals() -> None:
    row = json.loads(dump_line(POINT))
    for key in ("metrics", "mean_bytes", "encode_s", "decode_s"):
        del row[key]
    row |= {"ssim": 0.8, "signals": [{**signal.as_json(), "decode_s": 0.01} for signal in POINT.signals]}
    assert parse_line(json.dumps(row)) == POINT


def test_a_point_with_a_list_of_no_signals_is_none() -> None:
    with pytest.raises(LineError):
        parse_line(json.dumps({**json.loads(dump_line(POINT)), "signals": []}))


def test_a_figure_is_found_by_its_name_whether_it_is_plain_or_the_modalitys_own() -> None:
    assert [POINT.figure(name) for name in ("rate", "ssim", "decode_s", "overlap")] == [1.01, 0.8, 0.01, None]


def make_rows(count: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [
        signal_figures(
            f"signal {i}\n'ä'",
            i,
            float(2 ** rng.uniform(-3, 3)),
            float(rng.normal(30, 5)),
            metrics={"ssim": float(rng.random()), "overlap": float(rng.random())},
            sha256=rng.bytes(32).hex(),
            decode_s=float(np.float32(rng.random())),
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_a_table_gives_back_its_rows_bit_by_bit(count: int) -> None:
    rows = make_rows(count)
    table = SignalTable(SignalTable.of(rows).packed)
    assert list(table) == rows
    assert len(table) == count and table.names == tuple(row.name for row in rows)
    columns = table.columns()
    assert list(columns["psnr_db"]) == [row.psnr_db for row in rows]
    assert list(columns["sha256"]) == [row.sha256 for row in rows]
    if rows:
        assert table.row(rows[-1].name) == table[-1] == rows[-1]


def test_a_table_takes_at_most_a_hundred_bytes_for_each_signal() -> None:
    """Of which a hash alone takes 43: it cannot be packed."""
    assert len(SignalTable.of(make_rows(3000)).packed) < 100 * 3000


def test_a_damaged_table_is_one_clear_line_or_was_not_hit_where_it_matters() -> None:
    rows = make_rows(5)
    packed = SignalTable.of(rows).packed
    refused = 0
    for position in range(len(packed)):
        damaged = SignalTable(packed[:position] + ("A" if packed[position] != "A" else "B") + packed[position + 1 :])
        try:
            assert list(damaged) == rows
        except UserError as error:
            assert str(error).startswith("the figures of the single signals at a point are damaged")
            refused += 1
    assert refused > 0.9 * len(packed)
    with pytest.raises(UserError, match="are damaged"):
        list(SignalTable(packed[: len(packed) // 2]))


def test_a_table_of_a_point_is_unpacked_only_when_it_is_asked_for() -> None:
    line = parse_line(dump_line(POINT))
    assert isinstance(line, Point)
    assert "_columns" not in vars(line.signals)
    assert line.signals.names == ("astronaut", "coffee")
    assert "_columns" in vars(line.signals)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("psnr_db", math.nan, "psnr_db is nan; allowed"),
        ("psnr_db", 1e300, "psnr_db is 1e\\+300; allowed less than"),
        ("rate", 0, "rate is 0; allowed greater than 0"),
        ("rate", 10**400, "rate is 1000.+; allowed a valid number"),
        ("rate", "1.0", "rate is '1.0'; allowed a valid number"),
        ("rung", -1, "rung is -1; allowed greater than or equal to 0"),
        ("rung", True, "rung is true; allowed a valid integer"),
        ("seed", 10**30, "seed is 1000.+; allowed less than"),
        ("trial", "\ud800", "trial is .+; allowed text of whole characters"),
        ("confirms", 1, "confirms is 1; allowed a valid boolean"),
        ("time", 1e300, "time is 1e\\+300; allowed less than"),
        ("params", {"lr": math.nan}, "params.lr is nan; allowed"),
        ("params", {"lr": "\ud800"}, "params.lr is .+; allowed text of whole characters"),
        ("params", {"lr": [1]}, "params.lr is \\[1\\]; allowed"),
        ("params", 3, "params is 3; allowed a valid dictionary"),
        ("cost", {"macs": -1, "train_s": 1, "device": ""}, "cost.macs is -1; allowed greater than"),
        ("cost", {"macs": 1}, "it lacks cost.train_s"),
        ("metrics", {"ssim": None}, "metrics.ssim is nothing; allowed a valid number"),
        ("signals", 3, "signals is 3; allowed a valid string"),
        ("signals", [1], "signals are no list of them"),
        ("decode_macs_per_sample", "x", "decode_macs_per_sample is 'x'; allowed a valid number"),
    ],
)
def test_a_value_that_no_run_has_written_is_named(key: str, value: object, fault: str) -> None:
    with pytest.raises(LineError, match=fault):
        parse_line(json.dumps({**json.loads(dump_line(POINT)), key: value}))


def test_params_keep_their_types() -> None:
    params = {"a": True, "b": 1, "c": 1.0, "d": "1"}
    read = parse_line(dump_line(replace(POINT, config=replace(POINT.config, params=params)))).config.params
    assert [(value, type(value)) for value in read.values()] == [(value, type(value)) for value in params.values()]


def test_a_reason_that_names_a_file_that_is_not_utf8_is_read_back() -> None:
    line = failed_line("aaa", reason=os.fsdecode(b"caf\xe9.png: cannot be read"))
    assert parse_line(dump_line(line)) == replace(line, reason="caf\\udce9.png: cannot be read")


def test_rows_within_rows_without_end_are_no_line() -> None:
    with pytest.raises(LineError, match="nested too deeply"):
        parse_line("[" * 100_000)


@pytest.mark.parametrize("wrong", [{"psnr_db": math.nan}, {"rate": 0.0}])
def test_a_table_of_figures_that_no_file_has_is_refused(wrong: dict[str, float]) -> None:
    table = SignalTable.of([replace(row, **wrong) for row in make_rows(2)])
    with pytest.raises(UserError, match="damaged"):
        list(table)
