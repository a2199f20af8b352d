"""Checks a file against the Trace Event Format and against itself: the tasks of a launch lie within
it, cover it once, and a thread does one thing at a time."""

import json
import sys

trace = json.load(open(sys.argv[1]))
events = trace["traceEvents"]
names = {e["tid"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
complete = [e for e in events if e["ph"] == "X"]
assert len(names) + len(complete) == len(events)
for event in complete:
    assert {"name", "cat", "ts", "dur", "pid", "tid", "args"} <= event.keys(), event
    assert event["ts"] >= 0 and event["dur"] >= 0 and event["tid"] in names, event
kinds = {kind: [e for e in complete if e["cat"] == kind] for kind in ("run", "launch", "tasks")}
[run] = kinds["run"]
slack = 1e-3  # microseconds: times are rounded to nanoseconds


def ends(event):
    return event["ts"] + event["dur"]


left = list(kinds["tasks"])
for launch in kinds["launch"]:
    assert run["ts"] <= launch["ts"] and ends(launch) <= ends(run) + slack
    own = [e for e in left if launch["ts"] <= e["ts"] + slack and ends(e) <= ends(launch) + slack]
    own = [e for e in own if e["name"] == launch["name"]]
    next_task = 0
    for tasks in sorted(own, key=lambda e: e["args"]["first_task"]):
        assert tasks["args"]["first_task"] == next_task, (launch, tasks)
        next_task = tasks["args"]["end_task"]
        left.remove(tasks)
    assert next_task == launch["args"]["end_task"], launch
assert not left
for thread in names:
    spans = sorted((e for e in kinds["tasks"] if e["tid"] == thread), key=lambda e: e["ts"])
    for before, after in zip(spans, spans[1:]):
        assert ends(before) <= after["ts"] + slack, (before, after)
print(f"{len(names)} threads, {run['name']}")
for name in sorted({e["name"] for e in kinds["launch"]}):
    print(name)
