"""`python -m mainspring_cli` is the same as `mainspring`."""

from mainspring_cli.app import app

if __name__ == "__main__":
    app()
