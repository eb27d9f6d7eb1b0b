"""Writes a search as a batch script for Slurm, with a Ray head on the first node and workers on the others."""

import shlex
from pathlib import Path

from searchinr.engine.catalog import read_space
from searchinr.engine.store.place import parse_place
from searchinr.engine.workers.slots import node_for


def slurm_script(path: Path, *, nodes: int, storage: str | None) -> str:
    """Writes the script for a space file and so many nodes, each of the size that suits the space's resources.

    All nodes see the space file at the same path and, if there is no storage, the run folder. `UserError` if the space
    or the storage is wrong.
    """
    space = read_space(path)
    if storage is not None:
        parse_place(storage)
    size = node_for(space.resources)
    gpus = f"#SBATCH --gpus-per-node={size.gpu}\n" if size.gpu else ""
    command = ["searchinr", "run", str(path.absolute())]
    options = ["--workers", str(nodes * size.trials)] + (["--storage", storage] if storage else [])
    return f"""#!/bin/bash
# sbatch THIS-FILE      in a folder that all nodes see; the run folder is made there
#
# Each node takes {size.trials} trials of {space.resources.cpu:g} CPU and {space.resources.gpu:g} GPU.
# Submitted again, the run goes on where it was. Add what your site asks for: --partition, --account, --constraint.
#SBATCH --job-name=searchinr-{space.name}
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task={size.cpu}
{gpus}#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
set -euo pipefail
# source venv/bin/activate        where searchinr is installed, if it is not in your path already

export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \\n')
export RAY_AUTH_TOKEN
head=$SLURMD_NODENAME
address=$(hostname -I | cut -d' ' -f1):$((20000 + SLURM_JOB_ID % 20000))
node=(--num-cpus={size.cpu} --num-gpus={size.gpu} --block)
private=/tmp/sr-$SLURM_JOB_ID   # Ray opens its own folder to everybody, so another one is around it
srun bash -c 'mkdir -m 700 "$0" || [ -O "$0" ]' "$private"

end() {{ kill $(jobs -p) 2>/dev/null || true; wait; }}
trap end EXIT
srun --nodes=1 --ntasks=1 --nodelist="$head" ray start --head --node-ip-address="${{address%:*}}" \\
    --port="${{address#*:}}" --include-dashboard=false --temp-dir="$private/ray" "${{node[@]}}" &
for _ in $(seq 60); do
    if ray health-check --address "$address" 2>/dev/null; then break; fi
    sleep 1
done
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    others=$((SLURM_JOB_NUM_NODES - 1))
    srun --nodes=$others --ntasks=$others --exclude="$head" ray start --address="$address" \\
        --temp-dir="$private/ray" "${{node[@]}}" &
fi

trap 'kill -TERM "$!"' TERM        # two minutes before the end: trials write their checkpoints
{shlex.join(command)} --address "$address" {shlex.join(options)} &
search=$!
while kill -0 "$search" 2>/dev/null; do wait "$search" || true; done   # the trap ends a wait too
code=0
wait "$search" || code=$?
exit "$code"
"""
