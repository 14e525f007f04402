// What a viewer looks at in the page, from outside: put in by Playwright before the page's own scripts, after read.js.
// It reads `window.dillingerPlayer` and nothing else of the page.
globalThis.dillingerViewer = (() => {
  const player = () => window.dillingerPlayer ?? null;

  const state = () => {
    if (!player()) return null;
    const { state, transport, role, renderer, picture, framesShown, lastFrame, stats, sound } = player();
    return { state, transport, role, renderer, picture, framesShown, lastFrame, stats, sound: sound && { ...sound } };
  };

  const card = async () => {
    if (!player()?.picture) return null;
    const [width, height] = testcard.layout.panelPx;
    const pixels = await player().readPixels(0, 0, width, height);
    return testcard.read(pixels, width, height);
  };

  const mean = (pixels) => {
    const sums = [0, 0, 0];
    for (let at = 0; at < pixels.length; at += 4) {
      for (let part = 0; part < 3; part += 1) sums[part] += pixels[at + part];
    }
    return sums.map((sum) => sum / (pixels.length / 4));
  };

  const means = async (boxes) => {
    if (!player()?.picture) return null;
    const colours = [];
    for (const [x, y, width, height] of boxes) colours.push(mean(await player().readPixels(x, y, width, height)));
    return colours;
  };

  return { state, card, means };
})();
