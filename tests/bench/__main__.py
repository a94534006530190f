"""`python -m tests.bench [NAME…]`: run every benchmark, or those named, and print what they found.

A benchmark is a module `bench_NAME.py` with `run() -> Table | Sequence[Table]`. The exit status is 1 when a promise
does not hold, 2 when a name is unknown. Nothing heavy is imported here: a process inherits the memory peak of the one
that starts it.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.bench.table import Table

_PREFIX = "bench_"


def main(names: list[str]) -> int:
    """Run them one after the other."""
    known = sorted(path.stem.removeprefix(_PREFIX) for path in Path(__file__).parent.glob(f"{_PREFIX}*.py"))
    if unknown := [name for name in names if name not in known]:
        sys.stderr.write(f"There is no benchmark {', '.join(unknown)}; known are {', '.join(known)}.\n")
        return 2
    is_kept = True
    for name in names or known:
        found = importlib.import_module(f"tests.bench.{_PREFIX}{name}").run()
        for table in [found] if isinstance(found, Table) else found:
            print(table, flush=True)
            is_kept = is_kept and table.is_kept
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
