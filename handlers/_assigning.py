"""Sticky assignment: one evaluation says whether a user is in an experiment and where, the store what was said before.

For ``handlers.assignments`` (docs/assignments.md). The order is requirement ASG-01's: the evaluation knows status, schedule,
overrides, prerequisites, holdouts, layers, targeting and traffic, so a paused experiment or an excluded user costs no call. On
the cold path: standard library only, and of that only what is cheap.
"""

from __future__ import annotations

from os import urandom
from time import monotonic, time

from handlers._assignment_store import Assignment, Unavailable
from handlers._log import timestamp
from handlers._sticky import Sticky

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from evaluator import Evaluation, Evaluator
    from handlers._assignment_settings import AssignmentSettings
    from handlers._assignment_store import AssignmentStore
    from handlers._outbox import Outbox

    Expose = Callable[[Assignment, bool], object]

    class Counter(Protocol):
        """A ``_telemetry.Telemetry``, as far as this module knows it."""

        def count(self, name: str, number: int = 1) -> None: ...


DAY_SECONDS = 86_400
FIRST_CALLS = 2  # so many calls without any answer yet may take the first budget
OUTBOX_SHARE = 0.25  # of the budget, kept for the outbox where there is one
MAX_ENDS = 256  # experiments whose end is remembered as a number
OVERRIDE, ENABLED, OUTSIDE = "override", "enabled", "not_in_traffic"


class Refused(Exception):
    """There is no assignment to be had: ``status`` 404, 400 or 500, and ``code``, the evaluation's."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Answer:
    """What became of a question. ``assignment`` None: excluded, for ``reason``.

    ``persisted``: whether the store has the assignment, as far as is known; ``source``: where it is from, ``new``, ``stored``,
    ``cache`` or ``none``; ``payload``: the variant's value in the configuration of now, None when there is none; ``trouble``:
    why the store gave no answer, and ``queued`` whether the outbox has the assignment then.
    """

    __slots__ = ("assignment", "experiment_id", "payload", "persisted", "queued", "reason", "source", "trouble")

    def __init__(self, experiment_id: str, reason: str) -> None:
        self.experiment_id = experiment_id
        self.reason = reason
        self.assignment: Assignment | None = None
        self.persisted = False
        self.source = "none"
        self.payload: object = None
        self.trouble: str | None = None
        self.queued = False


class NoCounter:
    """Counts nothing."""

    def count(self, name: str, number: int = 1) -> None:
        """For callers without telemetry."""


class Assigner:
    """Answers questions about one platform's experiments; made once per process (requirement ASG-21).

    ``expose(assignment, persisted)`` hears of every user who is in an experiment for the first time. ``clock`` must be the
    store's client's, ``wall`` gives epoch seconds.
    """

    __slots__ = (
        "_clock", "_ends", "_expose", "_outside", "_reached", "_wall", "counter", "outbox", "settings", "sticky", "store",
    )  # fmt: skip

    def __init__(
        self,
        settings: AssignmentSettings,
        store: AssignmentStore,
        outbox: Outbox | None = None,
        expose: Expose | None = None,
        counter: Counter | None = None,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        self.settings = settings
        self.store = store
        self.outbox = outbox
        self.counter: Counter = NoCounter() if counter is None else counter
        self.sticky = Sticky(settings.sticky_entries, settings.sticky_ttl_ms, wall)
        self._outside = Sticky(settings.sticky_entries, settings.sticky_ttl_ms, wall)
        self._expose = expose
        self._clock = clock
        self._wall = wall
        self._reached = 0  # calls without an answer so far; FIRST_CALLS when there was one
        self._ends: dict[tuple[object, object], float] = {}

    def prepare(self) -> None:
        """Imports what a first call needs; asks nobody. Raises AwsError when there are no certificates to check others by."""
        self.store.prepare()
        if self.outbox is not None:
            self.outbox.prepare()

    def assign(
        self, evaluator: Evaluator, user_id: str, key: str, context: Mapping[str, Any] | None, now: float | None = None
    ) -> Answer:
        """The user's place in the experiment ``key``. ``context`` as the client gave it. Raises Refused.

        ``now`` is epoch milliseconds for the evaluation.
        """
        asked = {} if context is None else dict(context)
        asked["targetingKey"] = user_id
        if "user_id" in asked:  # without it, the targeting key is asked
            asked["user_id"] = user_id
        evaluation = evaluator.evaluate(key, asked, now)
        metadata = evaluation.metadata
        if evaluation.error_code is not None:
            raise Refused(_STATUS.get(evaluation.error_code, 500), evaluation.error_code)
        if metadata is None or metadata.get("kind") != "experiment":
            raise Refused(404, "FLAG_NOT_FOUND")
        answer = Answer(str(metadata.get("experiment_id", key)), evaluation.detail)
        if answer.reason == ENABLED:
            self._claim(answer, user_id, key, evaluation, metadata, context)
        elif answer.reason == OVERRIDE:
            self._override(answer, user_id, key, evaluation)
        elif answer.reason == OUTSIDE and self.settings.sticky_traffic:
            self._look_up(answer, user_id, evaluation)
        if answer.assignment is not None:
            answer.payload = _payload(evaluator, evaluation, answer.assignment.variant)
        return answer

    # --- who is in ----------------------------------------------------------------------------------------------------

    def _claim(
        self,
        answer: Answer,
        user_id: str,
        key: str,
        evaluation: Evaluation,
        metadata: Mapping[str, Any],
        context: Mapping[str, Any] | None,
    ) -> None:
        place = (user_id, answer.experiment_id)
        known = self._remembered(place)
        if known is not None:
            self._serve(answer, known, "cache")
            return
        assignment = self._proposal(answer.experiment_id, user_id, key, evaluation, metadata, context)
        until, store_until = self._deadlines()
        try:
            stored, created = self.store.claim(assignment, store_until)
        except Unavailable as trouble:
            self._unavailable(answer, assignment, evaluation, trouble.kind, until)
            return
        self._reached = FIRST_CALLS
        self.sticky.put(place, stored)
        self._serve(answer, stored, "new" if created else "stored")
        if created and self._expose is not None:
            self._expose(stored, True)

    def _proposal(
        self,
        experiment_id: str,
        user_id: str,
        key: str,
        evaluation: Evaluation,
        metadata: Mapping[str, Any],
        context: Mapping[str, Any] | None,
    ) -> Assignment:
        seconds = self._wall()
        lives = seconds + self.settings.ttl_days * DAY_SECONDS
        if "ends_at" in metadata:
            lives = max(lives, self._end(metadata))
        return Assignment(
            f"assign_{urandom(6).hex()}",
            user_id,
            experiment_id,
            key,
            evaluation.variant or "",
            timestamp(int(seconds * 1_000) * 1_000_000),
            int(lives),
            self._kept(context),
        )

    def _kept(self, context: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """What of a context is stored: the attributes that the operator lists; the user is a column of the item already."""
        if context is None:
            return None
        allowed = self.settings.stored_context
        kept = {
            name: value
            for name, value in context.items()
            if name not in ("targetingKey", "user_id") and (allowed is None or name in allowed)
        }
        return kept or None

    def _end(self, metadata: Mapping[str, Any]) -> float:
        """Until when an experiment's assignments are needed, in epoch seconds: its end and the analysis window after it."""
        question = (metadata["ends_at"], metadata.get("analysis_days"))
        known = self._ends.get(question)
        if known is None:
            if len(self._ends) >= MAX_ENDS:
                self._ends.clear()
            known = self._ends[question] = end_of(*question)
        return known

    def _override(self, answer: Answer, user_id: str, key: str, evaluation: Evaluation) -> None:
        """A forced variant: nothing is stored, and nothing that was stored counts."""
        moment = timestamp(int(self._wall() * 1_000) * 1_000_000)
        forced = Assignment("", user_id, answer.experiment_id, key, evaluation.variant or "", moment, 0)
        self._serve(answer, forced, "none")
        answer.persisted = False

    # --- who was in ---------------------------------------------------------------------------------------------------

    def _look_up(self, answer: Answer, user_id: str, evaluation: Evaluation) -> None:
        """A user outside of the traffic who was assigned when it was larger keeps the place (requirement ASG-12).

        That nothing is stored is remembered for the cache's time, and never beyond the snapshot: under this one nobody is
        assigned who is outside of its traffic; under another one they may have been.
        """
        place = (user_id, answer.experiment_id)
        known = self._remembered(place)
        if known is not None:
            self._serve(answer, known, "cache")
            return
        if self._outside.get(place) == evaluation.snapshot_version:
            return
        until, _ = self._deadlines()
        try:
            stored = self.store.find(user_id, answer.experiment_id, until)
        except Unavailable as trouble:
            self._troubled(answer, trouble.kind)
            stale = self._stale(place)
            if stale is not None:
                self._serve(answer, stale, "cache")
            return
        self._reached = FIRST_CALLS
        if stored is None:
            self._outside.put(place, evaluation.snapshot_version)
        else:
            self.sticky.put(place, stored)
            self._serve(answer, stored, "stored")

    def _remembered(self, place: tuple[str, str]) -> Assignment | None:
        """What this process knows to be stored."""
        known: Assignment | None = self.sticky.get(place)
        if known is not None and known.ttl < self._wall():
            self.sticky.drop(place)
            return None
        self.counter.count("StickyCacheMiss" if known is None else "StickyCacheHit")
        return known

    def _stale(self, place: tuple[str, str]) -> Assignment | None:
        """What this process knew once: while nobody can be asked, that is better than what the weights of now say."""
        known: Assignment | None = self.sticky.stale(place)
        return None if known is None or known.ttl < self._wall() else known

    def _serve(self, answer: Answer, assignment: Assignment, source: str) -> None:
        answer.assignment = assignment
        answer.source = source
        answer.persisted = True
        if answer.reason == OUTSIDE:
            answer.reason = ENABLED

    # --- when the store doesn't answer ----------------------------------------------------------------------------------

    def _unavailable(self, answer: Answer, assignment: Assignment, evaluation: Evaluation, kind: str, until: float) -> None:
        self._troubled(answer, kind)
        stale = self._stale((assignment.user_id, assignment.experiment_id))
        if stale is not None:
            self._serve(answer, stale, "cache")
            return
        self._serve(answer, assignment, "none")
        answer.persisted = False
        self.counter.count("PersistFailed")
        answer.queued = self.outbox is not None and self.outbox.send(assignment, kind, until)
        if not answer.queued:
            self.counter.count("AssignmentUnqueued")  # their next request tries again
        if self._expose is not None:
            self._expose(assignment, False)

    def _troubled(self, answer: Answer, kind: str) -> None:
        answer.trouble = kind
        self._reached += self._reached < FIRST_CALLS
        if self.store.breaker.state != "closed":
            self.counter.count("BreakerOpen")

    def _deadlines(self) -> tuple[float, float]:
        """When the request must be done with store and outbox, and when with the store alone."""
        first = self._reached < FIRST_CALLS
        budget = (self.settings.first_budget_ms if first else self.settings.budget_ms) / 1000
        now = self._clock()
        return now + budget, now + budget * (1 - OUTBOX_SHARE if self.outbox is not None else 1)


def _payload(evaluator: Evaluator, evaluation: Evaluation, variant: str) -> object:
    """A variant's value, whether the evaluation chose it or not; a variant without a payload has its own name as value."""
    chosen = evaluation.variant == variant
    value: object = evaluation.value if chosen else evaluator.variant_value(evaluation.flag_key, variant)
    return None if value == variant else value


_STATUS = {"FLAG_NOT_FOUND": 404, "TARGETING_KEY_MISSING": 400, "INVALID_CONTEXT": 400}


def end_of(ends_at: object, analysis_days: object) -> float:
    """Epoch seconds of an experiment's end (ISO 8601, or epoch seconds) and its analysis window; 0 for what is neither."""
    days = analysis_days if isinstance(analysis_days, (int, float)) and 0 <= analysis_days < 36_500 else 0
    if isinstance(ends_at, (int, float)):
        return float(ends_at) + days * DAY_SECONDS if 0 <= ends_at < 1e11 else 0.0
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(str(ends_at))
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() + days * DAY_SECONDS
