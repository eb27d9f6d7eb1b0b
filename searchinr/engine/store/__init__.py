"""What is kept: the ledger, the run folder, storages, tensors and assets as files."""
