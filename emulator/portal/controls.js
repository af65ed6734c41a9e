// What a person may do to the cloud: its clock, faults, machines, snapshots.
import { el, keyed, mark, pretty, say, span } from "./dom.js";
import { conditionOf } from "./topology.js";

const SPEEDS = [0.1, 0.5, 1, 2, 5, 10, 20, 50, 100];

/** The clock in the page's head. */
export function clockView(root, api) {
  const time = el("output", { class: "time", "aria-label": "Time since the cloud began" }, "–");
  const pause = el("button", { type: "button", class: "quiet", onclick: () => api.clock({ paused: pause.dataset.paused !== "true" }) }, "Pause");
  const speed = el("select", { "aria-label": "Speed of the cloud's clock", onchange: () => api.clock({ speed: Number(speed.value) }) },
    SPEEDS.map((value) => el("option", { value }, `×${value}`)));
  const step = (label, ms) => el("button", { type: "button", class: "quiet", "aria-label": `Let ${label} pass at once`,
    onclick: () => api.clock({ advance_ms: ms }) }, `+${label}`);
  root.append(time, pause, step("10 s", 10000), step("1 min", 60000), speed);
  let known = { cloud_time_ms: 0, paused: true, speed: 1 };
  let received = performance.now();
  const show = () => {
    const passed = known.paused ? 0 : (performance.now() - received) * known.speed;
    say(time, span(Math.floor((known.cloud_time_ms + passed) / 100) * 100));
  };
  setInterval(show, 200);
  return {
    update(clock) {
      known = clock;
      received = performance.now();
      mark(pause, "data-paused", clock.paused);
      say(pause, clock.paused ? "Resume" : "Pause");
      if (document.activeElement !== speed) {
        const value = String(clock.speed);
        if (![...speed.options].some((option) => option.value === value)) {
          speed.append(el("option", { value }, `×${value}`));
        }
        speed.value = value;
      }
      show();
    },
  };
}

/** One machine: what it does, and its end. */
export function machineDialog(dialog, api, find) {
  return (set, number) => {
    const facts = el("pre", { class: "json", tabindex: "0", "aria-label": "The instance as JSON" });
    const close = el("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Close");
    const kill = el("button", { type: "button", class: "danger", onclick: async () => {
      if (await api.kill(set.id, number)) dialog.close();
    } }, "Kill it");
    const show = () => {
      const instance = find(set.id, number);
      say(facts, instance ? pretty({ ...instance, condition: conditionOf(instance) }) : "It is gone.");
      kill.disabled = !instance || instance.state === "NotListening";
    };
    show();
    const timer = setInterval(show, 500);
    dialog.replaceChildren(
      el("h2", { id: "dialog-title" }, `Instance ${number} of ${set.name}`),
      el("p", { class: "hint" }, "Killing it cuts its power: Resource Manager goes on believing in it."),
      facts, el("div", { class: "actions" }, close, kill));
    dialog.addEventListener("close", () => clearInterval(timer), { once: true });
    dialog.showModal();
  };
}

/** An example that names what there is: its scale sets and members. */
function fitting(fault, state) {
  const alike = (name) => state?.scale_sets.find((set) => set.name.toLowerCase().includes(name))?.name ?? name;
  const member = state?.load_balancers.flatMap((balancer) => balancer.rules)[0]?.address;
  const fitted = { ...fault };
  if (fitted.scale_set) fitted.scale_set = alike(fitted.scale_set);
  if (fitted.address && member) fitted.address = member;
  if (fitted.fault) fitted.fault = fitting(fitted.fault, state);
  return fitted;
}

/** The page of faults and of snapshots. */
export function faultsView(api) {
  const kinds = el("select", { id: "fault-kind" });
  const about = el("p", { class: "hint", id: "fault-about" });
  const text = el("textarea", { id: "fault-text", rows: "9", spellcheck: "false", "aria-describedby": "fault-about" });
  const wait = el("input", { id: "fault-wait", type: "number", min: "0", step: "1", value: "0" });
  const wrong = el("p", { class: "wrong", role: "alert" });
  const armed = el("ul", { class: "rows", "aria-label": "Armed faults" });
  const none = el("p", { class: "hint" }, "None is armed by hand.");
  let examples = [];
  const choose = () => {
    const example = examples[kinds.selectedIndex];
    if (!example) return;
    say(about, `Acts at ${example.point}. ${example.about}.`);
    text.value = pretty(fitting(example.fault, api.state()));
    say(wrong, "");
  };
  kinds.addEventListener("change", choose);
  const arm = async (event) => {
    event.preventDefault();
    say(wrong, "");
    let fault;
    try {
      fault = JSON.parse(text.value);
    } catch (error) {
      say(wrong, `This is no JSON: ${error.message}`);
      return;
    }
    const refused = await api.arm({ in_ms: Math.round(Number(wait.value) * 1000), fault });
    if (refused) say(wrong, refused);
    refresh();
  };
  const refresh = async () => {
    const faults = await api.get("faults");
    if (!faults) return;
    if (!examples.length) {
      examples = faults.kinds;
      kinds.replaceChildren(...examples.map((example) => el("option", {}, example.fault.kind.replaceAll("_", " "))));
      choose();
    }
    none.hidden = faults.armed.length > 0;
    keyed(armed, faults.armed, (fault) => fault.index,
      (fault) => el("li", {},
        el("div", {}, el("strong", {}, `${fault.index} · ${fault.name.replaceAll("_", " ")}`),
          el("span", { class: "hint" }, ` from ${span(fault.at_ms)}`),
          el("pre", { class: "json small" }, pretty(fault.fault))),
        el("button", { type: "button", class: "quiet", "aria-label": `Take back fault ${fault.index}`,
          onclick: async () => { await api.disarm(fault.index); refresh(); } }, "Take back")));
  };
  const file = el("input", { type: "file", id: "restore-file", accept: "application/json,.json", onchange: async () => {
    const chosen = file.files[0];
    if (chosen) await api.restore(await chosen.text());
    file.value = "";
  } });
  const root = el("section", { class: "two", "aria-label": "Faults" },
    el("form", { class: "card form", onsubmit: arm },
      el("h2", {}, "Inject a fault"),
      el("label", { for: "fault-kind" }, "Kind"), kinds, about,
      el("label", { for: "fault-text" }, "Fault"), text,
      el("label", { for: "fault-wait" }, "Seconds of cloud time until it is armed"), wait,
      wrong,
      el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Arm it"))),
    el("div", { class: "stack" },
      el("div", { class: "card" }, el("h2", {}, "Armed"), none, armed,
        el("div", { class: "actions" }, el("button", { type: "button", class: "quiet",
          onclick: async () => { await api.disarmAll(); refresh(); } }, "Take all back"))),
      el("div", { class: "card form" },
        el("h2", {}, "Snapshots"),
        el("p", { class: "hint" }, "A snapshot holds every resource as it was written, keys of certificates included. Bringing it back writes them again."),
        el("div", { class: "actions" },
          el("a", { class: "button quiet", href: "v1/snapshot", download: "turquoise-cloud.json" }, "Save a snapshot"),
          el("button", { type: "button", class: "danger", onclick: () => api.reset() }, "Begin anew")),
        el("label", { for: "restore-file" }, "Restore from a file"), file)));
  return { root, update: refresh };
}
