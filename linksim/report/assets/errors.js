// Curves of `linksim ber`: block or bit error rates over SNR, theory and bounds in the colour of their curve.
function errorsPart() {
  if (!DATA.errors.length) return;
  const state = { of: "bler", over: "ebn0", theory: true, intervals: true };
  const redraw = () => drawErrors(state);
  const theory = check("theory and bounds", true, (on) => { state.theory = on; redraw(); });
  theory.querySelector("input").id = "error-theory";
  byId("error-controls").append(
    choice("rate", [["bler", "block error rate"], ["ber", "bit error rate"]], state.of, (value) => { state.of = value; redraw(); }),
    choice("over", [["ebn0", "Eb/N0 (dB)"], ["esn0", "Es/N0 (dB)"]], state.over, (value) => { state.over = value; redraw(); }),
    check("95 % intervals", true, (on) => { state.intervals = on; redraw(); }),
    ...(DATA.errors.some((curve) => curve.theory) ? [theory] : []),
  );
  redraw();
  redraws.push(redraw);
}

function drawErrors(state) {
  const traces = DATA.errors.flatMap((curve, i) => errorTraces(curve, i, state));
  const rates = traces.flatMap((trace) => (trace.meta === "theory" ? [] : trace.y)).filter((rate) => rate > 0);
  const places = DATA.errors.flatMap((curve) => curve.points.map((point) => point[state.over]));
  const margin = Math.max(0.25, 0.05 * (Math.max(...places) - Math.min(...places)));
  const height = withLegend(470, DATA.errors.map((curve) => curve.label));
  draw("error-plot", traces, layout(height, {
    showlegend: DATA.errors.length > 1,
    xaxis: axis(state.over === "ebn0" ? "Eb/N0 (dB)" : "Es/N0 (dB)", places.length ? { range: [Math.min(...places) - margin, Math.max(...places) + margin] } : {}),
    yaxis: axis(state.of === "bler" ? "block error rate" : "bit error rate", {
      type: "log", dtick: 1, exponentformat: "power", range: [Math.floor(Math.log10(Math.min(1e-1, ...rates)) - 0.2), 0.1],
    }),
  }));
  const names = state.theory ? [...new Set(DATA.errors.filter((c) => c.theory && c.theory.of === state.of).map((c) => c.theory.name))] : [];
  const unseen = DATA.errors.some((curve) => curve.points.some((point) => !point.frame_errors));
  byId("error-note").textContent = [
    names.length ? "Dotted: " + names.join(", ") + (DATA.errors.some((c) => c.theory && c.theory.limit_db !== null && state.of === "bler") ? "; upright: the capacity limit." : ".") : "",
    unseen && state.of === "bler" ? "Hollow triangles: no error was seen, the upper limit of the 95 % interval is drawn." : "",
    state.of === "ber" ? "Wrong bits come in bursts: the bit error rate has no simple interval." : "",
  ].filter(Boolean).join(" ");
}

function errorTraces(curve, i, state) {
  const colour = systemColour(i), value = (point) => point[state.of][0];
  const seen = curve.points.filter((point) => value(point) > 0);
  const unseen = state.of === "bler" ? curve.points.filter((point) => point.frames && !point.frame_errors) : [];
  const base = { type: "scatter", name: plain(short(curve.label, 70)), legendgroup: curve.label, hovertemplate: "%{text}<extra></extra>" };
  const reach = (n) => seen.map((point) => (point[state.of][n] === null ? 0 : Math.abs(point[state.of][n] - value(point))));
  const text = (points) => points.map((point) => errorHover(curve, point, state));
  const traces = [{
    ...base, showlegend: true, x: seen.map((point) => point[state.over]), y: seen.map(value), text: text(seen), mode: "lines+markers",
    line: { color: colour, width: 2, dash: DASHES[Math.floor(i / 7) % DASHES.length] }, marker: { color: colour, size: 8, symbol: MARKERS[i % MARKERS.length] },
    error_y: { type: "data", symmetric: false, array: reach(2), arrayminus: reach(1), visible: state.intervals && state.of === "bler", color: colour, thickness: 1.3, width: 4 },
  }];
  if (unseen.length && state.intervals) {
    traces.push({
      ...base, showlegend: false, mode: "markers", x: unseen.map((point) => point[state.over]), y: unseen.map((point) => point.bler[2]), text: text(unseen),
      marker: { color: colour, size: 10, symbol: "triangle-down-open", line: { width: 2 } },
    });
  }
  const theory = curve.theory;
  if (!state.theory || !theory || theory.of !== state.of) return traces;
  const shift = state.over === "ebn0" ? theory.shift : 0;
  const dotted = { ...base, mode: "lines", showlegend: false, meta: "theory", opacity: 0.85 };
  traces.push({
    ...dotted, x: theory.esn0.map((snr) => snr + shift), y: theory.rate, line: { color: colour, width: 1.5, dash: "dot" },
    hovertemplate: plain(theory.name) + "<br>%{x:.2f} dB: %{y:.3g}<extra></extra>",
  });
  if (theory.limit_db !== null) {
    traces.push({
      ...dotted, x: [theory.limit_db + shift, theory.limit_db + shift], y: [1e-12, 1], line: { color: colour, width: 1.2, dash: "dot" },
      hovertemplate: "capacity limit %{x:.2f} dB<extra></extra>",
    });
  }
  return traces;
}

function errorHover(curve, point, state) {
  const [value, low, high] = point[state.of];
  const parts = [plain(curve.label), number(point.ebn0, 2) + " dB Eb/N0, " + number(point.esn0, 2) + " dB Es/N0"];
  if (state.of === "bler") {
    parts.push("BLER " + value.toExponential(2), "95 %: " + low.toExponential(2) + " to " + high.toExponential(2), point.frame_errors + " of " + point.frames + " frames");
  } else {
    parts.push("BER " + value.toExponential(2), point.bit_errors + " of " + point.bits + " bits");
  }
  return parts.join("<br>");
}
