"""The wire profiles that come with the suite."""

from spec.catalogue import Catalogue
from spec.coverage import Coverage
from spec.errors import InputError
from spec.lint import Finding, Rule
from spec.wire import load_profile


class WireProfilesAreSound(Rule):
    """A wire profile can be read, makes sense, and is called like its file."""

    name = "wire-profiles-are-sound"

    def check(self, catalogue: Catalogue, coverage: Coverage) -> list[Finding]:  # noqa: ARG002
        """Load each, and give its first fault."""
        found = []
        for path in sorted((catalogue.root / "wire").glob("*.yaml")):
            try:
                name = load_profile(path).name
            except InputError as fault:
                found.append(Finding(fault.file, fault.key, self.name, f"{fault.fault}; {fault.mend}"))
            else:
                if name != path.stem:
                    found.append(self.finding(path, "name", f"is {name}; call it {path.stem}"))
        return found
