// Lists that are read: events, requests with bodies, resources, what is emulated.
import { count, el, keyed, mark, pretty, say, span } from "./dom.js";

const KEPT = 1000;
const SHOWN = 300;

/** A target without the subscription that all share, and without its version. */
function short(target) {
  return target.replace(/^\/+subscriptions\/[^/?]+/i, "").replace(/[?&]api-version=[^&]*/i, "") || target;
}

/** One entry of the chronicle as a line of words. */
export function words(entry) {
  const { what, detail } = entry;
  if (what === "request") return `${detail.method} ${short(detail.target)} → ${detail.status || "no answer"}`;
  if (what === "loss") return `request ${detail.request} lost at gateway instance ${detail.gateway_instance}${detail.member ? ` with ${detail.member}` : ""}: ${detail.why}`;
  if (what === "more_losses") return `${count(detail.count)} more lost in the same moment`;
  if (what === "note") return detail.text;
  const [kind, facts] = Object.entries(detail)[0] ?? ["", {}];
  const name = (id) => String(id ?? "").split("/").pop();
  const told = {
    GatewayWritten: () => `${name(facts.gateway)}: write ${facts.generation} accepted; ${facts.pools.map(([id, list]) => `${name(id)} = {${list.join(", ")}}`).join("; ")}`,
    OperationEnded: () => `${facts.verb} ${name(facts.resource)}: ${facts.status}`,
    GatewayApplied: () => `${name(facts.gateway)} instance ${facts.instance} uses write ${facts.generation}; ${facts.pools.map(([id, list]) => `${name(id)} = {${list.join(", ")}}`).join("; ")}`,
    MemberHealth: () => `${name(facts.gateway)} instance ${facts.instance}: ${facts.address} is ${facts.healthy ? "healthy" : "unhealthy"}`,
    BackendHealth: () => `${name(facts.load_balancer)} ${facts.rule}: probe of ${facts.address} ${facts.healthy ? "passes" : "fails"}`,
    InstanceServing: () => `instance ${facts.instance?.number} of ${name(facts.instance?.scale_set)} serves ${facts.build} at ${facts.address}`,
    InstanceHealth: () => `${facts.address} ${facts.serves ? "does its work" : "does not do its work"}, its own health check ${facts.passes_probes ? "passes" : "fails"}`,
    InstanceStopped: () => `instance ${facts.instance?.number} of ${name(facts.instance?.scale_set)} stopped with ${facts.in_flight} in flight`,
    DrainCut: () => `${name(facts.gateway)} instance ${facts.instance} cut ${facts.cut} requests with ${facts.address}`,
    Scaled: () => `${name(facts.scale_set)} scaled from ${facts.from} to ${facts.to} by ${facts.by}`,
    FaultHit: () => `fault ${facts.fault} took effect: ${facts.name}`,
  }[kind];
  return told ? told() : `${kind} ${JSON.stringify(facts)}`;
}

/** The kind of an entry, for filters and colours. */
export function kindOf(entry) {
  if (entry.what === "cloud") {
    const kind = Object.keys(entry.detail)[0] ?? "";
    if (["MemberHealth", "BackendHealth", "InstanceHealth"].includes(kind)) return "health";
    if (["FaultHit", "DrainCut", "InstanceStopped"].includes(kind)) return "trouble";
    return "change";
  }
  return { loss: "loss", more_losses: "loss", request: "request", note: "note" }[entry.what] ?? "note";
}

/** Everything that happened, as it happens. */
export function logView() {
  const entries = [];
  const list = el("ol", { class: "log", tabindex: "0", "aria-label": "What happened, newest first" });
  const search = el("input", { type: "search", id: "log-search", placeholder: "Filter", "aria-label": "Filter the log", oninput: () => show() });
  const kinds = ["change", "health", "request", "loss", "trouble", "note"];
  const boxes = kinds.map((kind) => el("label", { class: "check", "data-kind": kind },
    el("input", { type: "checkbox", checked: true, value: kind, onchange: () => show() }), kind));
  const hold = el("input", { type: "checkbox", onchange: () => show() });
  const none = el("p", { class: "hint" }, "Nothing of that yet.");
  const root = el("section", { "aria-label": "Log" },
    el("div", { class: "tools" }, search, ...boxes, el("label", { class: "check" }, hold, "hold still")), none, list);
  let due = false;
  const show = () => {
    due = false;
    const wanted = new Set(boxes.map((box) => box.firstElementChild).filter((box) => box.checked).map((box) => box.value));
    const text = search.value.toLowerCase();
    const rows = [];
    for (let index = entries.length - 1; index >= 0 && rows.length < SHOWN; index -= 1) {
      const entry = entries[index];
      if (wanted.has(entry.kind) && (!text || entry.text.toLowerCase().includes(text))) rows.push(entry);
    }
    none.hidden = rows.length > 0;
    keyed(list, rows, (entry) => entry.number, (entry) => el("li", { "data-kind": entry.kind },
      el("time", {}, span(entry.at_ms)), el("span", { class: "kind-mark" }, entry.kind), el("span", { class: "line" }, entry.text)));
  };
  return {
    root,
    entries,
    add(entry) {
      entries.push({ ...entry, text: words(entry), kind: kindOf(entry) });
      if (entries.length > KEPT) entries.splice(0, entries.length - KEPT);
      if (!due && root.isConnected && !hold.checked) {
        due = true;
        requestAnimationFrame(show);
      }
    },
    update: show,
  };
}

/** ARM requests with their bodies. */
export function requestsView(api) {
  const list = el("ul", { class: "rows choose", "aria-label": "Requests, newest first" });
  const shown = el("div", { class: "card detail" }, el("p", { class: "hint" }, "Choose a request to see its bodies."));
  const none = el("p", { class: "hint" }, "No request to Resource Manager yet.");
  const open = async (number, button) => {
    for (const other of list.querySelectorAll("button")) mark(other, "aria-pressed", other === button);
    const request = await api.get(`requests/${number}`);
    if (!request) return;
    shown.replaceChildren(
      el("h2", {}, `${request.method} `, el("span", { class: "path" }, request.target)),
      el("p", { class: "hint" }, `${request.status || "no answer"} · ${request.caller || "no name"}`),
      el("h3", {}, "Request"), el("pre", { class: "json", tabindex: "0", "aria-label": "The request's body" }, request.request === null ? "no body" : pretty(request.request)),
      el("h3", {}, "Answer"), el("pre", { class: "json", tabindex: "0", "aria-label": "The answer's body" }, request.answer === null ? "no body" : pretty(request.answer)));
  };
  const root = el("section", { class: "two", "aria-label": "Requests" }, el("div", { class: "card" }, none, list), shown);
  return {
    root,
    async update() {
      const requests = await api.get("requests");
      if (!requests) return;
      none.hidden = requests.length > 0;
      keyed(list, requests, (request) => request.number, (request) => el("li", {},
        el("button", { type: "button", "aria-pressed": "false", onclick: (event) => open(request.number, event.currentTarget) },
          el("span", { class: "status", "data-bad": request.status >= 400 || !request.status }, request.status || "—"),
          el("strong", { class: "method" }, request.method), el("span", { class: "path" }, short(request.target)))));
    },
  };
}

/** Every resource as Resource Manager answers it. */
export function resourcesView(api) {
  const list = el("div", { class: "tree" });
  const shown = el("div", { class: "card detail" }, el("p", { class: "hint" }, "Choose a resource to see it as Resource Manager answers it."));
  const none = el("p", { class: "hint" }, "There are no resources.");
  const open = async (id, button) => {
    for (const other of list.querySelectorAll("button")) mark(other, "aria-pressed", other === button);
    const resource = await api.get(`resource?id=${encodeURIComponent(id)}`);
    if (!resource) return;
    shown.replaceChildren(el("h2", {}, id.split("/").pop()), el("p", { class: "hint path" }, id),
      el("pre", { class: "json", tabindex: "0", "aria-label": "The resource as JSON" }, pretty(resource)));
  };
  const groupOf = (id) => (/\/resourceGroups\/([^/]+)/i.exec(id) ?? ["", ""])[1];
  const root = el("section", { class: "two", "aria-label": "Resources" }, el("div", { class: "card" }, none, list), shown);
  return {
    root,
    async update() {
      const all = await api.get("resources");
      if (!all) return;
      none.hidden = all.groups.length > 0;
      keyed(list, all.groups, (group) => group.name,
        (group) => el("section", {}, el("h2", {}, group.name, el("span", { class: "hint" }, ` ${group.location}`)), el("ul", { class: "rows choose" })),
        (section, group) => {
          const own = all.resources.filter((resource) => groupOf(resource.id).toLowerCase() === group.name.toLowerCase());
          keyed(section.lastElementChild, own, (resource) => resource.id, (resource) => el("li", {},
            el("button", { type: "button", "aria-pressed": "false", onclick: (event) => open(resource.id, event.currentTarget) },
              el("strong", {}, resource.id.split("/").pop()),
              el("span", { class: "hint" }, resource.type.split("/").pop()), el("span", { class: "state" }))),
          (row, resource) => {
            const badge = row.querySelector(".state");
            say(badge, resource.state);
            mark(badge, "data-state", resource.state === "Succeeded" ? "good" : resource.state === "Failed" ? "bad" : "busy");
          });
        });
    },
  };
}

/** Calls that nobody answered, and what is emulated. */
export function coverageView(api) {
  const calls = el("tbody", {});
  const none = el("p", { class: "hint" }, "Every call so far was answered.");
  const table = el("table", {}, el("caption", { class: "visually-hidden" }, "Calls answered with 501"),
    el("thead", {}, el("tr", {}, ["Method", "What", "Times"].map((head) => el("th", { scope: "col" }, head)))), calls);
  const sections = el("div", { class: "stack" });
  const search = el("input", { type: "search", placeholder: "Filter", "aria-label": "Filter what is emulated", oninput: () => filter() });
  const root = el("section", { class: "stack", "aria-label": "Coverage" },
    el("div", { class: "card" }, el("h2", {}, "Not emulated, and asked for"), none, table),
    el("div", { class: "card" }, el("h2", {}, "What is emulated"),
      el("p", { class: "hint" }, "Each behaviour with its source, the code that has it, the test that holds it, and where it differs from Azure on purpose."),
      search, sections));
  const filter = () => {
    const text = search.value.toLowerCase();
    for (const row of sections.querySelectorAll("tbody tr")) row.hidden = text !== "" && !row.textContent.toLowerCase().includes(text);
    for (const section of sections.querySelectorAll("details")) {
      const some = [...section.querySelectorAll("tbody tr")].some((row) => !row.hidden);
      section.hidden = !some;
      if (text) section.open = some;
    }
  };
  let loaded = false;
  return {
    root,
    async update() {
      const unhandled = await api.get("unhandled");
      if (!unhandled) return;
      none.hidden = unhandled.length > 0;
      table.hidden = unhandled.length === 0;
      keyed(calls, unhandled, (call) => `${call.method} ${call.what}`,
        (call) => el("tr", {}, el("td", {}, call.method), el("td", { class: "path" }, call.what), el("td", {})),
        (row, call) => say(row.lastElementChild, count(call.count)));
      if (loaded) return;
      const coverage = await api.get("coverage");
      if (!coverage) return;
      loaded = true;
      const columns = ["behaviour", "source", "code", "test", "difference"];
      sections.replaceChildren(...coverage.map((section) => el("details", {},
        el("summary", {}, section.section, el("span", { class: "hint" }, ` ${section.rows.length}`)),
        el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": section.section }, el("table", {},
          el("thead", {}, el("tr", {}, columns.map((head) => el("th", { scope: "col" }, head)))),
          el("tbody", {}, section.rows.map((row) => el("tr", {}, columns.map((name) => el("td", {}, row[name].replaceAll("`", "")))))))))));
    },
  };
}
