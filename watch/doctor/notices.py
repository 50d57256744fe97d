"""Subscribers of the stack's topics, and findings that could not be delivered."""

from collections.abc import Iterator

from .check import Check, Verdict
from .stack import Stack


def look(stack: Stack) -> Iterator[Check]:
    sns = stack.session.client("sns")
    for output in "TopicArn", "FleetTopicArn":
        topic = stack.outputs[output]
        asked = f"subscriptions of {output} are confirmed"
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        subscribed = [each for page in pages for each in page["Subscriptions"]]
        waiting = [each["Endpoint"] for each in subscribed if each["SubscriptionArn"] in ("PendingConfirmation", "pending confirmation")]
        if waiting:
            remedy = "confirm the subscription with the mail that AWS sent, or subscribe again: until then nobody is notified"
            yield Check(Verdict.FAILED, asked, f"not confirmed: {', '.join(waiting)}", "NotifyBegun", remedy)
        else:
            yield Check(Verdict.FINE, asked, f"{len(subscribed)} subscriptions, all confirmed" if subscribed else "no subscriptions", "NotifyBegun")
    queue = stack.outputs["DeadFindingsUrl"]
    attributes = stack.session.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    number = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
    asked = "every finding of AWS Config was handed over to the fleet"
    if number:
        remedy = "read them, start what they ask for (docs/fleet.md), and purge the queue"
        yield Check(Verdict.FAILED, asked, f"{number} were not: {queue}", "Discover", remedy)
    else:
        yield Check(Verdict.FINE, asked, "none is left in the queue", "Discover")
