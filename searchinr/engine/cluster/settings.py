"""What a cluster file says to searchinr, under `metadata.searchinr`, which Ray leaves alone."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from searchinr.engine.store.place import parse_place
from searchinr.errors import UserError


class ClusterSettings(BaseModel):
    """The section `metadata.searchinr` of a cluster file.

    Attributes:
        storage: Where the driver and the workers meet: a URL such as `s3://bucket/path`, or a folder that every node
            mounts. Each run has a folder of its own in it. None means a node's own disk.
        log_level: What goes into the run's log; `debug` adds what Ray has to say.
        teardown: What becomes of the cluster when a run has finished: it is kept, or torn down unless something else
            still runs on it.
        prices: Price of a node per hour, by node type; with the provider `local`, of `head` and `worker`.
        currency: Of the prices.
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
            raise PydanticCustomError("space", "{text}", {"text": str(error)}) from None
        return storage
