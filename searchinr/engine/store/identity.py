"""What makes a run the one that it is, wherever its folder lies: an id, and hashes of the signals that it measures."""

import uuid
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from searchinr.engine.store.place import Place
from searchinr.errors import UserError
from searchinr.signals.datasets import Dataset


class RunIdentity(BaseModel):
    """The content of `run.json`.

    Attributes:
        id: Made at random when the run began.
        signals: Label of a dataset -> name of a signal -> hash of its content.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    signals: dict[str, dict[str, str]]

    @classmethod
    def new(cls, datasets: Mapping[str, Dataset]) -> Self:
        """The identity of a run that begins now."""
        return cls(id=uuid.uuid4().hex, signals={label: dataset.contents for label, dataset in datasets.items()})

    def changes(self, label: str, dataset: Dataset) -> dict[str, str]:
        """What became of signals of a dataset since the run began: the names of those that differ -> in a few words."""
        known, found = self.signals.get(label, {}), dataset.contents
        return {
            **{name: "has changed" for name in known if name in found and found[name] != known[name]},
            **{name: "is missing" for name in known if name not in found},
            **{name: "is new" for name in found if name not in known},
        }


def read_identity(place: Place) -> RunIdentity | None:
    """Reads a `run.json`; None if there is none, as in the folder of a run from before there were any.

    Raises:
        UserError: It is damaged.
    """
    if not place.exists():
        return None
    try:
        return RunIdentity.model_validate_json(place.read_bytes())
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(map(str, found["loc"]))
        raise UserError(f"{place}: not the identity of a run ({where or 'it'}: {found['msg']}); restore it") from error
