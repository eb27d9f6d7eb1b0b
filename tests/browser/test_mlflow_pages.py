"""MLflow's own pages about a search: what is found there, and that it is what people look for."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from chromium import Page
from commands import SEARCHINR, environment
from long_ledger import DATASET, long_ledger, long_space

from searchinr.engine.report.front import collect_front, summary
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.engine.report.write import write_figures
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.tracking.record import MODEL_TRAINING, Tracked
from searchinr.engine.tracking.tracker import Tracker
from searchinr.search.objectives import Objectives
from searchinr.space import dump_space

pytestmark = pytest.mark.browser

EXPERIMENT = "photos-downscale32x48-first3 (image)"


@pytest.fixture
def ui() -> Iterator[Callable[[Path], str]]:
    """Starts `searchinr ui` for a run folder, which has one dataset, and gives the address of its front's page."""
    with ExitStack() as stack:

        def start(folder: Path) -> str:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            command = [*SEARCHINR, "ui", str(folder), "--port", str(port)]
            process = stack.enter_context(
                subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True, process_group=0)
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline().startswith("MLflow: ")
            return process.stdout.readline().rstrip().partition(": ")[2]

        yield start


def open_clean(page: Page, address: str) -> None:
    """Opens an address of MLflow's pages, without the assistant that takes a third of a first visitor's window."""
    page.look(1440, 1000)
    page.open("about:blank")
    page.open(address)
    page.wait_for("document.querySelector('nav, aside, main')")
    closed = "mlflow.assistant.fab.autoOpenedOnFirstLoad", "mlflow.assistant.panelOpen"
    page.run(f"localStorage.setItem('{closed[0]}_v1', 'true'); localStorage.setItem('{closed[1]}_v1', 'false')")
    page.open("about:blank")
    page.open(address)


def says(page: Page, *texts: str) -> None:
    """Waits until the page says all this."""
    for text in texts:
        page.wait_for(f"document.body.innerText.includes({text!r})")


def test_a_search_is_one_run_whose_page_begins_with_the_front(
    page: Page, keep: Callable[..., None], search: Callable[..., Path], ui: Callable[[Path], str]
) -> None:
    front = ui(search())

    open_clean(page, f"{front.split('/runs/')[0]}?{MODEL_TRAINING}")
    says(page, EXPERIMENT, "tiny", "whose description leads to its front")
    keep("mlflow-experiment")
    assert "siren" not in page.text()  # the trials are below their parent
    page.wait_for("document.querySelector('[role=row] [role=button] svg, [data-testid=expander] , .ag-row svg')")
    page.run("document.querySelector('.ag-row button, [data-testid=expander]').click()")
    says(page, "siren")
    keep("mlflow-trials")

    open_clean(page, front.replace("/artifacts/front.html", ""))
    says(page, "The front", "operating points", "hypervolume", "siren | relu", "6 to 24")
    assert page.text().index("The front") < page.text().index("Metrics (")
    assert page.run("[...document.querySelectorAll('a')].find(a => a.innerText == 'The front').href") == front
    page.wait_for("[...document.images].some(i => i.src.includes('preview') && i.naturalWidth == 700)")
    says(page, "Show more")
    page.run("[...document.querySelectorAll('button, a')].find(e => e.innerText == 'Show more').click()")
    keep("mlflow-parent")

    open_clean(page, front)
    says(page, "front.html")
    page.wait_for("document.querySelector('#dataset-0-front .main-svg')", in_frame=True)
    # the figure is what one sees first
    assert page.run_in_frame("document.querySelector('#dataset-0-front').getBoundingClientRect().top") < 350
    keep("mlflow-front")


def test_500_trials_stay_usable(
    page: Page, keep: Callable[..., None], ui: Callable[[Path], str], tmp_path: Path
) -> None:
    space, lines = long_space(500), long_ledger(500)
    objectives = Objectives.of(space)
    warnings: list[str] = []
    folder = RunFolder(tmp_path / "long")
    folder.create()
    folder.space.write_text(dump_space(space))
    tracker = Tracker(
        folder,
        Tracked(name="long", key="long", modalities={DATASET: "image"}, params={"trials": 500}, max_steps=900),
        objectives=objectives,
        tracking_uri=None,
        warn=warnings.append,
    )
    tracker.rebuild(lines)
    front = collect_front(lines, DATASET, objectives)
    files = write_figures(folder.report, DatasetReport(front))
    page_file = folder.report / f"front-{DATASET}.html"
    page_file.write_text(report_html("runs/long", "long", [DatasetReport(front)]))
    tracker.log_report(DATASET, [page_file, *files], summary(front))
    assert tracker.close(timeout_s=1200)  # a minute on an idle machine; two thousand commits to a disk
    assert warnings == []

    address = ui(folder.path)
    open_clean(page, address.replace("/artifacts/front.html", ""))
    says(page, "The front", summary(front)[:30], "Metrics (")
    assert page.text().index("The front") < page.text().index("Metrics (")
    page.wait_for("[...document.images].some(i => i.src.includes('preview') && i.naturalWidth == 700)")
    keep("mlflow-500-parent")
    open_clean(page, f"{address.split('/runs/')[0]}?{MODEL_TRAINING}")
    says(page, "long", "100 matching runs")
    keep("mlflow-500-experiment")
    assert "siren" not in page.text()  # the parent alone, though it is the oldest of 501
