// A recorded run to scrub through: the state at each event, what was lost and why, what was violated.
// Also the whole of an exported page, so it imports nothing but elements.
import { count, el, mark, say } from "./dom.js";

const FORMAT = "turquoise-film/1";
const LANES = 7;

/** Reads a film, or says why it is none. */
export function readFilm(text) {
  let film;
  try {
    film = JSON.parse(text);
  } catch {
    throw new Error("The file is no JSON. `turquoise replay FOLDER --film FILE` makes one.");
  }
  if (film?.format !== FORMAT || !Array.isArray(film.steps)) {
    throw new Error(`The file is no film of the form ${FORMAT}. \`turquoise replay FOLDER --film FILE\` makes one.`);
  }
  // Each step holds what changed; from here on each holds everything.
  let state = {};
  for (const step of film.steps) step.state = state = { ...state, ...step.changed };
  return film;
}

/** The page of recordings: one film, or two side by side that share the time. */
export function viewerView(films = []) {
  const stage = el("div", { class: "films" });
  const wrong = el("p", { class: "wrong", role: "alert" });
  const input = el("input", { type: "file", id: "film-file", multiple: true, accept: "application/json,.json",
    onchange: () => open([...input.files]) });
  const chooser = el("div", { class: "card form" },
    el("h2", {}, "Open a recording"),
    el("p", { class: "hint" }, "A failing seed's folder becomes one with “turquoise replay FOLDER --film FILE”; one of two films stands beside the other. Or drop them here."),
    el("label", { for: "film-file" }, "One or two films"), input, wrong);
  const root = el("section", { class: "stack", "aria-label": "Recordings" }, films.length ? null : chooser, stage);
  const open = async (files) => {
    say(wrong, "");
    try {
      const texts = await Promise.all(files.slice(0, 2).map((file) => file.text()));
      show(texts.map(readFilm));
    } catch (error) {
      say(wrong, error.message);
    }
  };
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    open([...event.dataTransfer.files]);
  });
  const show = (opened) => {
    const players = opened.map(player);
    for (const one of players) one.follow((seconds) => players.forEach((other) => other !== one && other.seek(seconds)));
    mark(stage, "data-count", players.length);
    stage.replaceChildren(...players.map((one) => one.root));
  };
  if (films.length) show(films);
  return { root, update() {} };
}

function player(film) {
  const steps = film.steps;
  const first = steps[0]?.at_s ?? 0;
  const end = steps[steps.length - 1]?.at_s ?? 0;
  const slider = el("input", { type: "range", min: 0, max: Math.max(0, steps.length - 1), step: 1, value: 0,
    class: "scrub", "aria-label": `Event of ${film.title}`, oninput: () => moved(Number(slider.value)) });
  const where = el("output", { class: "where" });
  const what = el("p", { class: "what", "aria-live": "polite" });
  const state = el("dl", { class: "world" });
  const list = el("ol", { class: "log steps", tabindex: "0", "aria-label": `Events of ${film.title}` });
  const back = el("button", { type: "button", class: "quiet", "aria-label": "One event back", onclick: () => moved(at - 1) }, "←");
  const on = el("button", { type: "button", class: "quiet", "aria-label": "One event on", onclick: () => moved(at + 1) }, "→");
  const play = el("button", { type: "button", class: "quiet", onclick: () => toggle() }, "Play");
  const cursor = el("span", { class: "cursor" });
  const track = el("div", { class: "track", "aria-hidden": "true" }, cursor, ...marks(film, first, end));
  const violated = film.verdict.violated;
  const root = el("article", { class: "card film" },
    el("header", {}, el("h2", {}, film.title),
      el("span", { class: "state", "data-state": film.verdict.holds ? "good" : "bad" }, film.verdict.holds ? "every invariant holds" : `violates ${violated.map((one) => one.id).join(" ")}`)),
    el("p", { class: "hint" }, `${film.subject} · seed ${film.seed} · ${count(film.requests.sent)} requests sent, ${count(film.requests.lost)} lost · ${film.outcome}`),
    violated.map((one) => el("details", { class: "violation", open: violated.length <= 2 },
      el("summary", {}, el("strong", {}, one.id), ` ${one.about}`),
      el("ul", {}, one.evidence.map((line) => el("li", {}, line))))),
    track, slider,
    el("div", { class: "tools" }, back, play, on, where),
    what, state,
    el("details", { class: "lost-list" }, el("summary", {}, `Lost requests: ${count(film.requests.lost)}`),
      el("ul", { class: "rows" }, film.lost.map((lost) => el("li", {},
        el("button", { type: "button", class: "quiet", onclick: () => seek(lost.at_s, true) }, clock(lost.at_s)),
        el("span", {}, `${lost.request}: ${lost.why}`))))),
    el("details", {}, el("summary", {}, `Every event: ${count(steps.length)}`), list));
  list.append(...steps.map((step, index) => el("li", {},
    el("button", { type: "button", class: "line", onclick: () => moved(index) }, el("time", {}, clock(step.at_s)), el("span", {}, step.what)))));
  let at = 0;
  let told = () => {};
  let timer;
  const showStep = (index) => {
    at = Math.max(0, Math.min(steps.length - 1, index));
    const step = steps[at];
    if (!step) return;
    slider.value = String(at);
    mark(slider, "aria-valuetext", `${clock(step.at_s)}, ${step.what}`);
    say(where, `${clock(step.at_s)} · event ${at + 1} of ${steps.length}`);
    say(what, step.what);
    cursor.style.left = `${end > first ? ((step.at_s - first) / (end - first)) * 100 : 0}%`;
    state.replaceChildren(...world(step.state, film));
    back.disabled = at === 0;
    on.disabled = at === steps.length - 1;
    const before = list.querySelector("[aria-current]");
    if (before) before.removeAttribute("aria-current");
    list.children[at]?.setAttribute("aria-current", "step");
  };
  const moved = (index) => {
    showStep(index);
    told(steps[at]?.at_s ?? 0);
  };
  const seek = (seconds, tell = false) => {
    let index = steps.findIndex((step) => step.at_s > seconds);
    if (index < 0) index = steps.length;
    if (tell) moved(index - 1);
    else showStep(index - 1);
  };
  const toggle = () => {
    if (timer) {
      clearInterval(timer);
      timer = undefined;
    } else {
      timer = setInterval(() => {
        if (at >= steps.length - 1 || !root.isConnected) toggle();
        else moved(at + 1);
      }, 250);
    }
    say(play, timer ? "Stop" : "Play");
  };
  const beginning = steps.findIndex((step) => step.at_s >= 0);
  showStep(Math.max(0, beginning));
  return { root, seek, follow(tell) { told = tell; } };
}

function clock(seconds) {
  return `${seconds < 0 ? "−" : ""}${Math.abs(seconds).toFixed(3)} s`;
}

/** Phases and losses on the line of time. */
function marks(film, first, end) {
  const place = (seconds) => (end > first ? ((seconds - first) / (end - first)) * 100 : 0);
  const styled = (element, seconds) => {
    element.style.left = `${place(seconds)}%`;
    return element;
  };
  const phases = film.phases.map((phase, index) => {
    const label = styled(el("span", { class: "phase" }, phase.name), phase.at_s);
    label.style.top = `${(index % 2) * 14}px`;
    return label;
  });
  const lost = film.lost.slice(0, 500).map((one) => styled(el("span", { class: "loss-mark" }), one.at_s));
  return [...phases, ...lost];
}

/** The world at one step, in words and chips. */
function world(state, film) {
  const side = (address) => film.sides[address];
  const chip = (address, condition, extra = "") => el("span", { class: "chip", "data-side": hueOf(side(address)), "data-condition": condition },
    `${side(address) ?? ""} ${address}${extra}`.trim());
  const rows = [];
  const row = (name, ...content) => rows.push(el("div", {}, el("dt", {}, name), el("dd", { class: "chips" }, ...content)));
  row("Phase", state.phase ?? "before the swap");
  row("Resource Manager says", ...(state.pool ?? []).map((address) => chip(address, "listed")));
  const instances = Object.entries(state.effective ?? {});
  for (const [instance, members] of instances.slice(0, LANES)) {
    const unhealthy = new Set(state.unhealthy?.[instance] ?? []);
    row(`Gateway instance ${instance} does`, ...members.map((address) => chip(address, unhealthy.has(address) ? "unhealthy" : "healthy")));
  }
  row("In flight", ...Object.entries(state.in_flight ?? {}).filter(([, number]) => number > 0).map(([address, number]) => chip(address, "healthy", ` · ${number}`)));
  for (const [set, machines] of Object.entries(state.serving ?? {})) {
    row(`${set} serves with`, `${machines.length} ${machines.length === 1 ? "machine" : "machines"}`);
  }
  const processes = Object.entries(state.processes ?? {});
  if (processes.length) row("Orchestrators", processes.map(([number, began]) => `${number}: ${began}`).join(", "));
  if (state.lease) row("Lease", state.lease);
  return rows;
}

function hueOf(name) {
  const text = String(name ?? "").toLowerCase();
  if (text.includes("green")) return "green";
  return text.includes("blue") ? "blue" : "plain";
}

/** An exported page: its films stand in it as data. */
export function exported() {
  const data = document.getElementById("films");
  if (!data) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", theme);
  theme();
  const films = JSON.parse(data.textContent).map((film) => readFilm(JSON.stringify(film)));
  document.getElementById("main").append(viewerView(films).root);
}
