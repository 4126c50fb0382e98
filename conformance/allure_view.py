# mypy: disallow-untyped-calls=False
# allure-pytest is published without types
"""What a case shows in Allure. It is a view of the records, and never the source of a verdict."""

from contextlib import suppress
from pathlib import Path

import allure
import allure_commons
import pytest
from allure_commons import hookimpl
from allure_commons.logger import AllureFileLogger
from allure_pytest.listener import AllureListener
from allure_pytest.plugin import cleanup_factory

from conformance.judging import Trial
from spec.verdict import Verdict

PLUGIN = "allure_pytest"
LISTENER = "allure_listener"
EPIC = "GSE"
LARGEST_ATTACHMENT = 1 << 20
"""Octets of a recording that is attached; larger ones are linked from the folder of the run."""


class _Logger(AllureFileLogger):
    """Writes what it can: of what is lost here, the report makes an entry from the results file."""

    def _report_item(self, item: object) -> None:
        with suppress(OSError):
            super()._report_item(item)

    @hookimpl
    def report_attached_file(self, source: str, file_name: str) -> None:
        """Copy an attachment."""
        with suppress(OSError):
            super().report_attached_file(source, file_name)

    @hookimpl
    def report_attached_data(self, body: str | bytes, file_name: str) -> None:
        """Write an attachment."""
        with suppress(OSError):
            super().report_attached_data(body, file_name)


def begin(config: pytest.Config, folder: Path) -> None:
    """Let allure-pytest write to the folder of the run, unless the user named another or leaves it out."""
    if config.pluginmanager.has_plugin(LISTENER) or not config.pluginmanager.has_plugin(PLUGIN):
        return
    listener, logger = AllureListener(config), _Logger(str(folder))
    config.pluginmanager.register(listener, LISTENER)
    for plugin in (listener, logger):
        allure_commons.plugin_manager.register(plugin)
        config.add_cleanup(cleanup_factory(plugin))


def decorate(config: pytest.Config, trial: Trial) -> None:
    """Name the clause of the current result, and attach what was recorded."""
    if not config.pluginmanager.has_plugin(LISTENER):
        return
    case, clause = trial.case, trial.case.clause
    show = allure.dynamic
    show.epic(EPIC)
    show.feature(trial.bench.catalogue.chapter_of(clause.id).title.en)
    show.story(clause.id)
    show.title(f"{clause.id}: {case.summary or clause.title.en}")
    show.description("\n\n".join((clause.text.en, *trial.expect.notes)))
    show.tag(clause.level)
    for name, value in (
        ("case", case.id),
        ("clause", clause.id),
        ("level", clause.level),
        ("grade", clause.grade),
        ("verdict", trial.worst.value),
    ):
        show.label(name, value)
    show.link(f"../compliance.html#{clause.id}", name=clause.id, link_type="clause")
    if trial.worst is not Verdict.PASS:
        _attach_recordings(trial)
    if trial.dissection:
        allure.attach(
            trial.dissection, name="packets of the findings", attachment_type=allure.attachment_type.TEXT
        )


def _attach_recordings(trial: Trial) -> None:
    for name in trial.recordings:
        path = trial.bench.options.out / name
        if path.stat().st_size <= LARGEST_ATTACHMENT:
            allure.attach.file(str(path), name=path.name, extension=path.suffix.removeprefix("."))
