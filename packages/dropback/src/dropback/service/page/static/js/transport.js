// Play, pause, step, scrub, speed; by mouse, finger and keyboard.

import { el, select, svg } from "./dom.js";

const SPEEDS = [["0.25", "¼×"], ["0.5", "½×"], ["1", "1×"], ["2", "2×"]];

const ICONS = {
  play: "M4 2l11 6-11 6z",
  pause: "M3 2h4v12H3zM9 2h4v12H9z",
  first: "M2 2h2v12H2zM14 2v12L5 8z",
  back: "M9 2v12L1 8zM11 2h2.5v12H11z",
  on: "M7 2v12l8-6zM2.5 2H5v12H2.5z",
};

function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

export class Transport {
  constructor(frames, rate, { move, rest, trails, whole }) {
    Object.assign(this, { frames, rate, move, rest, trails, whole });
    this.at = 0;
    this.speed = 1;
    this.playing = false;
    const button = (name, label, act) =>
      el("button", { type: "button", "aria-label": label, title: label, onclick: act }, icon(name));
    this.toggleButton = button("play", "Play", () => this.toggle());
    this.toggleButton.classList.add("primary");
    this.range = el("input", { type: "range", min: 0, max: frames - 1, step: 1, value: 0, "aria-label": "Frame" });
    this.range.addEventListener("input", () => this.seek(Number(this.range.value)));
    this.label = el("output", { class: "time" });
    this.speeds = select(SPEEDS, "1", (value) => this.setSpeed(Number(value)));
    this.speeds.setAttribute("aria-label", "Speed");
    this.element = el("div", { class: "transport", role: "group", "aria-label": "Playback" },
      button("first", "To the snap", () => this.seek(0)),
      button("back", "One frame back", () => this.seek(this.at - 1)),
      this.toggleButton,
      button("on", "One frame on", () => this.seek(this.at + 1)),
      this.range, this.label, this.speeds);
    this.key = this.key.bind(this);
    this.tick = this.tick.bind(this);
  }

  enter() {
    document.addEventListener("keydown", this.key);
  }

  leave() {
    this.pause();
    document.removeEventListener("keydown", this.key);
  }

  /** Go to a frame by hand, which ends playing. */
  seek(frame) {
    this.pause();
    this.go(frame);
    this.rest(this.at);
  }

  go(frame) {
    this.at = Math.min(Math.max(frame, 0), this.frames - 1);
    this.range.value = this.at;
    this.range.setAttribute("aria-valuetext", `${(this.at / this.rate).toFixed(1)} seconds`);
    this.label.replaceChildren(`${(this.at / this.rate).toFixed(1)} s`,
      el("span", {}, ` · ${this.at + 1}/${this.frames}`));
    this.move(this.at, this.playing ? 1000 / this.rate / this.speed : 0);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.speeds.value = String(speed);
    this.since = performance.now();
    this.from = this.at;
  }

  toggle() {
    if (this.playing) {
      this.pause();
      this.rest(this.at);
      return;
    }
    if (this.at === this.frames - 1) this.go(0);
    this.playing = true;
    this.face("pause", "Pause");
    this.since = performance.now();
    this.from = this.at;
    this.timer = requestAnimationFrame(this.tick);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.timer);
    this.face("play", "Play");
  }

  tick(now) {
    if (!this.playing) return;
    const frame = this.from + Math.floor(((now - this.since) / 1000) * this.rate * this.speed);
    if (frame >= this.frames - 1) {
      this.pause();
      this.go(this.frames - 1);
      this.rest(this.at);
      return;
    }
    if (frame > this.at) this.go(frame);
    this.timer = requestAnimationFrame(this.tick);
  }

  face(name, label) {
    this.toggleButton.replaceChildren(icon(name));
    this.toggleButton.setAttribute("aria-label", label);
    this.toggleButton.title = label;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target.closest("input:not([type=range]), select, textarea")) return;
    const speeds = SPEEDS.map(([value]) => Number(value));
    const place = speeds.indexOf(this.speed);
    const acts = {
      ArrowLeft: () => this.seek(this.at - (event.shiftKey ? 10 : 1)),
      ArrowRight: () => this.seek(this.at + (event.shiftKey ? 10 : 1)),
      Home: () => this.seek(0),
      End: () => this.seek(this.frames - 1),
      "[": () => this.setSpeed(speeds[Math.max(0, place - 1)]),
      "]": () => this.setSpeed(speeds[Math.min(speeds.length - 1, place + 1)]),
      t: () => this.trails(),
      f: () => this.whole(),
    };
    // The space bar presses the focused button, as everywhere.
    if (event.key === " " && !target.closest("button, summary, a")) acts[" "] = () => this.toggle();
    const act = acts[event.key] ?? acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }
}
