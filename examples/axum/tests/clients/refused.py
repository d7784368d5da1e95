"""openai-python against a service that refuses: what its callers can read, and what it does by itself.

    refused.py KEY NAME=BASE_URL...

NAME is a shape, from a service where the account is empty, or begins with `held`, from one where its balance is in use.
Fails at the first thing that is not as expected. How often each service was asked is for the service to count.
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
    "text": (None, None, None),
}


def same(what, found, expected):
    assert found == expected, f"{what}: {found!r} instead of {expected!r}"


def ask(url):
    client = openai.OpenAI(base_url=url, api_key=sys.argv[1], timeout=20)
    message = {"role": "user", "content": SQL}
    return client.chat.completions.create(model="readings", messages=[message], max_tokens=3)


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


def held(name, url):
    answer = ask(url)
    same(f"{name}, rows", len(answer.choices[0].message.content.splitlines()), 3)
    same(f"{name}, usage", (answer.usage.prompt_tokens, answer.usage.completion_tokens), (len(SQL), 3))


services = [argument.split("=", 1) for argument in sys.argv[2:]]
with ThreadPoolExecutor(len(services)) as pool:
    results = [pool.submit(held if name.startswith("held") else empty, name, url) for name, url in services]
for result in results:
    result.result()
