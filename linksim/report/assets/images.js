// Image by image, in PSNR, or in mean squared error where that says nothing: one system against another at the same settings, or every image over the sweep.
const MOST_MARKERS = 4000;

function imagesPart() {
  if (!DATA.points.length) return;
  const two = DATA.systems.length > 1;
  const state = { mode: two ? "pair" : "sweep", a: 0, b: two ? 1 : 0, setting: "*", rest: "" };
  const redraw = () => drawImages(state);
  const systems = DATA.systems.map((system, i) => [String(i), system.label]);
  function controls() {
    const parts = [];
    if (two) parts.push(choice("show", [["pair", "one system against another"], ["sweep", "a system over the sweep"]], state.mode, (value) => { state.mode = value; controls(); }));
    if (two) parts.push(choice(state.mode === "pair" ? "across" : "system", systems, String(state.a), (value) => { state.a = Number(value); controls(); }));
    if (state.mode === "pair") {
      parts.push(choice("up", systems, String(state.b), (value) => { state.b = Number(value); controls(); }));
      const shared = pairs(state).map(([a]) => a.setting);
      if (!shared.includes(state.setting)) state.setting = "*";
      parts.push(choice("at", [["*", "all settings"], ...shared.map((each) => [each, each || "the one point"])], state.setting, (value) => { state.setting = value; redraw(); }));
    }
    const rests = state.mode === "sweep" ? restsOf(state) : new Map();
    if (!rests.has(state.rest)) state.rest = [...rests.keys()][0] ?? "";
    if (rests.size > 1) parts.push(choice("with", [...rests], state.rest, (value) => { state.rest = value; redraw(); }));
    byId("image-controls").replaceChildren(...parts);
    redraw();
  }
  controls();
  redraws.push(redraw);
}

// An image's mean as text, and the axis that it is drawn over.
function imageText(value) {
  const of = DATA.image_metric;
  if (value === null || value === undefined) return number(value, 2);
  return (of.small ? value.toExponential(2).replace("-", "\u2212") : number(value, 2)) + (of.unit ? " " + of.unit : "");
}

function imageAxis(whose, options) {
  const of = DATA.image_metric;
  return axis(of.short + " of " + whose + (of.unit ? " (" + of.unit + ")" : ""), { ...(of.small ? { type: "log", exponentformat: "power" } : {}), ...options });
}

// Points of both systems at the same setting; within one run a system's setting is that of its own fields.
function pairs(state) {
  const other = new Map(DATA.points.filter((point) => point.system === state.b).map((point) => [point.setting, point]));
  return DATA.points.filter((point) => point.system === state.a && other.has(point.setting)).map((point) => [point, other.get(point.setting)]);
}

function imagesOf(point) {
  const names = DATA.images[DATA.systems[point.system].run];
  return new Map(names.map((name, i) => [name, point.images[i]]));
}

function drawImages(state) {
  return state.mode === "pair" ? drawPairs(state) : drawSweep(state);
}

function drawPairs(state) {
  let chosen = pairs(state).filter(([a]) => state.setting === "*" || a.setting === state.setting);
  const every = chosen.length;
  const each = DATA.images[DATA.systems[state.a].run].length || 1;
  chosen = thinned(chosen, Math.max(2, Math.floor(MOST_MARKERS / each)));
  const [nameA, nameB] = [DATA.systems[state.a].label, DATA.systems[state.b].label];
  const small = DATA.image_metric.small;
  let better = 0, total = 0, sum = 0, sumA = 0, sumB = 0;
  const traces = chosen.map(([a, b], n) => {
    const [from, to] = [imagesOf(a), imagesOf(b)];
    const names = [...from.keys()].filter((name) => from.get(name) !== null && (to.get(name) ?? null) !== null);
    for (const name of names) { total++; sum += to.get(name) - from.get(name); sumA += from.get(name); sumB += to.get(name); better += small ? to.get(name) < from.get(name) : to.get(name) > from.get(name); }
    return {
      type: "scatter", mode: "markers", name: plain(short(a.setting || "all", 50)), x: names.map((name) => from.get(name)), y: names.map((name) => to.get(name)),
      marker: { color: rampColour(chosen.length > 1 ? n / (chosen.length - 1) : 0.35), size: 9, symbol: MARKERS[n % MARKERS.length], line: { width: 0.5, color: colours().paper } },
      text: names.map((name) => [plain(name), plain(a.setting), plain(nameA) + " " + imageText(from.get(name)), plain(nameB) + " " + imageText(to.get(name))].filter(Boolean).join("<br>")),
      hovertemplate: "%{text}<extra></extra>",
    };
  });
  const values = traces.flatMap((trace) => [...trace.x, ...trace.y]).filter((value) => !small || value > 0);
  const least = Math.min(...values), most = Math.max(...values);
  const ends = !values.length ? (small ? [1e-6, 1] : [0, 40]) : small ? [least / 1.5, most * 1.5] : [least - 1, most + 1];
  const range = small ? ends.map(Math.log10) : ends;
  const legend = traces.length > 1 && traces.length <= 14;
  traces.push({ type: "scatter", mode: "lines", x: ends, y: ends, hoverinfo: "skip", showlegend: false, line: { color: colours().soft, width: 1, dash: "dot" } });
  const height = withLegend(480, legend ? chosen.map(([a]) => a.setting) : []);
  draw("image-plot", traces, layout(height, {
    showlegend: legend, xaxis: imageAxis(short(nameA, 40), { range }), yaxis: imageAxis(short(nameB, 40), { range }),
  }));
  const left = every - chosen.length;
  byId("image-note").textContent = !total ? "These two have no image and setting in common." :
    "A marker an image and setting, its mean over trials. " + nameB + " is better in " + better + " of " + total +
    (small ? ", with " + number(sumB / sumA, 3) + " times the error on average." : ", by " + number(sum / total, 2) + " dB on average.") + (left > 0 ? " " + left + " settings are left out, evenly." : "");
}

// The field that images are drawn over: the SNR, or the first that is a number, or the first.
function sweptField() {
  const numeric = DATA.fields.filter((field) => field.numeric);
  return numeric.find((each) => each.name === "snr_db") || numeric[0] || DATA.fields[0] || { name: "", label: "", numeric: false };
}

function restOf(point) { return Object.entries(point.told).filter(([name]) => name !== sweptField().name); }

// Settings of the other fields: a key, and how it is told.
function restsOf(state) {
  const label = (name) => DATA.fields.find((field) => field.name === name).label;
  const told = (point) => restOf(point).map(([name, value]) => label(name) + " " + value).join(", ");
  return new Map(DATA.points.filter((point) => point.system === state.a).map((point) => [JSON.stringify(restOf(point)), told(point)]));
}

function drawSweep(state) {
  const field = sweptField();
  const own = DATA.points.filter((point) => point.system === state.a && JSON.stringify(restOf(point)) === state.rest);
  const points = along({ points: own }, field, { key: DATA.image_metric.key });
  const names = thinned(DATA.images[DATA.systems[state.a].run] || [], 60);
  const traces = names.map((name, n) => ({
    type: "scatter", mode: field.numeric && points.length > 1 ? "lines+markers" : "markers", name: plain(short(name, 40)),
    x: points.map((point) => place(point, field)), y: points.map((point) => imagesOf(point).get(name)), connectgaps: false,
    marker: { size: 7, symbol: MARKERS[n % MARKERS.length] }, line: { width: 1.5, dash: DASHES[Math.floor(n / 7) % DASHES.length] },
    text: points.map((point) => plain(name) + "<br>" + plain(point.setting) + "<br>" + imageText(imagesOf(point).get(name))), hovertemplate: "%{text}<extra></extra>",
  }));
  traces.forEach((trace, n) => { trace.line.color = trace.marker.color = names.length <= 7 ? systemColour(n) : rampColour(n / (names.length - 1)); });
  const legend = names.length > 1 && names.length <= 24;
  const height = withLegend(430, legend ? names : []);
  draw("image-plot", traces, layout(height, { showlegend: legend, xaxis: axis(field.label, ticksOf(field, [{ points }])), yaxis: imageAxis("an image", {}) }));
  byId("image-note").textContent = "A line an image, its mean over trials.";
}
