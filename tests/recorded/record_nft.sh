#!/bin/sh
# Records mesh/swarm-worker1-nft.json: the tables of the look "healthy" as iptables-nft writes them.
#
#     tests/recorded/record_nft.sh          needs Debian's iptables and a kernel with nf_tables and nft_compat
#
# Each namespace's tables are loaded in a fresh network namespace that ends with its only process; nothing of the
# machine's own changes. The match of IPVS needs a kernel module that such a machine need not have: a comment holds
# its place, and its words, which iptables prints where it prints those of the comment, are put in afterwards.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
iptables-nft --version

PYTHONPATH=. "$python" - "$work" <<'EOF'
import pathlib, sys
from tests.recorded import recorded

for dump in recorded("healthy").dumps:
    if dump.what == "rules-legacy" and dump.text:
        (pathlib.Path(sys.argv[1]) / f"{dump.namespace}.legacy").write_text(dump.text)
EOF

for file in "$work"/*.legacy "$work"/.legacy; do # the host's namespace has no name
    sed 's/-m ipvs --ipvs/-m comment --comment IPVS/' "$file" |
        unshare --map-root-user --net sh -ec 'iptables-nft-restore --counters; iptables-nft-save --counters' |
        sed 's/-m comment --comment IPVS/-m ipvs --ipvs/' >"${file%.legacy}.nft"
    grep -q '^COMMIT$' "${file%.legacy}.nft" # a pipe hides that its middle failed
done

PYTHONPATH=. "$python" - "$work" <<'EOF'
import json, pathlib, sys
from tests.recorded import FOLDER

rows = [
    {"node": "swarm-worker1", "namespace": path.name.removesuffix(".nft"), "what": "rules-nft",
     "lines": path.read_text().splitlines()}
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir())
    if path.name.endswith(".nft")
]
(FOLDER / "swarm-worker1-nft.json").write_text(json.dumps(rows, indent=0) + "\n")
EOF
