"""What is wrong with a page, and where."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Complaint:
    """One thing that is wrong."""

    file: pathlib.Path
    line: int
    what: str

    def text(self, root):
        """As compilers say it, so that editors find the place."""
        file = self.file.relative_to(root) if self.file.is_relative_to(root) else self.file
        return f"{file}:{self.line}: {self.what}"
