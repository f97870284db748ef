// Curves of a metric over a swept field: a colour a system (or a setting, if there is one system), 95 % bars.
const MOST_CURVES = 14, MOST_BARS_A_CURVE = 60;

function curvesPart() {
  const metrics = DATA.metrics;
  if (!DATA.points.length || !metrics.length) return;
  const snr = DATA.fields.find((field) => field.name === "snr_db");
  const numeric = DATA.fields.filter((field) => field.numeric);
  const first = (snr && snr.numeric && snr) || numeric[0] || DATA.fields[0];
  const state = {
    metric: (DATA.image_metric.small ? DATA.image_metric : metrics[0]).key, x: first ? first.name : "", fixed: {}, intervals: true, theory: false, log: true,
  };
  const box = byId("curve-controls");
  const redraw = () => drawCurves(state);

  function controls() {
    const metric = metrics.find((each) => each.key === state.metric);
    const parts = [choice("metric", metrics.map((each) => [each.key, each.label]), state.metric, (value) => {
      state.metric = value;
      controls();
    })];
    parts[0].select.id = "metric";
    if (DATA.fields.length > 1) {
      parts.push(choice("over", DATA.fields.map((f) => [f.name, f.label]), state.x, (value) => {
        state.x = value;
        state.fixed = {};
        limitCurves(state);
        controls();
      }));
    }
    for (const field of DATA.fields.filter((each) => each.name !== state.x)) {
      const told = distinct(field.name);
      if (told.length > 1) {
        const options = [["*", "all " + told.length], ...told.map((text, i) => [String(i), text])];
        const chosen = state.fixed[field.name] === undefined ? "*" : String(told.indexOf(state.fixed[field.name]));
        parts.push(choice(field.label, options, chosen, (value) => {
          if (value === "*") delete state.fixed[field.name];
          else state.fixed[field.name] = told[Number(value)];
          redraw();
        }));
      }
    }
    parts.push(check("95 % intervals", state.intervals, (on) => { state.intervals = on; redraw(); }));
    if (metric.rate || metric.small) parts.push(check("log scale", state.log, (on) => { state.log = on; redraw(); }));
    if (boundsOf(state).length) {
      const theory = check("theory and bounds", state.theory, (on) => { state.theory = on; redraw(); });
      theory.querySelector("input").id = "theory";
      parts.push(theory);
    }
    box.replaceChildren(...parts);
    redraw();
  }

  limitCurves(state);
  controls();
  redraws.push(redraw);
}

function distinct(name) {
  return [...new Set(DATA.points.map((point) => point.told[name]).filter((told) => told !== undefined))];
}

// Of a large grid, show one value of the fields that come last, until the curves can be told apart.
function limitCurves(state) {
  for (const field of DATA.fields.filter((each) => each.name !== state.x).reverse()) {
    if (lines(state).length <= MOST_CURVES) return;
    state.fixed[field.name] = distinct(field.name)[0];
  }
}

function others(state) { return DATA.fields.filter((field) => field.name !== state.x).map((field) => field.name); }

function shown(state, told) {
  return Object.entries(state.fixed).every(([name, value]) => told[name] === undefined || told[name] === value);
}

// The points as lines: one for each system and setting of the other fields. number: of its colour, which a
// line keeps whatever others are shown.
function lines(state) {
  const found = new Map();
  const names = others(state);
  for (const point of DATA.points) {
    const told = names.filter((name) => point.told[name] !== undefined).map((name) => [name, point.told[name]]);
    const key = JSON.stringify([point.system, told]);
    if (!found.has(key)) found.set(key, { system: point.system, told: Object.fromEntries(told), points: [] });
    found.get(key).points.push(point);
  }
  const all = [...found.values()];
  const several = new Set(all.map((line) => line.system)).size > 1 || DATA.systems.length > 1;
  const varying = names.filter((name) => new Set(all.map((line) => line.told[name])).size > 1);
  const within = {};
  all.forEach((line, i) => {
    const label = (name) => DATA.fields.find((field) => field.name === name).label;
    const told = varying.filter((name) => line.told[name] !== undefined).map((name) => label(name) + " " + line.told[name]);
    const system = DATA.systems[line.system].label;
    line.label = (several ? [system, ...told] : told.length ? told : [system]).join(", ");
    line.turn = within[line.system] = (within[line.system] ?? -1) + 1;
    line.number = several ? line.system : i;
    line.dash = DASHES[(several ? line.turn : Math.floor(i / 7)) % DASHES.length];
    line.marker = MARKERS[(several ? line.system + line.turn : i) % MARKERS.length];
  });
  return all.filter((line) => shown(state, line.told));
}

function drawCurves(state) {
  const metric = DATA.metrics.find((each) => each.key === state.metric);
  const field = DATA.fields.find((each) => each.name === state.x) || { name: "", label: "", numeric: false };
  const log = Boolean((metric.rate || metric.small) && state.log);
  const all = lines(state).map((line) => ({ ...line, points: along(line, field, metric) })).filter((l) => l.points.length);
  const traces = all.flatMap((line) => curveTraces(line, field, metric, state, log));
  const bounds = state.theory ? boundsOf(state, all) : [];
  for (const bound of bounds) traces.push(boundTrace(bound));
  const ticks = ticksOf(field, all);
  const y = metric.rate
    ? log ? { type: "log", dtick: 1, exponentformat: "power", range: logRange(all, metric) } : { tickformat: ".0%", rangemode: "tozero" }
    : metric.small ? { type: log ? "log" : "linear", exponentformat: "power", ...(log ? {} : { rangemode: "tozero" }) } : {};
  const height = withLegend(430, all.map((line) => line.label));
  draw("curve-plot", traces, layout(height, {
    xaxis: axis(field.label, ticks), yaxis: axis(metric.label, y), showlegend: all.length > 1,
  }));
  byId("curve-note").textContent = curveNote(state, all, metric, log, bounds);
}

// The line's points that know the metric, in order of the axis.
function along(line, field, metric) {
  const known = line.points.filter((point) => point.metrics[metric.key]);
  if (field.numeric) return [...known].sort((a, b) => a.x[field.name] - b.x[field.name]);
  return known;
}

function place(point, field) {
  if (!field.name) return "";
  return field.numeric ? point.x[field.name] : short(point.told[field.name] ?? "\u2013", 40);
}

function curveTraces(line, field, metric, state, log) {
  const colour = systemColour(line.number);
  const seen = line.points.filter((point) => !log || point.metrics[metric.key][0] > 0);
  const unseen = log ? line.points.filter((point) => !(point.metrics[metric.key][0] > 0)) : [];
  const values = seen.map((point) => point.metrics[metric.key]);
  const reach = (i) => values.map((v) => (v[i] === null || v[i] === undefined ? 0 : Math.abs(v[i] - v[0])));
  const joined = field.numeric && line.points.length > 1;
  const dense = joined && seen.length > MOST_BARS_A_CURVE;
  const base = {
    name: plain(short(line.label, 70)), legendgroup: line.label, hovertemplate: "%{text}<extra></extra>", type: "scatter",
    showlegend: true,
  };
  const traces = [{
    ...base, x: seen.map((point) => place(point, field)), y: values.map((v) => v[0]),
    text: seen.map((point) => hover(line, point, metric)), mode: dense ? "lines" : joined ? "lines+markers" : "markers",
    line: { color: colour, dash: line.dash, width: 2 }, marker: { color: colour, symbol: line.marker, size: joined ? 8 : 11 },
    error_y: {
      type: "data", symmetric: false, array: reach(2), arrayminus: reach(1), color: colour, thickness: 1.3, width: 4,
      visible: state.intervals && !dense,
    },
  }];
  if (dense && state.intervals) traces.push(bandTrace(base, seen, values, field, colour));
  const limits = unseen.filter((point) => point.metrics[metric.key][2] > 0);
  if (limits.length && state.intervals) {
    traces.push({
      ...base, showlegend: !seen.length, x: limits.map((point) => place(point, field)), mode: "markers",
      y: limits.map((point) => point.metrics[metric.key][2]), text: limits.map((point) => hover(line, point, metric)),
      marker: { color: colour, symbol: "triangle-down-open", size: 10, line: { width: 2 } },
    });
  }
  return traces.filter((trace) => trace.x.length);
}

// The intervals of many points: a band.
function bandTrace(base, seen, values, field, colour) {
  const x = seen.map((point) => place(point, field));
  const end = (i) => values.map((v) => v[i] ?? v[0]);
  return {
    ...base, showlegend: false, mode: "lines", hoverinfo: "skip", hovertemplate: null, x: [...x, ...[...x].reverse()], y: [...end(2), ...end(1).reverse()],
    fill: "toself", fillcolor: colour, opacity: 0.2, line: { width: 0, color: colour },
  };
}

function hover(line, point, metric) {
  const [value, low, high, n, count] = point.metrics[metric.key];
  const told = metric.rate ? percent : metric.small ? (each) => each.toExponential(2).replace("-", "\u2212") : (each) => number(each, metric.unit === "dB" ? 2 : 4) + " " + metric.unit;
  const parts = [plain(DATA.systems[point.system].label), plain(point.setting), metric.short + " " + told(value)];
  if (low !== null && low !== undefined) parts.push("95 %: " + told(low) + " to " + told(high));
  else if (metric.key.endsWith(".bler")) parts.push("no interval: blocks of a frame share its fade");
  else if (metric.unit === "dB" || metric.small) parts.push("no interval: fewer than six trials");
  if (count !== undefined) parts.push(count + " of " + n + (metric.key.endsWith(".bler") ? " blocks" : " trials"));
  if (point.trials < point.planned) parts.push(point.trials + " of at most " + point.planned + " trials so far");
  else if (metric.key !== "outage_rate") parts.push(point.trials + " trials");
  return parts.filter(Boolean).join("<br>");
}

function ticksOf(field, all) {
  if (!field.numeric) return field.name ? { type: "category" } : { visible: false, type: "category" };
  const places = new Map(all.flatMap((line) => line.points).map((point) => [point.x[field.name], point.told[field.name]]));
  const sorted = [...places.keys()].sort((a, b) => a - b);
  const least = Math.min(...sorted.slice(1).map((x, i) => x - sorted[i]));
  const few = sorted.length <= 12 && least * 14 >= sorted[sorted.length - 1] - sorted[0];
  const range = sorted.length === 1 ? { range: [sorted[0] - 1, sorted[0] + 1] } : {};
  if (!few) return range;
  return { ...range, tickmode: "array", tickvals: sorted, ticktext: sorted.map((x) => plain(places.get(x))) };
}

function logRange(all, metric) {
  const values = all.flatMap((line) => line.points.flatMap((point) => point.metrics[metric.key].slice(0, 3)));
  const rates = values.filter((value) => value > 0);
  const least = Math.min(1e-2, ...rates);
  return [Math.floor(Math.log10(least) + 1e-9), 0.08];
}

// Bounds of the chosen metric, of the lines that are shown; those of all lines where none are given.
function boundsOf(state, all) {
  if (state.x !== "snr_db") return [];
  const own = DATA.theory.filter((bound) => bound.metric === state.metric);
  if (!all) return own;
  return own.flatMap((bound) => all.filter((line) => line.system === bound.system &&
    Object.entries(bound.told).every(([name, told]) => line.told[name] === told)).map((line) => ({ ...bound, number: line.number, line })));
}

function boundTrace(bound) {
  const colour = systemColour(bound.number);
  const text = plain(bound.name) + "<br>of " + plain(bound.line.label);
  const limit = bound.limit_db !== undefined;
  return {
    type: "scatter", mode: "lines", x: limit ? [bound.limit_db, bound.limit_db] : bound.x, y: limit ? [1e-12, 1] : bound.y,
    name: plain(short(bound.name, 60)), legendgroup: bound.line.label, showlegend: false, meta: "theory",
    line: { color: colour, width: 1.5, dash: "dot" }, opacity: 0.85,
    hovertemplate: text + (limit ? "<br>" + number(bound.limit_db, 2) + " dB" : "<br>%{x:.1f} dB: %{y:.3g}") + "<extra></extra>",
  };
}

function curveNote(state, all, metric, log, bounds) {
  const parts = [];
  const hidden = lines({ ...state, fixed: {} }).length - lines(state).length;
  if (hidden > 0) parts.push(hidden + " curves are left out by the choices above.");
  if (log && all.some((l) => l.points.some((p) => p.metrics[metric.key][0] === 0 && p.metrics[metric.key][2] > 0))) {
    parts.push("Hollow triangles: no event was seen, the upper limit of the 95 % interval is drawn.");
  }
  if (bounds.length) {
    const names = [...new Set(bounds.map((bound) => bound.name))];
    parts.push("Dotted, in the colour of its curve: " + names.join("; ") +
      ". No long code of that rate is expected to lose fewer frames over this fading; with few trials a curve may " +
      "lie below it by chance, for all blocks of a frame share its fade.");
  }
  return parts.join(" ");
}
