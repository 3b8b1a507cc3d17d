"""The outbox: assignments that the store didn't take, in a queue until ``burgee replay-assignments`` stores them.

For ``handlers``. A message is ``{"version": 1, "reason": kind, "assignment": {…}}``: what would have been the item, so that
storing it later creates the same one. On the cold path: the client is handed in.
"""

from __future__ import annotations

from handlers._log import to_ascii_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from handlers._assignment_store import Assignment, Client
    from handlers._breaker import Breaker
    from handlers._sticky import Sticky

SEND = "AmazonSQS.SendMessage"
VERSION = 1


class Outbox:
    """One SQS queue. ``sent`` remembers what was sent lately, so that one user's requests in an outage are one message."""

    __slots__ = ("_client", "_url", "breaker", "sent")

    def __init__(self, client: Client, url: str, breaker: Breaker, sent: Sticky) -> None:
        self._client = client
        self._url = url
        self.breaker = breaker
        self.sent = sent

    def prepare(self) -> None:
        """Imports what a first call needs. Raises AwsError."""
        self._client.prepare()

    def send(self, assignment: Assignment, reason: str, until: float) -> bool:
        """Whether the queue has it now, or had it already. ``until`` is the second to be back by. Raises nothing."""
        from handlers._aws_json import AwsError

        place = (assignment.user_id, assignment.experiment_id)
        if self.sent.get(place) == assignment.variant:
            return True
        if not self.breaker.allows():
            return False
        try:
            self._client.call(SEND, {"QueueUrl": self._url, "MessageBody": message(assignment, reason)}, until, retries=1)
        except AwsError:
            self.breaker.did_fail()
            return False
        self.breaker.succeeded()
        self.sent.put(place, assignment.variant)
        return True


def message(assignment: Assignment, reason: str) -> str:
    """A message's text, in ASCII: SQS takes no control characters, and JSON escapes them."""
    return to_ascii_json({"version": VERSION, "reason": reason, "assignment": assignment.document()})
