"""The front door for people: the ``burgee`` command and the local endpoint. May import anything; nothing imports it."""
