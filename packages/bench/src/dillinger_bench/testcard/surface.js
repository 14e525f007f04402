// Pixels of whatever shows a picture in a page: a canvas or a video. A canvas is read by drawing those pixels; a video's frame is
// copied as it is (its luma), since drawing one without a GPU converts the whole frame first, which would make the eye itself the
// slowest part. It knows no product.
globalThis.testcardSurface = (() => {
  const pens = new Map();
  const penOf = (width, height) => {
    const key = `${width}x${height}`;
    if (!pens.has(key)) {
      const canvas = new OffscreenCanvas(width, height);
      pens.set(key, canvas.getContext("2d", { willReadFrequently: true }));
    }
    return pens.get(key);
  };

  // RGBA of a box of a canvas, video or frame, drawn as large as the box or as `size` says.
  const drawn = (source, { x, y, width, height }, size = { width, height }) => {
    const pen = penOf(size.width, size.height);
    pen.drawImage(source, x, y, width, height, 0, 0, size.width, size.height);
    return pen.getImageData(0, 0, size.width, size.height).data;
  };

  // Luma is 16 to 235 in a frame.
  const full = Uint8ClampedArray.from({ length: 256 }, (_, luma) => ((luma - 16) * 255) / 219);
  const copied = async (frame, box) => {
    const bytes = new Uint8Array(frame.allocationSize({ rect: box }));
    await frame.copyTo(bytes, { rect: box });
    const pixels = new Uint8ClampedArray(4 * box.width * box.height);
    for (let at = 0; at < box.width * box.height; at += 1) pixels.fill(full[bytes[at]], 4 * at, 4 * at + 3);
    return pixels;
  };

  let lastTimestamp = null;
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

  // What is shown of a box with even edges: RGBA, of a video in grey; null where the video has no frame that is new since the last
  // time, if that matters. A canvas is read at once.
  const pixels = (element, box, isRepeated = false) =>
    element instanceof HTMLVideoElement ? ofVideo(element, box, isRepeated) : Promise.resolve(drawn(element, box));

  // The next frame counts as new.
  const forget = () => {
    lastTimestamp = null;
  };

  const size = (element) => ({ width: element?.videoWidth ?? element?.width ?? 0, height: element?.videoHeight ?? element?.height ?? 0 });

  const isSeen = (element) => {
    const style = getComputedStyle(element);
    return element.clientWidth > 0 && style.visibility !== "hidden" && style.display !== "none" && style.opacity !== "0";
  };

  return { drawn, pixels, forget, size, isSeen };
})();
