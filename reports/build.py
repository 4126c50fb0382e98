"""All reports of a run, rebuilt from the folder that the run left."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reports.results import Results, read_results
from reports.run_folder import JUNIT, RESULTS
from reports.views import junit
from reports.views.allure import AllureError, write_allure
from reports.views.compliance import write_compliance
from spec.catalogue import Catalogue
from spec.errors import InputError
from spec.wire import WireProfile


@dataclass(frozen=True)
class Built:
    """What was made of a run: its results, the reports by name, and what went wrong, a sentence each."""

    results: Results
    reports: Mapping[str, Path]
    faults: tuple[str, ...]


def build_reports(folder: Path, catalogue: Catalogue, profile: WireProfile, allure: bool = True) -> Built:
    """Build every report of a run into its folder; a report that cannot be made does not stop the others.

    Raises InputError where the folder holds no readable results, or the wire profile is not the run's.
    """
    results = read_results(folder / RESULTS)
    ran = results.header.wire_profile
    if ran.digest != profile.digest:
        fault = f"is {ran.name} {ran.digest[:12]} in the run and {profile.name} {profile.digest[:12]} here"
        raise InputError(folder / RESULTS, "wire profile", fault, "give the file that the run used")
    reports = {
        "results": folder / RESULTS,
        "compliance": write_compliance(results, catalogue, profile, folder),
    }
    faults: list[str] = []
    if allure:
        try:
            reports["allure"] = write_allure(results, catalogue, folder)
        except AllureError as error:
            faults.append(str(error))
    path = folder / JUNIT
    if path.exists():
        reports["junit"] = path
        faults += junit.disagreements(results, path)
    return Built(results, reports, tuple(faults))
