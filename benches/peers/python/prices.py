"""Prices one job with LiteLLM and with tokencost, as often as the lines on standard input say.

The first line of output is the entry of the model in LiteLLM's table, and what each of the two says the job costs. Then each line of
input is the name of one and a number of calls; the answer is how many nanoseconds they took together.
"""

import json
import os
import sys
import time

# Both would fetch a newer table than the one that they come with.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # noqa: E402
from tokencost import costs  # noqa: E402

MODEL = "gpt-4o"
INPUT, CACHED, OUTPUT = 1_200, 800, 350
costs.TOKEN_COSTS[MODEL] = litellm.model_cost[MODEL]


def with_litellm():
    # Cached tokens are some of the prompt's here.
    return litellm.cost_per_token(
        model=MODEL, prompt_tokens=INPUT + CACHED, completion_tokens=OUTPUT, cache_read_input_tokens=CACHED
    )


def with_tokencost():
    by_tokens = costs.calculate_cost_by_tokens
    return by_tokens(INPUT, MODEL, "input") + by_tokens(CACHED, MODEL, "cached") + by_tokens(OUTPUT, MODEL, "output")


WORK = {"litellm": with_litellm, "tokencost": with_tokencost}


def answer(value):
    print(json.dumps(value), flush=True)


answer({"entry": litellm.model_cost[MODEL], "litellm": float(sum(with_litellm())), "tokencost": float(with_tokencost())})
for line in sys.stdin:
    name, calls = line.split()
    work = WORK[name]
    start = time.perf_counter_ns()
    for _ in range(int(calls)):
        work()
    answer(time.perf_counter_ns() - start)
