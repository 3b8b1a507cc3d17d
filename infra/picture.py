"""The architecture as a picture, drawn from the tables."""


def draw() -> str:
    return "<svg/>\n"
