"""Shows people what a run has found: in figures, interactive pages and tables, beside classical codecs."""
