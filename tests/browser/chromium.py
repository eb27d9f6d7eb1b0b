"""Headless Chromium, driven by its DevTools protocol over a pair of pipes: no port, no library."""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
    "--disable-features=IsolateSandboxedIframes",  # so that what is inside a sandboxed frame can be asked about
)  # fmt: skip
_WAIT_S = 60.0


def find() -> str | None:
    """The Chromium of this machine, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def open_page(profile: Path) -> Iterator["Page"]:
    """A page in a browser of its own, which ends with the context."""
    executable = find()
    assert executable is not None
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()

    def connect() -> None:  # the protocol is spoken on descriptors 3 and 4
        os.dup2(to_browser, 103)
        os.dup2(from_browser, 104)
        os.dup2(103, 3)
        os.dup2(104, 4)

    browser = subprocess.Popen(
        [executable, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=connect,
        close_fds=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        with os.fdopen(from_us, "wb") as commands, os.fdopen(to_us, "rb") as answers:
            yield Page(commands, answers)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


class RefusedCommandError(Exception):
    """The browser has refused a command."""


class Page:
    """One page.

    Attributes:
        errors: What was logged as an error, thrown, or could not be loaded since `open`.
        requests: Addresses that were asked for since `open`, but for those inside the page.
    """

    def __init__(self, commands: Any, answers: Any) -> None:  # noqa: ANN401
        self._commands, self._answers = commands, answers
        self._number = 0
        self._session: str | None = None
        self._loaded = False
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = next(t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def look(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Sets the size of the window and what the user prefers."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def offline(self) -> None:
        """Cuts the page off from every network."""
        conditions = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self._call("Network.emulateNetworkConditions", **conditions)

    def open(self, address: str) -> None:
        """Loads an address, to the end."""
        self.errors.clear()
        self.requests.clear()
        self._loaded = False
        self._call("Page.navigate", url=address)
        deadline = time.monotonic() + _WAIT_S
        while not self._loaded:
            assert time.monotonic() < deadline, f"{address} does not load"
            self._read()

    def run(self, expression: str) -> Any:  # noqa: ANN401
        """The value of a JavaScript expression; promises are awaited."""
        return self._evaluate(expression)

    def run_in_frame(self, expression: str) -> Any:  # noqa: ANN401
        """The same inside the page's one frame; None while it has none, or where it is loaded anew just then."""
        frames = self._call("Page.getFrameTree")["frameTree"].get("childFrames", [])
        if not frames:
            return None
        try:
            world = self._call("Page.createIsolatedWorld", frameId=frames[0]["frame"]["id"])
            return self._evaluate(expression, contextId=world["executionContextId"])
        except RefusedCommandError as error:
            if "Cannot find context" in str(error) or "No frame" in str(error):
                return None
            raise

    def _evaluate(self, expression: str, **where: Any) -> Any:  # noqa: ANN401
        found = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, **where)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str, *, in_frame: bool = False) -> None:
        """Waits until a JavaScript expression is true."""
        deadline = time.monotonic() + _WAIT_S
        run = self.run_in_frame if in_frame else self.run
        while not run(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"never true: {expression}; the page says: {self.text()[:2000]}"
            time.sleep(0.1)

    def text(self) -> str:
        """What the page says."""
        return str(self.run("document.body.innerText"))

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Keeps a picture of the window, or of the whole page."""
        options: dict[str, Any] = {}
        if whole:
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
            options = {"captureBeyondViewport": True, "clip": clip}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png", **options)["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = self._read()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RefusedCommandError(f"{method}: {answer}")
                return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        """The next message; events are taken note of."""
        data = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has gone"
            data += byte
        message: dict[str, Any] = json.loads(data)
        params = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Runtime.exceptionThrown":
                self.errors.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.errors.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                address = params["request"]["url"]
                if not address.startswith(("data:", "blob:")):
                    self.requests.append(address)
        return message
