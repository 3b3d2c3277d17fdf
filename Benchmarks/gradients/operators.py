"""Lists the operators of exported models: how many graphs use each, and which. python operators.py DIR"""

import json
import pathlib
import sys

results = json.loads((pathlib.Path(sys.argv[1]) / "exports.json").read_text())
graphs = {}
for name, result in sorted(results.items()):
    for operator in result.get("operators", {}):
        graphs.setdefault(operator, []).append(name)
print(f"{sum('operators' in result for result in results.values())} graphs, {len(graphs)} operators")
for operator, names in sorted(graphs.items(), key=lambda item: (-len(item[1]), item[0])):
    print(f"{len(names):3} {operator}" + ("" if len(names) > 6 else "  " + " ".join(names)))
