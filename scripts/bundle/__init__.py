"""``make bundle``: every Lambda function's zip, for arm64 and Python 3.13, without Docker. docs/bundles.md says how and why.

``closure`` reads what a function's module imports, ``core`` compiles the Cython core for another machine with zig, ``elf``
checks what a compiled file needs, ``fetch`` gets other people's wheels by the lock file, ``bytecode`` compiles what would be
compiled on every cold start, ``contents`` puts a function's files together under ``rules``, ``archive`` writes the same bytes
every time, ``sbom`` says what is in them.
"""
