// The bench's eye in the page: at every refresh it looks at the surface that a person would see (canvas or video), and
// notes when it changes. It knows no part of the player but the element that shows the picture.
// Times are wall-clock milliseconds (performance.timeOrigin + performance.now()).
globalThis.dillingerProbe = (() => {
  const now = () => performance.timeOrigin + performance.now();
  const flip = testcard.layout.flips.key;
  const flipPx = testcard.layout.flipPx;
  const eye = document.createElement("canvas");
  eye.width = testcard.layout.originPx[0] + 32 * testcard.layout.blockPx;
  eye.height = testcard.layout.originPx[1] + testcard.layout.blockPx;
  const view = eye.getContext("2d", { willReadFrequently: true });

  const seen = { flips: [], keys: [], frames: 0, clickedAt: null, firstFrameAt: null, refreshes: 0 };
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
    const shown = stage ? [...stage.querySelectorAll("canvas, video")] : [];
    return shown.find((element) => {
      const style = getComputedStyle(element);
      return element.clientWidth > 0 && style.visibility !== "hidden" && style.display !== "none" && style.opacity !== "0";
    });
  };

  const isWhite = (x, y) => {
    const [red, green, blue] = view.getImageData(x, y, 1, 1).data;
    return red + green + blue > 382;
  };

  const look = () => {
    const element = surface();
    const width = element?.videoWidth ?? element?.width;
    if (!width) return;
    if (watching === "flips") {
      view.drawImage(element, flip[0] + flipPx / 2, flip[1] + flipPx / 2, 1, 1, 0, 0, 1, 1);
      const white = isWhite(0, 0);
      if (lastFlip !== null && white !== lastFlip) seen.flips.push(now());
      lastFlip = white;
      return;
    }
    view.drawImage(element, 0, 0, eye.width, eye.height, 0, 0, eye.width, eye.height);
    const { data } = view.getImageData(0, 0, eye.width, eye.height);
    const { frame } = testcard.read(data, eye.width, eye.height);
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
    Object.assign(seen, { flips: [], keys: [], frames: 0, refreshes: 0 });
  };

  return { now, seen, watch };
})();
