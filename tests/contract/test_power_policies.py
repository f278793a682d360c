"""Every power policy keeps one contract."""

import numpy as np
import pytest

from picojoule.cluster import POLICIES, PowerPolicy, make_policy
from picojoule.cluster.policies import SetAwake, SetClock, Telemetry
from picojoule.cluster.response import FULL
from picojoule.errors import InputError

every = pytest.mark.parametrize("name", POLICIES)


def seen(time_s, share, in_flight=(10, 10), braked=False):
    return Telemetry(time_s, share * 1000, 1000.0, in_flight, (5, 5), (5, 5), braked)


def walk(seed, n=400):
    """A random walk of power, with requests in flight that follow it."""
    rng = np.random.default_rng(seed)
    share = np.clip(0.8 + np.cumsum(rng.normal(0, 0.02, n)), 0.3, 1.2)
    return [seen(2 * i, s, (int(50 * s), int(40 * s))) for i, s in enumerate(share)]


def settings(policy, telemetry):
    """The clock of each group after each tick, were commands to act at once."""
    now, found = {"low": FULL, "high": FULL}, []
    for t in telemetry:
        for command in policy.act(t):
            if isinstance(command, SetClock):
                now[command.group] = command.setting
        found.append(dict(now))
    return found


@every
def test_commands_are_well_formed(name):
    policy: PowerPolicy = make_policy(name)
    for t in walk(1):
        for command in policy.act(t):
            assert command.group in ("low", "high")
            if isinstance(command, SetAwake):
                assert 1 <= command.servers <= 5
            else:
                assert min(command.setting.mhz, command.setting.cap_w) > 0


@every
def test_the_same_telemetry_gives_the_same_commands(name):
    one, two = make_policy(name), make_policy(name)
    assert [one.act(t) for t in walk(2)] == [two.act(t) for t in walk(2)]


@every
def test_steady_telemetry_gives_no_more_commands(name):
    """No policy chatters: held at one power and load, it falls silent."""
    for share in (0.5, 0.82, 0.9, 0.97):
        policy = make_policy(name)
        answers = [policy.act(seen(2 * i, share)) for i in range(400)]
        assert not any(answers[300:])


@every
def test_no_command_repeats_what_stands(name):
    policy, standing = make_policy(name), {}
    for t in walk(3):
        for command in policy.act(t):
            key = (command.group, type(command))
            assert standing.get(key) != command
            standing[key] = command


@pytest.mark.parametrize("name", ["polca", "one-threshold", "one-threshold-low"])
def test_thresholds_are_undone_far_below_them(name):
    policy = make_policy(name)
    after = settings(policy, [seen(2 * i, 0.99) for i in range(100)])
    assert after[-1]["low"].mhz == 1110
    after = settings(policy, [seen(200 + 2 * i, 0.5) for i in range(100)])
    assert after[-1] == {"low": FULL, "high": FULL}


@pytest.mark.parametrize("name", ["polca", "one-threshold", "one-threshold-low"])
def test_hysteresis_holds_within_five_percent(name):
    for top, held in ((0.90, 0.85), (0.90, 0.845)):
        policy = make_policy(name)
        settings(policy, [seen(0, top)])
        assert not policy.act(seen(2, held))


@pytest.mark.parametrize("name", ["polca", "one-threshold", "one-threshold-low"])
def test_the_power_of_a_braked_row_undoes_nothing(name):
    policy = make_policy(name)
    settings(policy, [seen(2 * i, 0.97) for i in range(60)])
    assert not any(policy.act(seen(200 + 2 * i, 0.4, braked=True)) for i in range(20))


def test_polca_goes_through_its_levels():
    """80%: low to 1275; 89%: low to 1110; still above after 40 s: high to 1305 (POLCA)."""
    policy = make_policy("polca")
    clocks = lambda c: {x.group: x.setting.mhz for x in c}  # noqa: E731
    assert policy.act(seen(0, 0.79)) == []
    assert clocks(policy.act(seen(2, 0.81))) == {"low": 1275}
    assert clocks(policy.act(seen(4, 0.90))) == {"low": 1110}
    assert policy.act(seen(42, 0.90)) == []
    assert clocks(policy.act(seen(44, 0.90))) == {"high": 1305}
    assert policy.act(seen(46, 0.845)) == []
    assert clocks(policy.act(seen(48, 0.83))) == {"low": 1275, "high": float("inf")}
    assert policy.act(seen(50, 0.76)) == []
    assert clocks(policy.act(seen(52, 0.74))) == {"low": float("inf")}


def test_polca_never_slows_high_priority_before_low():
    for seed in range(5):
        for now in settings(make_policy("polca"), walk(seed)):
            assert now["high"] == FULL or now["low"].mhz == 1110


def test_what_the_baselines_ask_for():
    low = settings(make_policy("one-threshold-low"), [seen(0, 0.95)])[-1]
    assert (low["low"].mhz, low["high"]) == (1110, FULL)
    both = settings(make_policy("one-threshold"), [seen(0, 0.95)])[-1]
    assert both["low"].mhz == both["high"].mhz == 1110
    always = settings(make_policy("all-low"), [seen(0, 0.1)])[-1]
    assert always["low"].mhz == always["high"].mhz == 1110
    cap = settings(make_policy("static-cap", {"cap_w": 325.0}), [seen(0, 0.1)])[-1]
    assert cap["high"].cap_w == 325
    clock = settings(make_policy("request-clock"), [seen(0, 0.1)])[-1]["high"]
    assert (clock.mhz, clock.decode_mhz, clock.short_mhz) == (float("inf"), 1110, 1110)


def test_sleep_follows_the_load():
    policy = make_policy("sleep", {"per_server": 4.0, "margin": 0.0, "hold_s": 10.0})
    assert policy.act(seen(0, 0.5, (4, 20))) == []
    asked = [c for i in range(1, 8) for c in policy.act(seen(2 * i, 0.5, (4, 20)))]
    assert asked == [SetAwake("low", 1)]
    assert policy.act(seen(20, 0.5, (9, 20))) == [SetAwake("low", 3)]


@every
def test_unknown_constants_are_named(name):
    with pytest.raises(InputError, match=f"policy '{name}' has no constant 'treshold'"):
        make_policy(name, {"treshold": 0.8})
