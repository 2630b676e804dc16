// Send a live play to the service, and resume it when its socket is lost.

import { ReturningSocket } from "./socket.js";

const VERSION = 2;

/**
 * `on` gets `ready(nextFrame, forecast, again)`, `forecasts(number, forecasts)`, `released(forecast)`, `scored(score)`,
 * `lost(waitMs)` and `refused(sentence)`; the last ends it. `stored` is the game and the play, for watchers.
 */
export class LiveSocket {
  constructor(situation, stored, on) {
    Object.assign(this, { situation, stored, on, token: null, resuming: false, joined: false });
    this.socket = new ReturningSocket({
      address: () => "/v1/live",
      greet: () => this.greet(),
      take: (message) => this.take(message),
      lost: (wait) => {
        this.joined = false;
        on.lost(wait);
      },
    });
  }

  greet() {
    this.resuming = this.token !== null;
    this.socket.send(this.resuming ? { type: "resume", version: VERSION, token: this.token }
      : { type: "start", version: VERSION, situation: this.situation, stored: this.stored });
  }

  frame(number, frame) {
    this.socket.send({ type: "frame", number, frame });
  }

  release(targetSlot) {
    this.socket.send({ type: "release", target_slot: targetSlot });
  }

  outcome(yards) {
    this.socket.send({ type: "outcome", yards, token: this.token });
  }

  take(message) {
    if (message.type === "started" || message.type === "resumed") {
      this.token = message.token;
      this.joined = true;
      this.socket.well();
      if (message.forecast?.released) {
        this.on.released(message.forecast);
        if (message.score !== null) this.on.scored(message.score);
      } else {
        this.on.ready(message.next_frame ?? 0, message.forecast ?? null, message.type === "resumed");
      }
    } else if (message.type === "forecast") {
      this.on.forecasts(message.number, message.forecasts);
    } else if (message.type === "released") {
      this.on.released(message.forecast);
    } else if (message.type === "scored") {
      this.on.scored(message.score);
    } else if (message.type === "problem") {
      this.problem(message);
    }
  }

  problem(message) {
    if (this.resuming && !this.joined) {
      // Kept for a while only: a play lost for longer starts again.
      this.token = null;
      this.socket.again(0);
    } else if (message.retry_after_s !== null) {
      this.socket.again(message.retry_after_s * 1000);
    } else {
      this.close();
      this.on.refused(message.detail);
    }
  }

  /** Leave for good: the service forgets the play. */
  close() {
    this.socket.close();
  }
}
