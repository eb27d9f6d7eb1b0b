"""Parameters: description, canonical form, hash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from space_case import GridParams, MlpParams

from searchinr.errors import UserError
from searchinr.space import Parameter, build_params, canonical_params, config_hash, is_active, parameters


def test_defaults_are_filled_in_and_what_is_inactive_is_dropped() -> None:
    assert canonical_params(MlpParams, {}) == {
        "backbone": "sine",
        "width": 32,
        "bits": 8,
        "shared": False,
        "lr": 1 / 32,  # from the width
        "note": "",
        "sine.omega": 30,
    }
    assert canonical_params(MlpParams, {"backbone": "relu", "sine.omega": 5.0, "width": 64, "lr": 1}) == {
        "backbone": "relu",
        "width": 64,
        "bits": 8,
        "shared": False,
        "lr": 1.0,
        "note": "",
    }


def test_values_are_snapped_as_the_model_snaps() -> None:
    assert canonical_params(MlpParams, {"sine.omega": 7.3})["sine.omega"] == 7.5


def test_none_is_dropped() -> None:
    flat = canonical_params(MlpParams, {"backbone": "gabor"})
    assert flat["gabor.filter"] == "gauss"
    assert "gabor.scale" not in flat


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "backbone": st.sampled_from(["sine", "relu", "gabor"]),
            "width": st.integers(4, 1024),
            "bits": st.sampled_from([6, 8]),
            "lr": st.floats(1e-9, 1),
            "sine.omega": st.floats(1, 1000) | st.integers(1, 1000),
            "gabor.scale": st.floats(1e-3, 1e3),
        },
    )
)
def test_canonical_form_is_stable_and_complete(given_params: dict[str, str | int | float]) -> None:
    canonical = canonical_params(MlpParams, given_params)
    assert canonical_params(MlpParams, canonical) == canonical
    assert list(canonical_params(MlpParams, dict(reversed(given_params.items())))) == list(canonical)
    assert all(is_active(key, canonical) for key in canonical)


def test_is_active() -> None:
    assert is_active("width", {})
    assert is_active("sine.omega", {"backbone": "sine"})
    assert not is_active("sine.omega", {"backbone": "relu"})
    # only plain parameters choose options: here the filter is a sine, the backbone is not
    assert not is_active("sine.omega", {"backbone": "gabor", "gabor.filter": "sine"})


def test_build_gives_the_model() -> None:
    built = build_params(MlpParams, {"width": 64, "sine.omega": 7.3})
    assert isinstance(built, MlpParams)
    assert (built.width, built.sine.omega) == (64, 7.5)


@pytest.mark.parametrize(
    ("flat", "message"),
    [
        ({"width": 2}, "width: found 2; allowed an integer at least 4 and at most 1024"),
        ({"width": "64"}, "width: found '64'; allowed an integer at least 4 and at most 1024"),
        ({"lr": float("nan")}, "lr: found nan; allowed a number above 0 and at most 1"),
        ({"backbone": "sin"}, "backbone: found 'sin'; allowed one of sine, relu, gabor; did you mean 'sine'?"),
        ({"sine.omga": 3.0, "bits": 7}, None),
        ({"levels": 3, "sine": 1}, None),
        ({"shared": True, "width": 600}, "shared networks are at most 512 wide"),
        ({"sine.omega": 0}, "sine.omega: found 0; allowed a number above 0 and at most 1000"),
    ],
)
def test_wrong_values(flat: dict[str, str | int | float], message: str | None) -> None:
    for refuse in (build_params, canonical_params):
        with pytest.raises(UserError) as caught:
            refuse(MlpParams, flat)
        lines = str(caught.value).split("\n")
        assert lines == [message] if message else len(lines) == 2


def test_hash_depends_on_each_part_and_not_on_order() -> None:
    params = {"width": 64, "lr": 0.5}
    first = config_hash("mlp", params, "kodak", 0)
    # head of sha256('{"codec":"mlp","dataset":"kodak","params":{"lr":0.5,"width":64},"seed":0}')
    assert first == "95506325c7"
    assert config_hash("mlp", {"lr": 0.5, "width": 64}, "kodak", 0) == first
    others = [
        config_hash("grid", params, "kodak", 0),
        config_hash("mlp", params | {"width": 65}, "kodak", 0),
        config_hash("mlp", params, "photos", 0),
        config_hash("mlp", params, "kodak", 1),
    ]
    assert len({first, *others}) == 5


def test_parameters_describe_every_key() -> None:
    described = {parameter.key: parameter for parameter in parameters(MlpParams)}
    assert list(described) == [
        "backbone",
        "width",
        "bits",
        "shared",
        "lr",
        "note",
        "sine.omega",
        "gabor.filter",
        "gabor.scale",
    ]
    assert described["sine.omega"] == Parameter(
        key="sine.omega",
        type="number",
        default=30,
        low=0,
        high=1000,
        open_low=True,
        open_high=False,
        choices=(),
        unit="rad",
        meaning="frequency",
    )
    assert described["backbone"].choices == ("sine", "relu", "gabor")
    assert described["bits"].choices == (6, 8)
    assert described["shared"].choices == (False, True)
    assert described["lr"].default is None
    assert (described["width"].type, described["width"].low, described["width"].high) == ("integer", 4, 1024)


def test_an_option_may_override_the_defaults_of_its_model() -> None:
    class Option(BaseModel):
        rate: float = 1.0

    class Model(BaseModel):
        kind: str = Field("slow", json_schema_extra={"enum": ["slow", "fast"]})
        fast: Option = Option(rate=5.0)

    assert {p.key: p.default for p in parameters(Model)} == {"kind": "slow", "fast.rate": 5.0}


class NoDefault(BaseModel):
    width: int


class ListParameter(BaseModel):
    widths: list[int] = []


class TwoTypes(BaseModel):
    width: int | str = 3


class Orphan(BaseModel):
    grid: GridParams = GridParams()


@pytest.mark.parametrize("model", [NoDefault, ListParameter, TwoTypes, Orphan])
def test_models_that_are_no_parameter_models(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError):
        parameters(model)
