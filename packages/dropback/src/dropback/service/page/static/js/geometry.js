// Convert yards on the field to pixels on the screen; the offense moves to the right.

/** The part of the field that a play needs: from `least` to `most` yards along it. */
export function playWindow(field, frames, minimum) {
  const line = field.line_of_scrimmage_x_yd;
  // Before a feed arrives it is unknown how far the passer will drop back.
  let least = line - (frames.length ? 12 : 18);
  let most = line + 30;
  for (const frame of frames) {
    for (const [x] of frame) {
      if (x === null) continue;
      if (x - 2 < least) least = x - 2;
      if (x + 2 > most) most = x + 2;
    }
  }
  // A window short of the minimum grows downfield, where the yards are.
  most = Math.max(most, least + minimum);
  if (most > field.length_yd) {
    least -= most - field.length_yd;
    most = field.length_yd;
  }
  return { least: Math.max(0, least), most: Math.min(most, field.length_yd) };
}

/** Pixels for a field (or the part of it in `window`) drawn `width` pixels wide. */
export function makeScale(field, window, width) {
  const perYard = width / (window.most - window.least);
  return {
    perYard,
    width,
    height: field.width_yd * perYard,
    ...window,
    x: (yd) => (yd - window.least) * perYard,
    // y_yd counts from the offense's right sideline, which is at the bottom.
    y: (yd) => (field.width_yd - yd) * perYard,
  };
}
