"""MLflow: one record of a run, kept by one writer, and its pages."""
