"""A job with everything in its paths that a service manager reads as something else."""

from __future__ import annotations

from linx.service.job import Job

ODD = '/home/a b/50% "of" $HOME/it\'s\\<&>'
JOB = Job(
    own=("/opt/python/bin/python3", f"{ODD}/linx.py"),
    options=("--port", "9000", "--config", f"{ODD}/config.json"),
    variables=f"{ODD}/service.env",
    log=f"{ODD}/service.log",
    drain_s=30.0,
)
