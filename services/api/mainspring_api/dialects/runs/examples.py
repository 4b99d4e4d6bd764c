"""The examples of the document: fetch something, and send on what it says."""

from typing import Any, Final

YAML: Final = """\
name: fetch-and-summarize
description: Fetches a page and sends its title on.
inputs:
  url:
    type: string
    required: true
steps:
  - name: fetch
    action: http/request
    params:
      method: GET
      url: "{{ inputs.url }}"
    timeout: 30s
    retry:
      max_attempts: 3
      backoff: exponential
  - name: summarize
    action: util.log
    if: steps.fetch.output.status == 200
    params:
      message: "{{ steps.fetch.output.json.title }}"
"""
CONTENT: Final[dict[str, Any]] = {"content": YAML}
RUN: Final[dict[str, Any]] = {"inputs": {"url": "http://service/page"}}
