"""The WSGI program for a pre-forking host: the snapshot is loaded, and the connection open, when this module is imported."""

from tests.hosts.apps import answer, wsgi

__all__ = ["wsgi"]

answer()
