"""Not loadable: the worker refuses list[...], which every linter asks for."""

import azure.functions as func

app = func.FunctionApp()


@app.function_name("ingest")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="hub",
    connection="EVENTHUB",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
def ingest(events: list[func.EventHubEvent]) -> None:
    del events
