"""Writes the golden cases anew from what the compiler and the pure core say: ``python -m tests.golden.update [folder …]``.

Read the difference afterwards: it is the review.
"""

import sys
from pathlib import Path

import yaml

from evaluator._pure import evaluator as pure
from tests.golden import cases


class _Dumper(yaml.SafeDumper):
    """One question per block, its parts on a line each."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _question(question: dict[str, object]) -> str:
    lines = []
    for name, value in question.items():
        text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
        lines.append(f"{name}: {text.removesuffix(chr(10)).removesuffix('...').strip()}")
    return "- " + "\n  ".join(lines) + "\n"


def update(folder: Path) -> None:
    """Rewrites one folder's recorded files."""
    result = cases.compiled(folder)
    (folder / "snapshot.txt").write_text(cases.disassembly(result), encoding="utf-8")
    errors = cases.errors(folder, result)
    (folder / "errors.txt").write_text(errors, encoding="utf-8") if errors else (folder / "errors.txt").unlink(missing_ok=True)
    asked = cases.questions(folder)
    if result.snapshot is not None:
        for question, answer in zip(asked, cases.answers(pure, result.snapshot, asked), strict=True):
            question["answer"] = answer
    text = "\n".join(map(_question, asked))
    (folder / "cases.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    wanted = [cases.HERE / name for name in sys.argv[1:]] or cases.folders()
    for path in wanted:
        update(path)
        print(path.name)
