// The choice of target and the throw, judged apart: of one play, and of all of a passer's.

import { el } from "./dom.js";
import * as format from "./format.js";
import { paint } from "./teams.js";

const yd = (value) => `${format.signed(value, 1)} yd`;
const ASKED = {
  decision: ["Decision", "expected yards against the best alternative", yd],
  execution: ["Execution", "where the outcome fell on the throw that was chosen; .500 is average", format.score],
  time: ["Time", "what the last half second before the throw brought", yd],
};
const CAVEAT = "Called throws and progressions count against the best alternative; runs, sacks and balls thrown away are not in it.";

/** A play's decision beside its receivers; null where none is known. */
export function playDecision({ decision, players, item }) {
  if (!decision) return null;
  const named = new Map(players.map((player) => [player.slot, player]));
  const receivers = decision.receivers.filter((one) => one.expected_yards !== null).sort((a, b) => b.expected_yards - a.expected_yards);
  const most = Math.max(1, ...receivers.map((one) => one.expected_yards));
  const words = {
    decision: decision.decision === null ? "there was no alternative"
      : `${format.yards(decision.chosen_yards, 1)} against ${format.yards(decision.best_yards, 1)}; no worse than ${format.percent(decision.decision_percentile / 100)} of all throws`,
    execution: `above ${format.percent(decision.execution)} of an average passer's outcomes of this throw`,
    time: decision.time === null ? "thrown within half a second" : ASKED.time[1],
  };
  return el("section", { class: "card decided", "aria-label": "Decision and execution" }, el("h2", {}, "Decision and execution"),
    el("dl", { class: "three" }, Object.entries(ASKED).map(([name, [title, , text]]) => el("div", {},
      el("dt", {}, title), el("dd", {}, el("b", { "data-number": name }, text(decision[name])), el("small", {}, words[name]))))),
    el("table", { class: "plain" }, el("caption", {}, "Expected yards of a throw to each receiver at the release"),
      el("tbody", {}, receivers.map((one) => {
        const player = named.get(one.slot);
        const meter = el("i", { class: "meter-fill tone" });
        meter.style.width = `${Math.max(0, (100 * one.expected_yards) / most)}%`;
        return el("tr", {}, el("th", { scope: "row" }, player?.name ?? player?.position ?? `Slot ${one.slot}`,
          player?.role === "target" ? el("small", { class: "thrown" }, " thrown to") : null),
        el("td", { class: "bar" }, el("span", { class: "meter", "aria-hidden": "true" }, paint(meter, item.offense))),
        el("td", { class: "num" }, format.yards(one.expected_yards, 1)),
        el("td", { class: "num" }, el("small", {}, `${format.percent(one.target_probability)} thrown there`)));
      }))),
    el("p", { class: "note" }, `One throw says little: decisions differ by ${format.yards(decision.decision_sd, 1)} (one standard deviation) from throw to throw. ${CAVEAT}`));
}

/** A passer's means with their intervals and reliability. */
export function passerDecisions(row) {
  if (!row) return null;
  return el("section", { class: "card", "aria-label": "Decision and execution" }, el("h2", {}, "Decision and execution"),
    el("p", { class: "note" }, `Of ${format.count(row.plays)} tracked throws; 90% intervals. Compare passers, never take the level. ${CAVEAT}`),
    el("dl", { class: "three" }, Object.entries(ASKED).map(([name, [title, hint, text]]) => el("div", {},
      el("dt", {}, title), el("dd", {}, el("b", { "data-number": name }, text(row[name])),
        el("small", {}, ` ${format.range(row[`${name}_low`], row[`${name}_high`], text)}`), el("small", {}, hint),
        el("small", { class: "reliability" }, reliability(row[`${name}_reliability`])))))));
}

const reliability = (share) => (share === null ? "too few passers to tell skill from luck"
  : `${format.percent(share)} of the difference between passers is more than luck`);
