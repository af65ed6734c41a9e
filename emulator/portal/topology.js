// What Resource Manager says beside what is really done, and the traffic between them.
import { count, el, keyed, mark, millis, say, svg } from "./dom.js";
import { chart, draw } from "./chart.js";

const SHOWN = 60;
/** More instances than that are squares without a number. */
const MANY = 48;

/** The hue of a side, by its name; other names share the rest. */
export function hue(name) {
  const text = String(name).toLowerCase();
  if (text.includes("green")) return "green";
  if (text.includes("blue")) return "blue";
  return "plain";
}

/** Which side (group) answers behind an address: by its balancers' frontends. */
export function sidesOf(state) {
  const byAddress = new Map();
  for (const balancer of state.load_balancers) {
    for (const rule of balancer.rules) byAddress.set(rule.address, balancer.group);
  }
  return byAddress;
}

function sides(state) {
  const named = new Map();
  const side = (group) => {
    if (!named.has(group)) named.set(group, { name: group, balancers: [], sets: [], addresses: new Set() });
    return named.get(group);
  };
  for (const balancer of state.load_balancers) {
    side(balancer.group).balancers.push(balancer);
    for (const rule of balancer.rules) side(balancer.group).addresses.add(rule.address);
  }
  for (const set of state.scale_sets) side(set.group).sets.push(set);
  return [...named.values()];
}

/** The traffic of the last seconds with a set of members, oldest first. */
function series(seconds, now, addresses) {
  const rows = [];
  for (let at = now - SHOWN; at < now; at += 1) {
    const second = seconds.get(at);
    const members = (second?.members ?? []).filter((row) => addresses.has(row.member));
    const sum = (name) => members.reduce((all, row) => all + row[name], 0);
    const worst = (name) => Math.max(...members.map((row) => row[name] ?? 0), 0);
    rows.push({ requests: sum("requests"), lost: sum("lost"), retried: sum("retried"),
      p50: worst("p50_ms"), p99: worst("p99_ms") });
  }
  return rows;
}

/** The overview: `update` is called with every new state and every second of traffic. */
export function topologyView(actions) {
  const tiles = el("div", { class: "tiles" });
  const gateways = el("div", { class: "column" });
  const groups = el("div", { class: "column" });
  const wires = svg("svg", { class: "wires", "aria-hidden": "true" });
  const board = el("div", { class: "board" }, wires, gateways, groups);
  const empty = el("div", { class: "empty card" },
    el("h2", {}, "An empty cloud"),
    el("p", {}, "Nothing is deployed yet. In a terminal:"),
    el("pre", {}, "turquoise init\nturquoise deploy frontend\nturquoise deploy green\nturquoise deploy blue"),
    el("p", {}, "or point az, an SDK or Terraform at this emulator."));
  const root = el("section", { "aria-label": "Topology" }, tiles, empty, board);
  let drawn = () => {};
  new ResizeObserver(() => drawn()).observe(board);
  return {
    root,
    update(state, seconds, now) {
      const named = sides(state);
      const nothing = state.gateways.length === 0 && named.length === 0;
      empty.hidden = !nothing;
      board.hidden = nothing;
      for (const side of named) side.series = series(seconds, now, side.addresses);
      keyed(tiles, named.filter((side) => side.addresses.size), (side) => side.name, createTile, updateTile);
      const owner = sidesOf(state);
      keyed(gateways, state.gateways, (gateway) => gateway.id, createGateway,
        (card, gateway) => updateGateway(card, gateway, owner));
      keyed(groups, named, (side) => side.name, createSide,
        (card, side) => updateSide(card, side, actions));
      drawn = () => drawWires(board, wires, state, named, owner);
      drawn();
    },
  };
}

function createTile(side) {
  return el("article", { class: "tile card", "data-side": hue(side.name) },
    el("h2", {}, el("span", { class: "dot" }), side.name),
    el("p", { class: "big" }, el("strong", { class: "rps" }), el("span", {}, " requests/s")),
    chart(`Requests per second to ${side.name} in the last minute`),
    el("dl", { class: "facts" },
      el("div", {}, el("dt", {}, "median"), el("dd", { class: "p50" })),
      el("div", {}, el("dt", {}, "p99"), el("dd", { class: "p99" })),
      el("div", {}, el("dt", {}, "lost in a minute"), el("dd", { class: "losses" }))));
}

function updateTile(tile, side) {
  const rows = side.series;
  const last = rows[rows.length - 1] ?? { requests: 0 };
  const lost = rows.reduce((all, row) => all + row.lost, 0);
  say(tile.querySelector(".rps"), count(last.requests));
  say(tile.querySelector(".p50"), last.requests ? millis(last.p50) : "–");
  say(tile.querySelector(".p99"), last.requests ? millis(last.p99) : "–");
  say(tile.querySelector(".losses"), count(lost));
  mark(tile.querySelector(".losses"), "data-bad", lost > 0);
  draw(tile.querySelector(".chart"), rows.map((row) => row.requests), rows.map((row) => row.lost));
}

function createGateway(gateway) {
  return el("article", { class: "card gateway" },
    el("header", {}, el("h2", {}, gateway.name), el("span", { class: "state" })),
    el("p", { class: "kind" }, "Application Gateway in ", gateway.group),
    el("h3", {}, "Resource Manager says"),
    el("ul", { class: "pools" }),
    el("h3", {}, "Each instance does"),
    el("ul", { class: "instances" }));
}

function updateGateway(card, gateway, owner) {
  stateOf(card.querySelector(".state"), gateway.state);
  const first = gateway.pools.filter((pool) => pool.addresses.length);
  keyed(card.querySelector(".pools"), first.length ? first : gateway.pools, (pool) => pool.name,
    (pool) => el("li", {}, el("span", { class: "label" }, pool.name), el("span", { class: "chips" })),
    (row, pool) => keyed(row.lastElementChild, pool.addresses.map((address) => ({ address })),
      (member) => member.address, () => el("span", { class: "chip" }),
      (chip, member) => {
        mark(chip, "data-side", hue(owner.get(member.address) ?? ""));
        say(chip, memberName(member.address, owner));
      }));
  keyed(card.querySelector(".instances"), gateway.instances, (instance) => instance.instance,
    (instance) => el("li", {},
      el("span", { class: "label" }, `instance ${instance.instance}`),
      el("span", { class: "chips" })),
    (row, instance) => keyed(row.lastElementChild, instance.members,
      (member) => `${member.pool} ${member.address} ${member.draining}`, () => el("span", { class: "chip" }),
      (chip, member) => updateMember(chip, member, owner)));
}

function memberName(address, owner) {
  const side = owner.get(address);
  return side ? `${side} ${address}` : address;
}

function updateMember(chip, member, owner) {
  const condition = member.draining ? "draining" : member.healthy ? "healthy" : "unhealthy";
  mark(chip, "data-side", hue(owner.get(member.address) ?? ""));
  mark(chip, "data-condition", condition);
  const work = member.in_flight ? `, ${member.in_flight} in flight` : "";
  say(chip, `${memberName(member.address, owner)} · ${condition}${work}`);
}

function stateOf(badge, state) {
  say(badge, state);
  mark(badge, "data-state", state === "Succeeded" ? "good" : state === "Failed" ? "bad" : "busy");
}

function createSide(side) {
  return el("article", { class: "card side", "data-side": hue(side.name) },
    el("header", {}, el("h2", {}, el("span", { class: "dot" }), side.name)),
    el("div", { class: "balancers" }),
    el("div", { class: "sets" }));
}

function updateSide(card, side, actions) {
  keyed(card.querySelector(".balancers"), side.balancers, (balancer) => balancer.id,
    (balancer) => el("div", { class: "block" },
      el("p", { class: "kind" }, el("strong", {}, balancer.name), " load balancer ", el("span", { class: "state" })),
      el("ul", { class: "rules" })),
    (block, balancer) => {
      stateOf(block.querySelector(".state"), balancer.state);
      keyed(block.querySelector(".rules"), balancer.rules, (rule) => rule.name + rule.address,
        () => el("li", {}),
        (row, rule) => say(row, `${rule.address}:${rule.port} → ${rule.backend_port}, probe passes ${rule.healthy.length}`));
    });
  const passing = new Set(side.balancers.flatMap((balancer) => balancer.rules.flatMap((rule) => rule.healthy)));
  keyed(card.querySelector(".sets"), side.sets, (set) => set.id, (set) => createSet(set, actions),
    (block, set) => updateSet(block, set, passing, actions));
}

function createSet(set, actions) {
  const step = (by) => () => actions.scale(set.id, set.name, Number(capacity.textContent) + by);
  const capacity = el("output", { class: "capacity", "aria-label": `Capacity of ${set.name}` });
  return el("div", { class: "block" },
    el("div", { class: "set-head" },
      el("p", { class: "kind" }, el("strong", {}, set.name), " scale set ", el("span", { class: "state" })),
      el("div", { class: "stepper", role: "group", "aria-label": `Scale ${set.name}` },
        el("button", { type: "button", class: "quiet", onclick: step(-1), "aria-label": `One instance of ${set.name} less` }, "−"),
        capacity,
        el("button", { type: "button", class: "quiet", onclick: step(1), "aria-label": `One instance of ${set.name} more` }, "+"))),
    el("p", { class: "summary" }),
    el("div", { class: "machines" }));
}

function updateSet(block, set, passing, actions) {
  stateOf(block.querySelector(".state"), set.state);
  say(block.querySelector(".capacity"), set.capacity ?? 0);
  const serving = set.instances.filter((instance) => conditionOf(instance) === "serving").length;
  const builds = [...new Set(set.instances.map((instance) => instance.build))].join(", ");
  say(block.querySelector(".summary"), `${serving} of ${set.instances.length} serve${builds ? ` · ${builds}` : ""}`);
  const machines = block.querySelector(".machines");
  mark(machines, "data-many", set.instances.length > MANY);
  keyed(machines, set.instances, (instance) => instance.number,
    (instance) => el("button", { type: "button", class: "machine",
      onclick: () => actions.machine(set, instance.number) }),
    (button, instance) => {
      const condition = conditionOf(instance);
      mark(button, "data-condition", condition);
      mark(button, "data-probe", passing.has(instance.address) ? "up" : "down");
      const busy = instance.in_flight ? `, ${instance.in_flight} in flight` : "";
      const probe = passing.has(instance.address) ? "probe passes" : "probe fails";
      mark(button, "aria-label", `Instance ${instance.number} of ${set.name}: ${condition}, ${probe}${busy}`);
      mark(button, "title", `${instance.number} · ${instance.address} · ${instance.build} · ${condition} · ${probe}${busy}`);
      say(button, set.instances.length > MANY ? "" : instance.number);
    });
}

/** How an instance meets a request, in one word. */
export function conditionOf(instance) {
  if (instance.state === "NotListening") return "off";
  if (instance.state === "Refusing") return "refusing";
  if (instance.state === "Hanging") return "hanging";
  if (!instance.ready) return "starting";
  return instance.sickness ? String(instance.sickness).replaceAll("_", " ") : "serving";
}

function drawWires(board, wires, state, named, owner) {
  const frame = board.getBoundingClientRect();
  const lines = [];
  const cardOf = (column, key) => [...board.children[column].children].find((card) => card.dataset.key === key);
  for (const gateway of state.gateways) {
    const from = cardOf(1, gateway.id)?.getBoundingClientRect();
    for (const side of named) {
      const to = cardOf(2, side.name)?.getBoundingClientRect();
      if (!from || !to || to.left < from.right) continue;
      const listed = gateway.pools.some((pool) => pool.addresses.some((address) => owner.get(address) === side.name));
      const members = gateway.instances.flatMap((instance) => instance.members.filter((member) => owner.get(member.address) === side.name));
      const serves = members.some((member) => member.healthy && !member.draining);
      const drains = members.some((member) => member.draining);
      if (!listed && !members.length) continue;
      const last = side.series?.at(-1)?.requests ?? 0;
      const [x1, y1] = [from.right - frame.left, from.top + Math.min(from.height / 2, 140) - frame.top];
      const [x2, y2] = [to.left - frame.left, to.top + Math.min(to.height / 2, 90) - frame.top];
      const bend = (x2 - x1) / 2;
      lines.push(svg("path", {
        class: "wire", "data-side": hue(side.name),
        "data-condition": serves ? "serves" : drains ? "drains" : "idle",
        "data-flows": last > 0 ? "yes" : null,
        "stroke-width": (1.5 + Math.min(6, Math.log2(1 + last))).toFixed(1),
        d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`,
      }));
    }
  }
  wires.replaceChildren(...lines);
}
