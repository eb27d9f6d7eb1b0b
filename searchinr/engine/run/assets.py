"""What the jobs of a run share: each asset is built once and kept in the run folder, and jobs that need it wait for it.

A job that needs an asset which is not there yet is parked, and the building of the asset is handed out as a job of its
own, unless an earlier run has left the asset in the cache. Some assets start from another one, which is built first.
"""

from collections.abc import Callable, Iterable, Mapping

from searchinr.codecs.contract import Asset
from searchinr.engine.store.asset_cache import AssetCache, Origin
from searchinr.engine.store.asset_files import asset_name, unpack_asset, write_asset
from searchinr.engine.store.asset_keys import asset_id, building_seed
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.tensors import read_tensors
from searchinr.engine.store.training import training_name
from searchinr.engine.workers.jobs import AnyJob, AssetJob
from searchinr.errors import InvalidFileError
from searchinr.search.configs import Config
from searchinr.search.lines import AssetBuilt, AssetFailed, Line
from searchinr.search.search import Job
from searchinr.trial import asset_spec, base_spec


class Assets:
    """The assets of a run, and the jobs that wait for them.

    An asset is there if it is on record and its file holds what is on record. In any other case it is taken from the
    cache or built, whatever has happened since a building ended.
    """

    def __init__(
        self, folder: RunFolder, dataset_keys: Mapping[str, str], cache: AssetCache, *, warn: Callable[[str], None]
    ) -> None:
        """Nothing on record yet.

        The keys are the hash of the content of each dataset, by its label, and of training signals, by their
        `training_name`. `warn` is called with one line when a file is damaged.
        """
        self._folder, self._dataset_keys, self._cache, self._warn = folder, dataset_keys, cache, warn
        self._on_record: dict[str, set[str]] = {}  # SHA-256 of what was built, by asset
        self._failures: dict[str, str] = {}  # reasons, by asset
        self._loaded: dict[str, Asset] = {}
        self._building: dict[str, AssetJob] = {}
        self._parked: list[tuple[Job, AssetJob]] = []

    @property
    def building(self) -> list[AssetJob]:
        """What is being built."""
        return list(self._building.values())

    @property
    def parked(self) -> int:
        """How many trials wait, confirmations left out."""
        return sum(not job.confirms for job, _ in self._parked)

    def tell(self, line: Line) -> None:
        """Takes a ledger line; those that are not about assets change nothing."""
        if isinstance(line, AssetBuilt):
            self._on_record.setdefault(line.asset, set()).add(line.sha256)
        elif isinstance(line, AssetFailed):
            self._failures.setdefault(line.asset, line.reason)

    def replay(self, lines: Iterable[Line]) -> None:
        """Rebuilds the state from a ledger; see `tell`."""
        for line in lines:
            self.tell(line)

    def next_task(self, next_job: Callable[[], Job | None], *, room: int) -> AnyJob | None:
        """What to do next: either a job whose asset is there, or cannot be had (see `failure`), or a building.

        Args:
            next_job: Asks the search for a job. It is not asked while there is no room to park another one.
            room: How many jobs may wait at the same time.

        Returns:
            None if there is nothing to start now.
        """
        for place, (job, need) in enumerate(self._parked):
            if self._is_settled(need):
                del self._parked[place]
                return job
            if (building := self._next_building(need)) is not None:
                return building
        while len(self._parked) < room and (new := next_job()) is not None:
            needed = self._needed_by(new)
            if needed is None or self._is_settled(needed):
                return new
            self._parked.append((new, needed))
            if (building := self._next_building(needed)) is not None:
                return building
        return None

    def asset(self, job: AnyJob) -> Asset | None:
        """The asset from which a job or a building starts, None if it starts from none. It must have no `failure`."""
        need = self._needed_by(job)
        return None if need is None else self._loaded[need.asset]

    def failure(self, job: AnyJob) -> str | None:
        """Why a job or a building cannot have the asset from which it starts; None if it can, or if it needs none."""
        need = self._needed_by(job)
        if need is None or need.asset in self._loaded:
            return None
        reason = self._failures.get(need.asset) or self.failure(need)
        return None if reason is None else f"its {need.name} could not be built: {reason}"

    def ended(self, job: AssetJob) -> bool:
        """Takes note that a building has ended, after what came of it was told.

        Returns:
            Whether the asset is there or has failed. If neither, it is built again as soon as there is a worker.
        """
        self._building.pop(job.asset, None)
        return self._is_settled(job)

    def from_cache(self, job: AssetJob) -> AssetBuilt | None:
        """Takes an asset from the cache into the run, in place of its building, if the cache has it.

        Returns:
            The ledger line that says so.
        """
        found = self._cache.find(job.asset, job.spec)
        if found is None:
            return None
        asset = found.asset
        size = write_asset(self._folder.asset(job.asset), job.config.codec, asset)
        about = job.shared(AssetBuilt)
        return AssetBuilt(**about, sha256=asset.sha256, bytes=size, cost=Origin.of(found.about).cost, cached=True)

    def keep(self, line: AssetBuilt) -> None:
        """Keeps an asset that was built wherever it will be needed beside the run: at its front, and in the cache.

        If its file is not what was built, nothing is kept: the asset is built again.
        """
        path = self._folder.asset(line.asset)
        try:
            data = path.read_bytes()
            asset = unpack_asset(data, path).asset
        except (FileNotFoundError, InvalidFileError):
            return
        if asset.sha256 != line.sha256:
            return
        if line.needed_to_decode:
            self._folder.keep_asset(asset_name(line.label), data)
        if not line.cached:
            self._cache.keep(line.asset, line.config.codec, asset, Origin(line.cost, line.dataset, line.time))

    def _next_building(self, need: AssetJob) -> AssetJob | None:
        """What to build now of an asset and those that it starts from; None while that is being built."""
        if need.asset in self._building:
            return None
        base = self._needed_by(need)
        if base is not None and not self._is_settled(base):
            return self._next_building(base)
        self._building[need.asset] = need
        return need

    def _needed_by(self, job: AnyJob) -> AssetJob | None:
        """What a job, or a building, starts from."""
        spec = base_spec(job.config.codec, job.spec) if isinstance(job, AssetJob) else asset_spec(job.config)
        if spec is None:
            return None
        # What decoding needs must not know what is measured.
        built_from = training_name(job.dataset) if spec.needed_to_decode else job.dataset
        asset = asset_id(job.config.codec, spec, self._dataset_keys[built_from], job.seed)
        return AssetJob(
            asset=asset,
            name=spec.name,
            dataset=job.dataset,
            built_from=built_from,
            config=Config(job.config.codec, spec.params),
            needed_to_decode=spec.needed_to_decode,
            per_seed=spec.per_seed,
            version=spec.version,
            seed=building_seed(asset, spec, job.seed),
            confirms=job.confirms,
        )

    def _is_settled(self, job: AssetJob) -> bool:
        """Whether an asset is there, ready to be handed out, or can never be had."""
        if job.asset in self._failures or job.asset in self._loaded:
            return True
        if job.asset in self._building:
            return False
        asset = self._read(job) if job.asset in self._on_record else None
        if asset is not None:
            self._loaded[job.asset] = asset
        return asset is not None or self.failure(job) is not None

    def _read(self, job: AssetJob) -> Asset | None:
        """An asset on record, from its file; None if that is gone or is set aside, since it is not what was built."""
        path = self._folder.asset(job.asset)
        try:
            tensors = read_tensors(path)
            if tensors is None:
                return None
            asset = Asset.of(job.spec, tensors)
            if asset.sha256 not in self._on_record[job.asset]:
                raise InvalidFileError(f"{path}: not the {job.name} on record")
        except InvalidFileError as error:
            path.set_aside()
            self._warn(f"{error}; it is set aside, and the {job.name} is built again")
            return None
        return asset
