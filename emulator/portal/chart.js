// Small charts of the last minute: a line per series, no axes but what the labels say.
import { svg } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 48;

/** An empty chart; `draw` fills it. */
export function chart(label) {
  return svg("svg", {
    class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
    role: "img", "aria-label": label,
  });
}

/** Draws numbers (oldest first, 0 for silence), and bars for those of `losses` above zero. */
export function draw(picture, values, losses = []) {
  const top = Math.max(1, ...values) * 1.1;
  const last = Math.max(1, values.length - 1);
  const x = (index) => (index / last) * WIDTH;
  const y = (value) => HEIGHT - 1 - (value / top) * (HEIGHT - 4);
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  const worst = Math.max(1, ...losses);
  const bars = losses.flatMap((lost, index) => lost > 0
    ? [svg("rect", { class: "lost", x: (x(index) - 1.5).toFixed(1), width: 3,
        y: (HEIGHT - 6 - (lost / worst) * (HEIGHT - 10)).toFixed(1), height: HEIGHT })]
    : []);
  const area = points.length ? `M0,${HEIGHT} L${points.join(" L")} L${WIDTH},${HEIGHT} Z` : "";
  picture.replaceChildren(
    svg("path", { class: "area", d: area }),
    svg("polyline", { class: "line", points: points.join(" ") }),
    ...bars,
  );
}
