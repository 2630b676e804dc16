// Watch a live play, or send a stored play as a live feed, ten frames a second.

import { makeHash } from "./address.js";
import { get } from "./api.js";
import { el, labeled, select } from "./dom.js";
import { LiveSocket } from "./live_socket.js";
import { playList } from "./plays.js";
import { Scoreboard } from "./scoreboard.js";
import { selectionNote } from "./situation.js";
import { Stage, playHead } from "./stage.js";
import { Watch } from "./watch.js";

const SPEEDS = [["0.5", "½×"], ["1", "1×"], ["2", "2×"], ["5", "5×"]];

export function make(names, query) {
  return names.length ? run(names, query) : choose(query);
}

async function choose(query) {
  const about = await get("/v1");
  const watch = about.predictor ? new Watch(query.get("play") ?? "") : null;
  const board = about.predictor ? new Scoreboard(query.get("game") ?? "") : null;
  const asked = { search: query.get("search") ?? "", season: "", week: "", team: "", result: "", order: "newest", tracked: "true" };
  return {
    entered: () => { watch?.start(); board?.start(); },
    leave: () => { watch?.stop(); board?.stop(); },
    title: "Live",
    content: [
      el("div", { class: "head" }, el("h1", {}, "Live"),
        el("p", { class: "lead" }, about.predictor
          ? "Live plays appear here as they happen. Or choose a stored play to replay."
          : "This service was started without tracking networks: it has no live forecasts.")),
      watch?.element,
      board?.element,
      ...about.notes.map(selectionNote),
      about.plays ? await playList(asked, { ...about, scores: false },
        { link: (item) => makeHash(`/live/${item.game}/${item.play}`, {}), changed: () => {} }) : null,
    ].filter(Boolean),
  };
}

async function run([game, play], query) {
  const stored = await get(`/v1/plays/${game}/${play}`);
  const feed = new Feed(stored, Number(query.get("speed") ?? "1") || 1);
  return {
    title: "Live",
    content: [
      playHead(stored.item, el("a", { class: "golive", href: makeHash(`/plays/${game}/${play}`, {}) }, "View frame by frame")),
      feed.stage.element,
    ],
    entered: () => feed.start(),
    leave: () => feed.stop(),
  };
}

class Feed {
  constructor(stored, speed) {
    this.stored = stored;
    this.speed = speed;
    this.lamp = el("span", { class: "lamp" });
    this.words = el("span", {}, "Connecting");
    this.again = el("button", { type: "button", onclick: () => this.start() }, "Again");
    const speeds = select(SPEEDS, String(speed), (value) => { this.speed = Number(value); });
    this.stage = new Stage(stored, this.empty());
    this.stage.under.append(el("div", { class: "livebar" },
      el("p", { class: "state", role: "status" }, this.lamp, this.words), labeled("Speed", speeds), this.again));
  }

  empty() {
    return { frames: [], forecasts: [], release: null, problem: null, outcome: null, length: this.stored.frames.length };
  }

  start() {
    this.stop();
    if (!this.stored.situation) {
      this.state("lost", this.stored.forecast_problem);
      return;
    }
    Object.assign(this, { next: 0, answered: -1, done: false });
    this.stage.track = this.empty();
    this.state("wait", "Connecting");
    this.socket = new LiveSocket(this.stored.situation, [this.stored.item.game, this.stored.item.play], {
      ready: (next, forecast, again) => this.ready(next, forecast, again),
      forecasts: (number, forecasts) => this.take(number, forecasts),
      released: (forecast) => this.released(forecast),
      scored: (score) => this.scored(score),
      lost: (wait) => {
        clearTimeout(this.timer);
        this.state("lost", `Connection lost; again in ${(wait / 1000).toFixed(2)} s`);
      },
      refused: (sentence) => {
        this.stop();
        this.state("lost", sentence);
      },
    });
  }

  stop() {
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  state(kind, words) {
    this.lamp.className = `lamp ${kind}`;
    this.words.textContent = words;
    this.again.disabled = !this.done && kind !== "lost";
  }

  ready(next, forecast, again) {
    this.next = next;
    this.answered = next - 1;
    // The forecast that the lost socket did not deliver comes with the resumption.
    if (forecast) this.take(next - 1, [forecast]);
    this.state("on", again ? `Live again from frame ${next + 1}` : "Live");
    this.beat();
  }

  beat() {
    clearTimeout(this.timer);
    if (!this.socket?.joined) return;
    this.timer = setTimeout(() => this.beat(), 1000 / this.stored.rate_hz / this.speed);
    // One frame at a time: the play waits for the service rather than the service for the play.
    if (this.answered < this.next - 1) return;
    if (this.next < this.stored.frames.length) {
      this.socket.frame(this.next, this.stored.frames[this.next]);
      this.next += 1;
      return;
    }
    clearTimeout(this.timer);
    const target = this.stored.players.find((player) => player.role === "target");
    this.socket.release(target?.slot ?? null);
  }

  take(number, forecasts) {
    const { track } = this.stage;
    this.answered = Math.max(this.answered, number);
    for (const forecast of forecasts) track.forecasts[forecast.frame] = forecast;
    for (let at = track.frames.length; at <= number; at += 1) {
      track.frames[at] = this.stored.frames[at];
      track.forecasts[at] ??= null;
    }
    this.stage.show(number, 1000 / this.stored.rate_hz / this.speed);
  }

  released(forecast) {
    const { track } = this.stage;
    track.release = forecast;
    this.answered = this.next;
    if (this.stored.yards === null) this.scored(null);
    else this.socket.outcome(this.stored.yards);
  }

  scored(score) {
    const { track } = this.stage;
    track.outcome = { yards: this.stored.yards, score };
    this.done = true;
    this.stop();
    this.stage.show(track.length - 1);
    this.stage.speak();
    this.state("off", "Released");
  }
}
