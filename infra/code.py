"""Where the functions' code comes from: the bundles that ``make bundle`` makes, or, to look at the template, the sources."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

from infra.functions import Function

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = ROOT / "build" / "bundles"
CHECKS = "cryptography"  # what signatures are checked with; hot functions are bundled without it (docs/bundles.md)


class Code:
    """``kind``: ``bundles`` or ``sources``."""

    def __init__(self, kind: str) -> None:
        if kind not in ("bundles", "sources"):
            raise ValueError(f"code is {kind!r:.40}; it must be bundles or sources")
        self.kind = kind

    def of(self, row: Function, signed: bool = False) -> lambda_.AssetCode:
        """The asset; ``signed``: it must be able to check signatures. Raises ValueError when the bundle isn't there, or can't:
        nothing that can't run is ever deployed instead."""
        if self.kind == "sources":
            # The handlers' sources alone: the same asset for all functions, made in no time, without what they import.
            exclude = ["migrations", "**/__pycache__"]
            return lambda_.Code.from_asset(str(ROOT / "handlers"), exclude=exclude, ignore_mode=IgnoreMode.GIT)
        bundle = BUNDLES / f"{row.name}.zip"
        if not bundle.is_file():
            raise ValueError(
                f"there is no {bundle.relative_to(ROOT)}: run make bundle (or -c code=sources for the template alone)"
            )
        if signed and CHECKS in json.loads(bundle.with_suffix(".json").read_text())["left_out"]:
            raise ValueError(
                f"{bundle.relative_to(ROOT)} can't check signatures, and the settings have public-keys: "
                "run make bundle ARGS=--signed"
            )
        return lambda_.Code.from_asset(str(bundle))
