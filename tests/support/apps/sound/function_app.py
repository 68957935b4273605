"""One function of each kind; SEEN is what they were given."""

import json
from typing import Any, List

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
SEEN: list[dict[str, Any]] = []


@app.function_name("ingest")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%EVENTHUB_NAME%",
    connection="EVENTHUB",
    consumer_group="%EVENTHUB_CONSUMER_GROUP%",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
@app.retry(
    strategy="exponential_backoff",
    max_retry_count="-1",
    minimum_interval="00:00:02",
    maximum_interval="00:01:00",
)
async def ingest(events: List[func.EventHubEvent], context: func.Context) -> None:
    metadata = events[0].metadata or {}
    SEEN.extend(
        {
            "body": event.get_body(),
            "sequence": event.sequence_number,
            "enqueued": event.enqueued_time,
            "key": event.partition_key,
            "partition": metadata.get("PartitionContext", {}).get("PartitionId"),
            "keys": metadata.get("PartitionKeyArray"),
            "retry": context.retry_context.retry_count,
        }
        for event in events
    )
    if any(event.get_body() == b"boom" for event in events):
        raise ValueError("boom")


@app.function_name("evaluate")
@app.timer_trigger(arg_name="timer", schedule="%EVALUATE_SCHEDULE%", use_monitor=True)
def evaluate(timer: func.TimerRequest) -> None:
    SEEN.append({"past_due": timer.past_due, "status": timer.schedule_status})


@app.function_name("health")
@app.route(route="health/{part}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    if req.params.get("at") == "never":
        raise RuntimeError("no such time")
    answer = {"part": req.route_params["part"], "at": req.params.get("at")}
    return func.HttpResponse(json.dumps(answer), mimetype="application/json", status_code=503)
