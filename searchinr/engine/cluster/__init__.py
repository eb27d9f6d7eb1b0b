"""Clusters: the `ray up` file and what will hurt, jobs for Kubernetes and Slurm."""
