"""The executor as a process: `python -m mainspring_executor`."""

from mainspring.runtime.service import main
from mainspring_executor.build import build

if __name__ == "__main__":
    main(build, "executor")
