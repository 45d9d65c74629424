"""Run every harness of tests/fuzz for its share of the time; all run, and any failure is a failure.

python scripts/fuzz.py --seconds 60
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HARNESSES = Path(__file__).parents[1] / "tests" / "fuzz"


def main() -> int:
    parser = argparse.ArgumentParser(description="Run all fuzz harnesses.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all of them together")
    options = parser.parse_args()
    harnesses = sorted(HARNESSES.glob("fuzz_*.py"))
    if not harnesses:
        print(f"no harness in {HARNESSES}")
        return 0
    share = max(1.0, options.seconds / len(harnesses))
    failed = []
    for path in harnesses:
        print(f"{path.name}: {share:.0f} s", flush=True)
        if subprocess.run([sys.executable, str(path), "--seconds", f"{share:.1f}"], check=False).returncode:
            failed.append(path.name)
    print(f"fuzz: {len(harnesses) - len(failed)} passed, {len(failed)} failed {' '.join(failed)}".rstrip())
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
