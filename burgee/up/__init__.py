"""``burgee up``: the whole platform on one machine. For ``burgee.commands`` and for tests.

An embedded AWS (``aws``), what lies in it (``resources``, ``seed``), the functions as Lambda would run them (``runtime``,
``functions``, ``urls``), what calls them (``mappings``, ``schedule``), and one command around it all (``command``,
``platform``, ``view``).
"""
