// The bench's eye in the page: at every refresh it looks at the surface that a person would see (canvas or video), and
// notes when it changes. It knows no part of the player but the element that shows the picture.
// Times are wall-clock milliseconds (performance.timeOrigin + performance.now()).
globalThis.dillingerProbe = (() => {
  const now = () => performance.timeOrigin + performance.now();
  const flip = testcard.layout.flips.key;
  const flipPx = testcard.layout.flipPx;
  const surfaces = testcardSurface;
  const { originPx, blockPx } = testcard.layout;
  const counter = { x: 0, y: 0, width: originPx[0] + 32 * blockPx, height: originPx[1] + blockPx };
  const flipped = { x: flip[0] + flipPx / 2, y: flip[1] + flipPx / 2, width: 2, height: 2 };

  const seen = { flips: [], keys: [], frames: 0, clickedAt: null, firstContentAt: null, firstFrameAt: null, refreshes: 0 };
  let lastFlip = null;
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

  const looks = { flips: noteFlip, frames: noteFrame, first: noteFrame };
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
    Object.assign(seen, { flips: [], keys: [], frames: 0, refreshes: 0 });
  };

  return { now, seen, watch };
})();
