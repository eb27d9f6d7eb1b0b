"""Figures of papers, again, on whole files."""
