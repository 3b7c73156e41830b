"use strict";
// What the page does: figures and the network by BokehJS, and tables that sort. Without it the page shows static pictures.
(() => {
  const root = document.documentElement;
  const css = name => getComputedStyle(root).getPropertyValue(name).trim();
  const make = (tag, properties, ...inside) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  };
  // BokehJS reads text between double dollars as a formula, and would fetch a library for it.
  const plain = text => text.replaceAll("$$", "$\u200b$");
  const positive = value => value !== null && value > 0;
  const lowest = values => values.reduce((a, b) => Math.min(a, b), Infinity), highest = values => -lowest(values.map(one => -one));

  // Tables ------------------------------------------------------------------------------------------------------------
  const UNITS = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
  const worth = text => {
    const found = text.replaceAll(",", "").match(/^[<]?\s*(-?[\d.]+(?:e[+-]?\d+)?)(?: ([kMGT])\b)?/);
    return found && !/^n </.test(text) ? Number(found[1]) * (UNITS[found[2]] || 1) : null;
  };
  const compare = (a, b, down) => {
    const [x, y] = [worth(a), worth(b)];
    if (x !== null && y !== null) return down * (x - y);
    if (x === null && y === null) return down * a.localeCompare(b, "en", { numeric: true });
    return x === null ? 1 : -1; // what is no number stands last, up or down
  };
  for (const table of document.querySelectorAll("table")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = make("button", { type: "button", className: "sort", title: "sort" }, ...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        headings.forEach(other => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => compare(a.cells[column].textContent.trim(), b.cells[column].textContent.trim(), down));
        table.tBodies[0].append(...rows);
      });
    });
  }

  Bokeh.logger.set_level("error");

  // Figures -----------------------------------------------------------------------------------------------------------
  const LOOK = () => ({ ink: css("--ink"), soft: css("--soft"), line: css("--line") });
  const visible = (colour, ink) => colour.toLowerCase() === "#000000" ? ink : colour;

  const edges = (curve, band) => {
    if (band === "none" || !curve.low) return null;
    const part = { sd: 1, "quarter-sd": 0.25 }[band];
    if (!part) return [curve.low, curve.high];
    return [-1, 1].map(sign => curve.mean.map((m, i) => m === null ? null : m + sign * part * curve.half[i]));
  };

  const limits = (chart, curves, band, log) => {
    const means = curves.flatMap(one => one.mean).filter(one => one !== null);
    const both = curves.flatMap(one => (edges(one, band) || []).flat()).filter(one => one !== null).concat(means);
    if (!(log ? means.some(positive) : both.length)) return [log ? 0.1 : 0, 1];
    const low = lowest(both), top = highest(both), pad = 0.04 * (top - low || Math.abs(top) || 1);
    if (log) {
      const least = lowest(means.filter(positive)), ends = curves.map(one => one.mean.at(-1)).filter(positive);
      return [0.8 * (chart.zero && ends.length ? Math.max(least, lowest(ends) / 100) : least), 1.2 * top];
    }
    return [chart.zero && low >= 0 ? 0 : low - pad, top + pad];
  };

  const across = chart => {
    const x = chart.panels.flatMap(panel => panel.curves.flatMap(one => one.x)).filter(one => one !== null);
    const log = (chart.log === "x" || chart.log === "both") && !chart.ticks.length && x.some(positive) && (chart.bytes || lowest(x) > 0);
    if (chart.ticks.length) return [false, -0.5, chart.ticks.length - 0.5];
    const from = lowest(log ? x.filter(positive) : x), to = highest(x);
    if (log) return [true, from / (chart.marks ? 1.2 : 1), to * (chart.marks ? 1.2 : 1.01)];
    const start = chart.marks ? from - 0.04 * (to - from || 1) : chart.zero ? 0 : from;
    return [false, chart.bytes ? 0 : start, to + 0.02 * (to - start || 1)];
  };

  const dress = (figure, look) => {
    const axis = {
      axis_label_text_color: look.soft, major_label_text_color: look.soft, axis_line_color: look.soft, major_tick_line_color: look.soft,
      minor_tick_line_color: null, axis_label_text_font_style: "normal", axis_label_text_font_size: "12px", major_label_text_font_size: "11px",
    };
    for (const one of [...figure.xaxes, ...figure.yaxes]) one.setv(axis);
    for (const grid of [...figure.xgrids, ...figure.ygrids]) grid.setv({ grid_line_color: look.line, grid_line_alpha: 0.7 });
    figure.toolbar.setv({ logo: null, autohide: true });
    figure.setv({ background_fill_color: null, border_fill_color: null, outline_line_color: null });
  };

  const panelOf = (chart, panel, state, ranges, xlog, look) => {
    const figure = Bokeh.Plotting.figure({
      height: chart.panels.length > 1 ? 250 : 360, sizing_mode: "stretch_width", ...ranges, tools: "pan,box_zoom,wheel_zoom,reset,save",
      active_drag: null, active_scroll: null, x_axis_type: xlog ? "log" : "linear", y_axis_type: state.log ? "log" : "linear",
      x_axis_label: plain(chart.x), y_axis_label: chart.panels.length > 1 ? null : plain(chart.y), toolbar_location: "above",
    });
    const floor = ranges.y_range.start, lines = [];
    const shift = i => chart.ticks.length && panel.curves.length > 1 ? -0.2 + 0.4 * i / (panel.curves.length - 1) : 0;
    panel.curves.forEach((curve, i) => {
      if (state.hidden.has(curve.name)) return;
      const band = edges(curve, state.band), color = visible(curve.color, look.ink), n = curve.x.length;
      const kept = values => values.map(one => one === null || (state.log && one <= 0) ? NaN : one);
      const data = { x: curve.x.map(one => one + shift(i)), mean: kept(curve.mean), at: curve.x.map(one => chart.ticks[one] ?? one.toLocaleString("en")),
        band: curve.x.map((_, j) => band ? `${show(band[0][j])} to ${show(band[1][j])}` : "-"), name: Array(n).fill(curve.name) };
      if (band) {
        data.low = band[0].map(one => state.log ? Math.max(one, floor / 10) : one);
        data.high = band[1].map(one => state.log ? Math.max(one, floor / 10) : one);
      }
      const source = new Bokeh.ColumnDataSource({ data });
      const of = field => ({ field });
      if (band && chart.marks) figure.segment({ x0: of("x"), x1: of("x"), y0: of("low"), y1: of("high"), source, line_color: color });
      else if (band) figure.varea({ x: of("x"), y1: of("low"), y2: of("high"), source, fill_color: color, fill_alpha: 0.2 });
      const at = { x: of("x"), y: of("mean"), source };
      if (curve.line) {
        figure.line({ ...at, line_color: color, line_dash: curve.dash, line_width: 2 });
        lines.push(figure.line({ ...at, line_alpha: 0, line_width: 18 })); // easier to meet
      }
      if (curve.marker && chart.marks) lines.push(figure.scatter({ ...at, marker: curve.marker, size: 7, fill_color: color, line_color: color }));
    });
    dress(figure, look);
    if (panel.title) figure.add_layout(new Bokeh.Title({ text: plain(panel.title), text_color: look.ink, text_font_size: "12px" }), "above");
    const x = figure.xaxes[0];
    if (chart.ticks.length) {
      const names = new Map(chart.ticks.map((name, i) => [i, plain(name)]));
      const long = Math.max(...chart.ticks.map(name => name.length)) > 8;
      x.setv({ ticker: new Bokeh.FixedTicker({ ticks: [...names.keys()], minor_ticks: [] }), major_label_overrides: names,
        major_label_orientation: long ? 0.6 : "horizontal" });
    } else if (!xlog) {
      x.formatter = new Bokeh.NumeralTickFormatter({ format: "0,0.[000]" });
    }
    if (!state.log) figure.yaxes[0].formatter = new Bokeh.NumeralTickFormatter({ format: "0,0.[0000]" });
    x.major_label_policy = new Bokeh.NoOverlap();
    const values = [...new Set(panel.curves.flatMap(one => one.x))];
    if (chart.marks && !chart.bytes && !chart.ticks.length && values.length <= 12) {
      x.setv({ ticker: new Bokeh.FixedTicker({ ticks: values, minor_ticks: [] }), formatter: new Bokeh.NumeralTickFormatter({ format: "0,0.[000000]" }) });
    } else if (!chart.ticks.length) x.ticker.setv({ desired_num_ticks: chart.panels.length > 1 ? 4 : 6 });
    const rows = [["", "@name"], [plain(chart.x), "@at"], ["mean", "@mean{0,0.[0000]}"]];
    if (state.band !== "none") rows.push([chart.bands[state.band][0], "@band"]);
    figure.add_tools(new Bokeh.HoverTool({ renderers: lines, tooltips: rows, line_policy: "nearest", attachment: "horizontal" }));
    return figure;
  };
  const show = value => value === null ? "-" : Number(value.toPrecision(5)).toLocaleString("en", { maximumSignificantDigits: 5 });

  const draw = async (box, chart, state) => {
    const look = LOOK(), [xlog, start, end] = across(chart);
    const shown = chart.panels.flatMap(panel => panel.curves).filter(curve => !state.hidden.has(curve.name));
    const [bottom, top] = limits(chart, shown, state.band, state.log);
    const ranges = { x_range: new Bokeh.Range1d({ start, end, reset_start: start, reset_end: end }),
      y_range: new Bokeh.Range1d({ start: bottom, end: top, reset_start: bottom, reset_end: top }) };
    await put(box, state, chart.panels.map(panel => panelOf(chart, panel, state, ranges, xlog, look)));
  };

  const place = () => make("div", { className: "panel" });
  // Replaces what stands in the box; its height stays meanwhile, so that nothing jumps.
  const put = async (box, state, figures) => {
    box.style.minHeight = `${box.offsetHeight}px`;
    if (state.views) state.views.clear();
    const made = new Bokeh.Document();
    figures.forEach(figure => made.add_root(figure));
    const places = figures.map(place);
    box.replaceChildren(...places);
    state.views = await Bokeh.embed.add_document_standalone(made, box, places);
    box.figures = figures;
    box.style.minHeight = "";
  };

  const swatch = curve => {
    const line = curve.line ? `<line x1="1" y1="6" x2="29" y2="6" stroke-width="2.5" stroke-dasharray="${curve.dash.join(" ")}"/>` : "";
    const icon = make("span", { className: "swatch", innerHTML: `<svg viewBox="0 0 30 12" aria-hidden="true">${line}${curve.line ? "" : '<circle cx="15" cy="6" r="4"/>'}</svg>` });
    icon.style.setProperty("--curve", visible(curve.color, "var(--ink)"));
    return icon;
  };

  const controls = (chart, state, note, redraw) => {
    const every = chart.panels.flatMap(panel => panel.curves), guides = every.filter(curve => curve.guide);
    const curves = new Map([...every.filter(curve => !curve.guide), ...guides].map(curve => [curve.name, curve]));
    const legend = make("div", { className: "legend", role: "group", ariaLabel: "Curves, shown or hidden" });
    for (const [name, curve] of curves) {
      const button = make("button", { type: "button", className: "curve", ariaPressed: "true" }, swatch(curve), name);
      button.addEventListener("click", () => {
        if (!state.hidden.delete(name)) state.hidden.add(name);
        button.ariaPressed = String(!state.hidden.has(name));
        redraw();
      });
      legend.append(button);
    }
    const log = make("button", { type: "button", className: "log", ariaPressed: String(state.log) }, "logarithmic");
    log.addEventListener("click", () => {
      log.ariaPressed = String(state.log = !state.log);
      redraw();
    });
    const switches = make("div", { className: "switches" }, make("span", {}, "y axis "), log);
    if (Object.keys(chart.bands).length) {
      const select = make("select", { className: "band" });
      for (const [value, [text]] of [...Object.entries(chart.bands), ["none", ["none"]]]) select.append(new Option(text, value));
      select.value = state.band;
      select.addEventListener("change", () => {
        const words = one => (chart.bands[one] || ["", "none"])[1];
        note.textContent = note.textContent.replace(words(state.band) || "\n", words(select.value));
        state.band = select.value;
        redraw();
      });
      switches.append(make("label", {}, "band ", select));
    }
    return [legend, switches];
  };

  // Draws when the figure comes near the window, and again in another colour scheme.
  const lazily = (element, box, redraw) => {
    let due = false;
    const watch = new IntersectionObserver(seen => {
      if (!seen.some(one => one.isIntersecting)) return;
      watch.disconnect();
      due = true;
      redraw();
    }, { rootMargin: "800px" });
    watch.observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => due && redraw());
    element.classList.add("live");
  };

  // One drawing at a time; what is wanted meanwhile follows.
  const oneByOne = (element, action) => {
    let running = false, again = false;
    return async () => {
      again = true;
      if (running) return;
      running = true;
      try {
        for (; again; await action()) again = false;
        element.dataset.drawn = String(Number(element.dataset.drawn || 0) + 1);
      } catch (error) {
        element.classList.remove("live"); // the static picture stays
        console.error(error);
      }
      running = false;
    };
  };

  const embedded = id => JSON.parse(document.getElementById(id).textContent);
  for (const element of document.querySelectorAll("[data-chart]")) {
    const chart = embedded(element.dataset.chart);
    const state = { log: chart.log === "y" || chart.log === "both", band: chart.band, hidden: new Set(), views: null };
    const box = make("div", { className: chart.panels.length > 1 ? "panels" : "panels one" }, ...chart.panels.map(place));
    const redraw = oneByOne(element, () => draw(box, chart, state));
    element.querySelector(".interactive").append(...controls(chart, state, element.querySelector(".note"), redraw));
    if (chart.panels.length > 1) element.querySelector(".interactive").append(make("p", { className: "ylabel" }, `↑ ${chart.y}`));
    element.querySelector(".interactive").append(box);
    lazily(element, box, redraw);
  }

  // Network -----------------------------------------------------------------------------------------------------------
  const networkOf = (data, state) => {
    const look = LOOK(), chosen = data.values[state.shown], ends = side => data.links.map(link => data[side][link[0]]);
    const others = side => data.links.map(link => data[side][link[1]]), of = field => ({ field });
    const figure = Bokeh.Plotting.figure({ height: 560, sizing_mode: "stretch_width", match_aspect: true, active_drag: null,
      tools: "pan,box_zoom,wheel_zoom,reset,save", active_scroll: null, toolbar_location: "above" });
    figure.segment({ x0: of("a"), y0: of("b"), x1: of("c"), y1: of("d"), line_color: look.soft, line_alpha: data.links.length < 200 ? 0.7 : 0.3,
      source: new Bokeh.ColumnDataSource({ data: { a: ends("x"), b: ends("y"), c: others("x"), d: others("y") } }) });
    const numbers = chosen.of.filter(one => one !== null), low = lowest(numbers), high = highest(numbers);
    const mapper = new Bokeh.LinearColorMapper({ palette: VIRIDIS, low, high: high > low ? high : low + 1, nan_color: look.line });
    const size = Math.max(7, Math.min(24, 150 / Math.sqrt(data.x.length)));
    const found = data.names.map((_, i) => i === state.found), pick = (yes, no) => found.map(one => one ? yes : no);
    const source = new Bokeh.ColumnDataSource({ data: { x: data.x, y: data.y, name: data.names, value: chosen.of.map(one => one ?? NaN),
      text: chosen.of.map(show), edge: pick(look.ink, look.line), thick: pick(4, 1), size: pick(1.6 * size, size) } });
    const agents = figure.scatter({ x: of("x"), y: of("y"), source, size: of("size"), fill_color: { field: "value", transform: mapper },
      line_color: of("edge"), line_width: of("thick") });
    dress(figure, look);
    for (const one of [...figure.xaxes, ...figure.yaxes, ...figure.xgrids, ...figure.ygrids]) one.visible = false;
    figure.add_layout(new Bokeh.ColorBar({ color_mapper: mapper, width: 12, background_fill_color: null, major_label_text_color: look.soft,
      major_tick_line_color: look.soft, padding: 4 }), "right");
    figure.add_tools(new Bokeh.HoverTool({ renderers: [agents], tooltips: [["agent", "@name"], [plain(chosen.title), "@text"]] }));
    return figure;
  };
  const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];

  for (const element of document.querySelectorAll("[data-network]")) {
    const data = embedded(element.dataset.network), state = { shown: 0, found: -1, views: null };
    const box = make("div", { className: "panels one large" }, place()), said = make("output", { className: "found" });
    const redraw = oneByOne(element, () => put(box, state, [networkOf(data, state)]));
    const select = make("select", { className: "outcome" });
    data.values.forEach((one, i) => select.append(new Option(one.title, i)));
    const search = make("input", { type: "search", className: "search", placeholder: "name or number" });
    const look = () => {
      const text = search.value.trim().toLowerCase(), names = data.names.map(one => one.toLowerCase());
      const exact = names.indexOf(text);
      state.found = !text ? -1 : exact >= 0 ? exact : names.findIndex(one => one.includes(text));
      said.textContent = !text ? "" : state.found < 0 ? "no such agent" : `agent ${data.names[state.found]}: ${show(data.values[state.shown].of[state.found])}`;
      redraw();
    };
    search.addEventListener("input", look);
    select.addEventListener("change", () => {
      state.shown = Number(select.value);
      look();
    });
    const switches = make("div", { className: "switches" }, make("label", {}, "colour ", select), make("label", {}, "find agent ", search), said);
    element.querySelector(".interactive").append(switches, box);
    lazily(element, box, redraw);
  }
})();
