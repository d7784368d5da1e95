"""openai-python against a service that refuses: what its callers can read, and what it does by itself.

    refused.py KEY NAME=BASE_URL...

NAME is a shape, from a service where the account is empty; `told`, from one that says more than that; or begins with `held`, from
one where the balance is in use. Fails at the first thing that is not as expected. How often each service was asked is for the service to count.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import openai

SQL = "select * from readings where station = 7"

# Of each shape: the code, the type and the text that an error carries. What is None is lost.
READS = {
    "flat": ("402", None, "please recharge"),
    "flat-with-error": ("insufficient_balance", "insufficient_quota", "insufficient balance"),
    "error-object": ("INSUFFICIENT_BALANCE", None, "balance"),
    "error-string": (None, None, None),
    "open-ai": ("insufficient_balance", "insufficient_quota", "insufficient balance"),
    "anthropic": (None, "billing_error", "insufficient balance"),
    "google": ("402", None, "insufficient balance"),
    "open-router": ("402", None, "insufficient balance"),
    "problem": ("insufficient_balance", "about:blank", None),
    # It asks for JSON, and instead of these gets `flat-with-error`.
    "text": ("insufficient_balance", "insufficient_quota", "insufficient balance"),
    "event": ("insufficient_balance", "insufficient_quota", "insufficient balance"),
}


def same(what, found, expected):
    assert found == expected, f"{what}: {found!r} instead of {expected!r}"


def ask(url):
    client = openai.OpenAI(base_url=url, api_key=sys.argv[1], timeout=20)
    message = {"role": "user", "content": SQL}
    return client.chat.completions.with_raw_response.create(model="readings", messages=[message], max_tokens=3)


def empty(shape, url):
    code, kind, text = READS[shape]
    try:
        ask(url)
    except openai.APIStatusError as error:
        same(f"{shape}, class", type(error), openai.APIStatusError)
        same(f"{shape}, status", error.status_code, 402)
        same(f"{shape}, code", error.code, code)
        same(f"{shape}, type", error.type, kind)
        if text is None:
            same(f"{shape}, message", error.message, "Error code: 402")
        else:
            assert text in error.message.lower(), f"{shape}: {error.message}"
    else:
        raise AssertionError(f"{shape}: not refused")


def told(_, url):
    try:
        ask(url)
    except openai.APIStatusError as error:
        details = error.body["details"]
        same("told, required", (details["required"], details["unit"]), ("0.008", "USD"))
        top_up = next(option for option in details["options"] if option["kind"] == "top_up")
        same("told, link", top_up["link"], "https://billing.example/top-up")
    else:
        raise AssertionError("told: not refused")


def held(name, url):
    response = ask(url)
    same(f"{name}, charged", response.headers["x-charged"], "0.008")
    answer = response.parse()
    same(f"{name}, rows", len(answer.choices[0].message.content.splitlines()), 3)
    same(f"{name}, usage", (answer.usage.prompt_tokens, answer.usage.completion_tokens), (len(SQL), 3))


def check(service):
    name, url = service.split("=", 1)
    {"told": told, "held": held}.get(name.split("-")[0], empty)(name, url)


services = sys.argv[2:]
with ThreadPoolExecutor(len(services)) as pool:
    results = [pool.submit(check, service) for service in services]
for result in results:
    result.result()
