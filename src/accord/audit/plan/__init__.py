"""What an audit lacks, how much of it, and the studies that would collect it: `accord audit RUN --plan FOLDER`."""

from accord.audit.plan.writing import Plan, write_plan

__all__ = ["Plan", "write_plan"]
