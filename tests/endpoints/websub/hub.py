"""A WebSub hub: Flask-WebSub, whose tasks celery runs at once and in the process.

    hub.py DIR PORT   serves 127.0.0.1:PORT from DIR
"""

import pathlib
import sys

from celery import Celery
from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage
from werkzeug.serving import make_server

folder, port = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
celery = Celery("hub", broker="memory://")
celery.conf.update(task_always_eager=True)
app = Flask("hub")
app.config["PUBLISH_SUPPORTED"] = True
hub = Hub(SQLite3HubStorage(str(folder / "hub.db")), celery, SIGNATURE_ALGORITHM="sha256", MAX_ATTEMPTS=2)
app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))


@app.get("/")
def alive():
    return "a hub\n"


make_server("127.0.0.1", port, app, threaded=True).serve_forever()
