"""The documentation runs, and shows what the commands print."""

from __future__ import annotations

import doctest
import re
import runpy
import shlex
import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import Result

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")])
PACKAGE = ROOT / "src" / "inkdigits"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if not path.stem.startswith("_")
)


def sessions() -> Iterator[tuple[str, str, str]]:
    """Yield page, command and promised output of each command in a console block."""
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for session in block.removeprefix("$ ").split("\n$ "):
                command, _, output = session.partition("\n")
                yield page.name, command, output


def matches(promised: str, printed: str) -> bool:
    """Whether what was printed is what was promised; a line of dots stands for any lines, seconds may differ."""
    parts = [
        re.escape(re.sub(r"in \d+\.\d\d s", "in 0.00 s", part)) for part in re.split(r"^\.\.\.\n", promised, flags=re.M)
    ]
    return re.fullmatch(r"(?:.*\n)*".join(parts), re.sub(r"in \d+\.\d\d s", "in 0.00 s", printed)) is not None


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder that holds the examples and a model trained a minute ago, and nothing else."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("somewhere")
@pytest.mark.parametrize(("page", "command", "output"), list(sessions()), ids=lambda value: str(value)[:60])
def test_commands_print_what_the_page_shows(run: Callable[..., Result], page: str, command: str, output: str) -> None:
    """Each command of a console block ends well and prints what stands below it."""
    if "my.onnx" in command and "--out" not in command:
        run("train", "--out", "my.onnx")
    done = run(*shlex.split(command)[1:])
    assert done.exit_code == 0
    assert matches(output, done.stdout), done.stdout


@pytest.mark.usefixtures("somewhere")
@pytest.mark.parametrize("example", [path.name for path in sorted(ROOT.glob("examples/*.py"))])
def test_examples_run(example: str) -> None:
    """Each example runs to its end, and with it every number it asserts."""
    runpy.run_path(f"examples/{example}", run_name="__main__")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_pages_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page shows of a Python session is what Python answers."""
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(page), module_relative=False).failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_run(module: str) -> None:
    """The examples in docstrings answer what they show."""
    assert doctest.testmod(import_module(f"inkdigits.{module}")).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link and picture of a page that is not on the web exists."""
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_ci_runs_the_readmes_commands() -> None:
    """What the README says is what the checks run on a fresh machine."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("pip install . && inkdigits train", "pip install '.[test]' && pytest"):
        assert f"\n{command}\n" in readme
        assert f"\n{command}" in ci
