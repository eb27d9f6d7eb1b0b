import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from searchinr.engine.terminal import view
from searchinr.engine.terminal.view import DatasetView, FrontRow, RunView, ViewState, spread_over_rates

BOTH = ("PSNR dB", "SSIM")
State = Callable[..., ViewState]


def rows(count: int) -> list[FrontRow]:
    return [FrontRow(0.01 * 1.3**i, (f"{20 + i / 2:.2f}", f"{0.5 + i / 100:.3f}"), f"siren {i}") for i in range(count)]


@pytest.fixture
def state() -> State:
    def make(**changes: object) -> ViewState:
        fields = {
            "tried": 8,
            "done": 3,
            "running": 2,
            "paused": 4,
            "failed": 1,
            "total": 27,
            "confirmed": 0,
            "to_confirm": 0,
            "datasets": (DatasetView("photos [96x144]", "bpp", 9, rows(5), 12.345, BOTH),),
            "elapsed_s": 83.2,
            "remaining_s": 3700.0,
        }
        return ViewState(**(fields | changes))  # type: ignore[arg-type]

    return make


def plain_console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=100), out


def test_plain_lines_tell_what_finished_and_end_with_the_front(state: State) -> None:
    console, out = plain_console()
    with RunView("demo", Path("runs/demo"), console) as shown:
        shown.update(state())
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[0] == "demo  runs/demo"
    counts = "8/27 trials: 3 done, 2 running, 4 paused, 1 failed; front 5 points;"
    assert lines[1] == f"{counts} 1:23 elapsed, about 1:01:40 left"
    assert lines[2] == f"{counts} 1:23 elapsed"
    assert lines[4] == "photos [96x144]  front of 5 points, hypervolume 12.35"
    assert lines[5].split() == ["bpp", "PSNR", "dB", "SSIM", "config"]
    assert lines[6].split() == ["0.010", "20.00", "0.500", "siren", "0"]
    assert len(lines) == 11
    assert "\x1b" not in out.getvalue()


def test_plain_lines_are_few_and_only_for_news(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: clock[0])
    console, out = plain_console()
    shown = RunView("demo", Path("runs/demo"), console)
    updates = [
        (0.0, state(tried=0, done=0, paused=0, failed=0)),  # nothing is measured yet
        (0.5, state()),  # shown
        (1.0, state(tried=9, done=4)),  # too soon
        (6.0, state(tried=10, done=5)),  # shown
        (20.0, state(tried=10, done=5, running=1, elapsed_s=99)),  # nothing finished
        (
            30.0,
            state(tried=10, done=5, datasets=(DatasetView("x", "bpp", 10, rows(6), 13.0, BOTH),)),
        ),  # shown: a better front
    ]
    for at, new in updates:
        clock[0] = at
        shown.update(new)
    told = [re.match(r"(\d+)/27 trials: (\d+) done.*front (\d+)", line) for line in out.getvalue().splitlines()]
    assert [match.groups() if match else None for match in told] == [
        ("8", "3", "5"),
        ("10", "5", "5"),
        ("10", "5", "6"),
    ]


def test_a_terminal_gets_one_view_that_stays(state: State) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=30, _environ={"TERM": "xterm"})
    with RunView("demo", Path("runs/demo"), console) as shown:
        shown.update(state())
        shown.warn("MLflow at http://x [y] cannot be reached")
        shown.update(
            state(
                tried=27,
                done=26,
                running=0,
                paused=0,
                datasets=(DatasetView("photos", "bpp", 40, rows(30), 20.0, BOTH),),
            )
        )
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert text.count("warning: MLflow at http://x [y] cannot be reached") == 1
    last = text[text.rindex("demo  runs/demo") :]
    assert "27/27 trials  1:23 elapsed" in last
    assert "left" not in last
    assert "30 points, 12 shown" in last
    assert len(re.findall(r"siren \d+", last)) == 12


def test_the_view_fits_a_low_window_with_several_datasets(state: State) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24, _environ={"TERM": "xterm"})
    both = tuple(DatasetView(name, "bpp", 30, rows(20), 20.0, BOTH) for name in ("kodak", "photos"))
    with RunView("demo", Path("runs/demo"), console) as shown:
        shown.update(state(datasets=both))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    last = text[text.rindex("demo  runs/demo") :]
    assert len(last.rstrip().splitlines()) <= 24
    assert "kodak  front" in last
    assert "photos  front" in last


def test_no_color_is_honoured(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    with RunView("demo", Path("runs/demo"), Console(file=out, force_terminal=True, width=80, height=24)) as shown:
        shown.update(state())
    assert not re.search(r"\x1b\[[0-9;]*3[0-9](;|m)", out.getvalue())


def test_a_view_without_any_result_is_calm(state: State) -> None:
    console, out = plain_console()
    with RunView("demo", Path("runs/demo"), console) as shown:
        shown.update(
            state(tried=0, done=0, paused=0, failed=0, datasets=(DatasetView("photos", "bpp", 0, (), 0.0, BOTH),))
        )
    assert "0/27 trials: 0 done, 2 running" in out.getvalue()
    with RunView("demo", Path("runs/demo"), plain_console()[0]):
        pass  # never updated


def test_rows_are_spread_over_the_octaves_of_rate() -> None:
    front = rows(30)
    chosen = spread_over_rates(front, 4)
    assert [row.description for row in chosen] == ["siren 0", "siren 10", "siren 19", "siren 29"]
    assert spread_over_rates(front[:3], 4) == front[:3]
    crowded = [FrontRow(rate, (), "") for rate in (0.1, 0.101, 0.102, 0.103, 9.0)]
    assert [row.rate for row in spread_over_rates(crowded, 4)][:1] == [0.1]
    assert len(spread_over_rates(crowded, 4)) == 4


def test_confirming_the_front_is_news(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: clock[0])
    console, out = plain_console()
    shown = RunView("demo", Path("runs/demo"), console)
    for at, confirmed in ((0.0, 3), (10.0, 3), (20.0, 12)):
        clock[0] = at
        shown.update(state(done=26, running=0, paused=0, confirmed=confirmed, to_confirm=12))
    first, last = out.getvalue().splitlines()
    assert "26 done, 0 running, 0 paused, 1 failed; confirming 3 of 12; front 5 points" in first
    assert "; confirmed 12 of 12; front" in last


def test_what_is_being_built_is_said(state: State) -> None:
    console, out = plain_console()
    with RunView("demo", Path("runs/demo"), console) as shown:
        shown.update(state(running=0, building=["supernet siren for photos", "supernet mfn for photos"]))
    counts = "0 running, 4 paused, 1 failed; building supernet siren for photos, supernet mfn for photos; front"
    assert counts in out.getvalue().replace("\n", "")


def test_the_bar_follows_the_confirmation(state: State) -> None:
    def bar(**changes: object) -> int:
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, no_color=True, width=100, _environ={"TERM": "xterm"})
        with RunView("demo", Path("runs/demo"), console) as shown:
            shown.update(state(tried=27, **changes))
        return out.getvalue().rpartition("runs/demo")[2].count("━")

    assert bar(confirmed=3, to_confirm=12) < bar(confirmed=9, to_confirm=12) < bar()


def test_that_no_point_meets_the_constraints_is_said(state: State) -> None:
    console, out = plain_console()
    with RunView("demo", Path("runs/demo"), console) as shown:
        shown.update(state(datasets=(DatasetView("photos", "bpp", 9, (), 0.0, BOTH),)))
    assert out.getvalue().rstrip().endswith("photos  none of 9 operating points meets the constraints")


def test_a_state_travels_as_json(state: State) -> None:
    sent = state(building=("supernet siren",))
    arrived = ViewState.of(json.loads(json.dumps(asdict(sent))))
    assert json.dumps(asdict(arrived)) == json.dumps(asdict(sent))
    assert arrived.datasets[0].front[2].description == "siren 2"
