"""ids: what the numbers in files mean here, and which are free."""

from itertools import groupby

from searchinr.cli.options import Json
from searchinr.cli.output import plain_table, print_json, print_table, say


def ids(as_json: Json = False) -> None:
    """List whom the ids in files belong to, and which are free.

    Modalities, codecs, backbones and quantisers have ids, those of other packages that are installed here among them.
    A free id can be reserved for a package: CONTRIBUTING.md says how.

    Example: searchinr ids
    """
    from dataclasses import asdict

    from searchinr.engine.ids import list_ids

    rows = list_ids()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    cells = [
        (row.kind, str(row.id), row.name or "-", row.package or "-", row.state) for row in rows if row.state != "free"
    ]
    print_table(plain_table(("kind", "id", "name", "package", "state"), cells, right=("id",)))
    for kind, group in groupby(rows, key=lambda row: row.kind):
        free = [row.id for row in group if row.state == "free"]
        say(f"free for a {kind}: {' '.join(map(str, free)) or 'none'}")
