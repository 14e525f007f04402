// The test card's reader for a page: RGBA bytes → what the card says. The layout comes from `read.page_script()`.
// Pure; the twin of read.py, and tested against it.
globalThis.testcard = (() => {
  const layout = globalThis.testcardLayout;
  const probe = layout.blockPx / 4;

  const signed = (value, bits) => (value >> (bits - 1) ? value - (1 << bits) : value);

  const checkBits = (value) => {
    let crc = 0;
    for (const byte of [value >> 16, (value >> 8) & 0xff, value & 0xff]) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? ((crc << 1) ^ 7) & 0xff : crc << 1;
    }
    return crc ^ layout.checkXor;
  };

  const read = (pixels, width, height, placement = { x: 0, y: 0, scale: 1 }) => {
    const rgb = (cardX, cardY) => {
      const x = Math.round(placement.x + cardX * placement.scale);
      const y = Math.round(placement.y + cardY * placement.scale);
      if (x < 0 || y < 0 || x >= width || y >= height) return [0, 0, 0];
      const at = 4 * (y * width + x);
      return [pixels[at], pixels[at + 1], pixels[at + 2]];
    };
    const isWhite = (x, y) => {
      let sum = 0;
      for (const dx of [-probe, 0, probe]) {
        for (const dy of [-probe, 0, probe]) {
          const [red, green, blue] = rgb(x + dx, y + dy);
          sum += 0.299 * red + 0.587 * green + 0.114 * blue;
        }
      }
      return sum > 9 * 127;
    };
    const word = (name) => {
      const y = layout.originPx[1] + layout.words.indexOf(name) * layout.rowStepPx + layout.blockPx / 2;
      const bit = (place) => isWhite(layout.originPx[0] + (place + 0.5) * layout.blockPx, y);
      let value = 0;
      for (let place = 0; place < layout.dataBits; place += 1) value = value * 2 + (bit(place) ? 1 : 0);
      let check = 0;
      for (let place = 0; place < layout.checkBits; place += 1) {
        check = check * 2 + (bit(layout.dataBits + place) ? 1 : 0);
      }
      return check === checkBits(value) ? value : null;
    };
    const pair = (value) => (value === null ? null : [value >> 12, value & 0xfff]);
    const flip = (name) => {
      const [x, y] = layout.flips[name];
      return isWhite(x + layout.flipPx / 2, y + layout.flipPx / 2);
    };
    const key = word("key");
    const button = word("button");
    const motion = pair(word("motion"));
    const [swatchX, swatchY] = layout.swatchesAtPx.map((at) => at + layout.swatchPx / 2);
    return {
      frame: word("frame"),
      pointer: pair(word("pointer")),
      key: key === null ? null : key >> 16,
      key_presses: key === null ? null : (key >> 8) & 0xff,
      keys_held: key === null ? null : key & 0xff,
      button: button === null ? null : button >> 20,
      button_presses: button === null ? null : (button >> 12) & 0xff,
      wheel: button === null ? null : [signed(button & 0x3f, 6), signed((button >> 6) & 0x3f, 6)],
      motion: motion === null ? null : motion.map((sum) => signed(sum, 12)),
      size: pair(word("size")),
      key_flip: flip("key"),
      button_flip: flip("button"),
      sound_flip: flip("sound"),
      swatches: Array.from({ length: layout.swatches }, (_, index) => rgb(swatchX + index * layout.swatchPx, swatchY)),
    };
  };

  return { layout, read };
})();
