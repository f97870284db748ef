// Two pictures in one frame with a divider between them, zoomed and moved together.
const MOST_ZOOM = 16;

function comparePart() {
  const { images, shots, note } = DATA.pictures;
  byId("compare-note").textContent = note;
  if (!shots.length) return;
  const spots = new Map(DATA.points.map((point) => [point.system + "/" + point.id, point]));
  const last = shots.filter((shot) => shot.image === 0 && shot.system === shots[0].system).length - 1;
  const state = { image: 0, sides: [{ what: "original", at: "" }, { what: "s" + shots[0].system, at: "" }], zoom: 1, x: 0, y: 0, split: 50 };
  if (new Set(shots.map((shot) => shot.system)).size > 1) state.sides = [{ what: "s0", at: "" }, { what: "s1", at: "" }];
  const stage = buildStage(state);
  byId("compare").append(stage.root);

  const at = (shot) => spots.get(shot.system + "/" + shot.point);
  function shotsOf(side) {
    const system = Number(side.what.slice(1));
    const own = shots.filter((shot) => shot.image === state.image && shot.system === system && (side.what[0] === "s" || shot.eve));
    return own.filter(at).sort((a, b) => DATA.points.indexOf(at(a)) - DATA.points.indexOf(at(b)));
  }
  function kinds() {
    const here = shots.filter((shot) => shot.image === state.image);
    const systems = [...new Set(here.map((shot) => shot.system))].sort((a, b) => a - b);
    const overheard = [...new Set(here.filter((shot) => shot.eve).map((shot) => shot.system))].sort((a, b) => a - b);
    return [["original", "original"], ...systems.map((s) => ["s" + s, DATA.systems[s].label]), ...overheard.map((s) => ["e" + s, "eavesdropper of " + DATA.systems[s].label])];
  }
  function settle(side) {
    if (!kinds().some(([key]) => key === side.what)) side.what = "original";
    if (side.what === "original") return;
    const own = shotsOf(side);
    if (!own.some((shot) => at(shot).setting === side.at)) side.at = at(own[Math.floor(own.length / 2)]).setting;
  }
  function seen(side) {
    if (side.what === "original") return { src: images[state.image].src, name: "original", told: images[state.image].name };
    const shot = shotsOf(side).find((each) => at(each).setting === side.at);
    const eve = side.what[0] === "e";
    const told = [side.at, eve ? number(shot.eve_psnr, 2) + " dB" : number(shot.psnr, 2) + " dB" + (shot.psnr === null ? " (no error)" : "")];
    if (!eve && shot.ms_ssim !== null) told.push("MS-SSIM " + number(shot.ms_ssim, 2) + " dB");
    if (!eve && shot.outage) told.push("outage");
    if (shot.mcs) told.push(short(shot.mcs, 60));
    if (shot.gain && Math.abs(shot.gain - 1) > 1e-6) told.push("fade " + number(10 * Math.log10(shot.gain), 1) + " dB");
    return { src: eve ? shot.eve : shot.src, name: (eve ? "eavesdropper of " : "") + DATA.systems[shot.system].label, told: told.filter(Boolean).join(", ") };
  }
  function controls() {
    state.sides.forEach(settle);
    const parts = [choice("image", images.map((image, i) => [String(i), image.name]), String(state.image), (value) => { state.image = Number(value); Object.assign(state, { zoom: 1, x: 0, y: 0 }); controls(); })];
    parts[0].select.id = "compare-image";
    state.sides.forEach((side, n) => {
      const name = n ? "right" : "left";
      const what = choice(name, kinds(), side.what, (value) => { side.what = value; controls(); });
      what.select.id = "compare-" + name;
      const row = [what];
      const own = side.what === "original" ? [] : shotsOf(side).map((shot) => at(shot).setting);
      if (own.length > 1) {
        const where = choice(name + " at", own.map((each) => [each, each]), side.at, (value) => { side.at = value; controls(); });
        where.select.id = "compare-" + name + "-at";
        row.push(where);
      }
      parts.push(element("fieldset", {}, ...row));
    });
    byId("compare-controls").replaceChildren(...parts);
    stage.show(seen(state.sides[0]), seen(state.sides[1]), images[state.image].name);
  }
  controls();
}

function buildStage(state) {
  const under = element("img", { alt: "" }), over = element("img", { alt: "" });
  const range = element("input", { type: "range", min: 0, max: 100, step: 1, value: 50, id: "split", "aria-label": "divider between left and right" });
  const edge = element("div", { class: "edge", "aria-hidden": "true" });
  const frame = element("div", { class: "stage", tabindex: "0", role: "group", "aria-label": "picture comparison: arrows move the divider, plus and minus zoom" }, under, element("div", { class: "over" }, over), edge);
  const level = element("output", { "aria-live": "polite" }, "1\u00d7");
  const left = element("div"), right = element("div");
  const button = (label, text, act) => element("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
  const bar = element("div", { class: "zoom control" }, range, button("zoom out", "\u2212", () => zoom(0.5)), level, button("zoom in", "+", () => zoom(2)), button("whole picture", "fit", () => zoom(0)));
  const hint = element("p", { class: "hint" }, "Drag the divider. Click the picture, then the wheel zooms; drag moves it.");
  const root = element("div", {}, frame, element("div", { class: "captions" }, left, right), bar, hint);

  function apply() {
    const size = frame.getBoundingClientRect();
    state.x = Math.min(0, Math.max(size.width * (1 - state.zoom), state.x));
    state.y = Math.min(0, Math.max(size.height * (1 - state.zoom), state.y));
    for (const img of [under, over]) img.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.zoom})`;
    frame.style.setProperty("--split", state.split + "%");
    range.value = state.split;
    frame.classList.toggle("close", state.zoom >= 3);
    frame.classList.toggle("zoomed", state.zoom > 1);
    level.textContent = Number(state.zoom.toFixed(2)) + "\u00d7";
  }
  // Zoom by a factor about a place of the frame, its middle if none is given; 0 shows the whole picture.
  function zoom(factor, place) {
    const size = frame.getBoundingClientRect();
    const [px, py] = place || [size.width / 2, size.height / 2];
    const to = factor ? Math.min(MOST_ZOOM, Math.max(1, state.zoom * factor)) : 1;
    state.x = px - ((px - state.x) * to) / state.zoom;
    state.y = py - ((py - state.y) * to) / state.zoom;
    state.zoom = to;
    apply();
  }
  function splitAt(x) {
    const size = frame.getBoundingClientRect();
    state.split = Math.round(Math.min(100, Math.max(0, (100 * (x - size.left)) / size.width)));
    apply();
  }
  range.addEventListener("input", () => { state.split = Number(range.value); apply(); });
  edge.addEventListener("pointerdown", (event) => drag(event, edge, (move) => splitAt(move.clientX)));
  frame.addEventListener("pointerdown", (event) => {
    if (event.target === edge) return;
    if (state.zoom === 1) { splitAt(event.clientX); drag(event, frame, (move) => splitAt(move.clientX)); return; }
    let [x, y] = [event.clientX, event.clientY];
    drag(event, frame, (move) => { state.x += move.clientX - x; state.y += move.clientY - y; [x, y] = [move.clientX, move.clientY]; apply(); });
  });
  function drag(event, target, moved) {
    frame.focus({ preventScroll: true });
    event.preventDefault();
    target.setPointerCapture(event.pointerId);
    const stop = () => { target.removeEventListener("pointermove", moved); target.removeEventListener("pointerup", stop); target.removeEventListener("pointercancel", stop); };
    target.addEventListener("pointermove", moved);
    target.addEventListener("pointerup", stop);
    target.addEventListener("pointercancel", stop);
  }
  frame.addEventListener("wheel", (event) => {
    if (document.activeElement !== frame && !event.ctrlKey) return;
    event.preventDefault();
    const size = frame.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, [event.clientX - size.left, event.clientY - size.top]);
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }[event.key];
    if (step) { state.split = Math.min(100, Math.max(0, state.split + step)); apply(); }
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") zoom(0);
    else return;
    event.preventDefault();
  });
  addEventListener("resize", () => fit());
  function fit() {
    if (!over.naturalWidth) return;
    const ratio = over.naturalHeight / over.naturalWidth, room = root.clientWidth;
    const width = Math.min(room, Math.max(360, over.naturalWidth * 1.5), (0.8 * Math.max(innerHeight, 480)) / ratio);
    frame.style.width = width + "px";
    frame.style.aspectRatio = over.naturalWidth + " / " + over.naturalHeight;
    left.parentElement.style.width = Math.max(width, Math.min(room, 560)) + "px";
    apply();
  }
  over.addEventListener("load", fit);
  redraws.push(fit);
  return {
    root,
    show(one, two, name) {
      over.src = one.src;
      under.src = two.src;
      over.alt = name + ": " + one.name + ", " + one.told;
      under.alt = name + ": " + two.name + ", " + two.told;
      left.replaceChildren(element("strong", {}, one.name), one.told);
      right.replaceChildren(element("strong", {}, two.name), two.told);
      fit();
    },
  };
}
