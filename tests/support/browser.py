"""A headless Chromium and a JupyterLab of their own, for tests; both are gone when they end.

Chromium is driven by its own DevTools protocol over one web socket: what is needed of it is four
commands, and no driver has to match the browser's version.
"""

import base64
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import requests
import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium():
    """Path of a Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One page of a running Chromium.

    Args:
        address: str, the page's web socket.
    """

    def __init__(self, address):
        # Chromium takes no web page's word for who may drive it; a test is no web page.
        self._socket = websocket.create_connection(address, timeout=120, suppress_origin=True)
        self._numbers = itertools.count(1)

    def close(self):
        """Hang up."""
        self._socket.close()

    def command(self, method, **parameters):
        """Send one DevTools command and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:  # events come in between
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def evaluate(self, script):
        """The value of a JavaScript expression, promises awaited."""
        result = self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, f"{script}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def wait_for(self, script, *, seconds=180):
        """The value of an expression as soon as it is true; errors of a page that is not ready
        count as false.
        """
        until = time.monotonic() + seconds
        while not (value := self.evaluate(f"(() => {{ try {{ return {script} }} catch {{}} }})()")):
            assert time.monotonic() < until, f"{script}: not within {seconds} s"
            time.sleep(0.05)
        return value

    def click(self, x, y):
        """Press and release the left button at a place of the window, CSS pixels."""
        for kind in ("mousePressed", "mouseReleased"):
            self.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    def press(self, key):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def move(self, x, y):
        """Move the mouse to a place of the window, CSS pixels."""
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self):
        """What the window shows, as the bytes of a PNG file."""
        return base64.b64decode(self.command("Page.captureScreenshot")["data"])


@contextmanager
def chromium(folder, *, size_px=(1300, 1250)):
    """Start Chromium with a profile in `folder` and yield its Page."""
    profile = folder / "profile"
    process = subprocess.Popen(
        [
            find_chromium(),
            "--headless=new",
            "--no-sandbox",  # which root, as in a container, cannot have; it only sees our pages
            "--no-first-run",
            "--no-proxy-server",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            f"--user-data-dir={profile}",
            f"--window-size={','.join(map(str, size_px))}",
            "--remote-debugging-port=0",  # one that is free; it is written into the profile
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port_file = profile / "DevToolsActivePort"
        _wait(process, lambda: port_file.is_file() and port_file.read_text().strip())
        port = port_file.read_text().split()[0]
        targets = _get(f"http://127.0.0.1:{port}/json/list").json()
        page = Page(next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page"))
        try:
            # JupyterLab has no current notebook in a window that nobody looks at.
            page.command("Emulation.setFocusEmulationEnabled", enabled=True)
            yield page
        finally:
            page.close()
    finally:
        _end(process)


@contextmanager
def jupyterlab(root, folder):
    """Serve the files in `root` with settings and runtime files in `folder`; yield the address
    of a notebook by its name.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex()
    # Nobody is there to say whether news are wanted, and the question would lie over the page.
    settings = folder / "jupyter_config_dir/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    own = {name: str(folder / name.lower()) for name in names}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={root}",
            f"--IdentityProvider.token={token}",
            "--LabApp.expose_app_in_browser=True",  # so that its commands can be called
        ],
        env={**os.environ, **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, lambda: _answers(f"http://127.0.0.1:{port}/api?token={token}"))
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}"
    finally:
        _end(process)


def _answers(address):
    try:
        return _get(address).ok
    except requests.ConnectionError:
        return False


def _get(address):
    # A proxy of the machine's could not reach it.
    return requests.get(address, timeout=30, proxies={"http": ""})


def _wait(process, ready, seconds=120):
    until = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, f"{process.args[0]} ended with status {process.returncode}"
        assert time.monotonic() < until, f"{process.args[0]}: not ready within {seconds} s"
        time.sleep(0.05)


def _end(process):
    """End a process and all that it started, kernels in sessions of their own included."""
    family = []
    if process.poll() is None:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
        process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=5)
    for each in alive:
        each.kill()
    psutil.wait_procs(alive, timeout=5)
    process.wait()
