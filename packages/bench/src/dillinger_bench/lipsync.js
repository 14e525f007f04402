// When the test card's sound block flips in the shown picture, and when a tone begins at the loudspeaker. Wall-clock
// milliseconds. The meter holds 43 ms, so it is looked at twice as often.
globalThis.dillingerLipsync = () => {
  const player = window.dillingerPlayer;
  const flipPx = testcard.layout.flipPx;
  const [x, y] = testcard.layout.flips.sound;
  const seen = { flips: [], tones: [], outputsMs: [] };
  let last = null;
  player.watch([{ x: x + flipPx / 4, y: y + flipPx / 4, width: flipPx / 2, height: flipPx / 2 }], (frame) => {
    const isWhite = frame.colours[0][0] > 127;
    if (last !== null && isWhite !== last) seen.flips.push(frame.shown_at_ms);
    last = isWhite;
  });
  const rateHz = 48000;
  const loud = 0.02;
  let heardUntil = 0;
  let quietSince = Number.POSITIVE_INFINITY;
  setInterval(() => {
    const { samples, ends_at_ms: endsAt, output_ms: outputMs } = player.heard();
    if (seen.outputsMs.length < 1000) seen.outputsMs.push(outputMs);
    for (let at = 0; at < samples.length; at += 1) {
      const time = endsAt - ((samples.length - at) / rateHz) * 1000;
      if (time <= heardUntil) continue;
      heardUntil = time;
      if (Math.abs(samples[at]) < loud) {
        quietSince = Math.min(quietSince, time);
      } else {
        if (time - quietSince > 50) seen.tones.push(time);
        quietSince = Number.POSITIVE_INFINITY;
      }
    }
  }, 15);
  return seen;
};
