// What a fan asks of a play at this frame, and at the end what came of it; the statistician's numbers under details.

import { el } from "./dom.js";
import * as format from "./format.js";

const ANSWERS = [
  ["gain", "Caught for a gain", "One yard or more"],
  ["first_down", "First down", "The line to gain or beyond"],
  ["touchdown", "Touchdown", "The goal line"],
];
const NUMBERS = [
  ["median", "Median", (forecast) => format.yards(forecast.median)],
  ["no_gain", "Incomplete or no gain", (forecast) => format.percent(forecast.no_gain)],
  ["lower", "Lower splice (1 %)", (forecast) => format.yards(forecast.lower_threshold_yd)],
  ["upper", "Upper splice (95 %)", (forecast) => format.yards(forecast.upper_threshold_yd)],
];
const QUANTILES = [["q01", "1%"], ["q05", "5%"], ["q10", "10%"], ["q25", "25%"], ["q50", "50%"], ["q75", "75%"], ["q90", "90%"],
  ["q95", "95%"], ["q99", "99%"]];

export class Readout {
  constructor() {
    this.values = new Map([...ANSWERS, ["mean"], ["epa"]].map(([name]) => [name, el("b", { "data-number": name })]));
    this.meters = new Map(ANSWERS.map(([name]) => [name, el("i", { class: `meter-fill ${name}` })]));
    this.details = new Map(NUMBERS.map(([name]) => [name, el("dd", { "data-number": name })]));
    this.quantiles = new Map(QUANTILES.map(([name]) => [name, el("td", { "data-number": name })]));
    this.state = el("p", { class: "state" });
    this.result = el("b", { class: "result" });
    this.gained = el("span", { "data-number": "yards" });
    this.score = el("b", { "data-number": "score" });
    this.meaning = el("small", {});
    this.end = el("div", { class: "outcome", hidden: true },
      el("div", {}, this.result, el("small", {}, "gained ", this.gained)),
      el("div", {}, el("small", {}, "Score "), this.score, this.meaning));
    this.spread = el("small", {});
    this.pointSpread = el("small", {});
    this.points = el("p", { class: "expected", hidden: true }, el("span", {}, "Expected points added", this.pointSpread), this.values.get("epa"));
    this.spoken = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.element = el("section", { class: "card readout", "aria-label": "The play at this frame" },
      this.state, this.end,
      el("ul", { class: "answers" }, ANSWERS.map(([name, words, hint]) => el("li", { class: name },
        el("span", { class: "asked" }, words, el("small", {}, hint)), this.values.get(name),
        el("span", { class: "meter", "aria-hidden": "true" }, this.meters.get(name))))),
      el("p", { class: "expected" }, el("span", {}, "Expected yards", this.spread), this.values.get("mean")),
      this.points,
      el("details", {}, el("summary", {}, "Details"),
        el("p", { class: "note" }, "Between the splices the distribution is a bin for each yard; beyond them a generalized Pareto tail."),
        el("dl", {}, NUMBERS.map(([name, words]) => el("div", { class: name }, el("dt", {}, words), this.details.get(name)))),
        el("table", { class: "plain" }, el("caption", {}, "So many yards or fewer"), el("tbody", {}, QUANTILES.map(([name, words]) =>
          el("tr", {}, el("th", { scope: "row" }, words), this.quantiles.get(name)))))),
      this.spoken);
  }

  /** `outcome` is null until the play has ended; `result` says in words what its yards came to. */
  show(forecast, outcome, seconds, result) {
    for (const [name] of ANSWERS) {
      const value = forecast ? forecast[name] : null;
      this.values.get(name).textContent = format.percent(value);
      this.meters.get(name).style.width = `${100 * (value ?? 0)}%`;
    }
    this.values.get("mean").textContent = forecast ? format.yards(forecast.mean, 1) : format.NONE;
    this.spread.textContent = forecast ? `9 of 10: ${format.decimal(forecast.quantiles.q05, 0)} to ${format.yards(forecast.quantiles.q95)}` : "";
    this.points.hidden = !forecast || forecast.epa === null;
    this.values.get("epa").textContent = format.signed(forecast?.epa);
    this.pointSpread.textContent = forecast ? `9 of 10: ${format.range(forecast.epa_low, forecast.epa_high, (value) => format.signed(value, 1))}` : "";
    for (const [name, , text] of NUMBERS) this.details.get(name).textContent = forecast ? text(forecast) : format.NONE;
    for (const [name] of QUANTILES) this.quantiles.get(name).textContent = forecast ? format.yards(forecast.quantiles[name]) : format.NONE;
    this.state.textContent = `${seconds} s after the snap · ${!forecast ? "no forecast"
      : forecast.released ? "the ball is thrown" : "before the throw"}`;
    this.end.hidden = outcome === null;
    if (outcome === null) return;
    this.result.textContent = result;
    this.gained.textContent = format.yards(outcome.yards);
    this.score.textContent = format.score(outcome.score);
    this.meaning.textContent = outcome.score === null ? "not scored yet"
      : `above ${format.percent(outcome.score)} of an average passer's`;
  }

  /** Tell a screen reader; called when the picture rests, not ten times a second. */
  speak(forecast, outcome, seconds, result) {
    const now = forecast ? `At ${seconds} seconds: caught for a gain ${format.percent(forecast.gain)}, `
      + (forecast.first_down === null ? "" : `first down ${format.percent(forecast.first_down)}, `)
      + `touchdown ${format.percent(forecast.touchdown)}, expected ${format.yards(forecast.mean, 1)}`
      + (forecast.epa === null ? "." : ` and ${format.signed(forecast.epa)} points.`)
      : `At ${seconds} seconds there is no forecast.`;
    const end = outcome && outcome.yards !== null
      ? ` ${result}: gained ${format.yards(outcome.yards)}; score ${format.score(outcome.score)}.` : "";
    this.spoken.textContent = now + end;
  }
}
