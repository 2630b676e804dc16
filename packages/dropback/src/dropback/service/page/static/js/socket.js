// A WebSocket that reconnects by itself, after longer and longer waits.

import { openSocket } from "./api.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

/** `address()` is the URL, `greet()` runs when it opens, `take(message)` gets messages, `lost(waitMs)` runs at a loss. */
export class ReturningSocket {
  constructor({ address, greet, take, lost }) {
    Object.assign(this, { address, greet, take, lost, wait: FIRST_WAIT_MS, over: false, timer: null });
    this.online = () => { if (this.timer) this.open(); };
    window.addEventListener("online", this.online);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.timer = null;
    const socket = (this.socket = openSocket(this.address()));
    socket.addEventListener("open", () => this.greet());
    socket.addEventListener("message", (event) => this.take(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      if (this.over) return;
      this.lost(this.wait);
      this.timer = setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    });
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  /** All is well again: the next loss is followed by a short wait. */
  well() {
    this.wait = FIRST_WAIT_MS;
  }

  /** Drop this socket and come again, in no less than `waitMs`. */
  again(waitMs) {
    this.wait = Math.max(this.wait, waitMs);
    this.socket.close();
  }

  /** Leave for good. */
  close() {
    this.over = true;
    clearTimeout(this.timer);
    window.removeEventListener("online", this.online);
    this.socket.close(1000);
  }
}
