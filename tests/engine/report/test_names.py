import pytest
from ledger_lines import asset_line

from searchinr.engine.report.names import describe, describe_asset, family
from searchinr.search.configs import Config


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"backbone": "siren", "depth": 3, "width": 32, "quantizer": "minmax", "weight_bits": 8}, "siren 3x32 8-bit"),
        ({"backbone": "mfn", "depth": 2, "width": 16, "quantizer": "fp16", "weight_bits": 8}, "mfn 2x16 fp16"),
        ({"backbone": "mfn", "quantizer": "fp16", "init": "supernet"}, "mfn fp16 from supernet"),
        ({"backbone": "mfn", "quantizer": "fp16", "init": "scratch"}, "mfn fp16"),
        ({"table_size_log2": 14}, "grid"),
        ({"width": 64, "weight_bits": 4}, "grid 4-bit"),
    ],
)
def test_describe_names_what_a_config_has(params: dict[str, object], name: str) -> None:
    assert describe(Config("grid", params)) == name


def test_an_asset_is_named_by_what_it_is_and_what_for() -> None:
    params = {"backbone": "siren", "siren.omega": 30.0, "supernet.widths": "8 16"}
    assert describe_asset(asset_line(params=params)) == "supernet siren for photos"


def test_a_family_is_the_backbone_or_else_the_codec() -> None:
    assert family(Config("mlp", {"backbone": "wire"})) == "wire"
    assert family(Config("grid", {"levels": 8})) == "grid"
