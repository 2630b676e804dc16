// Draw the distribution of the yards under the field: each yard's bar is where the ball would be.

import { el, svg } from "./dom.js";
import * as format from "./format.js";

const TOP = 52;
const BELOW = 24;
const HEIGHT = 204;
const WORD = 130; // pixels that a label takes
const KINDS = [["loss", "Loss"], ["none", "Incomplete or no gain"], ["short", "Short of the line to gain"],
  ["first", "First down"], ["touchdown", "Touchdown"]];

/** The probability at full height: the largest, except at no gain and at the goal line, which stand out in any play. */
function tallest(forecasts, goal) {
  let most = 0.03;
  for (const forecast of forecasts) {
    if (!forecast) continue;
    forecast.probabilities.forEach((probability, at) => {
      const yard = forecast.first_yd + at;
      if (yard !== 0 && yard !== goal && probability > most) most = probability;
    });
  }
  return most * 1.15;
}

/** What gaining `yard` yards means on a play. */
export function kindOf(yard, goal, toGain) {
  if (yard >= goal) return "touchdown";
  if (toGain !== null && yard >= toGain) return "first";
  return yard > 0 ? "short" : yard < 0 ? "loss" : "none";
}

/** Yards to the goal line and to the line to gain, null where that is unknown. */
export function goals({ item, field }) {
  const toGain = field.first_down_x_yd === null ? null : Math.round(field.first_down_x_yd - field.line_of_scrimmage_x_yd);
  return { goal: Math.round(item.yards_to_goal), toGain: toGain === null ? null : Math.max(1, toGain) };
}

export class ForecastView {
  constructor(play) {
    this.play = play;
    Object.assign(this, goals(play));
    this.line = play.field.line_of_scrimmage_x_yd;
    this.picture = svg("svg", { class: "forecast", role: "img", "aria-label": "Distribution of the yards gained" });
    this.element = el("figure", { class: "chart-box" },
      el("figcaption", {}, el("b", {}, "How many yards an average passer gains from here"),
        el("span", { class: "keys-of" }, KINDS.filter(([kind]) => this.toGain !== null || kind !== "first").map(([kind, words]) =>
          el("span", {}, el("i", { class: `swatch ${kind}`, "aria-hidden": "true" }), words)))),
      this.picture,
      el("p", { class: "axis-title" }, "Yards gained, under the place on the field; height: the chance of each"));
  }

  layout(scale) {
    this.scale = scale;
    const { picture } = this;
    picture.setAttribute("width", scale.width);
    picture.setAttribute("height", HEIGHT);
    picture.setAttribute("viewBox", `0 0 ${scale.width} ${HEIGHT}`);
    this.base = HEIGHT - BELOW;
    this.bars = new Map();
    const bars = svg("g", { class: "bars" });
    const first = Math.ceil(scale.least - this.line);
    const last = Math.min(Math.floor(scale.most - this.line), this.goal);
    const wide = Math.max(2, scale.perYard * 0.84);
    for (let yard = first; yard <= last; yard += 1) {
      const bar = svg("rect", { x: this.at(yard) - wide / 2, width: wide, y: this.base, height: 0, "data-yard": yard,
        class: kindOf(yard, this.goal, this.toGain) });
      this.bars.set(yard, bar);
      bars.append(bar);
    }
    const ticks = [];
    const every = scale.perYard * 10 < 42 ? 20 : 10;
    for (let yard = Math.ceil(first / every) * every; yard <= last; yard += every) {
      ticks.push(svg("line", { class: "grid", x1: this.at(yard), x2: this.at(yard), y1: TOP - 8, y2: this.base }),
        svg("text", { class: "tick", x: this.at(yard), y: HEIGHT - 7, "text-anchor": this.anchor(this.at(yard)) },
          yard > 0 ? `+${yard}` : format.decimal(yard, 0)));
    }
    this.shares = svg("g", { class: "shares" });
    this.over = svg("g", { class: "over" });
    const lines = [svg("line", { class: "scrimmage", x1: this.at(0), x2: this.at(0), y1: 0, y2: this.base })];
    if (this.toGain !== null && this.toGain < this.goal) {
      lines.push(svg("line", { class: "gain", x1: this.at(this.toGain), x2: this.at(this.toGain), y1: 0, y2: this.base }));
    }
    const ending = this.at(this.goal);
    if (ending < scale.width) lines.push(svg("rect", { class: "beyond", x: ending, y: 0, width: scale.width - ending, height: this.base }));
    picture.replaceChildren(...lines, ...ticks, this.shares, bars,
      svg("line", { class: "base", x1: 0, x2: scale.width, y1: this.base, y2: this.base }), this.over);
    if (this.track) this.show(this.track, this.forecast, this.actual);
  }

  at(yard) {
    return this.scale.x(this.line + yard);
  }

  anchor(x) {
    return x < 24 ? "start" : x > this.scale.width - 24 ? "end" : "middle";
  }

  /** `actual` is the yards gained, null before they are known. */
  show(track, forecast, actual) {
    Object.assign(this, { track, forecast, actual });
    if (!this.scale) return;
    this.over.replaceChildren();
    const most = tallest([...track.forecasts, track.release], this.goal);
    const full = this.base - TOP;
    this.drawShares(most, full);
    for (const [yard, bar] of this.bars) {
      const probability = forecast?.probabilities[yard - forecast.first_yd] ?? 0;
      const tall = Math.min(1, probability / most) * full;
      bar.setAttribute("y", this.base - tall);
      bar.setAttribute("height", tall);
      bar.dataset.probability = probability;
      if (probability > most) this.cut(yard);
    }
    if (forecast) {
      const room = this.scale.width - this.at(this.goal) > WORD;
      // Above the mark of what was gained, where that would go through it.
      const gap = actual === null || room ? WORD : this.at(this.goal) - this.at(actual);
      this.word("touchdown", this.at(this.goal) + (room ? 9 : -9), gap > -30 && gap < WORD ? 13 : TOP - 6, `touchdown ${format.percent(forecast.touchdown)}`,
        room ? "start" : "end");
      const left = this.at(0) > 200;
      this.word("none", this.at(0) + (left ? -9 : 9), TOP + 8, `${left ? "incomplete or " : ""}no gain ${format.percent(forecast.no_gain)}`,
        left ? "end" : "start");
      if (this.toGain !== null && this.toGain < this.goal && forecast.first_down !== null) {
        const x = this.at(this.toGain);
        this.word("gain", x + 6, 13, `first down ${format.percent(forecast.first_down)}`,
          x > this.scale.width - WORD ? "end" : "start");
      }
    }
    if (actual !== null) this.mark(actual);
  }

  drawShares(most, full) {
    const step = [0.01, 0.02, 0.05, 0.1, 0.2].find((size) => most / size <= 4) ?? 0.5;
    const lines = [];
    for (let share = step; share < most; share += step) {
      const y = this.base - (share / most) * full;
      lines.push(svg("line", { class: "grid", x1: 0, x2: this.scale.width, y1: y, y2: y }),
        svg("text", { class: "tick", x: 4, y: y - 3 }, format.percent(share)));
    }
    this.shares.replaceChildren(...lines);
  }

  word(name, x, y, words, anchor) {
    this.over.append(svg("text", { class: name, x, y, "text-anchor": anchor }, words));
  }

  /** A bar too tall to draw is cut. */
  cut(yard) {
    this.over.append(svg("path", { class: "cut", d: `M${this.at(yard) - 7} ${TOP + 14}l5 -5 5 5 5 -5` }));
  }

  mark(yard) {
    const x = Math.min(Math.max(this.at(yard), 1), this.scale.width - 1);
    const beyond = x !== this.at(yard);
    const words = `gained ${format.decimal(yard, 0)}${beyond ? " (beyond)" : ""}`;
    this.over.append(svg("line", { class: "actual", x1: x, x2: x, y1: 32, y2: this.base }));
    this.word("actual", Math.min(Math.max(x, 4), this.scale.width - 4), 29, words, x < 60 ? "start" : x > this.scale.width - 60 ? "end" : "middle");
  }
}
