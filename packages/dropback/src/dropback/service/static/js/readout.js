// The numbers beside the field: the forecast at this frame, and at the end the yards and the score.

import { el } from "./dom.js";
import * as format from "./format.js";

const NUMBERS = [
  ["median", "Median", (forecast) => format.yards(forecast.median)],
  ["mean", "Mean", (forecast) => format.yards(forecast.mean, 1)],
  ["lower", "1 % point", (forecast) => format.yards(forecast.lower_threshold_yd)],
  ["upper", "95 % point", (forecast) => format.yards(forecast.upper_threshold_yd)],
  ["touchdown", "At the goal line", (forecast) => format.percent(forecast.touchdown)],
];
const QUANTILES = [["q01", "1%"], ["q05", "5%"], ["q10", "10%"], ["q25", "25%"], ["q50", "50%"], ["q75", "75%"], ["q90", "90%"],
  ["q95", "95%"], ["q99", "99%"]];

export class Readout {
  constructor() {
    this.values = new Map(NUMBERS.map(([name]) => [name, el("dd", { "data-number": name })]));
    this.quantiles = new Map(QUANTILES.map(([name]) => [name, el("td", { "data-number": name })]));
    this.state = el("p", { class: "state" });
    this.gained = el("b", { "data-number": "yards" });
    this.score = el("b", { "data-number": "score" });
    this.end = el("div", { class: "outcome", hidden: true },
      el("div", {}, el("small", {}, "Gained"), this.gained),
      el("div", {}, el("small", {}, "Score"), this.score));
    this.spoken = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.element = el("section", { class: "card readout", "aria-label": "Forecast at this frame" },
      this.state,
      el("dl", {}, NUMBERS.map(([name, words]) => el("div", { class: name }, el("dt", {}, words), this.values.get(name)))),
      this.end,
      el("details", {}, el("summary", {}, "Quantiles"),
        el("table", { class: "plain" }, el("tbody", {}, QUANTILES.map(([name, words]) =>
          el("tr", {}, el("th", { scope: "row" }, words), this.quantiles.get(name)))))),
      this.spoken);
  }

  /** `outcome` is null until the play has ended. */
  show(forecast, outcome, seconds) {
    for (const [name, , text] of NUMBERS) this.values.get(name).textContent = forecast ? text(forecast) : format.NONE;
    for (const [name] of QUANTILES) this.quantiles.get(name).textContent = forecast ? format.yards(forecast.quantiles[name]) : format.NONE;
    this.state.textContent = `${seconds} s · ${!forecast ? "no forecast" : forecast.released ? "released" : "before the release"}`;
    this.end.hidden = outcome === null;
    if (outcome === null) return;
    this.gained.textContent = format.yards(outcome.yards);
    this.score.textContent = format.score(outcome.score);
  }

  /** Tell a screen reader; called when the picture rests, not ten times a second. */
  speak(forecast, outcome, seconds) {
    const now = forecast ? `At ${seconds} seconds the median is ${format.yards(forecast.median)}, `
      + `the 1 % and 95 % points ${format.yards(forecast.lower_threshold_yd)} and ${format.yards(forecast.upper_threshold_yd)}, `
      + `the goal line ${format.percent(forecast.touchdown)}.` : `At ${seconds} seconds there is no forecast.`;
    const end = outcome && outcome.yards !== null
      ? ` Gained ${format.yards(outcome.yards)}; score ${format.score(outcome.score)}.` : "";
    this.spoken.textContent = now + end;
  }
}
