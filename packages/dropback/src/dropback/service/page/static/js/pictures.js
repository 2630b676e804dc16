// Small pictures of the distributions of stored plays, asked for together as they come into view.

import { get } from "./api.js";
import { el, svg } from "./dom.js";
import { kindOf } from "./forecast.js";
import * as format from "./format.js";

const TOGETHER = 12;
const WIDTH = 260;
const HEIGHT = 54;
const LEAST = -12;
const MOST = 50;

export class Pictures {
  constructor() {
    this.waiting = new Map();
    this.seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        this.seen.unobserve(target);
        this.waiting.set(target.dataset.key, target);
      }
      this.ask();
    }, { rootMargin: "200px" });
    this.items = new Map();
    this.busy = false;
  }

  /** Where the picture of a play will be. */
  place(item) {
    const key = `${item.game}-${item.play}`;
    const place = el("span", { class: "picture", "data-key": key });
    this.items.set(key, item);
    this.seen.observe(place);
    return place;
  }

  async ask() {
    if (this.busy || !this.waiting.size) return;
    this.busy = true;
    const asked = [...this.waiting].slice(0, TOGETHER);
    for (const [key] of asked) this.waiting.delete(key);
    try {
      const answer = await get("/v1/forecasts", { plays: asked.map(([key]) => key).join(",") });
      answer.forecasts.forEach(({ forecast }, at) => {
        if (forecast) asked[at][1].replaceChildren(draw(forecast, this.items.get(asked[at][0])));
      });
    } catch {
      // A list without pictures is a list still.
    }
    this.busy = false;
    this.ask();
  }
}

/** The chance of each yard at the release, and a mark at what was gained. */
function draw(forecast, item) {
  const goal = Math.round(item.yards_to_goal ?? 100);
  const most = Math.min(MOST, goal);
  const shares = forecast.probabilities.map((share, at) => [forecast.first_yd + at, share]).filter(([yard]) => yard >= LEAST && yard <= most);
  const top = Math.max(0.03, ...shares.filter(([yard]) => yard !== 0 && yard !== goal).map(([, share]) => share)) * 1.1;
  const each = WIDTH / (MOST - LEAST + 1);
  const x = (yard) => (yard - LEAST) * each;
  const gained = item.yards === null ? null : Math.min(Math.max(item.yards, LEAST), MOST);
  const words = `Caught for a gain ${format.percent(forecast.gain)}, touchdown ${format.percent(forecast.touchdown)}, `
    + `expected ${format.yards(forecast.mean, 1)}`;
  return svg("svg", { class: "bars mini", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words },
    shares.map(([yard, share]) => {
      const tall = Math.min(1, share / top) * (HEIGHT - 12);
      return svg("rect", { class: kindOf(yard, goal, item.yards_to_go), x: x(yard) + 0.3, width: each - 0.6, y: HEIGHT - 10 - tall, height: tall });
    }),
    svg("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT - 10, y2: HEIGHT - 10 }),
    gained === null ? null : svg("path", { class: "gained", d: `M${x(gained) + each / 2} ${HEIGHT - 9}l-5 8h10z` }));
}
