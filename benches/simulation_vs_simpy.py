"""SimPy and turquoise in turns, by processor time, so that a busy machine slows both.

The model for SimPy is simulation.md A4: a gateway (M/M/2), a random balancer and eight machines
(M/M/1) at 1,000 requests a second and a load of 0.8; its mean stay is 36.44 ms by theory. Turquoise
simulates a whole swap at that rate over eight machines a side: routing tables, probes, connection
pools, the orchestrator and its ARM requests, and a verdict on every request.

The last line is for programs.
"""

import json
import random
import statistics
import subprocess
import sys
import time

import simpy

RATE = 1_000.0
LOAD = 0.8
MACHINES = 8
GATEWAY_WORKERS = 2
SIMPY_REQUESTS = 100_000
ROUNDS = 3


def simpy_requests_per_s(seed):
    """Requests a second of processor time, and the mean stay in milliseconds."""
    draw = random.Random(seed)
    env = simpy.Environment()
    gateway = simpy.Resource(env, capacity=GATEWAY_WORKERS)
    machines = [simpy.Resource(env, capacity=1) for _ in range(MACHINES)]
    stays = []

    def request():
        began = env.now
        with gateway.request() as turn:
            yield turn
            yield env.timeout(draw.expovariate(RATE / (LOAD * GATEWAY_WORKERS)))
        with machines[draw.randrange(MACHINES)].request() as turn:
            yield turn
            yield env.timeout(draw.expovariate(RATE / (LOAD * MACHINES)))
        stays.append(env.now - began)

    def arrivals():
        for _ in range(SIMPY_REQUESTS):
            yield env.timeout(draw.expovariate(RATE))
            env.process(request())

    env.process(arrivals())
    began = time.process_time()
    env.run()
    took = time.process_time() - began
    return SIMPY_REQUESTS / took, statistics.fmean(stays) * 1_000


def turquoise_requests_per_s(command, rate, machines):
    """Requests a second of processor time on one thread, deployment and verdict included."""
    done = subprocess.run(
        [command, "scale", "--alone", "--output", "json", "--threads", "1", "--rate", str(rate)]
        + ["--instances", str(machines)],
        check=True,
        capture_output=True,
        text=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["lost"] == 0, result
    return result["requests"] / result["cpu_s"]


def main():
    command = sys.argv[1]
    peer, ours = [], []
    for seed in range(ROUNDS):
        rate, stay = simpy_requests_per_s(seed)
        peer.append(rate)
        ours.append(turquoise_requests_per_s(command, int(RATE), MACHINES))
        print(f"round {seed}: SimPy {rate:,.0f}/s (mean stay {stay:.2f} ms), turquoise {ours[-1]:,.0f}/s")
    at_scale = turquoise_requests_per_s(command, 20_000, 40)
    peer, ours = statistics.median(peer), statistics.median(ours)
    result = {
        "bench": "simulation_vs_simpy",
        "simpy_requests_per_cpu_s": round(peer),
        "turquoise_requests_per_cpu_s": round(ours),
        "turquoise_requests_per_cpu_s_at_20k": round(at_scale),
        "ratio": round(ours / peer, 1),
        "ratio_at_20k": round(at_scale / peer, 1),
    }
    print(json.dumps(result))


main()
