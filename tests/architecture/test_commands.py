"""Every command that a page gives is there: ``make``'s verbs, ``burgee``'s commands and options, modules, scripts (DOC-01)."""

import argparse
import importlib.util
import re
from functools import cache
from itertools import chain

import pytest

from burgee.cli import _parser
from tests.architecture.imports import ROOT

PAGES = sorted(str(path.relative_to(ROOT)) for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
VERBS = set(re.findall(r"^([a-z][a-z0-9-]*):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
COMMENT = re.compile(r"(?:^|\s)#.*$")


def code(page: str) -> list[str]:
    """The lines of a page's fenced blocks, and what stands in backticks; without comments."""
    parts = (ROOT / page).read_text(encoding="utf-8").split("\n```")
    fenced = chain.from_iterable(block.splitlines()[1:] for block in parts[1::2])
    spans = chain.from_iterable(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text) for text in parts[0::2])
    return [COMMENT.sub("", line).strip() for line in [*fenced, *spans]]


def given(page: str, program: str) -> list[str]:
    """What a program is called with on a page: the words behind its name, up to the next command."""
    found = []
    for line in code(page):
        for command in re.split(r"\s*(?:&&|\|\|?|;)\s*", line):
            words = re.sub(r"^(?:\$ |\w+=\S+ |\S*/?\.venv/bin/(?=python))*", "", command)
            if words.startswith(program + " "):
                found.append(words.removeprefix(program).strip())
    return found


@cache
def commands() -> dict[str, argparse.ArgumentParser]:
    (group,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    found: dict[str, argparse.ArgumentParser] = dict(group.choices)
    return found


def wrong_call(words: str) -> str:
    """What is wrong with a call of ``burgee``; empty if nothing is."""
    name = words.split(maxsplit=1)[0]
    if name not in commands():
        return f"there is no command {name}"
    known = set(commands()[name]._option_string_actions)
    unknown = [option for option in OPTION.findall(re.sub(r"'[^']*'|\"[^\"]*\"", "", words)) if option not in known]
    return f"{name} has no {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", PAGES)
def test_doc_01_commands_of_burgee_on_a_page_are_there(page: str) -> None:
    assert [f"{words}: {wrong}" for words in given(page, "burgee") if (wrong := wrong_call(words))] == []


@pytest.mark.parametrize("page", PAGES)
def test_doc_01_verbs_of_make_on_a_page_are_there(page: str) -> None:
    assert [words for words in given(page, "make") if words.split()[0] not in VERBS] == []


@pytest.mark.parametrize("page", PAGES)
def test_doc_01_modules_and_scripts_on_a_page_are_there(page: str) -> None:
    modules = [words.split()[0] for words in given(page, "python -m")]
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    scripts = [word for line in code(page) for word in re.findall(r"(?<![\w/.])scripts/[\w/]+\.(?:sh|py)\b", line)]
    assert [path for path in scripts if not (ROOT / path).is_file()] == []


def test_what_isnt_there_would_be_found() -> None:
    every = [words for page in PAGES for words in given(page, "burgee")]
    assert len(every) > 60
    assert sum(len(given(page, "make")) for page in PAGES) > 30
    assert sum(len(given(page, "python -m")) for page in PAGES) > 30
    assert wrong_call("redeploy --now") == "there is no command redeploy"
    assert wrong_call("redrive --queue URL --quickly") == "redrive has no --quickly"
    assert wrong_call("redrive --queue URL --dry-run") == ""
