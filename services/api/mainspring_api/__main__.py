"""Run the api as this process."""

from mainspring.runtime.service import main
from mainspring_api.app import build

if __name__ == "__main__":
    main(build, "api")
