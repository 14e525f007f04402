// The bench's eye over a link, the same in every product's page: at every refresh it reads the card's words from whatever shows the
// picture, and notes each new picture and each new count of keys with its time, and now and then a piece of the moving part, so that
// its likeness to what was drawn can be judged later. It knows no product: the picture is the largest canvas or video that can be seen.
// Times are wall-clock milliseconds (performance.timeOrigin + performance.now()), a look's time is taken before it.
// Called again and again it opens the eye where there is none (a page may load itself anew), and hands over what was seen since.
([cardWidth, lensBox]) => {
  const take = () => {
    const since = { ...globalThis.dillingerSeen };
    Object.assign(globalThis.dillingerSeen, { shown: [], keys: [], presses: [], lenses: [] });
    return since;
  };
  if (globalThis.dillingerSeen) return take();
  globalThis.dillingerSeen = { shown: [], keys: [], presses: [], lenses: [] };
  const seen = globalThis.dillingerSeen;
  const now = () => performance.timeOrigin + performance.now();
  const surfaces = testcardSurface;
  const { originPx, blockPx, rowStepPx } = testcard.layout;
  const lastRow = originPx[1] + testcard.layout.words.indexOf("key") * rowStepPx + blockPx;
  const words = { x: 0, y: 0, width: originPx[0] + 32 * blockPx, height: lastRow };
  const [lensX, lensY, lensWidth, lensHeight] = lensBox;
  const lens = { x: lensX, y: lensY, width: lensWidth, height: lensHeight };
  const lensGapMs = 200;
  let lastFrame = null;
  let lastPresses = null;
  let lensAt = 0;

  const area = (element) => element.clientWidth * element.clientHeight;
  const level = (element) => Number.parseInt(getComputedStyle(element).zIndex, 10) || 0;
  const find = () => {
    const all = [...document.querySelectorAll("canvas, video")].filter(surfaces.isSeen);
    return all.sort((one, other) => area(one) - area(other) || level(one) - level(other)).at(-1); // what lies on top
  };
  let known = null;
  let age = 0;
  const surface = () => {
    age += 1;
    if (!known?.isConnected || age % 20 === 0) known = find(); // a style costs more than a pixel
    return known;
  };

  // RGBA of a box of the card as it is shown: a picture that was made smaller is shown as large as the card.
  const drawn = (element, box) => {
    const scale = surfaces.size(element).width / cardWidth;
    const part = { x: box.x * scale, y: box.y * scale, width: box.width * scale, height: box.height * scale };
    return surfaces.drawn(element, part, box);
  };
  const pixels = (element, box) =>
    surfaces.size(element).width === cardWidth ? surfaces.pixels(element, box) : drawn(element, box);

  const noteLens = (at, rgba) => {
    let text = "";
    for (let from = 0; from < rgba.length; from += 4) {
      text += String.fromCharCode(Math.round(0.299 * rgba[from] + 0.587 * rgba[from + 1] + 0.114 * rgba[from + 2]));
    }
    seen.lenses.push([at, btoa(text)]);
    lensAt = at;
  };
  const look = async (element) => {
    const at = now();
    const rgba = await pixels(element, words);
    if (!rgba) return;
    const card = testcard.read(rgba, words.width, words.height);
    if (card.key_presses !== null && card.key_presses !== lastPresses) {
      seen.presses.push([at, card.key_presses]);
      lastPresses = card.key_presses;
    }
    if (card.frame === null || card.frame === lastFrame) return;
    seen.shown.push([at, card.frame]);
    lastFrame = card.frame;
    // Drawn, not copied: what colours a frame's luma stands for is the product's to choose.
    if (at - lensAt > lensGapMs) noteLens(at, drawn(element, lens));
  };
  const turn = () => {
    const element = surface();
    if (surfaces.size(element).width) look(element).catch(() => {}); // the element went away in the middle
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
  addEventListener("keydown", (event) => {
    if (event.code === "Space" && !event.repeat) seen.keys.push(performance.timeOrigin + event.timeStamp);
  }, true);
  return take();
}
