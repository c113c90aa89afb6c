"""Probes for tests of the sandbox: a probe is the name of the student's function to call."""


class NotWritten(Exception):
    pass


def prepare(namespace):
    namespace["device"] = "cpu"


def answer(namespace, probe, inputs):
    if probe not in namespace:
        raise NotWritten(f"there is no function {probe}")
    return {"value": namespace[probe](*inputs.get("arguments", ()))}
