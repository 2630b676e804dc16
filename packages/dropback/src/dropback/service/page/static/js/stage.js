// Keep field, distribution, timeline and numbers of one play in step.

import { el, labeled, onWidth, select } from "./dom.js";
import { FieldView, TRAILS } from "./field.js";
import { ForecastView, goals, kindOf } from "./forecast.js";
import * as format from "./format.js";
import { makeScale, playWindow } from "./geometry.js";
import { matchText, selectionNote, situationText } from "./situation.js";
import { Readout } from "./readout.js";
import { chip, paint, teamName } from "./teams.js";
import { Timeline } from "./timeline.js";

const SIGNS = [["offense", "Offense"], ["defense", "Defense"], ["scrimmage", "Line of scrimmage"], ["gain", "Line to gain"]];
// Of the screen's height, pixels that are not the field: what is above it, the distribution and the playback.
const OTHER_PX = 440;
// On a phone held sideways the distribution is below the screen.
const SIDEWAYS = window.matchMedia("(max-height: 500px) and (orientation: landscape)");
const SIDEWAYS_PX = 132;
const RESULTS = { touchdown: "Touchdown", first: "First down", short: "Short of the line", none: "No gain", loss: "Loss" };

/**
 * What is known of a play, frame by frame: `frames`, `forecasts` (null where there is none), `release`, `problem`,
 * `outcome` ({yards, score}, null before the end), and `length`, the frames there may be.
 */
export class Stage {
  constructor(play, track) {
    Object.assign(this, { play, track, at: 0, whole: false });
    this.field = new FieldView(play, { choose: (slot) => this.choose(slot) });
    this.forecast = new ForecastView(play);
    this.timeline = new Timeline();
    this.readout = new Readout();
    this.banner = el("div", { class: "banner", hidden: true, "aria-hidden": "true" });
    this.named = el("p", { class: "named" }, "");
    const pitch = el("div", { class: "pitch" }, this.field.element, this.banner);
    const strip = el("div", { class: "strip" },
      track.problem ? el("p", { class: "note" }, track.problem) : this.forecast.element);
    this.under = el("div", { class: "under" });
    const canvas = el("div", { class: "canvas" }, pitch, this.under, strip);
    this.wholeBox = el("input", { type: "checkbox", onchange: () => this.setWhole(this.wholeBox.checked) });
    this.trailSelect = select(TRAILS.map((name) => [name, name]), TRAILS[0], (name) => this.setTrails(name));
    const aside = el("aside", { class: "side", "aria-label": "Numbers and drawing" }, this.readout.element,
      el("section", { class: "card drawing", "aria-label": "Drawing" },
        el("p", { class: "signs" }, SIGNS.map(([name, words]) =>
          el("span", {}, paint(el("i", { class: `sign ${name}`, "aria-hidden": "true" }), play.item[name]),
            (play.item[name] && teamName(play.item[name])) || words))),
        el("div", { class: "controls tight" }, labeled("Trails", this.trailSelect),
          el("label", { class: "check" }, this.wholeBox, "Whole field")),
        this.named, roster(play, (slot) => this.choose(slot))));
    const time = el("div", { class: "time-chart" }, this.timeline.element);
    this.element = el("div", { class: "stage" },
      el("div", { class: "show" }, el("div", { class: "card theater" }, canvas),
        track.problem ? null : el("div", { class: "card theater time-card" }, time)), aside);
    onWidth(canvas, (width) => this.layout(width));
    onWidth(time, (width) => this.timeline.layout(width));
  }

  layout(width) {
    this.width = width;
    const { field } = this.play;
    // Field and distribution should fit on one screen: show as much of the field as leaves room.
    const tall = SIDEWAYS.matches ? window.innerHeight - SIDEWAYS_PX : Math.max(300, window.innerHeight - OTHER_PX);
    const part = this.whole ? { least: 0, most: field.length_yd }
      : playWindow(field, this.play.frames, width < 600 && !SIDEWAYS.matches ? 58 : Math.max(70, (width * field.width_yd) / tall));
    const scale = makeScale(field, part, width);
    this.field.layout(scale);
    if (!this.track.problem) this.forecast.layout(scale);
  }

  setWhole(whole) {
    this.whole = this.wholeBox.checked = whole;
    if (this.width) this.layout(this.width);
  }

  setTrails(name) {
    this.field.trails = this.trailSelect.value = name;
    this.show(this.at);
  }

  nextTrails() {
    this.setTrails(TRAILS[(TRAILS.indexOf(this.field.trails) + 1) % TRAILS.length]);
  }

  choose(slot) {
    this.field.chosen = this.field.chosen === slot ? null : slot;
    for (const button of this.element.querySelectorAll(".roster button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.slot) === this.field.chosen));
    }
    this.show(this.at);
  }

  /** Draw a frame; players glide for `glide` milliseconds unless the reader prefers no motion. */
  show(at, glide = 0) {
    this.at = at;
    const { track } = this;
    const { forecast, outcome } = this.now();
    this.field.element.style.setProperty("--glide", `${glide}ms`);
    this.field.show(track.frames, at, Boolean(forecast?.released));
    if (!track.problem) {
      this.forecast.show(track, forecast, outcome?.yards ?? null);
      this.timeline.show(track, at, track.length);
    }
    this.readout.show(forecast, outcome, this.seconds(), this.result(outcome));
    this.banner.hidden = !outcome || outcome.yards === null;
    if (outcome && outcome.yards !== null) {
      this.banner.replaceChildren(el("span", {}, `${this.result(outcome)} · ${format.yards(outcome.yards)}`),
        outcome.score === null ? "" : el("span", { class: "result" }, `Score ${format.score(outcome.score)}`));
    }
    this.nameChosen(track.frames[at]);
  }

  speak() {
    const { forecast, outcome } = this.now();
    this.readout.speak(forecast, outcome, this.seconds(), this.result(outcome));
  }

  /** What the yards came to, in words. */
  result(outcome) {
    if (!outcome || outcome.yards === null) return "";
    const { goal, toGain } = goals(this.play);
    const kind = kindOf(outcome.yards, goal, toGain);
    return kind === "short" && toGain === null ? "Gain" : RESULTS[kind];
  }

  /** Forecast and outcome at this frame; at the last one the pass is thrown. */
  now() {
    const { track, at } = this;
    const last = at === track.length - 1;
    return {
      forecast: (last && track.release) || (track.forecasts[at] ?? null),
      outcome: last ? track.outcome : null,
    };
  }

  seconds() {
    return (this.at / this.play.rate_hz).toFixed(1);
  }

  nameChosen(frame) {
    const slot = this.field.chosen;
    const player = this.field.players.get(slot);
    const speed = slot === null ? null : frame?.[slot]?.[2];
    this.named.textContent = !player ? "Choose a player to see their speed and whole trail."
      : `${player.name ?? player.position ?? player.side}: ${format.decimal(speed)} yd/s`;
  }
}

function roster(play, choose) {
  const side = (name) => play.players.filter((player) => player.side === name).map((player) => el("li", {},
    el("button", { type: "button", "data-slot": player.slot, "aria-pressed": "false", onclick: () => choose(player.slot) },
      paint(el("span", { class: `sign ${name}`, "aria-hidden": "true" }), play.item[name]), el("b", {}, player.position ?? "?"), ` ${player.name ?? "unnamed"}`,
      el("small", {}, player.role))));
  return el("details", { class: "roster" }, el("summary", {}, "Players"),
    el("h2", {}, teamName(play.item.offense) || "Offense"), el("ul", {}, side("offense")),
    el("h2", {}, teamName(play.item.defense) || "Defense"), el("ul", {}, side("defense")));
}

/** The line over the field: teams, situation, passer and receiver, and a note about the data set. */
export function playHead(item, ...more) {
  return el("div", { class: "head play" },
    el("div", { class: "bug" },
      item.offense && item.defense
        ? el("span", { class: "teams" }, chip(item.offense), " vs. ", chip(item.defense)) : el("span", { class: "teams" }, matchText(item)),
      el("span", {}, situationText(item) || "Situation unknown"),
      item.passer ? el("span", {}, [item.passer, item.target].filter(Boolean).join(" to ")) : null,
      ...more),
    selectionNote(item.note),
    el("h1", { class: "description" }, item.description ?? `Game ${item.game}, play ${item.play}`));
}
