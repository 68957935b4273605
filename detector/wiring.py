"""The composition root: settings in, a running detector out. The only place that names adapters."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from detector.adapters.sqlite import SqliteRows
from detector.core.policy import Policy
from detector.core.vocabulary import Vocabulary
from detector.dispatch import Dispatcher
from detector.evaluate import Evaluator
from detector.policies import load_policy
from detector.ports import AlertSink, Rows
from detector.settings import Settings, SettingsError
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state.store import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """Everything one process needs, made once."""

    state: State
    policy: Policy
    vocabulary: Vocabulary
    evaluator: Evaluator
    dispatcher: Dispatcher


def open_rows(store: str, settings: Settings) -> Rows:
    """The store named `sqlite:PATH` or `azure`. Raises SettingsError where it cannot be one."""
    kind, _, path = store.partition(":")
    if kind == "sqlite" and path:
        return SqliteRows(path)
    if store == "azure":
        from detector.adapters.azure_tables import open_tables

        try:
            return open_tables(settings.state)
        except ValueError as error:
            message = f"DETECTOR_STATE: {error}"
            raise SettingsError(message) from error
    message = f"store {store!r}: write sqlite:PATH or azure"
    raise SettingsError(message)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Rows]:
    """The settings' store, closed at the end."""
    rows = open_rows(settings.store, settings)
    try:
        yield rows
    finally:
        await rows.close()


def make_detector(rows: Rows, policy: Policy, sinks: Sequence[AlertSink]) -> Detector:
    """Wire the use cases over one store."""
    state = State(rows)
    vocabulary = Vocabulary(policy)
    source = load_policy("source")
    evaluator = Evaluator(
        state=state,
        policy=policy,
        vocabulary=vocabulary,
        source=source,
        source_vocabulary=Vocabulary(source),
        sinks=tuple(sink.name for sink in sinks),
    )
    return Detector(
        state=state,
        policy=policy,
        vocabulary=vocabulary,
        evaluator=evaluator,
        dispatcher=Dispatcher(state=state, policy=policy, sinks=sinks),
    )


def make_source(detector: Detector, settings: Settings, *, clocked: bool = False) -> CloudAppEvents:
    """The reader of CloudAppEvents under the detector's policy."""
    return CloudAppEvents(
        detector.policy, detector.vocabulary, tenant_id=settings.tenant_id, clocked=clocked
    )


def make_sinks(settings: Settings) -> list[AlertSink]:
    """The sinks the settings ask for; `none` is an empty list."""
    sinks: list[AlertSink] = []
    if settings.alerts_file:
        from detector.adapters.json_lines import JsonLinesSink

        sinks.append(JsonLinesSink(Path(settings.alerts_file)))
    return sinks
