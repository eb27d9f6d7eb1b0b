"""Clusters: the file for `ray up` and its pitfalls, runs on a cluster, and jobs for Kubernetes and Slurm."""
