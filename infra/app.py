"""The CDK app: one stack a stage. ``python -m infra.app`` synthesises all of them, offline; docs/deployment.md has the rest.

``cdk deploy -a "python -m infra.app" burgee-dev`` deploys one. Context: ``settings`` (a file, ``infra.settings``), ``code``
(``bundles``, what ``make bundle`` has made; or ``sources``, which suffices for a look at the template, and runs nothing).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# jsii tells of the end of a Node's life with every start; scripts/setup.sh says which Node is wanted.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")

import aws_cdk as cdk

from infra.code import Code
from infra.settings import read_settings
from infra.stack import Platform
from infra.stages import STAGES

BUNDLES = "bundles"


def make(code: str, settings: str | None, outdir: Path | None = None) -> cdk.App:
    """The app with a stack for each stage. Raises ValueError for settings or bundles that can't be used."""
    app = cdk.App(outdir=None if outdir is None else str(outdir), analytics_reporting=False)
    source = Code(app.node.try_get_context("code") or code)
    path = app.node.try_get_context("settings") or settings
    for stage in STAGES.values():
        Platform(app, f"burgee-{stage.name}", stage, read_settings(path, stage.name), source)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.app", description=__doc__)
    parser.add_argument("--code", default=BUNDLES, choices=(BUNDLES, "sources"))
    parser.add_argument("--settings")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--nag", action="store_true", help="look at it with cdk-nag's AwsSolutions too")
    arguments = parser.parse_args()
    app = make(arguments.code, arguments.settings, arguments.out)
    if arguments.nag:
        from cdk_nag import AwsSolutionsChecks

        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
