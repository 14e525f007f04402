// The bench's eye in any product's page: at every refresh it reads a few pixels of whatever shows the picture and notes when
// they change. It knows no product: the picture is the largest canvas or video that can be seen. The time of a look is taken
// before the reading. A canvas is read by drawing those pixels; a video frame is copied as it is (luma), since drawing one without
// a GPU converts the whole frame first, which would make the eye itself the slowest part. `lookMs` tells what the looks cost.
// Times are wall-clock milliseconds (performance.timeOrigin + performance.now()).
globalThis.dillingerEye = (() => {
  const now = () => performance.timeOrigin + performance.now();
  const { layout } = testcard;
  const words = { x: 0, y: 0, width: layout.originPx[0] + 32 * layout.blockPx, height: layout.originPx[1] + layout.blockPx };
  const [flipX, flipY] = layout.flips.key;
  const flip = { x: flipX + layout.flipPx / 2, y: flipY + layout.flipPx / 2, width: 2, height: 2 };

  const blank = () => ({ flips: [], keys: [], frames: 0, looks: 0, lookMs: 0 });
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

  const isSeen = (element) => {
    const style = getComputedStyle(element);
    return element.clientWidth > 0 && style.visibility !== "hidden" && style.display !== "none" && style.opacity !== "0";
  };
  const find = () => {
    const all = [...document.querySelectorAll("canvas, video")].filter(isSeen);
    const area = (element) => (element.videoWidth ?? element.width) * (element.videoHeight ?? element.height);
    return all.reduce((best, element) => (best && area(best) >= area(element) ? best : element), null);
  };
  let known = null;
  let age = 0;
  const surface = () => {
    age += 1;
    if (!known?.isConnected || age % 30 === 0) known = find(); // a style costs more than a pixel
    return known;
  };

  const pens = new Map();
  const penOf = (width, height) => {
    const key = `${width}x${height}`;
    if (!pens.has(key)) {
      const canvas = new OffscreenCanvas(width, height);
      pens.set(key, canvas.getContext("2d", { willReadFrequently: true }));
    }
    return pens.get(key);
  };
  const drawn = (source, { x, y, width, height }) => {
    const pen = penOf(width, height);
    pen.drawImage(source, x, y, width, height, 0, 0, width, height);
    return pen.getImageData(0, 0, width, height).data;
  };

  // RGBA of a part of the video frame that is shown now; null where there is no new one.
  let lastTimestamp = null;
  const copied = async (frame, box) => {
    const bytes = new Uint8Array(frame.allocationSize({ rect: box }));
    await frame.copyTo(bytes, { rect: box });
    const pixels = new Uint8ClampedArray(4 * box.width * box.height);
    for (let at = 0; at < box.width * box.height; at += 1) pixels.fill(bytes[at], 4 * at, 4 * at + 3);
    return pixels;
  };
  const ofVideo = async (video, box, isRepeated) => {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
    const frame = new VideoFrame(video);
    try {
      if (frame.timestamp === lastTimestamp && !isRepeated) return null;
      lastTimestamp = frame.timestamp;
      return ["I420", "NV12"].includes(frame.format) ? await copied(frame, box) : drawn(frame, box);
    } finally {
      frame.close();
    }
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
    if (!(element?.videoWidth ?? element?.width)) return;
    const at = now();
    const box = watching === "flips" ? flip : words;
    const began = watching;
    if (element instanceof HTMLVideoElement) {
      ofVideo(element, box, false).then((pixels) => pixels && watching === began && take(pixels, at), () => {});
    } else {
      take(drawn(element, box), at);
    }
    seen.looks += 1;
    seen.lookMs += now() - at;
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
    lastTimestamp = null;
    Object.assign(seen, blank());
  };

  // The whole picture's luma (BT.601) as the page shows it, base64, row by row.
  const picture = () => {
    const element = find();
    const [width, height] = [element.videoWidth ?? element.width, element.videoHeight ?? element.height];
    const pixels = drawn(element, { x: 0, y: 0, width, height });
    let text = "";
    for (let at = 0; at < pixels.length; at += 4) {
      text += String.fromCharCode(Math.round(0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]));
    }
    return { width, height, luma: btoa(text) };
  };

  return { now, seen, watch, receivedBytes, picture };
})();
