"""The service behind every episode: a small Flask application, set up by its environment.

NAME   who it is: "1"                          TEXT   what / answers: "Hello from Flask App 1!"
HOST   address to listen on: 0.0.0.0           PORT   port to listen on: 5000
DELAY  seconds that each answer takes: 0       CERTIFICATE   a file with its key: TLS is spoken
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping

from flask import Flask, Response, jsonify, request


def create_app(settings: Mapping[str, str]) -> Flask:
    """The application for these settings."""
    app = Flask(__name__, static_folder=None)
    name = settings.get("NAME", "1")
    text = settings.get("TEXT", f"Hello from Flask App {name}!")
    delay = float(settings.get("DELAY", "0"))

    logins: dict[str, str] = {}  # user by session: in this process alone

    @app.before_request
    def wait() -> None:
        time.sleep(delay)

    @app.get("/", defaults={"path": ""})
    @app.get("/<path:path>")
    def page(path: str) -> str:
        return text + "\n"

    @app.get("/data")
    @app.get("/api/data")
    def data() -> Response:
        return jsonify(app=name, message="Here is your data")

    @app.get("/static/<path:file>")
    def static_file(file: str) -> Response:
        return Response(f"/* {file}, from {name} */\n", mimetype="text/css")

    @app.post("/login")
    def login() -> Response:
        session = secrets.token_hex(8)
        logins[session] = request.form.get("user", "")
        response = Response(f"Welcome, {logins[session]}! ({name})\n")
        response.set_cookie("session", session)
        return response

    @app.get("/who")
    def who() -> tuple[str, int]:
        user = logins.get(request.cookies.get("session", ""))
        return (f"nobody ({name})\n", 401) if user is None else (f"{user} ({name})\n", 200)

    @app.post("/", defaults={"path": ""})
    @app.post("/<path:path>")
    def submit(path: str) -> str:
        return f"Form submitted successfully! ({name})\n"

    return app


if __name__ == "__main__":
    pem = os.environ.get("CERTIFICATE")
    create_app(os.environ).run(
        os.environ.get("HOST", "0.0.0.0"),
        int(os.environ.get("PORT", "5000")),
        threaded=True,
        ssl_context=(pem, pem) if pem else None,
    )
