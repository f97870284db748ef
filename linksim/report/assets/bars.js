// The ledger: a stacked bar a point, in channel uses per source sample.
const MOST_BARS = 40;

function ledgerPart() {
  if (!DATA.points.length) return;
  const state = { system: "*" };
  const redraw = () => drawLedger(state);
  if (DATA.systems.length > 1) {
    const options = [["*", "all systems"], ...DATA.systems.map((system, i) => [String(i), system.label])];
    byId("ledger-controls").append(choice("system", options, "*", (value) => { state.system = value; redraw(); }));
  }
  redraw();
  redraws.push(redraw);
}

// At most so many of a list, the first and the last among them, evenly between.
function thinned(list, most) {
  if (list.length <= most) return list;
  return [...new Set(Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]))];
}

function drawLedger(state) {
  const every = DATA.points.filter((point) => state.system === "*" || point.system === Number(state.system));
  const points = thinned(every, MOST_BARS);
  const several = DATA.systems.length > 1 && state.system === "*";
  const labels = points.map((point) => ledgerLabel(point, several));
  const used = DATA.spent.map((name, i) => [name, i]).filter(([, i]) => every.some((point) => point.uses[i] > 0));
  const traces = used.map(([name, i]) => ({
    type: "bar", orientation: "h", name, y: points.map((_, n) => n), x: points.map((point) => point.uses[i]),
    marker: { color: colours().spent[i], line: { width: 0 } }, hovertemplate: "%{text}<extra></extra>",
    textposition: "none", text: points.map((point) => ledgerHover(point, name, i)),
  }));
  const height = withLegend(110 + (several && narrow() ? 38 : 27) * points.length, used.map(([name]) => name));
  draw("ledger-plot", traces, layout(height, {
    barmode: "stack", bargap: 0.25, showlegend: true,
    xaxis: axis(narrow() ? "uses per sample" : "channel uses per source sample", { rangemode: "tozero" }),
    yaxis: axis("", { tickmode: "array", tickvals: points.map((_, n) => n), ticktext: labels, autorange: "reversed", showgrid: false, zeroline: false, ticks: "" }),
  }));
  const left = every.length - points.length;
  byId("ledger-note").textContent = "Side information: the scheme's index, the payload's length and an authentication tag." +
    (left > 0 ? " " + left + " of " + every.length + " points are left out, evenly; the table below has all." : "");
}

// Whose bar it is: system and setting where there are several systems, on two lines where there is little room.
function ledgerLabel(point, several) {
  const system = DATA.systems[point.system].label, most = narrow() ? 20 : 46;
  const parts = several ? [system, point.setting] : [point.setting || system];
  return parts.filter(Boolean).map((part) => plain(short(part, most))).join(narrow() ? "<br>" : " \u00b7 ");
}

function ledgerHover(point, name, i) {
  const total = point.uses.reduce((sum, uses) => sum + uses, 0);
  const exact = (value) => Number(value.toPrecision(6)).toString();
  return [
    plain(DATA.systems[point.system].label), plain(point.setting),
    plain(name) + " " + exact(point.uses[i]) + " uses/sample, " + percent(total ? point.uses[i] / total : 0),
    "all " + exact(total) + " uses/sample",
  ].filter(Boolean).join("<br>");
}
