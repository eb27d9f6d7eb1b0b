"""What executes jobs: Ray Tune, its processes, and the code that runs on a worker."""
