"""The house stays in order: imports go down, each heavy dependency has one door, importing is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import inkdigits

PACKAGE = Path(inkdigits.__file__).parent
ROOMS = [  # from the ground up; a module may import from its own room and from those below
    {"errors", "readings", "deadline"},
    {"_pdfium", "pdf", "pictures", "sheet", "ink", "straight", "tracing", "ruling", "frame", "tilt", "page"}
    | {"prepare", "crop", "cutting"},
    {"idx", "uci", "strokes", "redraw", "negatives", "datasets", "handwriting", "paper", "storage", "sources"}
    | {"number_set", "shaking"},
    {"graph", "modelfile", "confidence", "rules", "ctc", "pool", "second", "augment"}
    | {"_torch", "_torch_digit", "_torch_line"}
    | {"mlp", "convnet", "line"},
    {"reader", "number_reader", "digit_reader", "annotate", "explain", "table", "shards", "ledger", "workers", "batch"}
    | {"doubts", "store", "corrections", "backlog", "rulebook"},
    {"trust", "evaluation", "numbers", "plots", "report", "recipes", "material", "cards", "training", "line_training"}
    | {"adaptation"},
    {"cli", "describe", "progress", "__main__", "web"},
]
FLOOR = {module: floor for floor, room in enumerate(ROOMS) for module in room}
DOORS = {
    "torch": {"_torch", "_torch_digit", "_torch_line", "augment"},
    "onnx": {"graph"},
    "onnxruntime": {"graph"},
    "matplotlib": {"plots"},
    "PIL": {"pictures"},
    "pypdfium2": {"_pdfium"},
    "rapidocr": {"second"},
    "pyarrow": {"sources", "table"},
    "fsspec": {"storage"},
    "distributed": {"batch"},
    "click": {"cli", "progress"},
    "rich": {"progress"},
    "fastapi": {"web"},
    "pydantic": {"web"},
    "starlette": {"web"},
    "uvicorn": {"web"},
}
FILES = {  # by module name; what ships pages is a folder
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.stem != "__init__"
}
MODULES = sorted(FILES)


def imports(module: str) -> Iterator[tuple[str, str]]:
    """Yield the top-level package and the full name of everything a module imports."""
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            names = [f".{alias.name}" for alias in node.names] if source == "inkdigits" else [""]
            yield from ((source.split(".")[0], f"{source}{name}") for name in names)


def room(module: str) -> str:
    """Return what stands for a module in ROOMS and DOORS: a folder is one noun."""
    return module.partition(".")[0]


def test_every_module_has_a_room() -> None:
    """A new module is given a place in the house."""
    assert set(map(room, MODULES)) == set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_go_down(module: str) -> None:
    """No module imports from a room above its own."""
    used = {name.split(".")[1] for top, name in imports(module) if top == "inkdigits" and "." in name}
    above = {name for name in used & set(FLOOR) if FLOOR[name] > FLOOR[room(module)]}
    assert above == set()


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_imported_by_their_full_name(module: str) -> None:
    """No module imports relatively, nor a public name through the package: both would hide from the test above."""
    allowed = {f"inkdigits.{name}" for name in MODULES}
    if room(module) in {"cli", "__main__", "ledger", "web"}:
        allowed.add("inkdigits.__version__")
    own = {name for top, name in imports(module) if top in {"", "inkdigits"}}
    assert own - allowed == set()


@pytest.mark.parametrize("dependency", sorted(DOORS))
def test_heavy_dependencies_have_one_door(dependency: str) -> None:
    """Each heavy dependency is imported in one place only."""
    importers = {room(module) for module in MODULES if dependency in {top for top, _ in imports(module)}}
    assert importers == DOORS[dependency]


def test_importing_inkdigits_loads_nothing_heavy() -> None:
    """`import inkdigits` loads neither torch, matplotlib, sklearn nor fastapi, nor even numpy."""
    heavy = {"torch", "matplotlib", "sklearn", "numpy", "cv2", "onnx", "fastapi"}
    code = f"import sys, inkdigits; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_reading_needs_no_training_library() -> None:
    """Reading a digit, from the picture to the answer, loads neither torch, matplotlib, sklearn nor onnx."""
    code = (
        "import sys, numpy, inkdigits; page = numpy.full((120, 120), 255, 'uint8'); page[30:90, 55:63] = 0;"
        "print('read', inkdigits.Reader().read(page).text,"
        " *sorted({'torch', 'matplotlib', 'sklearn', 'scipy', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "read 1"


def test_every_public_name_is_reachable() -> None:
    """All names that `inkdigits` promises can be had from it, and no other."""
    assert sorted(inkdigits.__all__) == sorted(inkdigits._HOME)
    assert all(getattr(inkdigits, name) for name in inkdigits.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = inkdigits.no_such_name
