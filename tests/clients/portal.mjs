// A person at the portal: a real browser, a real emulator, a real swap under traffic.
// Arguments: portal's URL, the command, its endpoint, a film, an exported page, a folder for pictures.
import { spawn } from "node:child_process";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [portal, command, endpoint, film, page, pictures, modules, browserPath] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");
const PATIENCE = 20_000;
const began = Date.now();
const done = (what) => console.log(`${((Date.now() - began) / 1000).toFixed(1)} s: ${what}`);

const api = async (method, path, body) => {
  const answer = await fetch(`${portal}v1/${path}`, { method, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${text}`);
  return text ? JSON.parse(text) : undefined;
};
const state = () => api("GET", "state");

/** Requests through the gateway until stopped: open loop, new answers only counted. */
const traffic = async () => {
  const { addresses, load_balancers } = await state();
  const inner = new Set(load_balancers.flatMap((balancer) => balancer.rules.map((rule) => rule.address)));
  const front = addresses.find((one) => one.port !== 0 && !inner.has(one.address) && (one.port === 443 || one.port === 80));
  const [host, port] = front.listens.split(":");
  const via = front.tls ? https : http;
  const agent = new via.Agent({ keepAlive: true, maxSockets: 20 });
  const seen = { answers: 0, errors: 0 };
  const timer = setInterval(() => {
    const options = { host, port, agent, path: "/", rejectUnauthorized: false, headers: { "x-request-id": String(1000 + seen.answers) } };
    via.get(options, (answer) => { answer.resume(); seen.answers += 1; if (answer.statusCode >= 500) seen.errors += 1; }).on("error", () => { seen.errors += 1; });
  }, 20);
  return { seen, stop() { clearInterval(timer); agent.destroy(); } };
};

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
const complaints = [];
const open = async (options) => {
  const context = await browser.newContext(options);
  const tab = await context.newPage();
  tab.setDefaultTimeout(PATIENCE);
  tab.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  tab.on("pageerror", (error) => complaints.push(String(error)));
  tab.on("request", (request) => { if (!request.url().startsWith(new URL(portal).origin) && !request.url().startsWith("data:") && !request.url().startsWith("file:")) complaints.push(`a request to ${request.url()}`); });
  return tab;
};
const picture = (tab, name) => tab.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
const accessible = async (tab, where) => {
  await tab.evaluate(() => document.documentElement.dataset.theme);
  await tab.addScriptTag({ path: axe }).catch(() => undefined);
  const found = await tab.evaluate(async () => (await window.axe.run(document)).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`));
  assert.deepEqual(found, [], `axe on ${where}`);
};

try {
  // Topology, and how soon it is there.
  const tab = await open({ viewport: { width: 1360, height: 900 }, bypassCSP: true, colorScheme: "light" });
  await tab.goto(portal);
  await tab.getByRole("heading", { name: "green" }).first().waitFor();
  const paint = await tab.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  done(`first paint after ${Math.round(paint)} ms`);
  await tab.locator(".gateway .pools .chip", { hasText: "green" }).waitFor();
  await tab.locator(".gateway .instances .chip", { hasText: "green" }).first().waitFor();
  assert.equal(await tab.locator(".machine").count(), (await state()).scale_sets.reduce((all, set) => all + set.instances.length, 0));

  // A swap under traffic is seen moving.
  const load = await traffic();
  const tile = (side) => tab.locator(`.tile[data-key*="${side}" i]`);
  const number = async (locator) => Number((await locator.textContent()).replace(/\D/g, "") || 0);
  const until = async (what, holds) => {
    const end = Date.now() + PATIENCE;
    while (!(await holds())) {
      assert.ok(Date.now() < end, `${what} is not seen`);
      await new Promise((wake) => setTimeout(wake, 100));
    }
  };
  await until("traffic to green", async () => (await number(tile("green").locator(".rps"))) > 0);
  const swap = spawn(command, ["swap", "--endpoint", endpoint, "--output", "json", "--speed=60"], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  swap.stdout.on("data", (data) => { output += data; });
  swap.stderr.on("data", (data) => { output += data; });
  const ended = new Promise((resolve) => { swap.on("exit", resolve); });
  await tab.locator(".gateway .pools .chip", { hasText: "blue" }).waitFor();
  await until("traffic to blue", async () => (await number(tile("blue").locator(".rps"))) > 0);
  await picture(tab, "swap");
  assert.equal(await ended, 0, output);
  await until("the end of traffic to green", async () => (await number(tile("green").locator(".rps"))) === 0);
  await tab.locator(".gateway .pools .chip", { hasText: "green" }).waitFor({ state: "detached" });
  done("the swap was seen moving");
  await accessible(tab, "the overview");
  await picture(tab, "overview");

  // A fault, put in by keyboard alone, and its losses.
  const blue = (await state()).scale_sets.find((set) => /blue/i.test(set.group)).name;
  await tab.keyboard.press("Tab");
  await tab.getByRole("link", { name: "Faults" }).focus();
  await tab.keyboard.press("Enter");
  await tab.getByLabel("Kind").focus();
  await tab.keyboard.type("sick");
  const text = tab.getByLabel("Fault", { exact: true });
  await until("the example", async () => (await text.inputValue()).includes("\"sick\""));
  await text.focus();
  await tab.keyboard.press("Control+A");
  await tab.keyboard.insertText(JSON.stringify({ kind: "sick", scale_set: blue, percent: 100, how: "errors_behind_healthy_probe", for_ms: 3_600_000 }));
  await tab.getByRole("button", { name: "Arm it" }).focus();
  await tab.keyboard.press("Enter");
  await tab.getByRole("button", { name: /Take back fault \d+/ }).waitFor();
  await accessible(tab, "faults");
  await picture(tab, "faults");
  await tab.getByRole("link", { name: "Overview" }).first().focus();
  await tab.keyboard.press("Enter");
  await until("a loss", async () => (await number(tile("blue").locator(".losses"))) > 0);
  await tab.locator(".log [data-kind=loss]").first().waitFor();
  await picture(tab, "losses");
  await tab.getByRole("link", { name: "Faults" }).click();
  await tab.getByRole("button", { name: "Take all back" }).click();
  await tab.getByText("None is armed by hand.").waitFor();
  done("a fault's losses were seen");

  // A machine is killed, a scale set grows, the clock stands still.
  await tab.getByRole("link", { name: "Overview" }).first().click();
  await tab.getByRole("button", { name: /Instance 0 of .*green/i }).click();
  await tab.getByRole("button", { name: "Kill it" }).click();
  await tab.locator('.machine[data-condition="off"]').first().waitFor();
  const green = (await state()).scale_sets.find((set) => /green/i.test(set.group));
  await tab.getByRole("button", { name: `One instance of ${green.name} more` }).click();
  await until("a machine more", async () => (await state()).scale_sets.find((set) => set.id === green.id).capacity === green.capacity + 1);
  await tab.getByRole("button", { name: "Pause" }).click();
  await tab.getByRole("button", { name: "Resume" }).waitFor();
  const [first, second] = [await api("GET", "clock"), await api("GET", "clock")];
  assert.equal(first.cloud_time_ms, second.cloud_time_ms);
  await tab.getByRole("button", { name: "Resume" }).click();
  load.stop();

  // Hostile names and bodies stay text.
  const hostile = "<img src=x onerror=document.title='owned'>";
  await api("POST", "notes", { text: hostile });
  await fetch(`${endpoint}/subscriptions/${green.id.split("/")[2]}/resourceGroups/odd?api-version=2024-11-01`, {
    method: "PUT", headers: { authorization: "Bearer local-emulator" },
    body: JSON.stringify({ location: "westeurope", tags: { a: hostile } }),
  });
  await tab.getByRole("link", { name: "Log" }).click();
  await tab.locator(".log .line", { hasText: "<img" }).first().waitFor();
  await accessible(tab, "the log");
  await tab.getByRole("link", { name: "Requests" }).click();
  await tab.getByRole("button", { name: /PUT.*\/odd/ }).first().click();
  await tab.locator("pre", { hasText: "<img" }).first().waitFor();
  await accessible(tab, "requests");
  await picture(tab, "requests");
  await tab.getByRole("link", { name: "Resources" }).click();
  await tab.getByRole("button", { name: /virtualNetworks/ }).first().click();
  await tab.locator("pre", { hasText: "addressSpace" }).waitFor();
  await accessible(tab, "resources");
  await picture(tab, "resources");
  await tab.getByRole("link", { name: "Coverage" }).click();
  await tab.getByText("Control plane: the common contract").click();
  await accessible(tab, "coverage");
  await picture(tab, "coverage");
  assert.equal(await tab.locator("img[src=x]").count(), 0);
  assert.equal(await tab.title(), "Coverage · Turquoise");
  done("hostile names stayed text");

  // A recording is scrubbed, by keyboard.
  await tab.getByRole("link", { name: "Recordings" }).click();
  await tab.getByLabel("One or two films").setInputFiles([film, film]);
  const scrub = tab.getByRole("slider").first();
  const where = tab.locator(".where");
  await scrub.focus();
  await tab.keyboard.press("Home");
  const start = await where.first().textContent();
  await tab.keyboard.press("End");
  assert.notEqual(await where.first().textContent(), start);
  assert.equal(await where.first().textContent(), await where.last().textContent(), "two films share the time");
  await tab.locator(".violation").first().waitFor();
  await accessible(tab, "recordings");
  await picture(tab, "recordings");
  await tab.goto(`file://${page}`);
  await tab.getByRole("slider").first().focus();
  await tab.keyboard.press("ArrowRight");
  assert.ok((await tab.locator(".world dt").count()) > 3);
  await picture(tab, "exported");
  done("recordings were scrubbed");

  // A phone, in the dark; nothing wider than the screen.
  const phone = await open({ viewport: { width: 390, height: 844 }, colorScheme: "dark", bypassCSP: true });
  await phone.goto(portal);
  await phone.getByRole("heading", { name: "blue" }).first().waitFor();
  assert.equal(await phone.evaluate(() => document.documentElement.dataset.theme), "dark");
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it fits a phone");
  await accessible(phone, "a phone");
  await picture(phone, "phone");

  // The page's own policy, with nothing bypassed, and another origin.
  const plain = await open({});
  await plain.goto(portal);
  await plain.getByRole("heading", { name: "blue" }).first().waitFor();
  const before = await api("GET", "clock");
  const other = http.createServer((_, answer) => answer.end("<!doctype html><title>elsewhere</title>"));
  await new Promise((resolve) => { other.listen(0, "127.0.0.1", resolve); });
  const elsewhere = await (await browser.newContext()).newPage();
  await elsewhere.goto(`http://127.0.0.1:${other.address().port}/`);
  const reached = await elsewhere.evaluate(async (target) => {
    const read = await fetch(`${target}v1/state`).then(() => "read", () => "refused");
    await fetch(`${target}v1/clock`, { method: "POST", mode: "no-cors", body: "{\"speed\": 77}" }).catch(() => undefined);
    return read;
  }, portal);
  assert.equal(reached, "refused");
  assert.equal((await api("GET", "clock")).speed, before.speed, "another origin moved the clock");
  other.close();
  done("another origin was refused");
  assert.deepEqual(complaints, [], "the browser complains");
} finally {
  await browser.close();
}
