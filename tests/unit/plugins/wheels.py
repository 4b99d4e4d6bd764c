"""Wheels of a package that is made up, for pip to find where it looks for nothing else."""

from pathlib import Path
from zipfile import ZipFile


def wheel(folder: Path, version: str, code: str) -> None:
    """Write a wheel of `acme-sums` with this module."""
    info = f"acme_sums-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: acme-sums\nVersion: {version}\n"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {"acme_sums.py": code, f"{info}/METADATA": about, f"{info}/WHEEL": tag}
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with ZipFile(folder / f"acme_sums-{version}-py3-none-any.whl", "w") as file:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            file.writestr(name, text)
