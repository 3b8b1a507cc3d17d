"""EventBridge's part: invokes a function at a fixed rate with a scheduled event. For ``burgee.up``."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from burgee.up.delivery import Function, said

RULE = "config-sync"


@dataclass
class Schedule:
    """``run`` invokes ``function`` every ``every_seconds`` until it is cancelled; the first time after that interval.

    A failed invocation is told to ``say`` and not repeated: the next one does the same work.
    """

    function: Function
    every_seconds: float
    say: Callable[[str], None]
    region: str = "us-east-1"
    invocations: int = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.every_seconds)
            await self.invoke()

    async def invoke(self) -> Any:
        """One scheduled invocation; what it returned, None if it failed."""
        self.invocations += 1
        invocation = await self.function.invoke(scheduled_event(self.region))
        if invocation.error is not None:
            self.say(f"{self.function.name} failed: {said(invocation.error)}")
        return invocation.result()


def scheduled_event(region: str) -> dict[str, Any]:
    """The event of a rule with a rate, as EventBridge sends it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:aws:events:{region}:123456789012:rule/{RULE}"],
        "detail": {},
    }
