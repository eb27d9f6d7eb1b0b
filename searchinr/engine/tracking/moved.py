"""The store in a run folder that was moved."""

from pathlib import Path


def bring_artifacts_along(uri: str, artifacts: Path) -> None:
    """Makes a store name the artifacts of its runs where they are now: MLflow keeps their whole address.

    Args:
        uri: The store, a database that may not be there yet.
        artifacts: The folder of the artifacts.

    Raises:
        sqlalchemy.exc.DatabaseError: The store has to be changed and cannot be written, or it is damaged.
    """
    from sqlalchemy import NullPool, create_engine, inspect, text

    engine = create_engine(uri, poolclass=NullPool)
    if not engine.url.database or not Path(engine.url.database).exists():
        return
    here = {"root": artifacts.resolve().as_uri(), "name": f"%/{artifacts.name}"}
    moved = "artifact_location LIKE :name AND artifact_location <> :root"
    with engine.begin() as store:
        if not inspect(store).has_table("experiments"):
            return
        ids = store.execute(text(f"SELECT experiment_id FROM experiments WHERE {moved}"), here).scalars().all()
        for number in ids:
            place = {"root": here["root"], "id": number}
            runs = "UPDATE runs SET artifact_uri = :root || '/' || run_uuid || '/artifacts' WHERE experiment_id = :id"
            store.execute(text(runs), place)
            store.execute(text("UPDATE experiments SET artifact_location = :root WHERE experiment_id = :id"), place)
