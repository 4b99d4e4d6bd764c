"""Run the events service as this process."""

from mainspring.runtime.service import main
from mainspring_events.app import build

if __name__ == "__main__":
    main(build, "events")
