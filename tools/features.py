"""Print the features that no passing test proves, and how many are proven.

    python tools/features.py [--all]

*In:* `tools/features.toml`, the rows; `.features.json`, how the marked tests ended last time (`make
test`). *Out:* a line per row without proof, and the counts. `--all` also prints the others, with the
number of tests behind each.
"""

import argparse
import json
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = ROOT / ".features.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="print the proven rows, too")
    options = parser.parse_args()
    tables: dict[str, dict[str, str]] = tomllib.loads((ROOT / "tools/features.toml").read_text("utf-8"))
    if not ANSWERS.exists():
        raise SystemExit("no test has recorded anything yet: run `make test` first")

    proofs: dict[str, Counter[str]] = {row: Counter() for table in tables.values() for row in table}
    for answer in json.loads(ANSWERS.read_text("utf-8")).values():
        for row in answer["features"]:
            if row in proofs:
                proofs[row][answer["outcome"]] += 1

    for table in tables.values():
        for row, title in table.items():
            if proofs[row]["passed"] and not proofs[row]["failed"]:
                if options.all:
                    print(f"{row:5} {title}  [{proofs[row]['passed']} passed]")
            else:
                others = ", ".join(f"{count} {outcome}" for outcome, count in sorted(proofs[row].items()))
                print(f"{row:5} {title}" + (f"  [{others}]" if others else ""))
    print()
    total = 0
    for letter, table in tables.items():
        proven = sum(1 for row in table if proofs[row]["passed"] and not proofs[row]["failed"])
        total += proven
        print(f"{letter}: {proven} of {len(table)} proven")
    print(f"{total} of {len(proofs)} features are proven by passing tests")


if __name__ == "__main__":
    main()
