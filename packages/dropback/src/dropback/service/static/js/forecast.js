// Draw the distribution of the yards under the field: each yard's bar is where the ball would be.

import { svg } from "./dom.js";
import * as format from "./format.js";

const TOP = 34;
const BELOW = 22;
const HEIGHT = 178;

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

export class ForecastView {
  constructor(play) {
    this.play = play;
    this.goal = Math.round(play.item.yards_to_goal);
    this.line = play.field.line_of_scrimmage_x_yd;
    this.element = svg("svg", { class: "forecast", role: "img", "aria-label": "Distribution of the yards gained" });
  }

  layout(scale) {
    this.scale = scale;
    const { element } = this;
    element.setAttribute("width", scale.width);
    element.setAttribute("height", HEIGHT);
    element.setAttribute("viewBox", `0 0 ${scale.width} ${HEIGHT}`);
    this.base = HEIGHT - BELOW;
    this.bars = new Map();
    const bars = svg("g", { class: "bars" });
    const first = Math.ceil(scale.least - this.line);
    const last = Math.min(Math.floor(scale.most - this.line), this.goal);
    const wide = Math.max(2, scale.perYard * 0.84);
    for (let yard = first; yard <= last; yard += 1) {
      const bar = svg("rect", { x: this.at(yard) - wide / 2, width: wide, y: this.base, height: 0, "data-yard": yard });
      this.bars.set(yard, bar);
      bars.append(bar);
    }
    const ticks = [];
    const every = scale.perYard * 10 < 42 ? 20 : 10;
    for (let yard = Math.ceil(first / every) * every; yard <= last; yard += every) {
      ticks.push(svg("line", { class: "grid", x1: this.at(yard), x2: this.at(yard), y1: TOP - 8, y2: this.base }),
        svg("text", { class: "tick", x: this.at(yard), y: HEIGHT - 6, "text-anchor": this.anchor(this.at(yard)) },
          yard > 0 ? `+${yard}` : format.decimal(yard, 0)));
    }
    this.over = svg("g", { class: "over" });
    element.replaceChildren(
      svg("line", { class: "scrimmage", x1: this.at(0), x2: this.at(0), y1: 0, y2: this.base }),
      ...ticks, bars, svg("line", { class: "base", x1: 0, x2: scale.width, y1: this.base, y2: this.base }), this.over);
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
    this.element.classList.toggle("empty", !forecast);
    const most = tallest([...track.forecasts, track.release], this.goal);
    const full = this.base - TOP;
    for (const [yard, bar] of this.bars) {
      const probability = forecast?.probabilities[yard - forecast.first_yd] ?? 0;
      const tall = Math.min(1, probability / most) * full;
      bar.setAttribute("y", this.base - tall);
      bar.setAttribute("height", tall);
      bar.dataset.probability = probability;
      bar.setAttribute("class", !forecast ? "" : yard === this.goal ? "touchdown"
        : yard < forecast.lower_threshold_yd || yard > forecast.upper_threshold_yd ? "tail" : "body");
      if (probability > most) this.cut(yard, probability);
    }
    if (forecast) {
      // The most important marks are drawn last, on top.
      this.mark("splice", forecast.lower_threshold_yd, "splice", TOP - 8, "end");
      this.mark("splice", forecast.upper_threshold_yd, "splice", TOP - 8, "start");
      this.mark("median", forecast.median, `median ${format.decimal(forecast.median, 0)}`, 12, null);
    }
    if (actual !== null) this.mark("actual", actual, `gained ${format.decimal(actual, 0)}`, TOP + 7, null);
  }

  /** A bar too tall to draw is cut, with its number beside it. */
  cut(yard, probability) {
    const x = this.at(yard);
    const left = yard === this.goal;
    this.over.append(
      svg("path", { class: "cut", d: `M${x - 7} ${TOP + 14}l5 -5 5 5 5 -5` }),
      svg("text", { class: "share", x: x + (left ? -9 : 9), y: TOP + 8, "text-anchor": left ? "end" : "start" },
        format.percent(probability)));
  }

  mark(name, yard, words, y, side) {
    const x = Math.min(Math.max(this.at(yard), 1), this.scale.width - 1);
    const anchor = side ?? this.anchor(x);
    const beyond = x !== this.at(yard);
    const shift = side === "end" ? -4 : side === "start" ? 4 : 0;
    const flipped = shift < 0 && x < 40 ? ["start", 4] : shift > 0 && x > this.scale.width - 40 ? ["end", -4] : [anchor, shift];
    this.over.append(
      svg("line", { class: name, x1: x, x2: x, y1: y + 4, y2: this.base }),
      svg("text", { class: name, x: x + flipped[1], y, "text-anchor": flipped[0] }, beyond ? `${words} (beyond)` : words));
  }
}
