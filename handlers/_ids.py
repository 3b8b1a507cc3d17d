"""Ids at the door: users, flags and experiments as clients name them (requirements ASG-39, FLG-08). For handlers.

On the cold path: imports what ``_contract`` is.
"""

from __future__ import annotations

from handlers._contract import is_text

MAX_ID = 256  # characters
ABSENT = object()


class BadRequest(ValueError):
    """The client's mistake, in a sentence that names the field and quotes nothing: a 400. Others are ours (FLH-04)."""


def wrong_id(name: str, value: object) -> str:
    """What is wrong with an id that is to go into keys and logs; empty if nothing is."""
    if value is ABSENT:
        return f"Missing required parameter: {name}"
    if value is None:
        return f"{name} cannot be None"
    if type(value) is not str:
        return f"{name} must be a string"
    if not value or value.isspace():
        return f"{name} cannot be empty"
    if len(value) > MAX_ID:
        return f"{name} cannot be longer than {MAX_ID} characters"
    return "" if is_text(value, MAX_ID) else f"{name} has characters that are not allowed"
