"""The run: search, workers, ledger, tracking and reports."""
