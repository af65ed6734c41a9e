// Elements from data. Data only ever becomes text nodes and attribute values, never markup.

/** An element: `el("p", {class: "x", onclick: f}, "text", child)`. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Sets an element's text, leaving it alone when it is the same. */
export function say(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Sets or takes away an attribute, leaving it alone when it is the same. */
export function mark(element, name, value) {
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** Makes `parent`'s children those of `items`, keeping elements (and with them the focus) by key. */
export function keyed(parent, items, keyOf, create, update) {
  const known = new Map();
  for (const child of [...parent.children]) known.set(child.dataset.key, child);
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = known.get(key);
    if (child) known.delete(key);
    else {
      child = create(item);
      child.dataset.key = key;
    }
    if (child !== place) parent.insertBefore(child, place);
    else place = place.nextElementSibling;
    update?.(child, item);
  }
  for (const child of known.values()) child.remove();
}

/** A value as readable JSON. */
export function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** A span of milliseconds as `1:02:03` or `2:03.4`. */
export function span(ms) {
  const sign = ms < 0 ? "−" : "";
  const all = Math.abs(ms);
  const hours = Math.floor(all / 3600000);
  const minutes = Math.floor((all % 3600000) / 60000);
  const seconds = (all % 60000) / 1000;
  const two = (number) => String(number).padStart(2, "0");
  if (hours > 0) return `${sign}${hours}:${two(minutes)}:${two(Math.floor(seconds))}`;
  return `${sign}${minutes}:${seconds < 10 ? "0" : ""}${(Math.floor(seconds * 10) / 10).toFixed(1)}`;
}

/** A number with thin groups of thousands. */
export function count(number) {
  return Math.round(number ?? 0).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
}

/** Milliseconds as people say them. */
export function millis(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 10000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 100 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}
