"""A Ray of a head without CPUs and two nodes with one each: `python cluster_host.py FOLDER`.

Of every node that is up it writes `node-<n>.json` into the folder; where it finds a file `add` there, it adds a node.
"""

import json
import sys
import time
from pathlib import Path

from ray.cluster_utils import Cluster

MEMORY = 100 * 2**20


def main() -> None:
    folder = Path(sys.argv[1])
    head = {"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = 0
    while True:
        if nodes < 2 or (folder / "add").exists():
            node = cluster.add_node(num_cpus=1, object_store_memory=MEMORY)  # from the main thread only
            about = {"address": cluster.address, "raylet": node.all_processes["raylet"][0].process.pid}
            temporary = folder / "temporary"
            temporary.write_text(json.dumps(about))
            temporary.rename(folder / f"node-{nodes}.json")
            (folder / "add").unlink(missing_ok=True)
            nodes += 1
        time.sleep(0.2)


if __name__ == "__main__":
    main()
