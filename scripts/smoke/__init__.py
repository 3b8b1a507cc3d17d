"""The smoke test of a platform that runs, on AWS or on this machine: ``python -m scripts.smoke``. More: docs/deployment.md.

``asking`` speaks HTTP, ``checks`` is the list of checks, ``__main__`` the command. Standard library only, but for signing the
questions to a URL that IAM guards: it can be run where the project isn't installed.
"""
