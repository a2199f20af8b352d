"""What fovea-bench measured, read from the JSON files of Google Benchmark."""

import dataclasses
import json
import statistics


@dataclasses.dataclass
class Repetition:
    counters: dict[str, float]

    @property
    def disturbed(self) -> bool:
        """True if other processes had a CPU all the time."""
        return self.counters.get("disturbed", 0) >= 1


@dataclasses.dataclass
class Result:
    """All repetitions of one benchmark, such as "fovea/matmul/rows:1024/.../threads:2"."""

    name: str
    repetitions: list[Repetition] = dataclasses.field(default_factory=list)
    error: str = ""

    @property
    def solver(self) -> str:
        return self.name.split("/", 1)[0]

    @property
    def threads(self) -> int:
        """The number of threads, 0 if that does not matter."""
        last = self.name.rsplit("/", 1)[-1]
        return int(last.removeprefix("threads:")) if last.startswith("threads:") else 0

    @property
    def problem(self) -> str:
        """The name without solver and threads: equal for all that solve one problem."""
        name = self.name.split("/", 1)[1]
        return name.rsplit("/threads:", 1)[0]

    @property
    def disturbed(self) -> bool:
        return all(repetition.disturbed for repetition in self.repetitions)

    def values(self, counter: str) -> list[float]:
        """A counter in each repetition, those disturbed only if all are."""
        return [
            repetition.counters[counter]
            for repetition in self.repetitions
            if counter in repetition.counters and (self.disturbed or not repetition.disturbed)
        ]

    def median(self, counter: str) -> float | None:
        values = self.values(counter)
        return statistics.median(values) if values else None

    @property
    def milliseconds(self) -> float:
        """Of one run or compilation."""
        return self.median("ms") or 0


NO_COUNTERS = {"repetitions", "repetition_index", "threads", "iterations", "real_time", "cpu_time",
               "family_index", "per_family_instance_index"}


def add(results: dict[str, Result], run: dict) -> None:
    if run.get("run_type", "iteration") != "iteration":
        return
    name = run["name"].split("/manual_time")[0].split("/repeats:")[0]
    result = results.setdefault(name, Result(name))
    if run.get("error_occurred"):
        result.error = run.get("error_message", "failed")
        return
    counters = {
        key: value
        for key, value in run.items()
        if isinstance(value, (int, float)) and key not in NO_COUNTERS
    }
    result.repetitions.append(Repetition(counters))


def load(paths: list[str]) -> tuple[dict[str, Result], dict]:
    """The results of all files by name, in order, and the context of the last file. Repetitions
    of one benchmark in several files count together."""
    results: dict[str, Result] = {}
    context: dict = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        context = data.get("context", {})
        for run in data["benchmarks"]:
            add(results, run)
    return results, context
