"""Is each source file covered, branch by branch, by its own test file alone?

    python scripts/alone.py [values/url.py ...]

Coverage of the whole may be complete although a file's tests say little about it. This runs each test file by itself
and reports what it leaves uncovered of its source file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "courser"


def uncovered(source: str, folder: Path) -> str | None:
    """What the test file of a source file misses; None where it misses nothing."""
    test = (ROOT / "tests" / source).with_name(f"test_{Path(source).name}")
    if not test.is_file():
        return "no test file"
    data, report = folder / "data", folder / "report.json"
    coverage = [sys.executable, "-m", "coverage"]
    only = [f"--data-file={data}", f"--include={SOURCE / source}"]
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    ran = subprocess.run(
        [*coverage, "run", "--branch", *only, *tests], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        return f"pytest failed: {(ran.stdout.strip() or ran.stderr.strip()).splitlines()[-1]}"
    made = subprocess.run([*coverage, "json", "-q", *only, "-o", str(report)], cwd=ROOT, check=False)
    if made.returncode:
        return "nothing was measured"
    (measured,) = json.loads(report.read_text())["files"].values()
    lines, branches = measured["missing_lines"], measured["missing_branches"]
    if not lines and not branches:
        return None
    jumps = " ".join(f"{start}->{end}" for start, end in branches)
    return f"lines {lines} branches {jumps}"


def main() -> int:
    everything = (path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
    missed = 0
    for source in sys.argv[1:] or sorted(everything):
        with tempfile.TemporaryDirectory() as folder:
            said = uncovered(source, Path(folder))
        missed += said is not None
        print(f"{source}: {said or 'complete'}", flush=True)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
