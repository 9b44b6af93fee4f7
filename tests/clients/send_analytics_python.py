"""segment-analytics-python: plain and gzip, with message ids of our own so that a second run repeats them."""

import datetime
import json
import os

from segment.analytics.client import Client

CLIENT = "analytics-python"
RUN = os.environ["RUN"]
STARTED = datetime.datetime.fromisoformat(os.environ["STARTED"])
USER = f"python-{RUN}"
ANONYMOUS = f"python-browser-{RUN}"


def fail(error, items):
    """The library swallows what a door says; a test must not."""
    raise SystemExit(f"{CLIENT}: {error}: {items}")


def send(client: Client, prefix: str) -> dict[str, str]:
    """Every call once; the message ids with the kind that each must become."""
    kinds = {}

    def options(name: str, kind: str) -> dict:
        kinds[f"{prefix}-{RUN}-{name}"] = kind
        return {"message_id": f"{prefix}-{RUN}-{name}", "timestamp": STARTED - datetime.timedelta(minutes=3)}

    client.page(anonymous_id=ANONYMOUS, name="Docs", properties={"path": "/docs"}, **options("page", "page_view"))
    client.screen(user_id=USER, name="Home", **options("screen", "page_view"))
    client.identify(USER, anonymous_id=ANONYMOUS, traits={"email": f"{USER}@python.example"}, **options("identify", "identify"))
    client.track(USER, "Webinar Registered", {"topic": "Prices", "when": STARTED}, **options("webinar", "event_registered"))
    client.group(USER, "acme", {"name": "Acme"}, **options("group", "group"))
    client.alias(f"python-old-{RUN}", USER, **options("alias", "alias"))
    client.flush()
    client.join()
    return kinds


def main() -> None:
    """Sends and says what was sent."""
    key, host = os.environ["LEADFLOW_WRITE_KEY"], os.environ["LEADFLOW_INGEST_URL"]
    kinds = send(Client(key, host=host, on_error=fail), "python")
    kinds |= send(Client(key, host=host, gzip=True, on_error=fail), "python-gzip")
    for message_id, kind in kinds.items():
        line = {"client": CLIENT, "source": "web", "person": {"user_id": USER}, "message_id": message_id, "kind": kind}
        print(json.dumps(line))


main()
