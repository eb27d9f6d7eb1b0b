"""What a run has found, for people: figures, interactive pages, tables, and classical codecs beside it."""
