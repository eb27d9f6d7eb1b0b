"""Handles a run on a cluster from this machine: launches, follows and stops it, and fetches its results.

The driver runs on the cluster's head as a job. We learn about it from two places: the storage, to which the driver
writes its progress and all results, and the head's job server, which knows whether the job still runs. Neither needs
this process, which may end at any time.
"""

import json
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from searchinr.addresses import shown
from searchinr.engine.catalog import read_space
from searchinr.engine.cluster.cluster_file import Cluster, load_cluster
from searchinr.engine.cluster.head import Head, JobStatus, reached
from searchinr.engine.cluster.job import RunJob, own_files, places
from searchinr.engine.cluster.launcher import Launcher
from searchinr.engine.cluster.pitfalls import launch_problems
from searchinr.engine.store.lease import progress_at
from searchinr.engine.store.place import check_writable, parse_place
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.stored_run import StoredRun
from searchinr.engine.terminal.view import RunView, ViewState
from searchinr.engine.workers.ray_environment import has_token
from searchinr.errors import UserError
from searchinr.files import write_atomic
from searchinr.signals.datasets import load_dataset
from searchinr.space import SpaceError

_LOOK_EVERY_S = 2.0
_LAST_LINES = 5


@dataclass(frozen=True)
class ClusterNote:
    """A note in a run folder: the cluster file, the run's place in the storage, and the id of its latest job.

    A run folder may come from anybody, and a cluster file can make Ray run any command here. So the note only tells the
    user what to name.
    """

    cluster: str
    place: str
    job: str

    @classmethod
    def of(cls, folder: RunFolder) -> "ClusterNote | None":
        """The note in a run folder; None if there is none, and `UserError` if it is damaged."""
        if not folder.cluster.is_file():
            return None
        try:
            return cls(**json.loads(folder.cluster.read_bytes()))
        except (ValueError, TypeError) as error:
            raise UserError(f"{folder.cluster}: damaged ({error}); `searchinr run` with --cluster writes it") from error


class RemoteRun:
    """A run on a cluster."""

    def __init__(self, folder: RunFolder, note: ClusterNote, cluster: Cluster) -> None:
        """Makes the run that a note in a run folder on this machine describes, on a cluster that the user has named."""
        self.folder, self.note = folder, note
        self.cluster = cluster
        self._launcher = Launcher(cluster, folder.cluster_log)
        self._stored = StoredRun(parse_place(note.place))

    @classmethod
    def of(cls, path: Path, cluster_file: Path | None, storage: str | None) -> "RemoteRun":
        """The run on a cluster that the note in a run folder describes.

        Args:
            path: The run folder.
            cluster_file: The cluster file.
            storage: Storage, in place of the cluster file's.

        Raises:
            UserError: There is no note, no cluster file is named or it lies in the run folder, or the run is kept on
                another storage.
        """
        folder = RunFolder(path)
        if (note := ClusterNote.of(folder)) is None:
            raise UserError(
                f"{path}: not a run on a cluster (it has no cluster.json); `searchinr run` with --cluster starts one"
            )
        if cluster_file is None:
            raise UserError(f"{path}: is on a cluster; if you trust it, name its file: --cluster {note.cluster}")
        if cluster_file.resolve().is_relative_to(path.resolve()):
            raise UserError(f"--cluster: {cluster_file} found, which came with the run folder; name a file of your own")
        cluster = load_cluster(cluster_file)
        named = storage or cluster.settings.storage
        if named is None or parse_place(named) != parse_place(note.place).parent:
            raise UserError(
                f"{path}: is kept at {shown(note.place)}, which is not in the storage of {cluster_file}; if you trust "
                "it, name its folder with --storage"
            )
        return cls(folder, note, cluster)

    def status(self) -> str:
        """The state of the job in words, after its record was fetched."""
        self.fetch()
        if not self._launcher.is_up():
            return "not running: the cluster is not up; the same command again continues it"
        with reached(self._launcher) as head:
            match head.job(self.note.job).status:
                case JobStatus.SUCCEEDED:
                    return "finished"
                case JobStatus.FAILED | JobStatus.STOPPED:
                    return "interrupted: the same command again continues it"
                case _:
                    return f"running as job {self.note.job}"

    def stop(self) -> None:
        """Stops the job when its trials have written their checkpoints, and fetches its record."""
        with reached(self._launcher) as head:
            head.stop(self.note.job)
            while not head.job(self.note.job).status.is_terminal():
                time.sleep(_LOOK_EVERY_S / 2)
        self.fetch()

    def follow(self, *, down: bool) -> bool:
        """Shows the run until its job ends, and fetches the record; False if it was stopped before it had finished.

        Args:
            down: Whether to end the cluster when the run has finished, unless something else runs on it.

        Raises:
            UserError: The driver has refused its input.
            ChildProcessError: The job has failed.
            ConnectionError: The head cannot be reached any more.
        """
        with reached(self._launcher) as head, RunView(self._stored.place.name, self.folder.path) as view:
            while not (status := head.job(self.note.job).status).is_terminal():
                self._show(view)
                time.sleep(_LOOK_EVERY_S)
            if status is JobStatus.FAILED:
                self._fail(head)
            self.fetch()
            finished = status is JobStatus.SUCCEEDED
            if finished and (down or self.cluster.settings.teardown == "when-finished"):
                self._end_cluster(head, view)
        return finished

    def fetch(self) -> None:
        """Copies the run's record from the storage into the run folder."""
        if self._stored.space.exists():
            self._stored.fetch(self.folder.path)

    def _show(self, view: RunView) -> None:
        with suppress(OSError):  # the network may fail for a moment
            if said := progress_at(self._stored.place):
                view.update(ViewState.of(said))

    def _fail(self, head: Head) -> None:
        """Raises an error that says why the job has failed, from the end of its output."""
        details = head.job(self.note.job)
        lines = [line for line in head.logs(self.note.job).splitlines() if line.strip()]
        if details.driver_exit_code == 2:
            said = [line.removeprefix("searchinr: ") for line in lines if line.startswith("searchinr: ")]
            raise UserError("\n".join(f"on the cluster's head: {line}" for line in said))
        words = lines[-_LAST_LINES:] or [str(details.message)]
        last = "".join(f"\n  {line}" for line in words)
        raise ChildProcessError(
            f"the job has failed on the cluster; what is recorded is safe, and the same command again continues:{last}"
        )

    def _end_cluster(self, head: Head, view: RunView) -> None:
        others = [found for found in head.jobs() if not found.status.is_terminal()]
        if others:
            names = ", ".join(str(found.submission_id or found.job_id) for found in others)
            view.note(f"the cluster stays up, since something else runs on it: {names}")
            return
        view.note("the run has finished: ending the cluster")
        self._launcher.down()


def launch(
    space_file: Path,
    cluster_file: Path,
    *,
    out: Path | None,
    workers: int | None,
    trials: int | None,
    seed: int | None,
    storage: str | None,
) -> RemoteRun:
    """Starts a search on a cluster, which is created or brought up to date; if the search runs already, it is joined.

    If anything is wrong, nothing is launched. The arguments are those of `searchinr.search`; without `workers` there
    are as many trials as fit on all nodes of the cluster, and without `storage` the cluster file names it.

    Raises:
        UserError: Something is wrong with a file, a dataset, the storage or the run folder.
        ChildProcessError: The cluster cannot be set up.
    """
    if not has_token():
        raise UserError("no token found, without which anybody could use the cluster; ray get-auth-token --generate")
    space = read_space(space_file).overridden(trials, seed)
    cluster = load_cluster(cluster_file)
    if problems := launch_problems(cluster):
        raise SpaceError(problems)
    if (storage := storage or cluster.settings.storage) is None:
        raise UserError(
            f"{cluster.document.file}: metadata.searchinr.storage: missing, and results would go with the head; give "
            "s3://BUCKET/PATH, or a folder that all nodes and this machine mount"
        )
    place = parse_place(storage)
    if not place.is_remote and not place.parent.exists():
        raise UserError(f"{place}: not found on this machine; mount it here as well, or keep runs on s3://BUCKET/PATH")
    for entry in space.all_datasets:
        if entry.path is not None:
            load_dataset(entry)
    own_files(space)
    path = out or Path("runs") / space.name
    job = RunJob(
        space=space,
        space_file=space_file,
        storage=place,
        name=path.resolve().name,
        workers=workers or places(cluster, space.resources),
        log_level=cluster.settings.log_level,
    )
    folder = RunFolder(path)
    folder.create()
    check_writable(place)
    StoredRun(place / job.name).refuse_other(space)
    launcher = Launcher(cluster, folder.cluster_log)
    launcher.up()
    with reached(launcher) as head, tempfile.TemporaryDirectory(prefix="searchinr-") as packed:
        job.pack(Path(packed))
        note = ClusterNote(str(cluster_file.resolve()), str(place / job.name), head.submit(job, packed))
    write_atomic(folder.cluster, json.dumps(asdict(note), indent=1).encode())
    return RemoteRun(folder, note, cluster)
