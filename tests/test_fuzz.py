"""A slice of the fuzz tool for every reader without TensorFlow, and that the tool sees faults."""

import pytest
from fuzz import workers
from fuzz.attempts import attempt, describe
from fuzz.readers import READERS
from planted_faults import PLANTED, WAYS

LIGHT = [name for name, reader in READERS.items() if not reader.is_heavy]


@pytest.mark.parametrize("name", LIGHT)
def test_originals_are_taken(name, tmp_path):
    assert READERS[name].originals()
    for original in READERS[name].originals():
        outcome, error = attempt(READERS[name], original, tmp_path)
        assert outcome == "taken", describe(error)


@pytest.mark.parametrize("name", LIGHT)
def test_damaged_inputs_are_refused_or_harmless(name, tmp_path):
    reader = READERS[name]
    outcomes = set()
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        outcome, error = attempt(reader, reader.damaged(seed), folder)
        assert outcome != "finding", f"--replay {name}:{seed}: {describe(error)}"
        outcomes.add(outcome)
    # Were all refused, or all harmless, there would be nothing to learn.
    assert outcomes == {"taken", "refused"}


@pytest.mark.parametrize("name", READERS)
def test_a_seed_is_always_the_same_input(name):
    reader = READERS[name]
    inputs = [reader.damaged(seed) for seed in range(20)]
    assert inputs == [reader.damaged(seed) for seed in range(20)]
    assert len(set(inputs)) > 10


def test_the_tool_sees_planted_faults():
    planted = PLANTED["planted"]
    seed_of = {}
    for seed in range(200):
        seed_of.setdefault(planted.damaged(seed).decode(), seed)
    assert set(seed_of) == set(WAYS)
    jobs = [("planted", seed) for seed in seed_of.values()]
    way_of = {seed: way for way, seed in seed_of.items()}
    found = {
        way_of[result.seed]: (result.outcome, result.reason)
        for result in workers.fuzz(jobs, PLANTED, workers=1, seconds=0.5, memory_bytes=1 << 30)
    }
    assert found.pop("taken") == ("taken", None)
    assert found.pop("refused")[0] == "refused"
    assert {outcome for outcome, _ in found.values()} == {"finding"}
    reasons = {way: reason for way, (_, reason) in found.items()}
    assert reasons["crash"] == "the process ended with SIGSEGV"
    assert reasons["hang"] == "more processor time than allowed"
    assert reasons["flood"].startswith("MemoryError") and "planted_faults.py" in reasons["flood"]
    assert reasons["disguised"].startswith("PosekitError")
    assert reasons["obeyed"].startswith("PosekitError")
    assert reasons["other"].startswith("KeyError: \"'other'\" at planted_faults.py")
