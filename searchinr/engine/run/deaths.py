"""Counts how often workers have died on the same piece of work. If it is too often, the work itself kills them."""

from searchinr.codecs.fitting.nesting import part_of
from searchinr.engine.store.run_folder import SharedFolder
from searchinr.engine.store.tensors import checksum, read_tensors
from searchinr.engine.workers.jobs import AnyJob, AssetJob
from searchinr.errors import InvalidFileError


class Deaths:
    """Counts, for each job, the deaths of its workers since its checkpoint last got further."""

    def __init__(self, folder: SharedFolder) -> None:
        """Begins with no deaths."""
        self._folder = folder
        # fit (or asset) and rung -> where its checkpoint stood at the last death, and how many deaths there were since
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}

    def another(self, job: AnyJob) -> int:
        """Counts one more death of a job's worker; how many there are since its checkpoint last got further."""
        key = (job.asset, 0) if isinstance(job, AssetJob) else (job.fit_name, job.rung)
        stands = self._progress(*key)
        stood, count = self._counts.get(key, (stands, 0))
        count = count + 1 if stood == stands else 1
        self._counts[key] = stands, count
        return count

    def _progress(self, fit: str, rung: int) -> int:
        """A number that changes when the fit gets further, but not when only more time has been spent on it."""
        try:
            tensors = read_tensors(self._folder.checkpoint_under_way(fit, rung))
        except InvalidFileError:
            return 0
        return 0 if tensors is None else checksum(part_of(tensors, "fit"))
