"""Experiments of every protocol: what the file may say, and that a protocol's own trace goes through the run folder."""

from pathlib import Path
from typing import Any

from gossipmab.algorithms import ALGORITHMS, ORACLES, PROTOCOLS
from gossipmab.engines.simulate import simulator
from gossipmab.experiments.spec.loading import from_dict, load_spec
from gossipmab.metrics.columns import TRACES
from tests.tiny import refuses, tiny

GOSSIP = tiny(10, 1, network={"base": "complete"}, algorithms=[{"name": "pareto_ucb"}])


def changed(**sections: Any) -> dict[str, Any]:
    data = {name: dict(table) if isinstance(table, dict) else table for name, table in GOSSIP.items()}
    for name, table in sections.items():
        data[name] = {**data[name], **table} if isinstance(table, dict) and name in data else table
    return {name: table for name, table in data.items() if table is not None}


def test_every_protocol_has_its_algorithms_and_its_trace() -> None:
    assert PROTOCOLS["gossip"] == {**ALGORITHMS, **ORACLES}
    assert set(TRACES) <= set(PROTOCOLS) and all(PROTOCOLS[name] for name in TRACES)
    for name, trace in TRACES.items():
        assert next(iter(trace.AXES)) == "rounds" and callable(simulator(name))
    silent, said = from_dict(GOSSIP), from_dict(changed(experiment={"protocol": "gossip"}))
    assert silent.experiment.protocol == "gossip" and silent.hash == said.hash
    assert "protocol" not in silent.to_toml() and "extra_objectives" not in silent.to_toml()


def test_wrong_protocols_and_networks_are_told(tmp_path: Path) -> None:
    for data, line in (
        (changed(experiment={"protocol": "centrall"}), "experiment.protocol: got 'centrall', allowed is .*'central'"),
        (changed(network=None), "^network is required and not given$"),
        (changed(experiment={"protocol": "central"}), '^network: is for protocol = "gossip" or "marl" only, got .* "central"$'),
        (changed(experiment={"protocol": "central"}, network=None), "algorithms: name .*'pareto_ucb'"),
        (changed(experiment={"extra_objectives": ["nsw"]}), '^experiment.extra_objectives: is for protocol = "central" only'),
        (changed(sweep={"experiment.protocol": ["gossip"]}), "'experiment.protocol' cannot be swept"),
    ):
        refuses(line, load_spec, data)
