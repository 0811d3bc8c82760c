// The numbers of the page, which it holds once, as bytes; and tables of them, as Python writes them.
"use strict";
const numbers = (() => {
  const data = JSON.parse(document.getElementById("trace-data").textContent);
  const records = data.records;
  const card = (k) => document.getElementById("r" + k);

  // Numbers ----------------------------------------------------------------------------------

  const ODD = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  const real = (value) => (typeof value === "string" ? ODD[value] : value);
  const letters = atob(data.numbers.replace(/-/g, "+").replace(/_/g, "/"));
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const stored = new DataView(bytes.buffer);

  /** Return the number at a position of a record; undefined if the page does not hold it. */
  function valueOf(k, position) {
    const { at, runs } = records[k];
    let place = runs ? undefined : at + position;
    for (let r = 0, before = at; runs && r < runs.length; before += runs[r + 1], r += 2)
      if (position >= runs[r] && position < runs[r] + runs[r + 1])
        place = before + position - runs[r];
    return place === undefined ? undefined : stored.getFloat64(8 * place, true);
  }

  /** Write a number with significant digits, as Python's format "g" does. */
  function written(x, digits) {
    if (Number.isNaN(x)) return "nan";
    if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
    if (x === 0) return "0";
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
    const power = Number(exponent);
    const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    if (power >= -4 && power < digits) return trimmed(x.toFixed(Math.max(digits - 1 - power, 0)));
    const size = String(Math.abs(power)).padStart(2, "0");
    return trimmed(mantissa) + "e" + (power < 0 ? "-" : "+") + size;
  }
  const short = (x) => written(x, data.digits);

  function pathOf(k, position) {
    const index = [];
    for (const size of [...records[k].shape].reverse()) {
      index.unshift(position % size);
      position = Math.floor(position / size);
    }
    return records[k].name + (index.length ? `[${index.join(", ")}]` : "");
  }

  // Tables ----------------------------------------------------------------------------------

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  /** Put a null between indices where some of the axis are left out. */
  const gapped = (chosen) =>
    chosen.flatMap((n, place) => (place && n !== chosen[place - 1] + 1 ? [null, n] : [n]));

  /** Return the tables of a record: leading indices, rows and columns; null for no such axis. */
  function blocksOf(k) {
    const { shape, cut } = records[k];
    const every = (size) => (size === undefined ? null : [...Array(size).keys()]);
    const [down, across] = cut || [every(shape.at(-2)), every(shape.at(-1))];
    const lead = shape.slice(0, -2);
    const slices = Math.min(lead.reduce((all, size) => all * size, 1), data.slices);
    return [...Array(slices).keys()].map((slice) => {
      const index = [];
      for (const size of [...lead].reverse()) {
        index.unshift(slice % size);
        slice = Math.floor(slice / size);
      }
      return { lead: index, rows: down && gapped(down), columns: across && gapped(across) };
    });
  }

  const placeOf = (k, block, row, column) =>
    [...block.lead, row, column].filter((n) => n !== null)
      .reduce((all, n, axis) => all * records[k].shape[axis] + n, 0);

  /** Write numbers with equally many decimals, as the Python of the page does. */
  function inLine(values) {
    const finite = values.filter(Number.isFinite).map(Math.abs);
    const largest = finite.reduce((all, x) => Math.max(all, x), 0);
    const power = largest ? Math.floor(Math.log10(largest)) : 0;
    const decimals = Math.max(data.digits - 1 - power, 1);
    const whole = largest < 1e6 && finite.every(Number.isInteger);
    const powers = !(power >= -4 && power < Math.max(data.digits, 6));
    return values.map((x) => {
      if (!Number.isFinite(x)) return written(x);
      if (whole) return (x + 0).toFixed(0);
      if (powers) return scientific(x + 0, data.digits - 1);
      const tiny = x && Math.abs(x) < 10 ** (1 - decimals);
      return tiny ? scientific(x, 1) : (x + 0).toFixed(decimals);
    });
  }
  function scientific(x, decimals) {
    const [mantissa, power] = x.toExponential(decimals).split("e");
    return mantissa + "e" + power[0] + power.slice(1).padStart(2, "0");
  }
  function tintOf(x, largest) {
    if (!Number.isFinite(x)) return "odd";
    const share = largest ? Math.abs(x) / largest : 0;
    return share < 0.05 ? "" : (x < 0 ? "n" : "p") + (1 + (share > 0.35) + (share > 0.7));
  }

  /** Write the tables of a record, where the page left that to the script. */
  function draw(k) {
    const blocks = blocksOf(k);
    const one = [null];
    const places = blocks.flatMap(({ lead, rows, columns }) =>
      (rows || one).filter((r) => !rows || r !== null).flatMap((r) =>
        (columns || one).filter((c) => !columns || c !== null).map((c) =>
          placeOf(k, { lead }, r, c))));
    const values = places.map((position) => valueOf(k, position));
    const sizes = values.filter(Number.isFinite).map(Math.abs);
    const largest = records[k].cut ? real(records[k].cut[2]) : Math.max(0, ...sizes);
    const texts = new Map(inLine(values).map((text, n) => [places[n], text]));
    const made = blocks.map((block) => {
      const cell = (r, c) => {
        if ((block.rows && r === null) || (block.columns && c === null))
          return make("td", { class: "gap" }, "…");
        const position = placeOf(k, block, r, c);
        const tint = tintOf(valueOf(k, position), largest);
        return make("td", tint ? { class: tint } : {}, texts.get(position));
      };
      const heads = (block.columns || []).map((c) => make("th", {}, c === null ? "…" : String(c)));
      const corner = block.rows ? [make("th")] : [];
      const lines = (block.rows || one).map((r) => {
        const side = block.rows ? [make("th", {}, r === null ? "⋮" : String(r))] : [];
        return make("tr", {}, ...side, ...(block.columns || one).map((c) => cell(r, c)));
      });
      const top = heads.length ? [make("thead", {}, make("tr", {}, ...corner, ...heads))] : [];
      const table = make("table", { class: "numbers" }, ...top, make("tbody", {}, ...lines));
      const slice = `${records[k].name}[${block.lead.join(", ")}, :, :]`;
      const label = block.lead.length ? [make("p", { class: "slice" }, slice)] : [];
      return [...label, make("div", { class: "wide" }, table)];
    });
    card(k).querySelector(".figures").prepend(...made.flat());
  }

  return { data, records, card, real, valueOf, short, pathOf, blocksOf, placeOf, draw, make };
})();
