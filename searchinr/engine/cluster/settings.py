"""The settings for searchinr in a cluster file. They stand under `metadata.searchinr`, which Ray ignores."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from searchinr.engine.store.place import parse_place
from searchinr.errors import UserError
from searchinr.space import refused


class ClusterSettings(BaseModel):
    """The section `metadata.searchinr` of a cluster file.

    Attributes:
        storage: The place that the driver and the workers share: a URL such as `s3://bucket/path`, or a folder that
            every node mounts. Each run has a folder of its own there. None means a node's own disk.
        log_level: Level of the run's log; `debug` adds Ray's own messages.
        teardown: Whether the cluster is kept when a run has finished, or torn down unless something else still runs on
            it.
        prices: Price of a node for an hour, by node type; with the provider `local` the types are `head` and `worker`.
        currency: Currency of the prices.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    storage: str | None = Field(None, min_length=1)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    teardown: Literal["keep", "when-finished"] = "keep"
    prices: dict[str, Annotated[float, Field(ge=0)]] = {}
    currency: str = "USD"

    @field_validator("storage")
    @classmethod
    def _names_a_place(cls, storage: str | None) -> str | None:
        try:
            parse_place(storage or "")
        except UserError as error:
            raise refused(str(error)) from None
        return storage
