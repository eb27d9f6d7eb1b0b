"""The jobs of a cluster: the head is asked about them through a tunnel, which is opened again if it breaks."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from searchinr.engine.cluster.job import RunJob
from searchinr.engine.cluster.launcher import Launcher
from searchinr.engine.terminal.log import adopt
from searchinr.engine.workers.ray_environment import ray_environment

os.environ.update(ray_environment())
# Ray reads this variable when it is imported, so the imports of Ray stand below.
import requests
from ray.job_submission import JobStatus, JobSubmissionClient

if TYPE_CHECKING:
    from ray.job_submission import JobDetails

__all__ = ["Head", "JobStatus", "reached"]

Result = TypeVar("Result")
_PAUSES_S = (1.0, 5.0, 15.0, 30.0)  # before another tunnel, since heads start slowly and networks fail


class Head:
    """Submits jobs to the head of a cluster and asks about them."""

    def __init__(self, launcher: Launcher, tunnels: ExitStack) -> None:
        """Opens no tunnel yet; `tunnels` will hold the open one."""
        self._launcher, self._tunnels = launcher, tunnels
        self._client: JobSubmissionClient | None = None

    def submit(self, job: RunJob, folder: str) -> str:
        """Submits a run, unless it is under way, and gives the id of its job.

        Ray does not reuse the ids of jobs that have ended, so each time a run is continued its id gets the next number.
        The folder, which `RunJob.pack` has filled, travels with the job.
        """
        known = [found for found in self.jobs() if (found.submission_id or "").startswith(f"{job.id}-")]
        for found in known:
            if not found.status.is_terminal():
                return str(found.submission_id)
        name = f"{job.id}-{len(known) + 1}"

        def ask(client: JobSubmissionClient) -> str:
            return str(
                client.submit_job(
                    entrypoint=job.command,
                    submission_id=name,
                    runtime_env={"working_dir": folder, "env_vars": job.environment},
                    metadata={"run": str(job.storage / job.name)},
                )
            )

        try:
            return self._ask(ask)
        except RuntimeError:  # somebody else has submitted the same run at the same time
            if any(found.submission_id == name for found in self.jobs()):
                return name
            raise

    def jobs(self) -> "list[JobDetails]":
        """All jobs of the cluster, whoever has started them."""
        return self._ask(lambda client: list(client.list_jobs()))

    def job(self, job: str) -> "JobDetails":
        """Everything that Ray knows of a job."""
        return self._ask(lambda client: client.get_job_info(job))

    def logs(self, job: str) -> str:
        """The text that a job has printed."""
        return self._ask(lambda client: str(client.get_job_logs(job)))

    def stop(self, job: str) -> None:
        """Asks a job to stop; before it does, it writes checkpoints."""
        self._ask(lambda client: client.stop_job(job))

    def _ask(self, question: Callable[[JobSubmissionClient], Result]) -> Result:
        for pause in _PAUSES_S:
            try:
                return question(self._connected())
            except (ConnectionError, requests.ConnectionError, requests.Timeout):
                self._tunnels.close()
                self._client = None
                time.sleep(pause)
        try:
            return question(self._connected())
        except (requests.ConnectionError, requests.Timeout) as error:
            raise ConnectionError("the cluster's head does not answer any more") from error

    def _connected(self) -> JobSubmissionClient:
        if self._client is None:
            for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):  # they would lead elsewhere
                os.environ.pop(name, None)
            os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1"]))
            self._client = JobSubmissionClient(self._tunnels.enter_context(self._launcher.tunnel()))
        return self._client


@contextmanager
def reached(launcher: Launcher) -> Iterator[Head]:
    """The head of a cluster that is up, while the context is open."""
    adopt("ray")  # it logs every upload
    with ExitStack() as tunnels:
        yield Head(launcher, tunnels)
