// Opens the sum behind a number, with the numbers and tables of tables.js.
(() => {
  const { data, records, card, real, valueOf, short, pathOf, blocksOf, placeOf, draw, make } =
    numbers;
  const layout = document.querySelector(".layout");
  const drill = document.querySelector(".drill");
  const cells = records.map(() => new Map()); // per record: position -> cell
  const places = new Map(); // cell -> [record, position]
  const users = records.map(() => []);
  records.forEach((record, k) => (record.parents || []).forEach((p) => users[p].push(k)));
  const entry = (k) => document.getElementById("c" + k);

  // Sums -------------------------------------------------------------------------------------

  /** Put words into the gaps of a form, and the numbers of factors. */
  function filled(text, factors) {
    const [form, ...words] = [text].flat();
    return data.forms[form].replace(/\u0001|\u0002./g, (gap) =>
      gap.length === 1 ? words.shift() : short(factors[gap.charCodeAt(1) - 0x100].value));
  }

  function factorsOf(list) {
    const factors = [];
    for (let k = 0; k < list.length; k += 2) {
      const [where, what] = [list[k], list[k + 1]];
      if (typeof where === "string") factors.push({ path: where, value: real(what) });
      else
        factors.push({
          path: pathOf(where, what), value: valueOf(where, what), record: where, position: what,
        });
    }
    return factors;
  }

  /** Return the sum behind an entry, as Trace.explain gives it; null if the page has none. */
  function explained(k, position) {
    const found = (records[k].sums || {})[position];
    if (!found) return null;
    const [packed, total = null, leftOut = 0, maths = 0] = found;
    const terms = packed.map(([text, list, product = null, missing = 0]) => {
      const factors = factorsOf(list);
      const made = product === null ? factors.reduce((all, f) => all * f.value, 1) : real(product);
      return { text: filled(text, factors), factors, product: made, missing };
    });
    const sum = total === null ? terms.reduce((all, t) => all + t.product, 0) : real(total);
    return { maths, terms, total: sum, leftOut };
  }

  // Small tools for the page -----------------------------------------------------------------

  let marked = [];
  function unmark() {
    for (const [node, name] of marked) node.classList.remove(name);
    marked = [];
  }
  function mark(node, name) {
    if (!node) return;
    node.classList.add(name);
    marked.push([node, name]);
  }
  function markParents(k) {
    mark(entry(k), "here");
    reveal(entry(k));
    for (const parent of records[k].parents || []) {
      mark(card(parent), "parent");
      mark(entry(parent), "parent");
    }
  }
  /** Scroll the list of names, and only it, to a name. */
  function reveal(name) {
    const list = name.closest(".contents");
    const [inner, outer] = [name.getBoundingClientRect(), list.getBoundingClientRect()];
    if (inner.top < outer.top) list.scrollTop += inner.top - outer.top - 40;
    if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom + 40;
  }
  function markTerms(k, position) {
    const sum = explained(k, position);
    if (!sum) return;
    for (const term of sum.terms)
      for (const factor of term.factors)
        if (factor.record !== undefined) mark(cells[factor.record].get(factor.position), "lit");
  }

  // The panel --------------------------------------------------------------------------------

  let trail = []; // [record, position] from the number that was opened to the one that is shown
  let back = null; // what has the focus again when the panel closes
  let openCell = null;

  function open(k, position, from) {
    if (!trail.length) back = from || document.activeElement;
    const known = trail.findIndex(([a, b]) => a === k && b === position);
    trail = known >= 0 ? trail.slice(0, known + 1) : [...trail, [k, position]];
    kept(() => layout.classList.add("open"), from);
    drill.replaceChildren(...content(k, position));
    drill.dataset.path = pathOf(k, position);
    drill.scrollTop = 0;
    if (openCell) openCell.classList.remove("open");
    openCell = cells[k].get(position) || null;
    if (openCell) openCell.classList.add("open");
    const shown = openCell || card(k);
    if (trail.length > 1 && shown) shown.scrollIntoView({ block: "center", inline: "nearest" });
    drill.focus({ preventScroll: true });
    uncover(shown);
  }

  /** On a narrow window the panel lies over the page: move a cell out from under it. */
  function uncover(cell) {
    if (!cell || getComputedStyle(drill).position !== "fixed") return;
    const covered = cell.getBoundingClientRect().bottom - drill.getBoundingClientRect().top;
    if (covered > 0) scrollBy({ top: covered + 60, behavior: "instant" });
  }

  function close() {
    if (!trail.length) return;
    trail = [];
    kept(() => layout.classList.remove("open"), openCell);
    if (openCell) openCell.classList.remove("open");
    openCell = null;
    unmark();
    if (back && back.isConnected) back.focus();
  }

  /** Change the layout, and keep a node where it stands in the window. */
  function kept(change, node) {
    const before = node ? node.getBoundingClientRect().top : 0;
    change();
    if (node) scrollBy({ top: node.getBoundingClientRect().top - before, behavior: "instant" });
  }

  function content(k, position) {
    const value = valueOf(k, position);
    const sum = explained(k, position);
    const parts = [bar(), make("h2", {}, pathOf(k, position))];
    parts.push(make("p", { class: "value", "data-value": value }, "= " + short(value)));
    if (short(value) !== String(value))
      parts.push(make("p", { class: "exact" }, "to the last digit " + String(value)));
    if (!sum) parts.push(make("p", {}, unexplained(k, position)));
    else {
      parts.push(formulaOf(sum.maths, k));
      if (sum.terms.length) parts.push(termTable(sum));
      if (sum.leftOut) parts.push(make("p", {}, leftOutText(sum, k, position)));
    }
    if (users[k].length) parts.push(usedBy(k));
    return parts;
  }

  /** Return the formula of a sum: its own, made and escaped with the page, or the card's. */
  function formulaOf(maths, k) {
    const own = card(k).querySelector(".formula");
    if (!maths) return own ? own.cloneNode(true) : "";
    const formula = make("div", { class: "formula" });
    formula.innerHTML = filled(maths);
    return formula;
  }

  function bar() {
    const words = [];
    trail.slice(0, -1).forEach(([k, position]) => {
      const go = () => open(k, position);
      words.push(make("button", { type: "button", onclick: go }, pathOf(k, position)), " › ");
    });
    const shut = { type: "button", class: "close", "aria-label": "close", onclick: close };
    return make("div", { class: "bar" },
      make("div", { class: "trail" }, ...words), make("button", shut, "✕"));
  }

  function unexplained(k, position) {
    if (!(records[k].parents || []).length) return "This number is given. It is not computed.";
    return `This sum is not in the page. trace.explain("${pathOf(k, position)}") gives it.`;
  }

  function leftOutText(sum, k, position) {
    const rest = sum.total - sum.terms.reduce((all, term) => all + term.product, 0);
    return `${sum.leftOut} more terms make ${short(rest)} together; ` +
      `trace.explain("${pathOf(k, position)}") gives them all.`;
  }

  function termTable(sum) {
    const rows = sum.terms.map((term, number) => {
      const factors = term.factors.map((factor) => factorLine(factor));
      if (term.missing) factors.push(`and ${term.missing} more numbers`);
      const text = make("div", { class: "text" }, term.text);
      const product = make("td", { "data-product": term.product }, short(term.product));
      return make("tr", {}, make("td", {}, String(number + 1)), make("td", {}, text, ...factors),
        product);
    });
    const last = make("td", { "data-total": sum.total }, short(sum.total));
    const heads = ["", sum.terms.length > 1 ? "term" : "from", "value"];
    const head = make("tr", {}, ...heads.map((word) => make("th", { scope: "col" }, word)));
    const count = sum.terms.length + sum.leftOut;
    const foot = make("tr", {}, make("td"), make("td", {}, `sum of ${count} terms`), last);
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows),
      ...(count > 1 ? [make("tfoot", {}, foot)] : []));
  }

  function factorLine(factor) {
    const value = make("span", { "data-factor": factor.value }, " = " + short(factor.value));
    if (factor.record === undefined) return make("div", { class: "factor" }, factor.path, value);
    const cell = cells[factor.record].get(factor.position);
    const light = () => mark(cell, "lit");
    const go = () => open(factor.record, factor.position);
    const button = make("button",
      { type: "button", onclick: go, onmouseenter: light, onfocus: light, onmouseleave: unmark,
        onblur: unmark }, factor.path);
    return make("div", { class: "factor" }, button, value);
  }

  function usedBy(k) {
    const links = users[k].flatMap((user) => {
      return [", ", make("a", { href: "#r" + user }, records[user].name)];
    });
    return make("p", { class: "from" }, "used by ", ...links.slice(1));
  }

  // Cells ------------------------------------------------------------------------------------

  function enter(table, number) {
    const k = Number(table.closest(".card").dataset.record);
    const block = blocksOf(k)[number];
    let first = true;
    [...table.tBodies[0].rows].forEach((line, r) => {
      [...line.querySelectorAll("td")].forEach((cell, c) => {
        if (cell.classList.contains("gap")) return;
        const row = block.rows ? block.rows[r] : null;
        const position = placeOf(k, block, row, block.columns ? block.columns[c] : null);
        cells[k].set(position, cell);
        places.set(cell, [k, position]);
        cell.tabIndex = first ? 0 : -1; // one stop for each table; arrows move within it
        first = false;
      });
    });
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", "numbers of " + records[k].name);
  }

  function step(cell, key) {
    const line = cell.parentElement;
    const lines = [...line.parentElement.rows];
    const column = [...line.querySelectorAll("td")].indexOf(cell);
    const down = { ArrowDown: 1, ArrowUp: -1 }[key] || 0;
    const right = { ArrowRight: 1, ArrowLeft: -1 }[key] || 0;
    let [r, c] = [lines.indexOf(line), column];
    for (;;) {
      [r, c] = [r + down, c + right];
      if (key === "Home") [r, c] = [r, 0];
      if (key === "End") [r, c] = [r, line.querySelectorAll("td").length - 1];
      const next = lines[r] && lines[r].querySelectorAll("td")[c];
      if (!next || next === cell) return;
      if (places.has(next)) return go(cell, next);
    }
  }
  function go(cell, next) {
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  function hover(event) {
    const node = event.target;
    if (!(node instanceof Element) || node.closest(".drill")) return;
    const found = node.closest(".card");
    const listed = node.closest(".contents a[data-record]");
    if (!found && !listed) return;
    unmark();
    markParents(Number((found || listed).dataset.record));
    const cell = node.closest("td");
    if (cell && places.has(cell)) markTerms(...places.get(cell));
  }

  async function copy(button) {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "selected";
    }
    setTimeout(() => (button.textContent = "copy"), 1500);
  }

  function chosen(event) {
    const cell = event.target.closest("td");
    if (!cell || !places.has(cell)) return false;
    trail = [];
    open(...places.get(cell), cell);
    return true;
  }

  records.forEach((record, k) => {
    const tables = () => card(k).querySelectorAll("table.numbers");
    if (!tables().length && !record.shape.includes(0)) draw(k);
    tables().forEach(enter);
  });
  document.addEventListener("mouseover", hover);
  document.addEventListener("focusin", hover);
  layout.addEventListener("mouseleave", unmark);
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest(".code button");
    if (button) copy(button);
    else chosen(event);
  });
  document.addEventListener("keydown", (event) => {
    const cell = event.target;
    if (event.key === "Escape") close();
    if (!places.has(cell)) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      chosen(event);
    } else if (/^(Arrow|Home$|End$)/.test(event.key)) {
      event.preventDefault();
      step(cell, event.key);
    }
  });
  layout.classList.add("ready");
})();
