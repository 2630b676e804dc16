// View a stored play frame by frame; the address keeps the frame.

import { makeHash, noteHash } from "./address.js";
import { get } from "./api.js";
import { playDecision } from "./decision.js";
import { el } from "./dom.js";
import { shareLinks } from "./links.js";
import { Stage, playHead } from "./stage.js";
import { Transport } from "./transport.js";

export async function make([game, play], query) {
  const answer = await get(`/v1/plays/${game}/${play}`);
  const track = {
    frames: answer.frames,
    forecasts: answer.forecasts,
    release: answer.release,
    problem: answer.forecast_problem,
    outcome: { yards: answer.yards, score: answer.score },
    length: answer.frames.length,
  };
  const stage = new Stage(answer, track);
  const transport = new Transport(track.length, answer.rate_hz, {
    move: (at, glide) => stage.show(at, glide),
    rest: (at) => {
      noteHash(`/plays/${game}/${play}`, { frame: at });
      stage.speak();
    },
    trails: () => stage.nextTrails(),
    whole: () => stage.setWhole(!stage.whole),
  });
  stage.under.append(transport.element);
  const first = Number.parseInt(query.get("frame") ?? "0", 10);
  transport.go(Number.isNaN(first) ? 0 : first);
  const live = el("a", { class: "golive", href: makeHash(`/live/${game}/${play}`, {}) }, "Replay it live");
  return {
    title: [answer.item.passer, answer.item.target].filter(Boolean).join(" to ") || `Play ${play}`,
    content: [playHead(answer.item, live), stage.element, playDecision(answer), shareLinks(`/plays/${game}/${play}`, `/v1/plays/${game}/${play}/card`)],
    entered: () => transport.enter(),
    leave: () => transport.leave(),
  };
}
