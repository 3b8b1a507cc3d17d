"""The lake's catalogue: two tables for Athena over the archive's layout, whose partitions nobody has to add.

The columns are the members of the archive's own lines (``handlers.events.archive.FIELDS``). Objects and maps are text of JSON,
for ``json_extract``: their members are whatever a producer sends. docs/events.md has queries, docs/results.md a saved one.
"""

from __future__ import annotations

from typing import Any, get_args

from aws_cdk import Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from handlers.events.archive import ERRORS, FIELDS
from infra.queries import of_the_lake

PARTS = {"year": ("2025,2049", 4), "month": ("1,12", 2), "day": ("1,31", 2), "hour": ("0,23", 2)}
_TYPES = {int: "bigint", bool: "boolean"}


def columns() -> dict[str, str]:
    """Athena's type of each member of a line."""
    found = {}
    for name, kind in FIELDS.items():
        known: Any = next((each for each in get_args(kind) if each is not type(None)), kind) if get_args(kind) else kind
        found[name] = _TYPES.get(known, "string")
    return found


def catalogue(scope: Construct, bucket: str) -> None:
    """The database, its tables ``events`` and ``quarantined``, and the queries that are saved with it."""
    account = Stack.of(scope).account
    database = glue.CfnDatabase(
        scope,
        "Catalogue",
        catalog_id=account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(
            name=Stack.of(scope).stack_name.replace("-", "_"), description="Burgee's archive of events"
        ),
    )
    for name, prefix in (("events", ""), ("quarantined", ERRORS)):
        glue.CfnTable(
            scope,
            f"{name.capitalize()}Catalogue",
            catalog_id=account,
            database_name=database.ref,
            table_input=_table(name, f"s3://{bucket}/{prefix}"),
        )
    for number, (title, text) in enumerate(of_the_lake().items(), 1):
        athena.CfnNamedQuery(scope, f"LakeQuery{number}", database=database.ref, name=title, query_string=text)


def _table(name: str, place: str) -> glue.CfnTable.TableInputProperty:
    parts = "/".join(f"{part}=${{{part}}}" for part in PARTS)
    parameters = {
        "EXTERNAL": "TRUE",
        "classification": "json",
        "compressionType": "gzip",
        "projection.enabled": "true",
        "storage.location.template": f"{place}{parts}/",
    }
    for part, (span, digits) in PARTS.items():
        parameters |= {
            f"projection.{part}.type": "integer",
            f"projection.{part}.range": span,
            f"projection.{part}.digits": str(digits),
        }
    column = glue.CfnTable.ColumnProperty
    return glue.CfnTable.TableInputProperty(
        name=name,
        table_type="EXTERNAL_TABLE",
        parameters=parameters,
        partition_keys=[column(name=part, type="int") for part in PARTS],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            location=place,
            columns=[column(name=each, type=kind) for each, kind in columns().items()],
            input_format="org.apache.hadoop.mapred.TextInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library="org.openx.data.jsonserde.JsonSerDe"),
        ),
    )
