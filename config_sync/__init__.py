"""The compiler and the publisher: configuration in, verified snapshots out. May be slow; never ships in a hot bundle."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config_sync.compile import CompileResult as CompileResult
    from config_sync.compile import compile_project as compile_project

__all__ = ["CompileResult", "compile_project"]


def __getattr__(name: str) -> object:
    """The compiler is imported when somebody asks for it: the IR and the diagnostics are of use without."""
    if name in __all__:
        from config_sync import compile as compiler

        return getattr(compiler, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
