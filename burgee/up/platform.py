"""The platform: the embedded AWS and everything around it, started in order, stopped in the opposite one.

For ``burgee.up.command`` and ``burgee.up.view``.
"""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from burgee.listening import Server
from burgee.trouble import Trouble
from burgee.up import fleet, resources, seed
from burgee.up.child import EmbeddedAws
from burgee.up.delivery import said
from burgee.up.functions import Function
from burgee.up.journal import Journal
from burgee.up.mappings import Mapping
from burgee.up.published import Published
from burgee.up.resources import Cloud, Resources
from burgee.up.schedule import Schedule
from burgee.up.urls import FunctionUrl, Routes
from config_sync.sources.items import RawItem

SCHEDULE_SECONDS = 60.0
DEPTH_SECONDS = 2.0  # between two looks at the queues
GRACE_SECONDS = 1  # for requests under way when it stops
FIRST_PUBLISH_ATTEMPTS = 3
# What a path begins with -> the function; every other path is the function ``flags``'.
ROUTES = {"/assign": "assignments", "/events": "ingest", "/experiments": "results"}


@dataclass(frozen=True)
class Options:
    """What a person chooses. ``listener`` is the evaluation URL's socket; ``items`` go into the tables.

    ``database``: the PostgreSQL that assignments are mirrored to (``DATABASE_URL``); empty: to none.
    """

    listener: socket.socket
    host: str
    aws_port: int
    refresh_ms: int
    items: dict[str, list[RawItem]]
    database: str = ""


@dataclass
class Platform:
    """Runs from ``running()`` on; the attributes are there for the view."""

    options: Options
    journal: Journal
    cloud: Cloud = field(init=False)
    resources: Resources = field(init=False)
    functions: dict[str, Function] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    published: Published = field(init=False)
    mappings: dict[str, Mapping] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)  # messages in each queue where none should be
    _aws: EmbeddedAws = field(init=False)
    _tasks: list["asyncio.Task[Any]"] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Starts everything; at the end of the block all of it is gone. Raises Trouble when something doesn't start."""
        async with AsyncExitStack() as stack:
            try:
                await self._start(stack)
            except (ClientError, BotoCoreError) as error:
                raise Trouble(f"the embedded AWS refused something: {error}") from error
            yield

    async def failed(self) -> Trouble:
        """Waits for the first part that ends by itself, which none should."""
        ended = asyncio.create_task(self._aws.ended())
        try:
            done, _ = await asyncio.wait([ended, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        first = done.pop()
        if first is ended:
            return ended.result()
        problem = first.exception()
        return Trouble(f"{first.get_name()} has ended: {type(problem).__name__}: {problem}")

    # --- beginning ----------------------------------------------------------------------------------------------------

    async def _start(self, stack: AsyncExitStack) -> None:
        scratch = _scratch(stack)
        self._aws = EmbeddedAws(self.options.host, self.options.aws_port, scratch, lambda text: self.journal.say("aws", text))
        stack.push_async_callback(self._aws.stop)
        self.cloud = Cloud(await self._aws.start())
        self.resources = await asyncio.to_thread(resources.create, self.cloud)
        count = await asyncio.to_thread(seed.write, self.cloud.dynamodb, self.resources.tables, self.options.items)
        self.journal.say("up", f"{count} items are in the tables")
        table = fleet.deployed(self.resources, self.options.refresh_ms, self.options.database)
        self.functions = fleet.functions(self.cloud, self.resources, table, self.journal.say)
        for name, function in self.functions.items():
            stack.push_async_callback(function.stop)
            await function.start(warm=int(table[name].warm))
        stack.push_async_callback(self._cancel_tasks)
        await self._start_sources()
        self._task("the evaluation URL", self._serve())

    async def _start_sources(self) -> None:
        """The mappings, from what is written from now on; and the first publish, so that the evaluation URL has an answer."""
        self.published = Published(resources.store(self.cloud), lambda text: self.journal.say("store", text))
        for source in fleet.sources(self.cloud, self.resources, "mirror" in self.functions):
            self._map(source)
        while not all(mapping.ready for mapping in self.mappings.values()):
            await asyncio.sleep(0.02)
        await self._first_publish()
        await self.published.look()
        for name in ("sync", "results"):
            function = self.functions[name]
            self.schedules[name] = Schedule(function, SCHEDULE_SECONDS, self._say_up, resources.REGION)
            self._task(f"the schedule of {name}", self.schedules[name].run())
        self._task("the look at the store", self.published.run())
        self._task("the look at the queues", self._watch_queues())

    async def _first_publish(self) -> None:
        """The schedule's work, before its time."""
        for attempt in range(FIRST_PUBLISH_ATTEMPTS):
            invocation = await self.functions["sync"].invoke({"force": False, "message": "burgee up: first publish"})
            if invocation.error is None and (invocation.result() or {}).get("version"):
                return
            await asyncio.sleep(0.5 * attempt)
        why = said(invocation.error) if invocation.error is not None else "; ".join(invocation.result()["reasons"])
        raise Trouble(f"the first publish failed: {why}")

    def _map(self, source: fleet.Source) -> None:
        queue = (self.cloud.sqs, self.resources.queues[source.queue])
        mapping = Mapping(source.stream, self.functions[source.function], source.settings, queue, self._say_up)
        self.mappings[source.name] = mapping
        self._task(f"the mapping of {source.name}", mapping.run())

    def _say_up(self, text: str) -> None:
        self.journal.say("up", text)

    async def _watch_queues(self) -> None:
        while True:
            try:
                self.depths = await asyncio.to_thread(resources.depths, self.cloud, self.resources)
            except (ClientError, BotoCoreError) as error:
                self._say_up(f"the queues of failures can't be read: {error}")
            await asyncio.sleep(DEPTH_SECONDS)

    async def _serve(self) -> None:
        urls = {name: FunctionUrl(self.functions[name]) for name in ("flags", *ROUTES.values())}
        routes = Routes(urls["flags"], {prefix: urls[name] for prefix, name in ROUTES.items()})
        server = Server(routes, GRACE_SECONDS, signals=False)
        try:
            await asyncio.shield(serving := asyncio.create_task(server.serve(sockets=[self.options.listener])))
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _scratch(stack: AsyncExitStack) -> str:
    """A directory for all temporary files of this process and its functions; gone at the end."""
    before, scratch = tempfile.tempdir, tempfile.mkdtemp(prefix="burgee-up-")

    def remove() -> None:
        tempfile.tempdir = before
        shutil.rmtree(scratch, ignore_errors=True)

    stack.callback(remove)
    tempfile.tempdir = scratch
    return scratch
