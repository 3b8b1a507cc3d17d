"""The stack of one stage: stores, functions, and who watches them. One stack, so that one deployment is all or nothing."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.code import Code
from infra.functions import STREAM
from infra.making_api import FrontDoor
from infra.making_functions import Functions
from infra.making_stores import Stores
from infra.settings import Settings
from infra.stages import Stage
from infra.suppressions import OF_ALL, acknowledge_all
from infra.watching import Watch


class Platform(cdk.Stack):
    """``settings``: the deployment's; ``code``: where bundles are."""

    def __init__(self, scope: Construct, name: str, stage: Stage, settings: Settings, code: Code, **more: Any) -> None:
        super().__init__(
            scope,
            name,
            description=f"Burgee, {stage.name}: feature flags and experiments",
            termination_protection=stage.keeps,
            analytics_reporting=False,
            **more,
        )
        rows = settings.rows()
        self.stores = Stores(self, "Stores", stage, settings)
        self.functions = Functions(self, "Functions", stage, settings, code, rows, self.stores)
        self.door = None if settings.api is None else FrontDoor(self, "Api", stage, settings, self.functions)
        self.watch = Watch(self, "Watch", stage, settings, rows, self.stores, self.functions, self.door)
        self.functions.guard(self.watch)
        cdk.Tags.of(self).add("project", "burgee")
        cdk.Tags.of(self).add("stage", stage.name)
        self._tell()
        acknowledge_all([self], OF_ALL)

    def _tell(self) -> None:
        """What people and scripts ask of the stack."""
        for name, url in self.functions.urls.items():
            cdk.CfnOutput(self, f"{name.capitalize()}Url", value=url.url)
        if self.door is not None:
            cdk.CfnOutput(self, "ApiUrl", value=self.door.url)
            cdk.CfnOutput(self, "ApiAuthorisation", value=self.door.authorisation)
        cdk.CfnOutput(self, "Store", value=self.stores.place)
        cdk.CfnOutput(self, "Stream", value=self.stores.names[STREAM])
        for name, table in self.stores.tables.items():
            cdk.CfnOutput(self, f"{name.capitalize()}Table", value=table.table_name)
