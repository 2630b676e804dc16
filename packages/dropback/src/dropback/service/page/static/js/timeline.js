// How the distribution moved from the snap to now: median, the middle 90%, and the chance of a touchdown.

import { el, svg } from "./dom.js";
import * as format from "./format.js";

const HEIGHT = 112;
const LEFT = 46;
const RIGHT = 46;

export class Timeline {
  constructor() {
    this.picture = svg("svg", { class: "timeline", role: "img", "aria-label": "The forecast over time" });
    this.element = el("figure", { class: "chart-box" },
      el("figcaption", {}, el("b", {}, "How the forecast moved"), el("span", { class: "keys-of" },
        [["line", "Median"], ["half", "Middle half"], ["band", "Middle 90%"]].map(([kind, words]) =>
          el("span", {}, el("i", { class: `swatch ${kind}`, "aria-hidden": "true" }), words)))),
      this.picture,
      el("p", { class: "axis-title" }, "Seconds after the snap; up: yards gained"));
  }

  layout(width) {
    this.width = width;
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("height", HEIGHT);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    if (this.track) this.show(this.track, this.now, this.length);
  }

  show(track, now, length) {
    Object.assign(this, { track, now, length });
    if (!this.width) return;
    const known = track.forecasts.filter((forecast) => forecast && forecast.frame <= now);
    const all = track.forecasts.filter(Boolean);
    if (!all.length) {
      this.picture.replaceChildren();
      return;
    }
    const least = Math.min(0, ...all.map((forecast) => forecast.quantiles.q05));
    const most = Math.max(10, ...all.map((forecast) => forecast.quantiles.q95));
    const x = (frame) => LEFT + (frame / Math.max(1, length - 1)) * (this.width - LEFT - RIGHT);
    const y = (yard) => 8 + ((most - yard) / (most - least)) * (HEIGHT - 8 - 22);
    const line = (name) => known.map((forecast, at) =>
      `${at ? "L" : "M"}${x(forecast.frame).toFixed(1)} ${y(forecast.quantiles[name]).toFixed(1)}`).join("");
    const upper = known.map((forecast) => `${x(forecast.frame).toFixed(1)} ${y(forecast.quantiles.q95).toFixed(1)}`);
    const lower = known.map((forecast) => `${x(forecast.frame).toFixed(1)} ${y(forecast.quantiles.q05).toFixed(1)}`).reverse();
    const half = known.map((forecast) => `${x(forecast.frame).toFixed(1)} ${y(forecast.quantiles.q75).toFixed(1)}`);
    const halfLower = known.map((forecast) => `${x(forecast.frame).toFixed(1)} ${y(forecast.quantiles.q25).toFixed(1)}`).reverse();
    const step = [10, 20, 40, 80].find((size) => y(0) - y(size) >= 18) ?? 80;
    const ground = [];
    for (let yard = Math.ceil(least / step) * step; yard <= most; yard += step) ground.push(yard);
    const seconds = [];
    for (let frame = 0; frame < length; frame += 10) seconds.push(frame);
    const latest = known[known.length - 1];
    this.picture.replaceChildren(
      ...ground.flatMap((yard) => [svg("line", { class: "grid", x1: LEFT, x2: this.width - RIGHT, y1: y(yard), y2: y(yard) }),
        svg("text", { class: "tick", x: LEFT - 6, y: y(yard) + 4, "text-anchor": "end" }, yard > 0 ? `+${yard}` : format.decimal(yard, 0))]),
      ...seconds.map((frame) => svg("text", { class: "tick", x: x(frame), y: HEIGHT - 5, "text-anchor": "middle" }, `${frame / 10} s`)),
      ...(known.length > 1 ? [svg("path", { class: "band", d: `M${[...upper, ...lower].join("L")}Z` }),
        svg("path", { class: "half", d: `M${[...half, ...halfLower].join("L")}Z` }),
        svg("path", { class: "median", d: line("q50") })] : []),
      svg("line", { class: "now", x1: x(now), x2: x(now), y1: 4, y2: HEIGHT - 22 }),
      ...(latest ? [svg("circle", { class: "dot", cx: x(latest.frame), cy: y(latest.quantiles.q50), r: 4 }),
        svg("text", { class: "value", x: Math.min(x(latest.frame) + 8, this.width - 40), y: y(latest.quantiles.q50) + 4 },
          format.decimal(latest.quantiles.q50, 0))] : []));
  }
}
