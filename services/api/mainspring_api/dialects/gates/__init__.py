"""Approvals as the flows dialect has them: gates that wait for people."""
