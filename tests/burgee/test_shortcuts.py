"""moto answers by our shortcuts what it answers without them, to the last word of its errors."""

import json
import os
import subprocess
import sys
from typing import Any

from moto.dynamodb.parsing.ast_nodes import Node
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ActionCountValidator

from burgee.up import corrections, shortcuts
from tests.aws import CREDENTIALS
from tests.conftest import ROOT


def _answers(*arguments: str) -> list[Any]:
    command = [sys.executable, "-m", "tests.burgee.shortcutting", *arguments]
    environment = {**os.environ, **CREDENTIALS}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(done.stdout)
    return found


def test_the_answers_are_motos() -> None:
    plain, short = _answers(), _answers("shortcuts")
    assert len(plain) == len(short) > 400
    for number, (wanted, found) in enumerate(zip(plain, short, strict=True)):
        assert found == wanted, number
    assert 0.25 < sum(isinstance(answer, list) for answer in plain) / len(plain) < 0.75, "errors and successes are compared"


def test_the_embedded_aws_takes_them() -> None:
    corrections.apply()
    assert Node.find_clauses is shortcuts._find_clauses


def test_a_copied_expression_shares_no_node_with_its_original() -> None:
    made = UpdateExpressionParser.make("SET a.b = if_not_exists(a, :n) + :n, c[1] = :m REMOVE d ADD e :n")
    copied = shortcuts._copied(made)

    def nodes(node: Any) -> list[Any]:
        return [node, *(each for child in node.children or [] if isinstance(child, Node) for each in nodes(child))]

    def shape(node: Any) -> Any:
        return type(node), [shape(child) if isinstance(child, Node) else child for child in node.children or []]

    assert shape(copied) == shape(made)
    assert not {id(node) for node in nodes(copied)} & {id(node) for node in nodes(made)}
    assert all(child.parent is node for node in nodes(copied) for child in node.children or [] if isinstance(child, Node))
    assert shortcuts._traverse(ActionCountValidator(), copied) is copied
