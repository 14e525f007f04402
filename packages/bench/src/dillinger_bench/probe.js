// The bench's eye in the page: at every refresh it looks at the surface that a person would see (canvas or video), and
// notes when it changes. It knows no part of the player but the element that shows the picture.
// "timeline" notes every picture and every key with its time, and now and then how near the picture is to what was drawn.
// Times are wall-clock milliseconds (performance.timeOrigin + performance.now()).
globalThis.dillingerProbe = (() => {
  const now = () => performance.timeOrigin + performance.now();
  const flip = testcard.layout.flips.key;
  const flipPx = testcard.layout.flipPx;
  const eye = document.createElement("canvas");
  eye.width = testcard.layout.originPx[0] + 32 * testcard.layout.blockPx;
  // Down to the words that are read: the counter, and which key came last.
  eye.height = testcard.layout.originPx[1] + testcard.layout.words.indexOf("key") * testcard.layout.rowStepPx + testcard.layout.blockPx;
  const view = eye.getContext("2d", { willReadFrequently: true });

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
    const shown = layers.filter((element) => {
      const style = getComputedStyle(element);
      return element.clientWidth > 0 && style.visibility !== "hidden" && style.display !== "none" && style.opacity !== "0";
    });
    return shown.sort((one, other) => height(other) - height(one))[0]; // what lies on top
  };

  const isWhite = (x, y) => {
    const [red, green, blue] = view.getImageData(x, y, 1, 1).data;
    return red + green + blue > 382;
  };

  // Whether a picture shows anything: a desktop on which nothing was drawn yet is one colour.
  const glance = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  glance.canvas.width = 64;
  glance.canvas.height = 36;
  const hasContent = (element) => {
    glance.drawImage(element, 0, 0, glance.canvas.width, glance.canvas.height);
    const { data } = glance.getImageData(0, 0, glance.canvas.width, glance.canvas.height);
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
  const lens = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  lens.canvas.width = lensWidth;
  lens.canvas.height = lensHeight;

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
  const psnr = (element) => {
    lens.drawImage(element, testcard.layout.panelPx[0], 0, lensWidth, lensHeight, 0, 0, lensWidth, lensHeight);
    const { data } = lens.getImageData(0, 0, lensWidth, lensHeight);
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

  const note = (element) => {
    view.drawImage(element, 0, 0, eye.width, eye.height, 0, 0, eye.width, eye.height);
    const card = testcard.read(view.getImageData(0, 0, eye.width, eye.height).data, eye.width, eye.height);
    const at = now();
    if (card.frame !== null && card.frame !== lastFrame) {
      seen.shown.push([at, card.frame]);
      lastFrame = card.frame;
      if (tile && at - (seen.quality.at(-1)?.[0] ?? 0) > 200) seen.quality.push([at, psnr(element)]);
    }
    if (card.key_presses !== null && card.key_presses !== lastPresses) {
      if (lastPresses !== null) seen.presses.push([at, card.key_presses]);
      lastPresses = card.key_presses;
    }
  };

  const look = () => {
    const element = surface();
    const width = element?.videoWidth ?? element?.width;
    if (!width) return;
    if (watching === "timeline") {
      note(element);
      return;
    }
    if (watching === "flips") {
      view.drawImage(element, flip[0] + flipPx / 2, flip[1] + flipPx / 2, 1, 1, 0, 0, 1, 1);
      const white = isWhite(0, 0);
      if (lastFlip !== null && white !== lastFlip) seen.flips.push(now());
      lastFlip = white;
      return;
    }
    if (seen.firstContentAt === null && hasContent(element)) seen.firstContentAt = now();
    const height = testcard.layout.originPx[1] + testcard.layout.blockPx;
    view.drawImage(element, 0, 0, eye.width, height, 0, 0, eye.width, height);
    const { data } = view.getImageData(0, 0, eye.width, height);
    const { frame } = testcard.read(data, eye.width, height);
    if (frame === null) return;
    if (frame !== lastFrame) seen.frames += 1;
    lastFrame = frame;
    if (seen.firstFrameAt === null) seen.firstFrameAt = now();
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
    Object.assign(seen, { flips: [], keys: [], frames: 0, refreshes: 0, shown: [], presses: [], quality: [] });
  };

  const drawnFrom = (luma, size, steps) => {
    tile = { luma: Uint8Array.from(atob(luma), (char) => char.charCodeAt(0)), size, steps };
  };

  return { now, seen, watch, drawnFrom };
})();
