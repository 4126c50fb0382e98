# mypy: disallow-untyped-calls=False
# allure-pytest is published without types
"""What a case shows in Allure. It is a view of the records, and never the source of a verdict."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import allure
import allure_commons
import pytest
from allure_commons import hookimpl, model2
from allure_commons.logger import AllureFileLogger
from allure_pytest.listener import AllureListener
from allure_pytest.plugin import cleanup_factory

from conformance.run.execution import CaseExecution
from spec.text import LONGEST_REPORT, is_utf8, lines
from spec.verdict import Verdict

PLUGIN = "allure_pytest"
LISTENER = "allure_listener"
EPIC = "GSE"
LARGEST_ATTACHMENT = 1 << 20
"""Octets of a recording that is attached; larger ones are linked from the folder of the run."""


class Logger(AllureFileLogger):
    """Writes what allure-pytest gathers: parameters, exceptions and output of cases, all made printable.

    What the disk refuses is lost here alone: the report makes an entry of it from the results file.
    """

    @hookimpl
    def report_result(self, result: object) -> None:
        """Write the result of a case."""
        with suppress(OSError):
            super().report_result(_printable(result))

    @hookimpl
    def report_container(self, container: object) -> None:
        """Write what fixtures did."""
        with suppress(OSError):
            super().report_container(_printable(container))

    @hookimpl
    def report_attached_file(self, source: str, file_name: str) -> None:
        """Copy an attachment."""
        with suppress(OSError):
            super().report_attached_file(source, file_name)

    @hookimpl
    def report_attached_data(self, body: str | bytes, file_name: str) -> None:
        """Write an attachment."""
        with suppress(OSError):
            super().report_attached_data(_printable(body), file_name)


def begin(config: pytest.Config, folder: Path) -> None:
    """Let allure-pytest write to the folder of the run, unless the user named another or leaves it out."""
    if config.pluginmanager.has_plugin(LISTENER) or not config.pluginmanager.has_plugin(PLUGIN):
        return
    listener, logger = AllureListener(config), Logger(str(folder))
    config.pluginmanager.register(listener, LISTENER)
    for plugin in (listener, logger):
        allure_commons.plugin_manager.register(plugin)
        config.add_cleanup(cleanup_factory(plugin))


def name(config: pytest.Config, execution: CaseExecution) -> None:
    """Say of which case the current result is, before anything can interrupt it."""
    if config.pluginmanager.has_plugin(LISTENER):
        allure.dynamic.label("case", execution.case.id)


def decorate(config: pytest.Config, execution: CaseExecution) -> None:
    """Name the clause of the current result, and attach what was recorded."""
    if not config.pluginmanager.has_plugin(LISTENER):
        return
    case, clause = execution.case, execution.case.clause
    _exclude(config)
    show = allure.dynamic
    show.epic(EPIC)
    show.feature(execution.context.catalogue.chapter_of(clause.id).title.en)
    show.story(clause.id)
    show.title(f"{clause.id}: {case.summary or clause.title.en}")
    show.description("\n\n".join((clause.text.en, *execution.expect.notes)))
    show.tag(clause.level)
    for kind, value in (
        ("clause", clause.id),
        ("level", clause.level),
        ("grade", clause.grade),
        ("verdict", execution.worst.value),
    ):
        show.label(kind, value)
    show.link(f"../compliance.html#{clause.id}", name=clause.id, link_type="clause")
    if execution.worst is not Verdict.PASS:
        _attach_recordings(execution)
    if execution.dissection:
        allure.attach(
            execution.dissection, name="packets of the findings", attachment_type=allure.attachment_type.TEXT
        )


def _exclude(config: pytest.Config) -> None:
    """Leave parameters that are not UTF-8 out of what allure-pytest takes the case's history by."""
    listener = config.pluginmanager.get_plugin(LISTENER)
    result = listener.allure_logger.get_test(None) if listener else None
    for parameter in result.parameters if result else ():
        if not is_utf8(parameter.value):
            parameter.excluded = True


def _attach_recordings(execution: CaseExecution) -> None:
    for file in execution.recordings:
        path = execution.context.options.out / file
        if path.stat().st_size <= LARGEST_ATTACHMENT:
            allure.attach.file(str(path), name=path.name, extension=path.suffix.removeprefix("."))


def _printable(value: Any) -> Any:  # noqa: ANN401 - what allure-pytest's classes hold
    """Return a text, a list, or an object of Allure's model with printable texts alone."""
    if isinstance(value, str):
        return lines(value, LONGEST_REPORT)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if type(value).__module__ == model2.__name__:
        for key, item in vars(value).items():
            setattr(value, key, _printable(item))
    return value
