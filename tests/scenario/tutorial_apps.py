"""The tutorials' Flask applications, each on its address, as real servers in threads.

`python tutorial_apps.py <address>:<port>...` runs hello applications in a process of their own until its input ends.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence

from flask import Flask, Response, jsonify
from werkzeug.serving import BaseWSGIServer, make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)

PATIENCE = 20.0  # seconds at a gate


class Service:
    """A running application; `requests` counts what its views were asked."""

    def __init__(self, app: Flask, port: int, host: str) -> None:
        self.requests = 0
        app.before_request(self._count)
        self._server: BaseWSGIServer = make_server(host, port, app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        self.requests += 1

    def stop(self) -> None:
        """Closes the port: connections are refused from now on."""
        self._server.shutdown()
        self._thread.join()  # it closes the socket as well: behind this nobody is at it any more
        self._server.server_close()


def hello(text: str, port: int, *, host: str = "127.0.0.1", gate: threading.Event | None = None) -> Service:
    """Answers / , /data and anything else with the text; one with a gate does so once that is open."""
    app = Flask(__name__, static_folder=None)

    @app.route("/", defaults={"path": ""})
    @app.route("/<path:path>")
    def answer(path: str) -> str:
        if gate is not None:
            gate.wait(PATIENCE)
        return text

    return Service(app, port, host)


def numbered(gates: Sequence[threading.Event | None] = (None,) * 3) -> list[Service]:
    """The three applications of episodes 5 to 9, each with its gate."""
    return [hello(f"Hello from Flask App {n}!", 5000 + n, gate=gate) for n, gate in enumerate(gates, 1)]


def fitness_static(port: int) -> Service:
    """Episode 3's static files."""
    app = Flask(__name__, static_folder=None)

    @app.route("/static/<path:name>")
    def static_file(name: str) -> Response:
        return Response(f"static {name}", mimetype="text/css")

    return Service(app, port, "127.0.0.1")


def fitness(port: int) -> Service:
    """Episode 3's site and its API."""
    app = Flask(__name__, static_folder=None)

    @app.route("/")
    def home() -> str:
        return "Welcome to FitGuru!"

    @app.route("/api/data")
    def data() -> Response:
        return jsonify(message="Here is your data")

    return Service(app, port, "127.0.0.1")


def form(port: int) -> Service:
    """Episode 4's second application: takes a form."""
    app = Flask(__name__, static_folder=None)

    @app.route("/submit", methods=["POST"])
    def submit() -> str:
        return "Form submitted successfully!"

    return Service(app, port, "127.0.0.1")


def main_page(port: int) -> Service:
    """Episode 4's first application."""
    app = Flask(__name__, static_folder=None)

    @app.route("/")
    def main_() -> str:
        return "Welcome to the main page!"

    return Service(app, port, "127.0.0.1")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        address, _, number = argument.rpartition(":")
        hello(f"It works on {address}", int(number), host=address)
    print("ready", flush=True)
    sys.stdin.read()
