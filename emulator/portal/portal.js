// The page: what it shows where, and the way to the emulator.
import { el, keyed, mark, say, span } from "./dom.js";
import { topologyView } from "./topology.js";
import { clockView, faultsView, machineDialog } from "./controls.js";
import { coverageView, kindOf, logView, requestsView, resourcesView, words } from "./browse.js";
import { viewerView } from "./viewer.js";

const STATE_MS = 1000;
const SECONDS_KEPT = 130;
const byId = (id) => document.getElementById(id);
const offline = byId("offline");

/** Tells something once, to eyes and to screen readers. */
function tell(text) {
  const told = byId("told");
  told.classList.add("toast");
  told.classList.remove("visually-hidden");
  say(told, text);
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => {
    told.classList.add("visually-hidden");
    told.classList.remove("toast");
    say(told, "");
  }, 6000);
}

async function ask(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`v1/${path}`, { method, headers, body: sent });
  const text = await response.text();
  const document = text ? JSON.parse(text) : undefined;
  if (!response.ok) throw new Error(document?.error?.message ?? `answered ${response.status}`);
  return document;
}

/** Asks, and tells what was refused. */
async function order(method, path, body) {
  try {
    await ask(method, path, body);
    await refresh();
    return true;
  } catch (error) {
    tell(error.message);
    return false;
  }
}

const api = {
  state: () => state,
  async get(path) {
    try {
      return await ask("GET", path);
    } catch (error) {
      tell(error.message);
      return undefined;
    }
  },
  async clock(change) {
    try {
      clock.update(await ask("POST", "clock", change));
    } catch (error) {
      tell(error.message);
    }
  },
  kill: (scale_set, number) => order("POST", "kill", { scale_set, number }),
  scale: (scale_set, name, capacity) => capacity < 0 || order("POST", "scale", { scale_set, capacity })
    .then((done) => done && tell(`${name} is asked to have ${capacity} instances`)),
  async arm(fault) {
    try {
      const armed = await ask("POST", "faults", fault);
      tell(`Fault ${armed.index} is armed`);
      return "";
    } catch (error) {
      return error.message;
    }
  },
  disarm: (index) => order("DELETE", `faults/${index}`),
  disarmAll: () => order("DELETE", "faults"),
  reset: () => confirm("Begin anew with an empty cloud?") && order("POST", "reset"),
  restore: (text) => order("POST", "restore", text).then((done) => done && tell("The snapshot is restored")),
};

let state;
const seconds = new Map();
/** The second up to which traffic is told. */
let until;
const clock = clockView(byId("clock"), api);
const machine = machineDialog(byId("dialog"), api, (id, number) =>
  state?.scale_sets.find((set) => set.id === id)?.instances.find((instance) => instance.number === number));
const topology = topologyView({ scale: api.scale, machine });
const log = logView();
const operations = el("ul", { class: "rows" });
const calm = el("p", { class: "hint" }, "None is under way.");
const recent = el("ol", { class: "log short", "aria-label": "Latest events" });
const quiet = el("p", { class: "hint" }, "Nothing has happened yet.");

const overview = {
  root: el("div", { class: "stack" }, topology.root,
    el("section", { class: "two", "aria-label": "Now" },
      el("div", { class: "card" }, el("h2", {}, "Operations in flight"), calm, operations),
      el("div", { class: "card" }, el("h2", {}, "Latest events"), quiet, recent))),
  update() {
    if (!state) return;
    topology.update(state, seconds, until ?? state.clock.uptime_s);
    calm.hidden = state.operations.length > 0;
    keyed(operations, state.operations, (operation) => operation.id,
      (operation) => el("li", {}, el("span", {}, el("strong", {}, operation.verb), ` ${operation.resource.split("/").pop()}`), el("span", { class: "hint" })),
      (row, operation) => say(row.lastElementChild, `for ${span(state.clock.cloud_time_ms - operation.started_ms)}`));
    const last = log.entries.filter((entry) => entry.kind !== "request").slice(-12).reverse();
    quiet.hidden = last.length > 0;
    keyed(recent, last, (entry) => entry.number, (entry) => el("li", { "data-kind": kindOf(entry) },
      el("time", {}, span(entry.at_ms)), el("span", { class: "line" }, words(entry))));
  },
};

const pages = [
  ["overview", "Overview", overview],
  ["log", "Log", log],
  ["requests", "Requests", requestsView(api)],
  ["resources", "Resources", resourcesView(api)],
  ["faults", "Faults", faultsView(api)],
  ["coverage", "Coverage", coverageView(api)],
  ["recordings", "Recordings", viewerView()],
];

let shown;
function navigate(first) {
  const wanted = location.hash.slice(1);
  const [name, title, view] = pages.find(([known]) => known === wanted) ?? pages[0];
  shown = view;
  byId("main").replaceChildren(el("h1", { class: name === "overview" ? "visually-hidden" : "" }, title), view.root);
  for (const link of byId("pages").children) mark(link, "aria-current", link.hash === `#${name}` ? "page" : null);
  document.title = name === "overview" ? "Turquoise" : `${title} · Turquoise`;
  view.update();
  if (!first) byId("main").focus({ preventScroll: true });
}

async function refresh() {
  try {
    state = await ask("GET", "state");
    offline.hidden = true;
    clock.update(state.clock);
    if (shown === overview) overview.update();
  } catch {
    offline.hidden = false;
  }
}

function listen() {
  const events = new EventSource("v1/events");
  let number = 0;
  events.addEventListener("entry", (message) => {
    const entry = JSON.parse(message.data);
    // Numbers that begin again are another emulator's.
    if (entry.number <= number) log.entries.length = 0;
    number = entry.number;
    log.add(entry);
  });
  events.addEventListener("pulse", (message) => {
    const pulse = JSON.parse(message.data);
    if (pulse.traffic) seconds.set(pulse.traffic.uptime_s, pulse.traffic);
    for (const at of seconds.keys()) if (at < pulse.clock.uptime_s - SECONDS_KEPT || at > pulse.clock.uptime_s) seconds.delete(at);
    until = pulse.clock.uptime_s;
    clock.update(pulse.clock);
    if (shown === overview) overview.update();
  });
  events.addEventListener("error", () => { offline.hidden = false; });
  events.addEventListener("open", () => { offline.hidden = true; });
}

const themes = ["light", "dark"];
function theme(wanted) {
  document.documentElement.dataset.theme = wanted;
  mark(byId("theme"), "aria-pressed", wanted === "dark");
}
const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
let kept = null;
try { kept = localStorage.getItem("theme"); } catch { /* a browser that keeps nothing */ }
theme(themes.includes(kept) ? kept : preferred);
byId("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  theme(next);
  try { localStorage.setItem("theme", next); } catch { /* as above */ }
});

byId("pages").append(...pages.map(([name, title]) => el("a", { href: `#${name}` }, title)));
addEventListener("hashchange", () => navigate(false));
navigate(true);
listen();
const past = await api.get("traffic");
for (const second of past?.seconds ?? []) seconds.set(second.uptime_s, second);
await refresh();
setInterval(() => { if (!document.hidden) refresh(); }, STATE_MS);
setInterval(() => { if (!document.hidden && ["requests", "resources", "faults", "coverage"].includes(location.hash.slice(1))) shown.update(); }, 2000);
