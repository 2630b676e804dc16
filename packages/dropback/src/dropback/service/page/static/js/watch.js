// Follow a live play as another client sends it, and the next one after it.

import { get } from "./api.js";
import { el } from "./dom.js";
import { ReturningSocket } from "./socket.js";
import { Stage, playHead } from "./stage.js";

// Frames on the time axis while the length of the play is unknown.
const EXPECTED_FRAMES = 40;

export class Watch {
  constructor(first) {
    this.first = first;
    this.lamp = el("span", { class: "lamp wait" });
    this.words = el("span", {}, "Waiting for a play");
    this.bar = el("div", { class: "livebar" }, el("p", { class: "state", role: "status" }, this.lamp, this.words));
    this.place = el("div", { class: "watched" }, el("section", { class: "card" }, this.bar));
    this.element = el("section", { "aria-label": "The live play" }, this.place);
    this.queue = Promise.resolve();
  }

  start() {
    this.play = "";
    this.after = -1;
    this.socket = new ReturningSocket({
      address: () => `/v1/watch?play=${encodeURIComponent(this.play || this.first)}&after=${this.after}`,
      greet: () => {
        this.socket.well();
        this.state(this.stage && !this.closed ? "on" : "wait", this.stage ? this.words.textContent : "Waiting for a play");
      },
      // One after another: a play's names are fetched before its frames are drawn.
      take: (message) => { this.queue = this.queue.then(() => this.take(message)); },
      lost: (wait) => this.state("lost", `Connection lost; again in ${(wait / 1000).toFixed(2)} s`),
    });
  }

  stop() {
    this.socket?.close();
  }

  state(kind, words) {
    this.lamp.className = `lamp ${kind}`;
    this.words.textContent = words;
  }

  async take(message) {
    if (message.type === "watching") {
      if (message.play !== this.play) await this.begin(message);
      else this.standing(message.state, "");
    } else if (message.type === "waiting") {
      this.state("wait", "Waiting for a play");
    } else if (message.play !== this.play) {
      return; // a correction of a play that is not shown anymore
    } else if (message.type === "watched") {
      this.frame(message);
    } else if (message.type === "watched_release") {
      this.release(message);
    } else if (message.type === "watched_outcome") {
      this.outcome(message);
    } else if (message.type === "watched_state") {
      this.standing(message.state, message.detail);
    }
  }

  /** What the feed does now: the lamp is on while it is well, and only then. */
  standing(state, detail) {
    if (state === "running") this.state("on", "Live");
    else if (state === "released") this.state("off", "Released; waiting for the next play");
    else this.state(state === "silent" || state === "lost" ? "lost" : "off", detail || STATES[state]);
  }

  async begin(message) {
    const { play, stored, state } = message;
    Object.assign(this, { play, after: -1, closed: false });
    const known = stored ? await get(`/v1/plays/${stored[0]}/${stored[1]}`).catch(() => null) : null;
    const shown = known ?? unstored(message);
    const track = { frames: [], forecasts: [], release: null, problem: null, outcome: null,
      length: known ? known.frames.length : EXPECTED_FRAMES };
    this.stage = new Stage(shown, track);
    this.stage.under.append(this.bar);
    this.place.replaceChildren(playHead(shown.item), this.stage.element);
    this.place.dataset.play = play;
    this.standing(state, "");
  }

  frame({ number, frame, forecasts }) {
    const { track, play } = this.stage;
    for (let at = track.frames.length; at < number; at += 1) {
      track.frames[at] ??= [];
      track.forecasts[at] ??= null;
    }
    track.frames[number] = frame;
    track.forecasts[number] ??= null;
    for (const forecast of forecasts) track.forecasts[forecast.frame] = forecast;
    // A longer play extends the axis.
    if (number >= track.length) track.length = number + 1;
    this.after = number;
    this.stage.show(number, 1000 / play.rate_hz);
    this.state("on", "Live");
  }

  release({ forecast }) {
    const { track } = this.stage;
    track.release = forecast;
    track.outcome = { yards: null, score: null };
    track.length = track.frames.length;
    this.closed = true;
    this.stage.show(track.length - 1);
    this.standing("released", "");
  }

  /** The yards, and again when they are corrected. */
  outcome({ yards, score }) {
    const { track } = this.stage;
    track.outcome = { yards, score };
    this.stage.show(track.length - 1);
    this.stage.speak();
  }
}

const STATES = { silent: "The feed is silent", lost: "The feed was lost", withdrawn: "The play was withdrawn", ended: "The play ended" };

/** A play that is not stored, as its feed describes it. */
function unstored({ situation, field, rate_hz, offense, defense, players, game_clock_s, description }) {
  const side = (slot) => (slot < 11 ? "offense" : slot < 22 ? "defense" : "ball");
  const named = new Map(players.map((player) => [player.slot, player]));
  return {
    item: { ...situation, game: null, play: null, offense: offense?.abbreviation ?? null, defense: defense?.abbreviation ?? null,
      passer: named.get(0)?.name ?? null, target: null, season: null, game_clock_s, note: "",
      description: description ?? "A play of a live feed" },
    field,
    players: Array.from({ length: 23 }, (_, slot) => ({ slot, side: side(slot), role: slot === 0 && named.has(0) ? "passer" : side(slot),
      position: named.get(slot)?.position ?? null, name: named.get(slot)?.name ?? null })),
    rate_hz,
    frames: [],
  };
}
