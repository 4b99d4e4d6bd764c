"""Approvals: what people are asked, who may answer, and the links under which they do."""
