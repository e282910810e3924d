"""A site that speaks Micropub: django-indieweb parses, checks tokens and takes pictures; what it leaves to its host, keeping posts and showing
them, is here. As on many sites a repetition gets an address of its own, and posts are listed with the newest first.

    site.py DIR PORT   serves 127.0.0.1:PORT from DIR, and prints a token once it does
"""

import html
import json
import pathlib
import sys
import threading

folder, port = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="for a test on loopback",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="site_of_test",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "site.db", "OPTIONS": {"timeout": 20}}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sites", "indieweb"],
    MIDDLEWARE=[],
    MEDIA_ROOT=folder / "media",
    MEDIA_URL="/media/",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INDIEWEB_MICROPUB_HANDLER="site_of_test.Posts",
    LOGGING={"version": 1, "handlers": {"err": {"class": "logging.StreamHandler"}}, "root": {"handlers": ["err"], "level": "INFO"}},
)
sys.modules["site_of_test"] = sys.modules["__main__"]
django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.servers.basehttp import WSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpResponse
from django.urls import include, path, re_path
from django.views.static import serve
from indieweb.handlers import InMemoryMicropubHandler, MicropubEntry, MicropubEntryList
from indieweb.models import Token
from socketserver import ThreadingMixIn

lock = threading.RLock()
entries, deleted = {}, {}


class Posts(InMemoryMicropubHandler):
    """django-indieweb makes a handler for each request, so what it keeps is kept outside of it."""

    def __init__(self):
        self.entries, self.deleted_entries, self.counter = entries, deleted, 0

    def create_entry(self, properties, user):
        with lock:
            slug = (properties.pop("mp-slug", None) or ["post"])[0]
            taken, number = f"/{slug}/", 1
            while taken in entries or taken in deleted:
                number += 1
                taken = f"/{slug}-{number}/"
            entry = MicropubEntry(url=taken, properties=properties)
            entries[taken] = entry
            return entry

    def update_entry(self, url, updates, user):
        with lock:
            return super().update_entry(self.path(url), updates, user)

    def delete_entry(self, url, user):
        with lock:
            super().delete_entry(self.path(url), user)

    def get_entry(self, url, user):
        return super().get_entry(self.path(url), user)

    def list_entries(self, user, *, limit=None, offset=0, filter=None):
        with lock:
            newest = list(reversed(entries.values()))
        return MicropubEntryList(entries=newest[offset : None if limit is None else offset + limit], total=len(newest))

    @staticmethod
    def path(url):
        return "/" + url.split("/", 3)[3] if "://" in url else url


def page(request, slug):
    entry = entries.get(f"/{slug}/")
    if entry is None:
        raise Http404
    first = lambda name, otherwise="": (entry.properties.get(name) or [otherwise])[0]
    content = first("content")
    content = content["html"] if isinstance(content, dict) else html.escape(content)
    photos = "".join(f'<img class="u-photo" src="{html.escape(url)}">' for url in entry.properties.get("photo", []))
    title = html.escape(first("name"))
    return HttpResponse(
        f'<!doctype html><title>{title}</title><article class="h-entry"><h1 class="p-name">{title}</h1>{photos}'
        f'<div class="e-content">{content}</div></article>'
    )


def state(request):
    """What stands there, for the tests."""
    with lock:
        return HttpResponse(json.dumps({url: entry.properties for url, entry in entries.items()}), content_type="application/json")


urlpatterns = [
    path("indieweb/", include("indieweb.urls")),
    path("state", state),
    re_path("^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}),
    path("<slug:slug>/", page),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


call_command("migrate", verbosity=0)
owner = get_user_model().objects.create(username="press")
tokens = []
for scope in ("create update media", "profile"):
    token = Token(owner=owner, client_id=f"http://localhost/{len(tokens)}", me="http://localhost/", scope=scope)
    token.save()
    tokens.append(token.key)
server = Server(("127.0.0.1", port), WSGIRequestHandler)
server.set_app(get_wsgi_application())
print(*tokens, flush=True)
server.serve_forever()
