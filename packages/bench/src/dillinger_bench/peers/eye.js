// The bench's eye in any product's page: at every refresh it reads a few pixels of whatever shows the picture and notes when
// they change. It knows no product: the picture is the largest canvas or video that can be seen, of several the uppermost. The
// time of a look is taken before the reading.
// Times are wall-clock milliseconds (performance.timeOrigin + performance.now()).
globalThis.dillingerEye = (() => {
  const now = () => performance.timeOrigin + performance.now();
  const { layout } = testcard;
  const words = { x: 0, y: 0, width: layout.originPx[0] + 32 * layout.blockPx, height: layout.originPx[1] + layout.blockPx };
  const [flipX, flipY] = layout.flips.key;
  const flip = { x: flipX + layout.flipPx / 2, y: flipY + layout.flipPx / 2, width: 2, height: 2 };

  const blank = () => ({ flips: [], keys: [], frames: 0 });
  const seen = { ...blank(), firstFrameAt: null };
  let watching = "first";
  let last = null;

  // What brings WebRTC's bytes; a product may keep its connection to itself.
  const connections = [];
  const Connection = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Connection {
    constructor(...wishes) {
      super(...wishes);
      connections.push(this);
    }
  };
  const receivedBytes = async () => {
    let bytes = 0;
    for (const connection of connections) {
      for (const stat of (await connection.getStats()).values()) {
        if (stat.type === "inbound-rtp" && stat.kind === "video") bytes += stat.bytesReceived + stat.headerBytesReceived;
      }
    }
    return bytes;
  };

  const surfaces = testcardSurface;
  const area = (element) => surfaces.size(element).width * surfaces.size(element).height;
  const level = (element) => Number.parseInt(getComputedStyle(element).zIndex, 10) || 0;
  const find = () => {
    const all = [...document.querySelectorAll("canvas, video")].filter(surfaces.isSeen);
    return all.sort((one, other) => area(one) - area(other) || level(one) - level(other)).at(-1) ?? null; // what lies on top
  };
  let known = null;
  let age = 0;
  const surface = () => {
    age += 1;
    if (!known?.isConnected || age % 30 === 0) known = find(); // a style costs more than a pixel
    return known;
  };

  const take = (pixels, at) => {
    if (watching === "flips") {
      const isWhite = pixels[0] + pixels[1] + pixels[2] > 382;
      if (last !== null && isWhite !== last) seen.flips.push(at);
      last = isWhite;
      return;
    }
    const { frame } = testcard.read(pixels, words.width, words.height);
    if (frame === null) return;
    if (frame !== last) seen.frames += 1;
    last = frame;
    seen.firstFrameAt ??= at;
  };

  const look = () => {
    const element = surface();
    if (!surfaces.size(element).width) return;
    const at = now();
    const box = watching === "flips" ? flip : words;
    const began = watching;
    surfaces.pixels(element, box).then((pixels) => pixels && watching === began && take(pixels, at), () => {});
  };
  const turn = () => {
    if (watching !== "nothing") look();
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);

  addEventListener("keydown", (event) => {
    if (event.code === "Space" && !event.repeat) seen.keys.push(performance.timeOrigin + event.timeStamp);
  }, true);

  // "flips" watches the key's block, "frames" counts pictures, "first" is "frames" from the page's start, "nothing" rests.
  const watch = (what) => {
    watching = what;
    last = null;
    surfaces.forget();
    Object.assign(seen, blank());
  };

  // The whole picture's luma (BT.601) as the page shows it, base64, row by row.
  const picture = () => {
    const element = find();
    const { width, height } = surfaces.size(element);
    const pixels = surfaces.drawn(element, { x: 0, y: 0, width, height });
    let text = "";
    for (let at = 0; at < pixels.length; at += 4) {
      text += String.fromCharCode(Math.round(0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]));
    }
    return { width, height, luma: btoa(text) };
  };

  return { now, seen, watch, receivedBytes, picture };
})();
