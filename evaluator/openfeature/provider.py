"""The provider: OpenFeature's questions put to an ``Evaluator``, its answers in OpenFeature's words.

No clock, no network, no thread of its own: whoever fetches snapshots calls ``swap``. Used by applications through the SDK.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, GeneralError, ProviderFatalError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from evaluator import Evaluation, Evaluator, SnapshotError
from evaluator.openfeature.changes import changed_flags
from evaluator.openfeature.translate import Convert, as_boolean, as_float, as_integer, as_object, as_string, flat_context
from evaluator.reasons import MESSAGES

Place = bytes | str | PathLike[str] | Callable[[], bytes]
Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]
T = TypeVar("T")


class BurgeeProvider(AbstractProvider):
    """Answers from one snapshot at a time; safe to share between threads.

    ``source`` is the snapshot's bytes, the path of a file with them, a function that fetches them, or an ``Evaluator`` to
    share. It is read when the SDK initialises the provider: bytes that are no snapshot leave the provider FATAL, a source
    that can't be read leaves it in ERROR, and a later ``swap`` brings it back.
    """

    def __init__(self, source: Place | Evaluator) -> None:
        super().__init__()
        self._is_shared = isinstance(source, Evaluator)
        self._evaluator: Evaluator | None = source if isinstance(source, Evaluator) else None
        self._fetch: Callable[[], bytes] | None = None if isinstance(source, Evaluator) else _fetcher(source)
        self._snapshot: bytes | None = None
        self._is_well = True

    def get_metadata(self) -> Metadata:
        return Metadata(name="burgee")

    # --- life -------------------------------------------------------------------------------------------------------------

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Loads the snapshot. Raises GeneralError for an unreadable source, ProviderFatalError for bytes that are none."""
        if self._evaluator is not None or self._fetch is None:
            return
        try:
            snapshot = self._fetch()
        except Exception as error:
            self._is_well = False
            raise GeneralError(f"the snapshot can't be read: {error}") from error
        try:
            self._evaluator = Evaluator(snapshot)
        except (SnapshotError, TypeError) as error:
            self._is_well = False
            raise ProviderFatalError(f"no usable snapshot: {error}") from error
        self._snapshot, self._is_well = snapshot, True

    def shutdown(self) -> None:
        """Lets the snapshot go; an evaluator handed in stays its owner's. ``initialize`` may follow again."""
        if not self._is_shared:
            self._evaluator = self._snapshot = None

    def swap(self, snapshot: bytes) -> None:
        """Answers from another snapshot from now on and says which flags changed. Raises SnapshotError; then the old stays.

        The changed flags are those whose answers may differ: their own configuration or that of a prerequisite. They are None
        (unknown) after a shared evaluator's first swap.
        """
        old = self._snapshot
        if self._evaluator is None:
            self._evaluator = Evaluator(snapshot)
        else:
            self._evaluator.swap(snapshot)
        self._snapshot = snapshot
        if not self._is_well:
            self._is_well = True
            self.emit_provider_ready(ProviderEventDetails(message="a usable snapshot was loaded"))
        changed = None if old is None else changed_flags(old, snapshot)
        if changed != []:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=changed))

    def report_stale(self, message: str) -> None:
        """Tells the SDK that newer configuration can't be had. The provider answers as before; the next ``swap`` ends it."""
        self._is_well = False
        self.emit_provider_stale(ProviderEventDetails(message=message))

    def report_error(self, message: str, error_code: ErrorCode = ErrorCode.GENERAL) -> None:
        """Tells the SDK that something is wrong, with PROVIDER_FATAL for good. The next ``swap`` ends it."""
        self._is_well = False
        self.emit_provider_error(ProviderEventDetails(message=message, error_code=error_code))

    # --- questions --------------------------------------------------------------------------------------------------------

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(flag_key, default_value, evaluation_context, as_boolean, attrgetter("boolean"))

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(flag_key, default_value, evaluation_context, as_string)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve(flag_key, default_value, evaluation_context, as_integer)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolve(flag_key, default_value, evaluation_context, as_float)

    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        return self._resolve(flag_key, default_value, evaluation_context, as_object)

    def _resolve(
        self,
        key: str,
        default: T,
        context: EvaluationContext | None,
        convert: Convert[T],
        otherwise: Callable[[Evaluation], Any] | None = None,
    ) -> FlagResolutionDetails[T]:
        """Evaluation takes no I/O and no lock, so the SDK's asynchronous questions come here too.

        ``otherwise``: what an answer says whose value isn't of the type, None if nothing.
        """
        evaluator = self._evaluator
        if evaluator is None:
            return _failure(default, ErrorCode.PROVIDER_NOT_READY, "no snapshot is loaded")
        evaluation = evaluator.evaluate(key, flat_context(context))
        if evaluation.error_code is not None:
            return _error(default, evaluation, evaluation.error_code)
        value = evaluation.value
        said = None if value is None else convert(value)
        if said is None and otherwise is not None:
            said = otherwise(evaluation)
        if said is not None:
            return _details(said, evaluation)
        return _details(default, evaluation) if value is None else _error(default, evaluation, "TYPE_MISMATCH")


def _fetcher(place: Place) -> Callable[[], bytes]:
    if isinstance(place, bytes):
        return lambda: place
    if isinstance(place, str | PathLike):
        return lambda: Path(place).read_bytes()
    return place


def _details(value: T, evaluation: Evaluation) -> FlagResolutionDetails[T]:
    return FlagResolutionDetails(
        value=value, reason=Reason(evaluation.reason), variant=evaluation.variant, flag_metadata=evaluation.metadata or {}
    )


def _error(default: T, evaluation: Evaluation, code: str) -> FlagResolutionDetails[T]:
    return _failure(default, ErrorCode(code), MESSAGES[code], evaluation.metadata)


def _failure(
    default: T, code: ErrorCode, message: str, metadata: Mapping[str, bool | int | float | str] | None = None
) -> FlagResolutionDetails[T]:
    return FlagResolutionDetails(
        value=default, error_code=code, error_message=message, reason=Reason.ERROR, flag_metadata=metadata or {}
    )
