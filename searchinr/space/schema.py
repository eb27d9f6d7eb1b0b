"""The schema of a search-space file."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from searchinr.addresses import fault_of
from searchinr.addresses import shown as without_secrets
from searchinr.space.bounds import WrittenBound
from searchinr.space.domains import Domain, as_yaml
from searchinr.space.metrics import STANDARD, Metric
from searchinr.space.parameters import json_hash
from searchinr.space.problems import Finding, nearest, refused, shown, unknown
from searchinr.space.yaml_lines import dump_yaml

MAX_STEPS = 10_000_000
"""The most steps of a training."""

_LEAST_SHARE = 0.01  # of a core or a GPU

Complete = Callable[[Mapping[str, Domain]], tuple[dict[str, Domain], list[Finding]]]
"""Adds the domains that follow from a codec's other domains, and finds what is wrong with all of them together."""


@dataclass(frozen=True)
class Catalog:
    """The names that a space file can use.

    Attributes:
        codecs: Parameter model of each codec.
        datasets: Modality of each registered dataset.
        modalities: Names of the modalities.
        complete: Functions that complete the domains of a codec; domains of codecs without one stay as they are.
        metrics: Metrics that objectives and constraints can name: those of all modalities, and those of every file.
    """

    codecs: Mapping[str, type[BaseModel]]
    datasets: Mapping[str, str]
    modalities: tuple[str, ...]
    complete: Mapping[str, Complete] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=lambda: STANDARD)


class _Section(BaseModel):
    """Base of the sections of a file: they allow no unknown keys, no silent conversions and no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


_Count = Annotated[int, Field(ge=1, lt=2**31)]
_Steps = Annotated[int, Field(ge=1, le=MAX_STEPS)]
_Size = Annotated[tuple[_Count, ...], Field(min_length=1)]


class DatasetEntry(_Section):
    """A dataset and the part of it that is used. A bare name in the file stands for `{name: ...}`.

    Attributes:
        name: Name of a registered dataset; either this or `path` is given.
        path: The user's own files: a file, a folder or a glob, relative to the working directory.
        modality: Modality of the files at `path`, if their suffixes do not tell it.
        crop: Number of samples that are kept along each axis, e.g. `[height, width]`.
        downscale: Number of samples along each axis after resampling.
        skip: Number of signals that are left out at the start.
        limit: Number of signals that are used after the skipped ones.
        train: Training signals, from which the assets for decoding are built; they must not be measured as well.
        own_label: In the file `label`: the name in ledgers and folders, where the path does not make a good one.
    """

    name: str | None = None
    path: str | None = Field(None, min_length=1, validate_default=True)
    modality: str | None = None
    crop: _Size | None = None
    downscale: _Size | None = None
    skip: _Count | None = None
    limit: _Count | None = None
    train: "DatasetEntry | None" = None
    own_label: str | None = Field(None, alias="label", max_length=100)

    @property
    def label(self) -> str:
        """The name in ledgers, experiments and folders, of letters, digits, - and _: ``photos-crop256x256-first4``."""
        if self.own_label is not None:
            return self.own_label
        parts = [re.sub(r"\W+", "-", self.name or self.path or "").strip("-") or "files"]
        parts += [
            verb + "x".join(map(str, size))
            for verb, size in (("crop", self.crop), ("downscale", self.downscale))
            if size is not None
        ]
        parts += [f"skip{self.skip}"] if self.skip is not None else []
        parts += [f"first{self.limit}"] if self.limit is not None else []
        return "-".join(parts)

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, given: object) -> object:
        return {"name": given} if isinstance(given, str) else given

    @field_validator("name")
    @classmethod
    def _is_registered(cls, name: str | None, info: ValidationInfo) -> str | None:
        catalog: Catalog | None = info.context
        if name is not None and catalog is not None and name not in catalog.datasets:
            allowed = f"{', '.join(catalog.datasets)}, or files by {{path: ...}}"
            raise refused(f"found {name!r}; allowed {allowed}{nearest(name, catalog.datasets)}")
        return name

    @field_validator("path")
    @classmethod
    def _is_one_source(cls, path: str | None, info: ValidationInfo) -> str | None:
        if "name" in info.data and (path is None) == (info.data["name"] is None):
            found = "neither a name nor a path" if path is None else f"both the name {info.data['name']!r} and a path"
            raise refused(f"found {found}; allowed exactly one of them")
        return path

    @field_validator("own_label")
    @classmethod
    def _names_files(cls, label: str | None) -> str | None:
        if label is not None and not re.fullmatch(r"\w[\w-]*", label):
            raise refused(f"found {label!r}; allowed letters, digits, '_' and '-', beginning with a letter or digit")
        return label

    @field_validator("train")
    @classmethod
    def _is_only_trained_on(cls, train: Self | None) -> Self | None:
        if train is not None and train.train is not None:
            raise refused("found training signals with training signals of their own; allowed is one level")
        return train

    @field_validator("modality")
    @classmethod
    def _is_known_modality(cls, modality: str | None, info: ValidationInfo) -> str | None:
        catalog: Catalog | None = info.context
        if modality is None or catalog is None:
            return modality
        if modality not in catalog.modalities:
            allowed = f"{', '.join(catalog.modalities)}{nearest(modality, catalog.modalities)}"
            raise refused(f"found {modality!r}; allowed {allowed}")
        of_name = catalog.datasets.get(info.data.get("name") or "", modality)
        if modality != of_name:
            raise refused(f"found {modality!r}; allowed {of_name!r}, which {info.data['name']!r} is")
        return modality


class Fidelity(_Section):
    """Training lengths at which trials are measured.

    Attributes:
        min_steps: Steps of the first rung.
        max_steps: Steps of the last rung.
        reduction: Factor between rungs; the scheduler sends on one trial in this many.
    """

    min_steps: _Steps = 500
    max_steps: _Steps = Field(5000, validate_default=True)
    reduction: int = Field(3, ge=2, le=1000)

    @property
    def rungs(self) -> tuple[int, ...]:
        """Steps of each rung: `min_steps * reduction**k` below `max_steps`, then `max_steps`."""
        rungs = []
        steps = self.min_steps
        while steps < self.max_steps:
            rungs.append(steps)
            steps *= self.reduction
        return (*rungs, self.max_steps)

    @field_validator("max_steps")
    @classmethod
    def _is_not_below_min(cls, max_steps: int, info: ValidationInfo) -> int:
        if max_steps < info.data.get("min_steps", 0):
            raise refused(f"found {max_steps}; allowed min_steps ({info.data['min_steps']}) or more")
        return max_steps


class SearchSettings(_Section):
    """The settings of the search.

    Attributes:
        sampler: Name of the sampler, which chooses the next configuration.
        scheduler: Name of the scheduler, which chooses the trials that are trained longer. `mo-asha` pauses trials and
            later goes on with the best of them, `mo-asha-stopping` decides at once, `fifo` trains all to the end.
        trials: Number of configurations that are tried on each dataset.
        seed: Seed of the sampler and of the fits.
    """

    sampler: Literal["tpe", "gp", "nsga2", "random", "grid"] = "tpe"
    scheduler: Literal["mo-asha", "mo-asha-stopping", "fifo"] = "mo-asha"
    trials: int = Field(ge=1, le=10_000_000)
    seed: int = Field(0, ge=0, lt=2**31)


class Resources(_Section):
    """The resources that one trial gets.

    Attributes:
        cpu: Number of cores, or a part of one.
        gpu: Number of GPUs; with a fraction, trials share one GPU.
        timeout_s: Seconds after which a trial is recorded as failed.
    """

    cpu: float = Field(1, ge=_LEAST_SHARE, le=10_000)
    gpu: float = Field(0, ge=0, le=10_000)
    timeout_s: float | None = Field(None, gt=0, le=1e9)

    @field_validator("gpu")
    @classmethod
    def _can_be_shared(cls, gpu: float) -> float:
        if 0 < gpu < _LEAST_SHARE or (gpu > 1 and not gpu.is_integer()):
            raise refused(f"found {gpu:g}; allowed 0, a part of one GPU of at least {_LEAST_SHARE:g}, or whole GPUs")
        return gpu


class Confirm(_Section):
    """Fitting the front's members again, with other seeds, when the search is done.

    Attributes:
        seeds: Number of further seeds for each member.
    """

    seeds: int = Field(ge=1, le=10_000)


class MlflowSettings(_Section):
    """The place where results are tracked.

    Attributes:
        tracking_uri: An MLflow server or store; if it is left out, a database in the run folder is used.
    """

    tracking_uri: str | None = None

    @field_validator("tracking_uri")
    @classmethod
    def _is_no_secret(cls, uri: str | None) -> str | None:
        if uri is not None and (reason := fault_of(uri)) is not None:
            raise refused(f"{without_secrets(uri)}: {reason}; MLFLOW_TRACKING_URI may have them in it")
        return uri


class Space(_Section):
    """A search-space file.

    Attributes:
        name: Name of the search, and of its run folder.
        datasets: The datasets; each is searched on its own.
        objectives: Direction of each objective. At least two are needed out of rate, encode_s, decode_s, psnr_db and
            the further metrics of the modalities, such as ssim.
        reference_point: For each objective the worst value that counts, in its own unit (dB, rate unit, seconds).
        constraints: Bounds that a point must meet to be on the front, on anything that can be an objective and on
            decode_macs_per_sample (multiply-accumulates to decode one pixel). Seconds are means over signals.
        fidelity: Training lengths.
        search: Sampler, scheduler, budget, seed.
        confirm: How the front is confirmed at the end; if it is left out, the front is not confirmed.
        resources: The resources that one trial gets.
        mlflow: The place where results are tracked.
        codecs: Domain of each parameter of each codec; parameters left out have their defaults.
    """

    name: str
    datasets: tuple[DatasetEntry, ...] = Field(min_length=1)
    objectives: dict[str, Literal["max", "min"]] = {"psnr_db": "max", "rate": "min"}
    reference_point: dict[str, float]
    constraints: dict[str, WrittenBound] | None = None
    fidelity: Fidelity = Fidelity()
    search: SearchSettings
    confirm: Confirm | None = None
    resources: Resources = Resources()
    mlflow: MlflowSettings = MlflowSettings()
    codecs: dict[str, dict[str, Domain]] = Field(min_length=1)
    _metrics: Mapping[str, Metric] = PrivateAttr(default_factory=lambda: STANDARD)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics that objectives and constraints can name, by name, with their directions and axes."""
        return self._metrics

    @model_validator(mode="after")
    def _knows_its_metrics(self, info: ValidationInfo) -> Self:
        self._metrics = _metrics(info)
        return self

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise refused(
                f"found {name!r}; allowed letters, digits, '_', '-' and '.', beginning with a letter or digit"
            )
        return name

    @field_validator("datasets")
    @classmethod
    def _are_different(cls, datasets: tuple[DatasetEntry, ...]) -> tuple[DatasetEntry, ...]:
        labels = [entry.label for entry in datasets]
        _raise_all(
            (
                (index,),
                f"found {label!r}, like datasets[{labels.index(label)}]; allowed once"
                + "; give one of them a `label`" * (datasets[index] != datasets[labels.index(label)]),
            )
            for index, label in enumerate(labels)
            if labels.index(label) < index
        )
        trained = {entry.train.label: entry.train for entry in datasets if entry.train is not None}
        _raise_all(
            (
                (index, "train"),
                f"found {entry.train.label!r}, which others of these signals are called as well; give one a `label`",
            )
            for index, entry in enumerate(datasets)
            if entry.train is not None and entry.train != trained[entry.train.label]
        )
        return datasets

    @field_validator("objectives", mode="before")
    @classmethod
    def _have_their_directions(cls, objectives: object, info: ValidationInfo) -> object:
        if not isinstance(objectives, Mapping):
            return objectives
        known = {name: metric.direction for name, metric in _metrics(info).items() if metric.is_objective}
        findings: list[Finding] = []
        for name, direction in objectives.items():
            if name not in known:
                findings.append(((name,), unknown("objective", name, known)))
            elif direction != known[name]:
                findings.append(((name,), f"found {shown(direction)}; allowed {known[name]!r}"))
        if len(objectives) < 2:
            findings.append(((), f"found {len(objectives)} of them; allowed two or more of {', '.join(known)}"))
        _raise_all(findings)
        return objectives

    @field_validator("reference_point")
    @classmethod
    def _matches_objectives(cls, point: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        objectives: Mapping[str, object] = info.data.get("objectives", point)  # wrong objectives are reported already
        metrics = _metrics(info)
        findings: list[Finding] = [
            ((name,), "missing; allowed the worst value of this objective that counts")
            for name in objectives
            if name not in point
        ]
        for name, value in point.items():
            if name not in objectives:
                findings.append(((name,), unknown("objective", name, objectives)))
            elif name in metrics and metrics[name].axis == "log" and value <= 0:  # the search takes its logarithm
                findings.append(((name,), f"found {value:g}; allowed a number above 0"))
        _raise_all(findings)
        return point

    @field_validator("constraints", mode="before")
    @classmethod
    def _are_on_figures(cls, constraints: object, info: ValidationInfo) -> object:
        if not isinstance(constraints, Mapping):
            return constraints
        known = _metrics(info)
        _raise_all(((name,), unknown("figure", name, known)) for name in constraints if name not in known)
        return constraints or None

    @property
    def all_datasets(self) -> tuple[DatasetEntry, ...]:
        """The datasets to search on, followed by those that are only trained on."""
        return self.datasets + tuple(entry.train for entry in self.datasets if entry.train is not None)

    def overridden(self, trials: int | None, seed: int | None) -> Self:
        """The space with another number of trials and another seed, if they are given."""
        changes = {key: value for key, value in (("trials", trials), ("seed", seed)) if value is not None}
        return self.model_copy(update={"search": self.search.model_copy(update=changes)})


def space_hash(space: Space) -> str:
    """SHA-256, in hexadecimal digits, of everything that a run's results depend on.

    The number of trials, the confirmation, the resources and the tracking are not part of it, so that a run can be
    continued with other ones.
    """
    tree = _tree(space)
    for key in ("resources", "mlflow", "confirm"):
        tree.pop(key, None)
    del tree["search"]["trials"]
    return json_hash(tree)


def dump_space(space: Space) -> str:
    """Writes the space as YAML that loads back to an equal space."""
    return dump_yaml(_tree(space))


def _tree(space: Space) -> dict[str, Any]:
    tree = space.model_dump(mode="json", exclude={"codecs"}, exclude_none=True, by_alias=True)
    tree["codecs"] = {
        codec: {key: as_yaml(domain) for key, domain in domains.items()} for codec, domains in space.codecs.items()
    }
    return tree


def _metrics(info: ValidationInfo) -> Mapping[str, Metric]:
    """The metrics that can be named in the context of a validation."""
    catalog: Catalog | None = info.context
    return STANDARD if catalog is None else catalog.metrics


def _raise_all(findings: Iterable[Finding]) -> None:
    """Raises one error for each finding, at its path below the field that is validated."""
    details = [InitErrorDetails(type=refused(text), loc=loc, input=None) for loc, text in findings]
    if details:
        raise ValidationError.from_exception_data("Space", details)
