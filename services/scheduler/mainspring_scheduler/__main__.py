"""Run the scheduler as this process."""

from mainspring.runtime.service import main
from mainspring_scheduler.app import build

if __name__ == "__main__":
    main(build, "scheduler")
