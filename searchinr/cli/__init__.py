"""The command line. Nothing heavy (torch, ray, mlflow) is imported before a command needs it."""

from searchinr.cli.app import main

__all__ = ["main"]
