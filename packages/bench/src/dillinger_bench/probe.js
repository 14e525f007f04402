// The bench's eye in the page: at every refresh it looks at the surface that a person would see (canvas or video), and
// notes when it changes. It knows no part of the player but the element that shows the picture.
// "timeline" notes every picture and every key with its time, and now and then how near the picture is to what was drawn.
// Times are wall-clock milliseconds (performance.timeOrigin + performance.now()).
globalThis.dillingerProbe = (() => {
  const now = () => performance.timeOrigin + performance.now();
  const flip = testcard.layout.flips.key;
  const flipPx = testcard.layout.flipPx;
  const surfaces = testcardSurface;
  // Down to the words that are read: the counter, and which key came last.
  const { originPx, blockPx, rowStepPx } = testcard.layout;
  const counter = { x: 0, y: 0, width: originPx[0] + 32 * blockPx, height: originPx[1] + blockPx };
  const words = { ...counter, height: counter.height + testcard.layout.words.indexOf("key") * rowStepPx };
  const flipped = { x: flip[0] + flipPx / 2, y: flip[1] + flipPx / 2, width: 2, height: 2 };

  const seen = {
    flips: [], keys: [], frames: 0, clickedAt: null, firstContentAt: null, firstFrameAt: null, refreshes: 0, shown: [], presses: [], quality: [],
  };
  let lastFlip = null;
  let lastPresses = null;
  let lastFrame = null;
  let watching = "first";

  // Which element shows the picture is looked up a few times a second only: a style costs more than a pixel.
  let known = null;
  const surface = () => {
    if (!known?.isConnected || seen.refreshes % 20 === 0) known = find();
    return known;
  };

  const find = () => {
    const stage = document.querySelector('[data-testid="stage"]');
    const layers = stage ? [...stage.querySelectorAll("canvas, video")] : [];
    const height = (element) => Number.parseInt(getComputedStyle(element).zIndex, 10) || 0;
    const shown = layers.filter(surfaces.isSeen);
    return shown.sort((one, other) => height(other) - height(one))[0]; // what lies on top
  };

  // Whether a picture shows anything: a desktop on which nothing was drawn yet is one colour.
  const hasContent = (element) => {
    const data = surfaces.drawn(element, { x: 0, y: 0, ...surfaces.size(element) }, { width: 64, height: 36 });
    let [least, most] = [765, 0];
    for (let at = 0; at < data.length; at += 4) {
      const sum = data[at] + data[at + 1] + data[at + 2];
      least = Math.min(least, sum);
      most = Math.max(most, sum);
    }
    return most - least > 48;
  };

  // What the card's moving part was drawn from, by the bench (`guest.tile_pixels`), as luma.
  let tile = null;
  const [lensWidth, lensHeight] = [64, 64];
  const lens = { x: testcard.layout.panelPx[0], y: 0, width: lensWidth, height: lensHeight };

  // The mean square error of luma against the scene scrolled to where it fits best, on every `step`th pixel.
  const errorAt = (luma, phase, step) => {
    const [stepX, stepY] = tile.steps;
    const [left, top] = [testcard.layout.panelPx[0] - phase * stepX, -phase * stepY];
    let sum = 0;
    let count = 0;
    for (let at = 0; at < luma.length; at += step) {
      const x = (left + (at % lensWidth)) & (tile.size - 1);
      const y = (top + ((at / lensWidth) | 0)) & (tile.size - 1);
      const error = luma[at] - tile.luma[y * tile.size + x];
      sum += error * error;
      count += 1;
    }
    return sum / count;
  };

  // Peak signal-to-noise ratio of a part of the moving picture, dB.
  const psnr = (data) => {
    const luma = new Float32Array(lensWidth * lensHeight);
    for (let at = 0; at < luma.length; at += 1) {
      luma[at] = 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2];
    }
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let phase = 0; phase < tile.size; phase += 1) {
      const error = errorAt(luma, phase, 37);
      if (error < least) [best, least] = [phase, error];
    }
    return 10 * Math.log10(255 ** 2 / Math.max(errorAt(luma, best, 1), 0.01));
  };

  const note = async (element) => {
    const at = now();
    const pixels = await surfaces.pixels(element, words);
    if (!pixels) return;
    const card = testcard.read(pixels, words.width, words.height);
    if (card.key_presses !== null && card.key_presses !== lastPresses) {
      if (lastPresses !== null) seen.presses.push([at, card.key_presses]);
      lastPresses = card.key_presses;
    }
    if (card.frame === null || card.frame === lastFrame) return;
    seen.shown.push([at, card.frame]);
    lastFrame = card.frame;
    if (!tile || at - (seen.quality.at(-1)?.[0] ?? 0) <= 200) return;
    seen.quality.push([at, psnr(await surfaces.pixels(element, lens, true))]);
  };

  const noteFlip = async (element) => {
    const at = now();
    const pixels = await surfaces.pixels(element, flipped);
    if (!pixels) return;
    const isWhite = pixels[0] + pixels[1] + pixels[2] > 382;
    if (lastFlip !== null && isWhite !== lastFlip) seen.flips.push(at);
    lastFlip = isWhite;
  };

  const noteFrame = async (element) => {
    const at = now();
    if (seen.firstContentAt === null && hasContent(element)) seen.firstContentAt = at;
    const pixels = await surfaces.pixels(element, counter);
    const frame = pixels && testcard.read(pixels, counter.width, counter.height).frame;
    if (frame === null) return;
    if (frame !== lastFrame) seen.frames += 1;
    lastFrame = frame;
    seen.firstFrameAt ??= at;
  };

  const looks = { timeline: note, flips: noteFlip, frames: noteFrame, first: noteFrame };
  const look = () => {
    const element = surface();
    if (!surfaces.size(element).width) return;
    looks[watching](element).catch(() => {}); // the element went away in the middle
  };

  const turn = () => {
    seen.refreshes += 1;
    if (watching !== "nothing") look();
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
  addEventListener("click", (event) => {
    if (event.target.closest?.('[data-testid="play-button"]')) seen.clickedAt = performance.timeOrigin + event.timeStamp;
  }, true);
  addEventListener("keydown", (event) => {
    if (event.code === "Space" && !event.repeat) seen.keys.push(performance.timeOrigin + event.timeStamp);
  }, true);

  // "flips" watches one pixel, "frames" counts pictures, "first" is "frames" from the page's start, "nothing" rests.
  const watch = (what) => {
    watching = what;
    lastFlip = null;
    surfaces.forget();
    Object.assign(seen, { flips: [], keys: [], frames: 0, refreshes: 0, shown: [], presses: [], quality: [] });
  };

  const drawnFrom = (luma, size, steps) => {
    tile = { luma: Uint8Array.from(atob(luma), (char) => char.charCodeAt(0)), size, steps };
  };

  return { now, seen, watch, drawnFrom };
})();
