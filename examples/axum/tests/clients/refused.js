// openai-node against a service that refuses: what its callers can read, and what it does by itself.
//
//     node refused.js KEY NAME=BASE_URL...
//
// NAME is a shape, from a service where the account is empty; `told`, from one that says more than that; or begins with `held`,
// from one where the balance is in use. Fails at the first thing that is not as expected. How often each service was asked is for the service to count.

const assert = require("node:assert");
const OpenAI = require("openai");

const SQL = "select * from readings where station = 7";

// Of each shape: the code, the type and the text that an error carries. What is undefined is lost.
const READS = {
  "flat": [undefined, undefined, undefined],
  "flat-with-error": ["insufficient_balance", "insufficient_quota", "insufficient balance"],
  "error-object": ["INSUFFICIENT_BALANCE", undefined, "balance"],
  "error-string": [undefined, undefined, undefined],
  "open-ai": ["insufficient_balance", "insufficient_quota", "insufficient balance"],
  "anthropic": [undefined, "billing_error", "insufficient balance"],
  "google": [402, undefined, "insufficient balance"],
  "open-router": [402, undefined, "insufficient balance"],
  "problem": [undefined, undefined, undefined],
  // It asks for JSON, and instead of these gets `flat-with-error`.
  "text": ["insufficient_balance", "insufficient_quota", "insufficient balance"],
  "event": ["insufficient_balance", "insufficient_quota", "insufficient balance"],
};

const [key, ...services] = process.argv.slice(2);

function ask(url) {
  const client = new OpenAI({ baseURL: url, apiKey: key, timeout: 20_000 });
  const messages = [{ role: "user", content: SQL }];
  return client.chat.completions.create({ model: "readings", messages, max_tokens: 3 });
}

async function empty(shape, url) {
  const [code, type, text] = READS[shape];
  const error = await ask(url).then(() => assert.fail(`${shape}: not refused`), (error) => error);
  assert.strictEqual(error.constructor, OpenAI.APIError, `${shape}: ${error}`);
  assert.strictEqual(error.status, 402, shape);
  assert.strictEqual(error.code, code, shape);
  assert.strictEqual(error.type, type, shape);
  if (text === undefined) {
    assert(!/account|balance is/i.test(error.message), `${shape}: ${error.message}`);
  } else {
    assert(error.message.toLowerCase().includes(text), `${shape}: ${error.message}`);
  }
}

async function told(name, url) {
  const error = await ask(url).then(() => assert.fail("told: not refused"), (error) => error);
  const { required, unit, options } = error.error.details;
  assert.deepStrictEqual([required, unit], ["0.008", "USD"]);
  assert.strictEqual(options.find((option) => option.kind === "top_up").link, "https://billing.example/top-up");
}

async function held(name, url) {
  const { data: answer, response } = await ask(url).withResponse();
  assert.strictEqual(response.headers.get("x-charged"), "0.008", name);
  assert.strictEqual(answer.choices[0].message.content.split("\n").length, 3, name);
  assert.deepStrictEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [SQL.length, 3], name);
}

async function main() {
  await Promise.all(services.map((service) => {
    const at = service.indexOf("=");
    const [name, url] = [service.slice(0, at), service.slice(at + 1)];
    const check = { told, held }[name.split("-")[0]] ?? empty;
    return check(name, url);
  }));
}

main();
